// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math"
	"strconv"

	"github.com/spanloop/spanloop/internal/report"
)

// NoNumber stands for a number that there is not.
const NoNumber = "-"

// Amount prints a value with its unit.
func (k Kind) Amount(v float64, unit string) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return NoNumber
	case k == KindBinary:
		return Percent(v)
	case unit == "ms":
		return milliseconds(v)
	case unit == "USD":
		return "$" + report.Digits(v)
	}
	return report.Digits(v)
}

// Percent prints a share.
func Percent(share float64) string {
	if math.IsNaN(share) {
		return NoNumber
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + "%"
}

func milliseconds(v float64) string {
	if v >= 1000 {
		return report.Digits(v/1000) + " s"
	}
	return report.Digits(v) + " ms"
}

// Change prints an effect.
func (k Kind) Change(v float64) string {
	switch {
	case math.IsNaN(v):
		return NoNumber
	case k == KindBinary:
		return fmt.Sprintf("%+.1f pp", 100*v)
	case k == KindRatio:
		return "x" + ratio(v)
	case k == KindCategory:
		return fmt.Sprintf("%.1f%% moved", 100*v)
	case k == KindRank:
		return fmt.Sprintf("later > earlier %.2f", v)
	case k == KindText:
		return fmt.Sprintf("told apart %.2f", v)
	case v >= 0:
		return "+" + report.Digits(v)
	}
	return report.Digits(v)
}

func ratio(v float64) string {
	switch {
	case v < 0.1 || v >= 100:
		return report.Digits(v)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Interval prints the bounds of an effect.
func (k Kind) Interval(low, high float64) string {
	if math.IsNaN(low) || math.IsNaN(high) {
		return NoNumber
	}
	switch k {
	case KindBinary:
		return fmt.Sprintf("[%+.1f, %+.1f]", 100*low, 100*high)
	case KindRatio:
		return fmt.Sprintf("[%s, %s]", ratio(low), ratio(high))
	}
	return fmt.Sprintf("[%s, %s]", k.Change(low), k.Change(high))
}

// Margin prints what difference matters.
func (k Kind) Margin(v float64) string {
	switch k {
	case KindBinary, KindCategory:
		return report.Digits(100*v) + " pp"
	case KindRatio:
		return report.Digits(100*v) + "%"
	}
	return report.Digits(v)
}
