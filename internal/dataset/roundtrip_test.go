// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
)

func requireEqualTraces(t testing.TB, want, got ptrace.Traces) {
	t.Helper()
	require.Empty(t, datasettest.Diff(datasettest.Split(want), datasettest.Split(got)))
}

// What goes in comes out equal, for spans of every shape.
func TestRoundTripOfGeneratedSpans(t *testing.T) {
	for seed := range uint64(12) {
		w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
		td := newGenerator(seed).traces(60)
		want := ptrace.NewTraces()
		td.CopyTo(want)
		result, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		assert.Equal(t, 60, result.Spans)
		d, err := Open(dir)
		require.NoError(t, err)
		got, err := d.ReadTraces(t.Context(), Filter{})
		require.NoError(t, err)
		requireEqualTraces(t, want, got)
		v, err := d.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, v.Findings)
		assert.EqualValues(t, result.Files, v.Files)
	}
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
