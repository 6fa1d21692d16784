// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

// benchmarkSessions is how many sessions of one to three calls are compared.
const benchmarkSessions = 8000

func benchmarkDB(b *testing.B) *query.DB {
	b.Helper()
	dir := b.TempDir()
	spans := canary(benchmarkSessions)
	for i := range spans {
		// Eleven days, not a year: as many files as such traffic makes.
		spans[i].Start = epoch.Add(spans[i].Start.Sub(epoch) / 30)
	}
	traffictest.Write(b, dir, 0, spans...)
	return open(b, dir)
}

// BenchmarkLoad reads one version's calls with scores from Parquet.
func BenchmarkLoad(b *testing.B) {
	db := benchmarkDB(b)
	rows := 0
	for b.Loop() {
		calls, _, err := traffic.Load(b.Context(), db.SQL(), traffic.Arm{Prompt: "support", Version: "v1"}, traffic.Options{})
		require.NoError(b, err)
		rows += len(calls)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkRun is a whole comparison, from the dataset to the verdict.
func BenchmarkRun(b *testing.B) {
	db := benchmarkDB(b)
	rows := 0
	for b.Loop() {
		r, err := Run(b.Context(), db.SQL(), options(stats.LookAnytime))
		require.NoError(b, err)
		rows += r.A.Calls + r.B.Calls
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkJudge is a comparison without reading.
func BenchmarkJudge(b *testing.B) {
	w := ordinary()
	w.sessions = benchmarkSessions
	calls := w.make(stats.Random(1, 1))
	rows := 0
	for b.Loop() {
		judged(b, calls, options(stats.LookAnytime))
		rows += len(calls)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "calls/s")
}
