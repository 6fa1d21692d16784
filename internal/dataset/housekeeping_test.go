// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/race"
)

var errKilled = errors.New("killed")

// mortalStore dies before one of the operations that change it. From then on
// nothing works.
type mortalStore struct {
	store.Store
	// dieAt counts from 1; 0 never dies.
	dieAt, done int
	// each is called after every operation.
	each func()
}

func (s *mortalStore) change(do func() error) error {
	if s.done+1 == s.dieAt {
		return errKilled
	}
	s.done++
	err := do()
	if s.each != nil {
		s.each()
	}
	return err
}

func (s *mortalStore) Put(ctx context.Context, name string, content []byte) error {
	return s.change(func() error { return s.Store.Put(ctx, name, content) })
}

func (s *mortalStore) Replace(ctx context.Context, name string, content []byte) error {
	return s.change(func() error { return s.Store.Replace(ctx, name, content) })
}

func (s *mortalStore) Sync(ctx context.Context, names []string) error {
	return s.change(func() error { return s.Store.Sync(ctx, names) })
}

func (s *mortalStore) Remove(ctx context.Context, name string) error {
	return s.change(func() error { return s.Store.Remove(ctx, name) })
}

// spanKeys are the ids of all spans, each as often as readers of the manifest
// find it, and those that stand in any file, each once.
func spanKeys(t testing.TB, dir string) (read, stored []string) {
	t.Helper()
	s := store.NewFolder(dir)
	m, err := loadManifest(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, m.broken)
	for _, f := range m.files {
		if f.Table == TableSpans {
			read = append(read, idsOf(t, s, f.Path)...)
		}
	}
	require.NoError(t, s.List(t.Context(), TableSpans, func(item store.Info) error {
		if strings.HasSuffix(item.Name, ".parquet") {
			stored = append(stored, idsOf(t, s, item.Name)...)
		}
		return nil
	}))
	slices.Sort(read)
	slices.Sort(stored)
	return read, slices.Compact(stored)
}

func idsOf(t testing.TB, s store.Store, name string) (ids []string) {
	t.Helper()
	r := &rewrite{store: s, inputs: []File{{Path: name}}}
	require.NoError(t, r.eachGroup(t.Context(), []string{"trace_id", "span_id"}, func(rows *parquetfile.Rows, _ int) error {
		for i := range rows.N {
			trace, _ := rows.Text("trace_id", i)
			span, _ := rows.Text("span_id", i)
			ids = append(ids, trace+span)
		}
		return nil
	}))
	return ids
}

// crashSet is a dataset with work for each step: folders to merge, files whose
// grace is over, entries to merge and to forget.
func crashSet(t testing.TB) (dir string) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 3 {
		_, err := w.WriteTraces(t.Context(), talk(shifted(chat(3), i), 3+2*i))
		require.NoError(t, err)
	}
	long := time.Now().Add(-time.Hour)
	_, err := newKeeper(unsynced(dir), DefaultGrace, func() time.Time { return long }).compact(t.Context(), CompactOptions{Grace: DefaultGrace})
	require.NoError(t, err)
	for i := range 3 {
		td := talk(shifted(chat(3), 10+i), 5+2*i)
		spanAt(td, 0).Attributes().PutStr("gen_ai.prompt.name", "p")
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	return dir
}

// talk gives the first and the last span of a batch histories of so many messages.
func talk(td ptrace.Traces, messages int) ptrace.Traces {
	for _, i := range []int{0, td.SpanCount() - 1} {
		spanAt(td, i).Attributes().PutStr(inputMessagesKey, conversation("talk", messages))
	}
	return td
}

// Whichever operation a compaction is killed before: readers see every row once at
// every instant, no row is in no file, and the next run comes to the same end as
// one that was never killed.
func TestCompactKilledAnywhere(t *testing.T) {
	t.Parallel()
	killAnywhere(t, crashSet(t), 18)
}

// The same with rows that get what other spans of their trace reveal, and move
// with their messages.
func TestLateIdentityKilledAnywhere(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	for i := range 2 {
		// The agent that names the prompt comes after its calls.
		td := talk(below(shifted(calls(3), i), byte(i)), 3+2*i)
		newGenerator(uint64(i)).scores(spanAt(td, 0))
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		_, err = w.WriteTraces(t.Context(), agentOf(td, "greet", "3"))
		require.NoError(t, err)
	}
	result := killAnywhere(t, dir, 8)
	assert.Equal(t, int64(6), result.Late.Moved)
}

// killStep leads from one operation that a run is killed before to the next: before
// each, under the race detector before every seventh.
var killStep = race.Fewer(1, 7)

// killAnywhere compacts copies of a dataset of so many spans, each killed before
// another operation, and returns what one does that is not.
func killAnywhere(t *testing.T, begun string, spans int) Compaction {
	t.Helper()
	finished := t.TempDir()
	require.NoError(t, os.CopyFS(finished, os.DirFS(begun)))
	want, _ := spanKeys(t, finished)
	require.Len(t, want, spans)
	traces := readSpans(t, finished)
	whole := &mortalStore{Store: unsynced(finished)}
	whole.each = func() {
		if whole.done%killStep > 0 {
			return
		}
		read, stored := spanKeys(t, finished)
		require.Equal(t, want, read)
		require.Equal(t, want, stored)
		require.Empty(t, datasettest.Diff(traces, readSpans(t, finished)))
	}
	done, err := newKeeper(whole, 0, nil).compact(t.Context(), CompactOptions{})
	require.NoError(t, err)
	require.Greater(t, whole.done, 20)
	result := parquetIn(tree(t, finished))
	for dieAt := 1; ; dieAt += killStep {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(begun)))
		_, err := newKeeper(&mortalStore{Store: unsynced(dir), dieAt: dieAt}, 0, nil).compact(t.Context(), CompactOptions{})
		if err == nil {
			require.GreaterOrEqual(t, dieAt, whole.done, "only giving the lease back may fail without an error")
			return done
		}
		require.ErrorIs(t, err, errKilled, "operation %d", dieAt)
		read, stored := spanKeys(t, dir)
		require.Equal(t, want, read, "operation %d", dieAt)
		require.Equal(t, want, stored, "operation %d", dieAt)
		require.Empty(t, datasettest.Diff(traces, readSpans(t, dir)), "operation %d", dieAt)
		v, err := openSet(t, dir).Verify(t.Context())
		require.NoError(t, err)
		for _, f := range v.Findings {
			require.Equal(t, FindingUnfinished, f.Kind, "operation %d: %+v", dieAt, f)
		}
		compactAll(t, dir)
		verified(t, dir)
		read, stored = spanKeys(t, dir)
		require.Equal(t, want, read, "operation %d", dieAt)
		require.Equal(t, want, stored, "operation %d", dieAt)
		require.Equal(t, result, parquetIn(tree(t, dir)), "operation %d", dieAt)
		require.Empty(t, datasettest.Diff(traces, readSpans(t, dir)), "operation %d", dieAt)
	}
}

func parquetIn(files map[string]int64) map[string]int64 {
	kept := map[string]int64{}
	for name, size := range files {
		if strings.HasSuffix(name, ".parquet") {
			kept[name] = size
		}
	}
	return kept
}

// A collector writes, compactions run, readers read, all at once: every reader
// sees what was acknowledged before it began, and nothing twice.
func TestCompactBesideWriterAndReaders(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	const pushes, spans = 60, 4
	var mu sync.Mutex
	acknowledged := 0
	var working sync.WaitGroup
	done := make(chan struct{})
	working.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			_, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{})
			assert.NoError(t, err)
		}
	})
	working.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			mu.Lock()
			least := acknowledged
			mu.Unlock()
			td, err := openSet(t, dir).ReadTraces(t.Context(), Filter{})
			if !assert.NoError(t, err) {
				return
			}
			assert.GreaterOrEqual(t, td.SpanCount(), least)
			assert.LessOrEqual(t, td.SpanCount(), pushes*spans)
		}
	})
	for i := range pushes {
		_, err := w.WriteTraces(t.Context(), shifted(chat(spans), i))
		require.NoError(t, err)
		mu.Lock()
		acknowledged += spans
		mu.Unlock()
	}
	close(done)
	working.Wait()
	compactAll(t, dir)
	verified(t, dir)
	assert.EqualValues(t, pushes*spans, rowsOf(t, dir, TableSpans))
}

// Only one of several processes gets a lease; it ends when it is given back or
// when its time is over.
func TestLease(t *testing.T) {
	s := store.NewFolder(t.TempDir())
	clock := time.Now()
	now := func() time.Time { return clock }
	_, giveBack, err := takeLease(t.Context(), s, now)
	require.NoError(t, err)
	_, _, err = takeLease(t.Context(), s, now)
	require.ErrorIs(t, err, ErrBusy)
	giveBack()

	var taken sync.WaitGroup
	var mu sync.Mutex
	holders := 0
	for range 16 {
		taken.Go(func() {
			_, _, err := takeLease(t.Context(), s, now)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				holders++
			}
		})
	}
	taken.Wait()
	assert.Equal(t, 1, holders)
	clock = clock.Add(leaseTime + time.Second)
	working, _, err := takeLease(t.Context(), s, now)
	require.NoError(t, err)
	_, bounded := working.Deadline()
	assert.True(t, bounded)
	numbers, err := leases(t.Context(), s)
	require.NoError(t, err)
	assert.Len(t, numbers, 2, "older than the last are gone")

	require.NoError(t, os.WriteFile(filepath.Join(s.Root(), leaseName(numbers[1]+1)), []byte("{"), 0o600))
	_, _, err = takeLease(t.Context(), s, now)
	require.ErrorContains(t, err, "lease")
}
