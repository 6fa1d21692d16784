// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// lookupPush is how many spans of one prompt and day a push has: a file of that
// many rows, as compaction leaves them.
const lookupPush = 250_000

// traceSpans is how many spans a trace has.
const traceSpans = 4

// randomID is the n-th of a sequence of ids without an order.
func randomID(n uint64) uint64 { return rand.New(rand.NewPCG(n, 99)).Uint64() }

// fillForLookUp writes short calls, traces of four spans, in large pushes.
func fillForLookUp(t *testing.T, dir string, spans int) {
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	for from := 0; from < spans; from += lookupPush {
		td := ptrace.NewTraces()
		list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		count := min(lookupPush, spans-from)
		list.EnsureCapacity(count)
		push := from / lookupPush
		start := noon.Add(time.Duration(push/4) * 24 * time.Hour)
		for i := range count {
			fillShortCall(list.AppendEmpty(), from+i, fmt.Sprintf("prompt-%d", push%4), start.Add(time.Duration(i)*20*time.Millisecond))
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

func fillShortCall(span ptrace.Span, n int, prompt string, start time.Time) {
	span.SetTraceID(lookupTrace(n))
	span.SetSpanID(lookupSpan(n))
	span.SetName("chat gpt-4.1")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.request.model", "gpt-4.1")
	a.PutStr("spanloop.prompt.name", prompt)
	a.PutStr("spanloop.prompt.version", "v1")
	a.PutInt("gen_ai.usage.output_tokens", int64(n%500))
	a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"answer `+strconv.Itoa(n)+`"}]}]`)
}

func lookupSpan(n int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], randomID(uint64(n)))
	return id
}

func lookupTrace(n int) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], randomID(uint64(n/traceSpans)|1<<40))
	binary.BigEndian.PutUint64(id[8:], uint64(n/traceSpans)+1)
	return id
}

// TestLookUpFigures finds spans and traces by id, by the reader that replay and
// export use and by plain DuckDB over the files, and prints the median times.
func TestLookUpFigures(t *testing.T) {
	spans := 5000
	if text := os.Getenv("SPANLOOP_LOOKUP"); text != "" {
		var err error
		spans, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	dir := t.TempDir()
	begun := time.Now()
	fillForLookUp(t, dir, spans)
	fmt.Printf("lookup: %d rows written in %.0f s, in files of up to %d\n", spans, time.Since(begun).Seconds(), lookupPush)
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	files := fmt.Sprintf("SELECT * FROM read_parquet('%s', hive_partitioning = false)", filepath.ToSlash(dir)+"/spans/**/*.parquet")

	byReader := func(filter func(n int) dataset.Filter, want int) func(n int) {
		return func(n int) {
			traces, err := d.ReadTraces(t.Context(), filter(n))
			require.NoError(t, err)
			require.Equal(t, want, traces.SpanCount())
		}
	}
	byDuckDB := func(column string, id func(n int) string, want int) func(n int) {
		return func(n int) {
			rows, err := db.QueryContext(t.Context(), files+" WHERE "+column+" = ?", id(n))
			require.NoError(t, err)
			defer rows.Close()
			got := 0
			for rows.Next() {
				got++
			}
			require.NoError(t, rows.Err())
			require.Equal(t, want, got)
		}
	}
	spanID := func(n int) string { return lookupSpan(n).String() }
	traceID := func(n int) string { return lookupTrace(n).String() }
	for _, arm := range []struct {
		name string
		do   func(n int)
	}{
		{"one span by spanloop", byReader(func(n int) dataset.Filter { return dataset.Filter{SpanIDs: []string{spanID(n)}} }, 1)},
		{"one trace by spanloop", byReader(func(n int) dataset.Filter { return dataset.Filter{TraceIDs: []string{traceID(n)}} }, traceSpans)},
		{"one span by DuckDB", byDuckDB("span_id", spanID, 1)},
		{"one trace by DuckDB", byDuckDB("trace_id", traceID, traceSpans)},
	} {
		fmt.Printf("lookup: %s: median %.1f ms\n", arm.name, medianMillis(spans, arm.do))
	}
}

// medianMillis is the median time of looking up ids by chance, warm.
func medianMillis(spans int, do func(n int)) float64 {
	random := rand.New(rand.NewPCG(5, 5))
	var times []float64
	for i := range 23 {
		n := random.IntN(spans)
		begun := time.Now()
		do(n)
		if i >= 2 {
			times = append(times, float64(time.Since(begun).Microseconds())/1000)
		}
	}
	slices.Sort(times)
	return times[len(times)/2]
}
