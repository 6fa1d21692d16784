// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/race"
)

// lookedUp are the spans of a filter, each alone.
func lookedUp(t *testing.T, dir string, filter Filter) map[datasettest.Key]ptrace.Traces {
	return datasettest.Split(readAll(t, dir, filter))
}

// Every span that is looked up by its id, by its trace or by both is what a
// reading of everything has: generated ones with hostile content, in many row
// groups and files.
func TestLookUpEqualsReadingAll(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	g, push := newGenerator(7), race.Fewer(150, 40)
	for range 3 {
		_, err := w.WriteTraces(t.Context(), g.traces(push))
		require.NoError(t, err)
	}
	all := lookedUp(t, dir, Filter{})
	require.Greater(t, len(all), 2*push)
	var some []string
	n := 0
	for key, span := range all {
		spanID, traceID := key.Span.String(), key.Trace.String()
		some = append(some, spanID)
		if n++; n > 5 {
			continue
		}
		want := map[datasettest.Key]ptrace.Traces{key: span}
		assert.Empty(t, datasettest.Diff(want, lookedUp(t, dir, Filter{SpanIDs: []string{spanID}, TraceIDs: []string{traceID}})))
		byTrace := map[datasettest.Key]ptrace.Traces{}
		for other, span := range all {
			if other.Trace == key.Trace {
				byTrace[other] = span
			}
		}
		assert.Empty(t, datasettest.Diff(byTrace, lookedUp(t, dir, Filter{TraceIDs: []string{traceID}})))
	}
	assert.Empty(t, datasettest.Diff(all, lookedUp(t, dir, Filter{SpanIDs: some})), "all ids at once")
	assert.Empty(t, lookedUp(t, dir, Filter{SpanIDs: []string{strings.Repeat("f", 16)}}))
	assert.Empty(t, lookedUp(t, dir, Filter{TraceIDs: []string{"no id", ""}}))
}

// Rows are found in later row groups and pages too, with their histories and
// scores.
func TestLookUpInLaterRowGroups(t *testing.T) {
	race.Skip(t)
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	td := benchdata.NewConversations(3, 1).Traces(4000)
	sent := ptrace.NewTraces()
	td.CopyTo(sent)
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	reader, err := openFile(t.Context(), d.store, files[0].Path)
	require.NoError(t, err)
	require.Greater(t, reader.NumRowGroups(), 1)
	require.NoError(t, reader.Close())
	spans := datasettest.Split(sent)
	n := 0
	for key, span := range spans {
		if n++; n > 5 {
			break
		}
		got := lookedUp(t, dir, Filter{SpanIDs: []string{key.Span.String()}})
		assert.Empty(t, datasettest.Diff(map[datasettest.Key]ptrace.Traces{key: span}, got))
	}
}

// Footers are kept from one look-up to the next, and the same is found.
func TestLookUpKeepsFooters(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(20))
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	all, err := d.ReadTraces(t.Context(), Filter{})
	require.NoError(t, err)
	for key, span := range datasettest.Split(all) {
		got, err := d.ReadTraces(t.Context(), Filter{SpanIDs: []string{key.Span.String()}})
		require.NoError(t, err)
		assert.Empty(t, datasettest.Diff(map[datasettest.Key]ptrace.Traces{key: span}, datasettest.Split(got)))
	}
	assert.NotEmpty(t, d.footers.byName)
	for name, footer := range d.footers.byName {
		d.footers.chunks = maxFooters
		d.footers.keep("another", footer)
		assert.NotContains(t, d.footers.byName, name, "what is kept is bounded")
		break
	}
}

// A broken file is named.
func TestLookUpNamesBrokenFile(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(files, func(f File) bool { return f.Rows > 0 }))
	require.NoError(t, os.Truncate(filepath.Join(dir, filepath.FromSlash(files[0].Path)), 50))
	_, err = d.ReadTraces(t.Context(), Filter{SpanIDs: []string{"00"}})
	assert.ErrorContains(t, err, files[0].Path)
}
