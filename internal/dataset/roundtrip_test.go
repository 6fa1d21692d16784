// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/race"
)

func requireEqualTraces(t testing.TB, want, got ptrace.Traces) {
	t.Helper()
	require.Empty(t, datasettest.Diff(datasettest.Split(want), datasettest.Split(got)))
}

// What goes in comes out equal, for spans of every shape.
func TestRoundTripOfGeneratedSpans(t *testing.T) {
	t.Parallel()
	for seed := range uint64(race.Fewer(12, 2)) {
		w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
		td := newGenerator(seed).traces(60)
		want := ptrace.NewTraces()
		td.CopyTo(want)
		result, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		assert.Equal(t, 60, result.Spans)
		_, v := requireHolds(t, dir, want)
		assert.EqualValues(t, result.Files, v.Files)
	}
}

// requireHolds demands that a dataset is sound and gives back what was sent.
func requireHolds(t *testing.T, dir string, want ptrace.Traces) (*Dataset, Verification) {
	t.Helper()
	d, err := Open(dir)
	require.NoError(t, err)
	got, err := d.ReadTraces(t.Context(), Filter{})
	require.NoError(t, err)
	requireEqualTraces(t, want, got)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	return d, v
}

// The same for many spans in many pushes, whose histories refer to messages of
// earlier pushes: make roundtrip runs it with 100,000 and prints what it
// compared.
func TestRoundTripOfManyPushes(t *testing.T) {
	t.Parallel()
	spans := race.Fewer(1500, 300)
	if text := os.Getenv("SPANLOOP_ROUNDTRIP"); text != "" {
		var err error
		spans, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	push := min(5000, spans/3)
	compared, referring, messages := 0, 0, 0
	for seed := uint64(100); compared < spans; seed++ {
		w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
		g := newGenerator(seed)
		want := ptrace.NewTraces()
		for range min(5, (spans-compared+push-1)/push) {
			td := g.traces(min(push, spans-compared-want.SpanCount()))
			sent := ptrace.NewTraces()
			td.CopyTo(sent)
			sent.ResourceSpans().MoveAndAppendTo(want.ResourceSpans())
			result, err := w.WriteTraces(t.Context(), td)
			require.NoError(t, err)
			messages += result.Messages
		}
		d, _ := requireHolds(t, dir, want)
		compared += want.SpanCount()
		referring += countReferring(t, d)
		require.NoError(t, os.RemoveAll(dir))
	}
	assert.Positive(t, referring)
	fmt.Printf("roundtrip: %d generated spans OTLP -> Parquet -> OTLP equal, %d of them with histories in %d messages\n", compared, referring, messages)
}

// countReferring counts spans whose history is in the table messages.
func countReferring(t *testing.T, d *Dataset) int {
	t.Helper()
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	n := 0
	for _, f := range files {
		err := readFile(t.Context(), d.store, f.Path, nil, func(record arrow.RecordBatch) error {
			lists, err := columnByName[*array.List](record, "input_refs")
			require.NoError(t, err)
			inline, err := columnByName[*array.String](record, "input_messages")
			require.NoError(t, err)
			for i := range lists.Len() {
				if from, to := lists.ValueOffsets(i); to > from {
					n++
					require.True(t, inline.IsNull(i))
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	return n
}

// A batch that is sent again makes the same files.
func TestRepeatedBatchAddsNothing(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	td := newGenerator(1).traces(40)
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	before, err := d.Info(t.Context())
	require.NoError(t, err)
	again, err := NewWriter(dir, WriterOptions{Include: IncludeAll})
	require.NoError(t, err)
	_, err = again.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	after, err := d.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestReadOneSpan(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	td := newGenerator(3).traces(50)
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	got, err := d.ReadTraces(t.Context(), Filter{SpanIDs: []string{"0000000000000007"}})
	require.NoError(t, err)
	require.Equal(t, 1, got.SpanCount())
	none, err := d.ReadTraces(t.Context(), Filter{SpanIDs: []string{"00000000000fffff"}})
	require.NoError(t, err)
	assert.Zero(t, none.SpanCount())
}
