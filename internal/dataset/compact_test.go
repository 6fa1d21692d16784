// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/race"
)

func openSet(t testing.TB, dir string) *Dataset {
	t.Helper()
	set, err := Open(dir)
	require.NoError(t, err)
	return set
}

// unsynced is a folder that tests do not wait for.
func unsynced(dir string) *store.Folder {
	s := store.NewFolder(dir)
	s.SyncFile = func(*os.File) error { return nil }
	return s
}

// compactAll merges everything and deletes the old files at once.
func compactAll(t testing.TB, dir string) Compaction {
	t.Helper()
	k := newKeeper(unsynced(dir), 0, nil)
	c, err := k.compact(t.Context(), CompactOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Skipped)
	return c
}

func verified(t testing.TB, dir string) Verification {
	t.Helper()
	v, err := openSet(t, dir).Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	return v
}

func readSpans(t testing.TB, dir string) map[datasettest.Key]ptrace.Traces {
	t.Helper()
	td, err := openSet(t, dir).ReadTraces(t.Context(), Filter{})
	require.NoError(t, err)
	return datasettest.Split(td)
}

// smallPushes writes spans in many pushes, a few partitions in each.
func smallPushes(t testing.TB, w *Writer, pushes int) ptrace.Traces {
	t.Helper()
	all := ptrace.NewTraces()
	for i := range pushes {
		td := newGenerator(uint64(i % 2)).traces(12)
		for n, span := range spansOf(td) {
			// Ids of their own for each push.
			id := span.SpanID()
			id[0], id[1] = byte(i>>8), byte(i)
			span.SetSpanID(id)
			if n%2 == 0 {
				span.SetStartTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + uint64(i*1000+n)))
			}
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		for _, rs := range td.ResourceSpans().All() {
			rs.CopyTo(all.ResourceSpans().AppendEmpty())
		}
	}
	return all
}

func spansOf(td ptrace.Traces) (list []ptrace.Span) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				list = append(list, span)
			}
		}
	}
	return list
}

// The spans of compacted files are those that were sent, attribute for attribute,
// with their scores; nothing is left of the small files.
func TestCompactKeepsSpans(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	folder(w).SyncFile = func(*os.File) error { return nil }
	sent := smallPushes(t, w, 6)
	before, spans := verified(t, dir), rowsOf(t, dir, TableSpans)
	stored := readSpans(t, dir)
	require.Empty(t, datasettest.Diff(datasettest.Split(sent), stored))

	c := compactAll(t, dir)
	after := verified(t, dir)
	assert.Less(t, after.Files, before.Files)
	assert.Less(t, after.Bytes, before.Bytes)
	assert.Equal(t, spans, rowsOf(t, dir, TableSpans), "no span stood twice")
	assert.Empty(t, datasettest.Diff(stored, readSpans(t, dir)))
	assert.Positive(t, c.Late.Rows)
	assert.Equal(t, 6, c.EntriesBefore-c.jobs()-c.Late.jobs, "one entry a push, a filled folder and a merged one")
	assert.Equal(t, 1, c.EntriesAfter)
	assert.Positive(t, c.Deleted)
	assert.Zero(t, c.Waiting)

	again := compactAll(t, dir)
	assert.Zero(t, again.jobs(), "nothing is left to do")
	assert.Zero(t, again.Late)
	assert.Equal(t, after, verified(t, dir))
}

// jobs is the number of merged folders, when each became one file.
func (c *Compaction) jobs() (n int) {
	for _, table := range c.Tables {
		n += table.FilesAfter
	}
	return n
}

// Old files stay for their readers until grace is over, then they go; the
// manifest forgets them when no push can name them any more.
func TestCompactGrace(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 3 {
		_, err := w.WriteTraces(t.Context(), shifted(chat(4), i))
		require.NoError(t, err)
	}
	set := openSet(t, dir)
	old, err := set.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	clock := time.Now()
	options := CompactOptions{Grace: time.Hour, now: func() time.Time { return clock }}
	exist := func() (n int) {
		for _, f := range old {
			if _, err := os.Stat(filepath.Join(dir, f.Path)); err == nil {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		after                   time.Duration
		deleted, waiting, exist int
		remembered              int
	}{
		{0, 0, len(old), len(old), len(old)},
		{30 * time.Minute, 0, len(old), len(old), len(old)},
		{31 * time.Minute, len(old), 0, 0, len(old)},
		{2 * time.Hour, 0, 0, 0, 0},
	} {
		clock = clock.Add(step.after)
		c, err := set.Compact(t.Context(), options)
		require.NoError(t, err)
		assert.Equal(t, step.deleted, c.Deleted)
		assert.Equal(t, step.waiting, c.Waiting)
		assert.Equal(t, step.exist, exist())
		m, err := loadManifest(t.Context(), store.NewFolder(dir))
		require.NoError(t, err)
		assert.Len(t, m.removed, step.remembered)
		assert.EqualValues(t, 12, verified(t, dir).Rows)
	}
}

// shifted gives the spans of a batch other ids.
func shifted(td ptrace.Traces, by int) ptrace.Traces {
	for _, span := range spansOf(td) {
		id := span.SpanID()
		id[0] = byte(by)
		span.SetSpanID(id)
	}
	return td
}

// A span that was sent in two batches is stored once after compaction, the one
// that began first; so are its scores, prompts and tools.
func TestCompactDropsDuplicates(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	first, second := manyParts(), manyParts()
	later := chat(1)
	spanAt(later, 0).Attributes().PutStr("gen_ai.prompt.name", "p0")
	later.CopyTo(second) // The retry's batch holds another span too.
	for _, rs := range manyParts().ResourceSpans().All() {
		rs.CopyTo(second.ResourceSpans().AppendEmpty())
	}
	id := pcommon.SpanID{9, 9}
	spanAt(second, 0).SetSpanID(id)
	_, err := w.WriteTraces(t.Context(), first)
	require.NoError(t, err)
	want := readSpans(t, dir)
	_, err = w.WriteTraces(t.Context(), second)
	require.NoError(t, err)

	c := compactAll(t, dir)
	got := readSpans(t, dir)
	delete(got, datasettest.Key{Trace: spanAt(second, 0).TraceID(), Span: id})
	assert.Empty(t, datasettest.Diff(want, got))
	assert.Positive(t, c.Tables[0].Duplicates)
	assert.EqualValues(t, len(want)+1, rowsOf(t, dir, TableSpans))
}

func rowsOf(t testing.TB, dir, table string) (rows int64) {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), table)
	require.NoError(t, err)
	for _, f := range files {
		rows += f.Rows
	}
	return rows
}

// Of two spans of the same ids and different content the one that began first
// stays with the scores that its events are held by.
func TestCompactKeepsTheFirst(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 2 {
		td := chat(1)
		span := spanAt(td, 0)
		span.SetStartTimestamp(span.StartTimestamp() + pcommon.Timestamp(10-10*i))
		newGenerator(uint64(4 + i)).scores(span)
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	compactAll(t, dir)
	got := readSpans(t, dir)
	require.Len(t, got, 1)
	for _, td := range got {
		assert.Equal(t, spanAt(chat(1), 0).StartTimestamp(), spanAt(td, 0).StartTimestamp())
	}
	assert.EqualValues(t, 1, rowsOf(t, dir, TableSpans))
}

// Rows of mixed folders go to their own when they are many, or when it is there;
// all others stay together.
func TestCompactMovesMixedRows(t *testing.T) {
	race.Skip(t)
	t.Parallel()
	dir := t.TempDir()
	w := restarted(t, dir)
	const pushes = 3
	for push := range pushes {
		td := crowd(push)
		for i, span := range spansOf(td) {
			newGenerator(uint64(i)).scores(span)
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	want := readSpans(t, dir)
	mixedBefore := mixedRows(t, dir, TableSpans)
	require.Positive(t, mixedBefore)
	compactAll(t, dir)
	verified(t, dir)
	assert.Less(t, mixedRows(t, dir, TableSpans), mixedBefore)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
	for name := range map[string]bool{"p000": true, "p080": true} {
		td, err := openSet(t, dir).ReadTraces(t.Context(), Filter{PromptName: name})
		require.NoError(t, err)
		assert.Positive(t, td.SpanCount())
	}
	stream, err := openSet(t, dir).Stream(t.Context(), Selection{}, 100)
	require.NoError(t, err)
	streamed := 0
	for _, f := range stream.Files {
		require.NoError(t, stream.Read(t.Context(), f, 0, func(b Batch) error {
			streamed += b.Traces.SpanCount()
			return nil
		}))
	}
	assert.Equal(t, len(want), streamed, "scores are found whether they moved or not")
}

// Prompts of a crowd.
const (
	largePrompts, smallPrompts = maxPartitions / 2, 40
	crowdPrompts               = largePrompts + smallPrompts + 10
)

// crowd returns spans of more prompts than a push keeps apart: some with five
// spans each, others, which go to the mixed folder, with one. They are others with
// each push.
func crowd(push int) ptrace.Traces {
	td := chat(5*largePrompts + smallPrompts)
	for i, span := range spansOf(td) {
		prompt := i / 5
		if i >= 5*largePrompts {
			prompt = i - 4*largePrompts
		}
		span.SetSpanID([8]byte{byte(push), byte(i >> 8), byte(i), 1})
		span.Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("p%03d", (prompt+push*30)%crowdPrompts))
	}
	return td
}

func mixedRows(t testing.TB, dir, table string) (rows int64) {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), table)
	require.NoError(t, err)
	for _, f := range files {
		if isMixed(f.Path) {
			rows += f.Rows
		}
	}
	return rows
}

// A dry run counts and changes nothing.
func TestCompactDryRun(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	smallPushes(t, w, 4)
	before := tree(t, dir)
	c, err := openSet(t, dir).Compact(t.Context(), CompactOptions{DryRun: true})
	require.NoError(t, err)
	assert.Positive(t, c.Tables[0].FilesBefore)
	assert.Equal(t, before, tree(t, dir))
}

// Files that are not what the manifest says are named and left alone, the others
// are merged.
func TestCompactLeavesDamagedFiles(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 4 {
		_, err := w.WriteTraces(t.Context(), shifted(chat(4), i))
		require.NoError(t, err)
	}
	files, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	damaged := filepath.Join(dir, filepath.FromSlash(files[0].Path))
	content, err := os.ReadFile(damaged)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(damaged, content, 0o600))
	c, err := openSet(t, dir).Compact(t.Context(), CompactOptions{})
	require.NoError(t, err)
	require.Len(t, c.Skipped, 1)
	assert.Equal(t, files[0].Path, c.Skipped[0].Path)
	left, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	assert.Len(t, left, 2)
	assert.FileExists(t, damaged)
}

// Only one process at a time compacts or repairs a dataset.
func TestCompactIsLocked(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	smallPushes(t, w, 2)
	k := newKeeper(unsynced(dir), 0, nil)
	_, err := k.keep(t.Context(), func(ctx context.Context) error {
		_, err := openSet(t, dir).Compact(ctx, CompactOptions{})
		require.ErrorIs(t, err, ErrBusy)
		_, err = openSet(t, dir).Repair(ctx, nil, RepairOptions{})
		require.ErrorIs(t, err, ErrBusy)
		_, err = openSet(t, dir).Repair(ctx, nil, RepairOptions{DryRun: true})
		require.NoError(t, err, "a dry run changes nothing")
		return nil
	})
	require.NoError(t, err)
	_, err = openSet(t, dir).Repair(t.Context(), nil, RepairOptions{})
	require.NoError(t, err)
	compactAll(t, dir)
}

// Merging by like size leaves a large file alone until others are as large.
func TestCompactTiers(t *testing.T) {
	c := &compactor{options: CompactOptions{MinFiles: 4}}
	var files []File
	for range 4 {
		files = append(files, File{Bytes: 10_000})
	}
	files = append(files, File{Bytes: 20 << 20}, File{Bytes: 3 << 20})
	tiers := c.tiers(files)
	require.Len(t, tiers, 1)
	assert.Len(t, tiers[0], 4)
	c.options.MinFiles = 2
	assert.Len(t, c.tiers(files)[0], 6)
}

// Files of other columns, as another version of Spanloop writes them, are merged
// with their like; columns that this version does not know stay.
func TestCompactKeepsUnknownColumns(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.NoError(t, err)
	old := spanColumns
	spanColumns = append(slices.Clone(old), column{"later", stringType, false, plain, ColumnDoc{}})
	layouts.Clear()
	defer func() { spanColumns = old; layouts.Clear() }()
	var files []File
	enc, err := newEncoder(TableSpans, CodecZstd)
	require.NoError(t, err)
	later, err := enc.Column("later")
	require.NoError(t, err)
	for n := range 2 {
		table := &spanTable{enc: enc}
		require.NoError(t, bind(enc, &table.c))
		p, err := newPush(w)
		require.NoError(t, err)
		p.sort(shifted(chat(3), n+1))
		for part, rows := range p.rows {
			for _, row := range rows {
				later.Text("kept")
				require.NoError(t, table.write(row))
			}
			content, err := table.finish()
			require.NoError(t, err)
			require.NoError(t, p.putFile(t.Context(), TableSpans, part.dir(TableSpans), content, len(rows), 1, 2))
		}
		files = append(files, p.files...)
	}
	_, err = putEntry(t.Context(), w.storage, entry{Files: files})
	require.NoError(t, err)
	spanColumns = old
	layouts.Clear()

	compactAll(t, dir)
	left, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.Len(t, left, 2, "the file without the column stays as it is")
	kept := 0
	for _, f := range left {
		reader, err := openFile(t.Context(), w.storage, f.Path)
		require.NoError(t, err)
		rows, err := parquetfile.ReadRows(reader, 0)
		require.NoError(t, err)
		require.NoError(t, reader.Close())
		for i := range rows.N {
			if text, _ := rows.Text("later", i); text == "kept" {
				kept++
			}
		}
		assert.Equal(t, rows.Has("later"), strings.HasPrefix(filepath.Base(f.Path), compactedPrefix))
	}
	assert.Equal(t, 6, kept)
}
