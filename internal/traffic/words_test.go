// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"94.8%": KindBinary.Amount(0.948, ""), "1.92 s": KindRatio.Amount(1920, "ms"), "29.8 ms": KindRatio.Amount(29.8, "ms"),
		"$0.0123": KindRatio.Amount(0.01234, "USD"), "12,300": KindMean.Amount(12300, ""), NoNumber: KindMean.Amount(math.NaN(), ""),
		"+8.0 pp": KindBinary.Change(0.08), "x0.89": KindRatio.Change(0.889), "x14.6": KindRatio.Change(14.61), "17.7% moved": KindCategory.Change(0.177),
		"later > earlier 0.79": KindRank.Change(0.79), "told apart 0.94": KindText.Change(0.94), "+0.009": KindMean.Change(0.009), "-0.2": KindMean.Change(-0.2),
		"[-8.9, -0.4]": KindBinary.Interval(-0.089, -0.004), "[0.84, 0.94]": KindRatio.Interval(0.84, 0.94), "[-0.05, +0.07]": KindMean.Interval(-0.05, 0.07),
		"3 pp": KindBinary.Margin(0.03), "10%": KindRatio.Margin(0.1), "0.04": KindRank.Margin(0.04),
	} {
		require.Equal(t, want, got)
	}
	require.Equal(t, NoNumber, KindRatio.Interval(math.NaN(), 1))
	require.Equal(t, NoNumber, Percent(math.NaN()))
}
