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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mixedAges is a dataset of which files go whole, in part and not at all, in two
// steps.
func mixedAges(t testing.TB) (dir string) {
	w, dir := newWriter(t, WriterOptions{})
	for day := range uint64(3) {
		var batch []agedCall
		for i := range uint64(2) {
			id := 10*day + i + 1
			batch = append(batch, agedCall{id: id, prompt: "a", version: "v1", at: dayAt(int(day)).Add(time.Duration(i) * time.Hour), history: fmt.Sprint("talk ", id)})
		}
		pushCalls(t, w, batch)
		writeLate(t, w, dayAt(5), batch...)
	}
	aged(t, dir)
	return dir
}

// Whichever operation a prune is killed before: every span that readers see has
// its history and its scores, no score or content is left without its span, and
// the next run comes to the same end as one that was never killed.
func TestPruneKilledAnywhere(t *testing.T) {
	t.Parallel()
	begun := mixedAges(t)
	o := PruneOptions{Until: dayAt(1).Add(30 * time.Minute), stepRows: 1}
	all, end := []int{1, 2, 11, 12, 21, 22}, []int{12, 21, 22}
	check := func(dir string) []int {
		spans := left(t, dir, TableSpans)
		require.Equal(t, twice(spans), left(t, dir, TableScores))
		require.Equal(t, spans, left(t, dir, TableContent))
		require.Len(t, readSpans(t, dir), len(spans), "whole, with their histories")
		require.GreaterOrEqual(t, int(rowsOf(t, dir, TableMessages)), 3*len(spans))
		return spans
	}
	finished := copied(t, begun)
	whole := &mortalStore{Store: unsynced(finished)}
	var seen [][]int
	whole.each = func() { seen = append(seen, check(finished)) }
	_, err := newKeeper(whole, 0, nil).prune(t.Context(), o)
	require.NoError(t, err)
	seen = slices.CompactFunc(seen, slices.Equal)
	require.Equal(t, [][]int{all, {11, 12, 21, 22}, end}, seen, "two steps, each whole or not at all")
	require.EqualValues(t, 9, rowsOf(t, finished, TableMessages))
	verified(t, finished)
	result := parquetIn(tree(t, finished))
	for dieAt := 1; ; dieAt += killStep {
		dir := copied(t, begun)
		_, err := newKeeper(&mortalStore{Store: unsynced(dir), dieAt: dieAt}, 0, nil).prune(t.Context(), o)
		if err == nil {
			require.GreaterOrEqual(t, dieAt, whole.done)
			break
		}
		require.ErrorIs(t, err, errKilled, "operation %d", dieAt)
		check(dir)
		v, err := openSet(t, dir).Verify(t.Context())
		require.NoError(t, err)
		for _, f := range v.Findings {
			require.Equal(t, FindingUnfinished, f.Kind, "operation %d: %+v", dieAt, f)
		}
		_, err = newKeeper(unsynced(dir), 0, nil).prune(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, end, check(dir), "operation %d", dieAt)
		verified(t, dir)
		require.Equal(t, result, parquetIn(tree(t, dir)), "operation %d", dieAt)
	}
}

// A collector writes new and old spans while prunes run and readers read: nothing
// new is lost, and what is old goes in the end.
func TestPruneBesideWriterAndReaders(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	const pushes = 30
	var mu sync.Mutex
	acknowledged := 0
	var working sync.WaitGroup
	done := make(chan struct{})
	repeat := func(do func() bool) {
		working.Go(func() {
			for do() {
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	o := PruneOptions{Until: dayAt(1)}
	repeat(func() bool {
		_, err := newKeeper(unsynced(dir), 0, nil).prune(t.Context(), o)
		return assert.NoError(t, err)
	})
	repeat(func() bool {
		mu.Lock()
		least := acknowledged
		mu.Unlock()
		td, err := openSet(t, dir).ReadTraces(t.Context(), Filter{Since: dayAt(1)})
		return assert.NoError(t, err) && assert.GreaterOrEqual(t, td.SpanCount(), least)
	})
	for i := range uint64(pushes) {
		pushCalls(t, w, []agedCall{
			{id: 2*i + 1, prompt: "a", version: "v1", at: noon, history: fmt.Sprint("talk ", i)},
			{id: 2*i + 2, prompt: "a", version: "v1", at: dayAt(1), history: "the same talk"},
		})
		mu.Lock()
		acknowledged++
		mu.Unlock()
	}
	close(done)
	working.Wait()
	aged(t, dir)
	_, err := newKeeper(unsynced(dir), 0, nil).prune(t.Context(), o)
	require.NoError(t, err)
	verified(t, dir)
	assert.EqualValues(t, pushes, rowsOf(t, dir, TableSpans))
	assert.EqualValues(t, pushes, rowsOf(t, dir, TableScores))
	assert.EqualValues(t, 3, rowsOf(t, dir, TableMessages))
	assert.Len(t, readSpans(t, dir), pushes)
}

// A batch that is sent again as it was stays away for as long as its removal is
// remembered; later it is a new one.
func TestPrunedBatchIsSentAgain(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	batch := []agedCall{{id: 1, prompt: "a", version: "v1", at: noon, history: "talk"}}
	pushCalls(t, w, batch)
	aged(t, dir)
	clock := time.Now()
	o := PruneOptions{Until: dayAt(1), Grace: time.Minute, now: func() time.Time { return clock }}
	prune := func() {
		_, err := openSet(t, dir).Prune(t.Context(), o)
		require.NoError(t, err)
	}
	prune()
	for _, later := range []time.Duration{0, 2 * time.Minute, 30 * time.Minute} {
		clock = clock.Add(later)
		pushCalls(t, restarted(t, dir), batch)
		assert.Zero(t, rowsOf(t, dir, TableSpans))
		assert.Zero(t, rowsOf(t, dir, TableScores))
		verified(t, dir)
		prune()
	}
	clock = clock.Add(2 * time.Hour)
	prune() // Entries of the pushes go, then the removal is forgotten.
	prune()
	pushCalls(t, restarted(t, dir), batch)
	assert.EqualValues(t, 1, rowsOf(t, dir, TableSpans))
	assert.Len(t, readSpans(t, dir), 1)
	prune()
	assert.Zero(t, rowsOf(t, dir, TableSpans))
}

// Messages that a push may rely on stay for two hours, and are counted.
func TestPruneKeepsYoungMessages(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	pushCalls(t, w, []agedCall{{id: 1, prompt: "a", version: "v1", at: noon, history: "x"}, {id: 2, prompt: "a", version: "v1", at: noon.Add(time.Hour), history: "y"}})
	o := PruneOptions{Until: noon.Add(time.Minute)}
	p := pruned(t, dir, o)
	assert.EqualValues(t, 3, p.WaitingMessages)
	assert.EqualValues(t, 6, rowsOf(t, dir, TableMessages))
	verified(t, dir)
	aged(t, dir)
	p = pruned(t, dir, o)
	assert.Zero(t, p.WaitingMessages)
	assert.EqualValues(t, 3, p.Tables[1].Rows)
	assert.EqualValues(t, 3, rowsOf(t, dir, TableMessages))
	verified(t, dir)
	o.Until = dayAt(1)
	assert.EqualValues(t, 3, pruned(t, dir, o).WaitingMessages, "a file that was written anew is young")
	aged(t, dir)
	pruned(t, dir, o)
	assert.Zero(t, rowsOf(t, dir, TableMessages))
	verified(t, dir)
}

// Only one process changes files.
func TestPruneIsLocked(t *testing.T) {
	_, dir, _ := fourDays(t)
	_, err := newKeeper(unsynced(dir), 0, nil).keep(t.Context(), func(ctx context.Context) error {
		_, err := openSet(t, dir).Prune(ctx, PruneOptions{Until: dayAt(4)})
		require.ErrorIs(t, err, ErrBusy)
		_, err = openSet(t, dir).Prune(ctx, PruneOptions{Until: dayAt(4), DryRun: true})
		return err
	})
	require.NoError(t, err)
	assert.Len(t, left(t, dir, TableSpans), 16)
}

// What cannot be read is named and stays; in doubt whose they are, so do scores
// and messages.
func TestPruneLeavesDamagedFiles(t *testing.T) {
	t.Parallel()
	_, begun, _ := fourDays(t)
	damage := func(t *testing.T, dir, table string, content func([]byte) []byte) string {
		files, err := openSet(t, dir).Files(t.Context(), table)
		require.NoError(t, err)
		name := filepath.Join(dir, filepath.FromSlash(files[0].Path))
		old, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, content(old), 0o600))
		aged(t, dir)
		return files[0].Path
	}
	cut := func([]byte) []byte { return []byte("PAR1") }
	prune := func(t *testing.T, dir string, o PruneOptions) Pruning {
		p, err := newKeeper(unsynced(dir), 0, nil).prune(t.Context(), o)
		require.NoError(t, err)
		return p
	}
	for _, table := range []string{TableSpans, TableScores, TableContent, TableMessages} {
		t.Run(table, func(t *testing.T) {
			dir := copied(t, begun)
			name := damage(t, dir, table, cut)
			p := prune(t, dir, PruneOptions{Until: dayAt(4)})
			require.Len(t, p.Skipped, 1)
			assert.Equal(t, name, p.Skipped[0].Path)
			assert.EqualValues(t, map[bool]int{true: 1}[table == TableSpans], rowsOf(t, dir, TableSpans))
			v, err := openSet(t, dir).Verify(t.Context())
			require.NoError(t, err)
			require.Len(t, v.Findings, 1)
			assert.Equal(t, name, v.Findings[0].Path)
			if table == TableSpans {
				assert.EqualValues(t, 3, rowsOf(t, dir, TableMessages), "those of the damaged file")
				assert.EqualValues(t, 1, rowsOf(t, dir, TableContent))
			}
		})
	}
	t.Run("altered", func(t *testing.T) {
		dir := copied(t, begun)
		_, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{})
		require.NoError(t, err)
		name := damage(t, dir, TableContent, func(b []byte) []byte { b[5] ^= 1; return b })
		p := prune(t, dir, PruneOptions{Until: dayAt(1)})
		require.Len(t, p.Skipped, 1, "its rows are not copied to a file that counts as sound")
		assert.Equal(t, name, p.Skipped[0].Path)
	})
	t.Run("manifest", func(t *testing.T) {
		dir := copied(t, begun)
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestDir, "x.json"), []byte("{"), 0o600))
		p := prune(t, dir, PruneOptions{Until: dayAt(4)})
		require.Len(t, p.Skipped, 1)
		assert.True(t, strings.HasSuffix(p.Skipped[0].Path, "x.json"))
		assert.Zero(t, rowsOf(t, dir, TableSpans))
		assert.Zero(t, rowsOf(t, dir, TableScores), "known by their spans' ids")
		assert.EqualValues(t, 48, rowsOf(t, dir, TableMessages))
	})
}
