// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/race"
)

// Over many runs with tiers of like size, compaction writes each byte a bounded
// number of times, and leaves few files.
func TestCompactAmplification(t *testing.T) {
	race.Skip(t)
	w, dir := newWriter(t, WriterOptions{})
	folder(w).SyncFile = func(*os.File) error { return nil }
	generator := benchdata.New(3, 2)
	clock := time.Now()
	var received, written int64
	const runs, pushesEach = 12, 15
	for range runs {
		for range pushesEach {
			result, err := w.WriteTraces(t.Context(), generator.Traces(2))
			require.NoError(t, err)
			received += result.Bytes
		}
		clock = clock.Add(5 * time.Minute)
		c, err := newKeeper(unsynced(dir), DefaultGrace, func() time.Time { return clock }).compact(t.Context(),
			CompactOptions{TargetBytes: 1 << 20, MinFiles: 8, BufferBytes: 1 << 20, Grace: DefaultGrace})
		require.NoError(t, err)
		for _, table := range c.Tables {
			written += table.BytesAfter
		}
	}
	verified(t, dir)
	amplification := float64(written) / float64(received)
	files := len(spanFiles(t, dir))
	t.Logf("%d pushes, %d bytes received, %d written by compaction: %.2f; %d files of spans are left", runs*pushesEach, received, written, amplification, files)
	assert.Less(t, amplification, 1.5)
	assert.Less(t, files, 4*8, "fewer than MinFiles of each size and folder")
	assert.Equal(t, int64(runs*pushesEach*2), rowsOf(t, dir, TableSpans))
}

func spanFiles(t testing.TB, dir string) []File {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	return files
}

// Merging in a small buffer keeps every span; it makes more and smaller row
// groups, and leaves the rows of mixed files together.
func TestCompactInBuffer(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	folder(w).SyncFile = func(*os.File) error { return nil }
	for push := range 2 {
		td := chat(maxPartitions + 8)
		for i, span := range spansOf(td) {
			span.SetSpanID(pcommon.SpanID{byte(push), byte(i), 1})
			span.Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("p%03d", i))
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	smallPushes(t, w, 4)
	stored, mixed := readSpans(t, dir), mixedRows(t, dir, TableSpans)
	require.Positive(t, mixed)
	k := newKeeper(unsynced(dir), 0, nil)
	c, err := k.compact(t.Context(), CompactOptions{BufferBytes: 100_000})
	require.NoError(t, err)
	require.Empty(t, c.Skipped)
	require.Positive(t, c.jobs())
	verified(t, dir)
	assert.Empty(t, datasettest.Diff(stored, readSpans(t, dir)))
	assert.Equal(t, mixed, mixedRows(t, dir, TableSpans))
	groups := 0
	for _, f := range spanFiles(t, dir) {
		reader, err := openFile(t.Context(), k.store, f.Path)
		require.NoError(t, err)
		groups = max(groups, reader.NumRowGroups())
		require.NoError(t, reader.Close())
	}
	assert.Greater(t, groups, 1, "what does not fit into the buffer is a row group of its own")
}

// A run that is ended between two pieces of work leaves nothing behind, and one
// that has had its time leaves the rest to the next.
func TestCompactIsEnded(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	folder(w).SyncFile = func(*os.File) error { return nil }
	for i := range 3 {
		_, err := w.WriteTraces(t.Context(), shifted(manyParts(), i))
		require.NoError(t, err)
	}
	before := readSpans(t, dir)
	clock := time.Now()
	ticking := func() time.Time { clock = clock.Add(time.Second); return clock }
	c, err := newKeeper(unsynced(dir), time.Hour, ticking).compact(t.Context(), CompactOptions{MaxTime: time.Nanosecond})
	require.NoError(t, err)
	assert.Zero(t, c.jobs())

	ended, pieces := errors.New("ended"), 0
	for err = ended; err != nil; pieces++ {
		rest := pieces
		pause := func(context.Context) error {
			if rest--; rest < 0 {
				return ended
			}
			return nil
		}
		_, err = newKeeper(unsynced(dir), time.Hour, nil).compact(t.Context(), CompactOptions{BufferBytes: 1 << 20, Grace: time.Hour, Pause: pause})
		if err != nil {
			require.ErrorIs(t, err, ended)
		}
		require.Empty(t, uncommitted(t, dir), "after %d pieces of work", pieces)
	}
	assert.Greater(t, pieces, 5)
	verified(t, dir)
	assert.Empty(t, datasettest.Diff(before, readSpans(t, dir)))
}

// uncommitted are files of a compaction that no entry names.
func uncommitted(t testing.TB, dir string) (names []string) {
	t.Helper()
	m, err := loadManifest(t.Context(), unsynced(dir))
	require.NoError(t, err)
	named := m.paths()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		relative, _ := filepath.Rel(dir, path)
		if _, known := named[filepath.ToSlash(relative)]; !known && strings.HasPrefix(entry.Name(), compactedPrefix) {
			names = append(names, relative)
		}
		return err
	}))
	return names
}
