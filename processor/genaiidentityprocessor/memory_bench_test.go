// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What the processor holds: with 10,000 registered versions, and after so many calls,
// each of which has a text of its own and every ten a trace. More than 50,000 traces
// are not remembered. It is measured once, whatever the count of rounds.
func BenchmarkSteadyMemory(b *testing.B) {
	dir, source := registryIn(b, b.TempDir(), manyVersions()), manyCalls(1000)
	before := heap()
	r := start(b, func(c *Config) { c.Registry = dir })
	found := map[string]float64{"MB-registry": heap() - before}
	for round := range 800 {
		td := ptrace.NewTraces()
		source.CopyTo(td)
		newTexts(td, round)
		for i, span := range spansOf(td) {
			span.SetTraceID(pcommon.TraceID{2, byte(round >> 8), byte(round), byte(i / 10)})
		}
		require.NoError(b, r.ConsumeTraces(b.Context(), td))
		r.out.Reset()
		if n := round + 1; n == 100 || n == 200 || n == 600 || n == 800 {
			found[fmt.Sprintf("MB-%dk-texts", n)] = heap() - before
		}
	}
	for b.Loop() {
		runtime.KeepAlive(r)
	}
	for unit, value := range found {
		b.ReportMetric(value, unit)
	}
}

// heap is what is in use, in megabytes.
func heap() float64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / 1e6
}
