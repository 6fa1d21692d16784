// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"
	"testing"
)

// BenchmarkAnalyse searches 10,000 calls with one change in them.
func BenchmarkAnalyse(b *testing.B) {
	const n = 10_000
	calls := makeTraffic(6, n, 1, turning(n/2, func(w *world) { w.longer, w.model = 0.2, "large-2" }))
	for b.Loop() {
		if r := analysed(slices.Clone(calls), searched(0.05)); r.Verdict != Drift {
			b.Fatal(r.Reason)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
