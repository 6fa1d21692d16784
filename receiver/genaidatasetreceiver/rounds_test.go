// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// compact merges all files of a dataset; the old ones stay for grace.
func compact(t *testing.T, dir string, grace time.Duration) {
	t.Helper()
	set, err := dataset.Open(dir)
	require.NoError(t, err)
	c, err := set.Compact(t.Context(), dataset.CompactOptions{Grace: grace})
	require.NoError(t, err)
	require.Empty(t, c.Skipped)
	require.NoError(t, set.Close())
}

// Files that are merged while the receiver sends, once or again and again, between
// files and within one, deleted at once or later: every span comes once.
func TestFilesAreReplacedWhileSending(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for _, grace := range []time.Duration{0, time.Hour} {
			for at := range 8 {
				t.Run(fmt.Sprintf("storage %t, grace %s, at batch %d", stored, grace, at), func(t *testing.T) {
					dir := t.TempDir()
					store(t, dir, calls(0, 23), calls(23, 30), calls(30, 50))
					next := &sink{refuse: func(attempt int, _ ptrace.Traces) error {
						if attempt == at || attempt == at+2 {
							store(t, dir, calls(500+2*attempt, 502+2*attempt))
							compact(t, dir, grace)
						}
						return nil
					}}
					var extension component.Component
					if stored {
						extension = &memory{}
					}
					r := ready(t, next, extension, "path: "+dir)
					r.batch = 10
					r.start(t).finished(t)
					assert.Equal(t, namesOf(upTo(50)...), next.got(), "%v", r.logs.All())
					assert.Len(t, r.logged("the dataset was sent"), 1)
					assert.Zero(t, r.at.Counts.BrokenFiles)
				})
			}
		}
	}
}

// However often the receiver is stopped, and the dataset written to and compacted
// meanwhile, all spans that there were at the start come once, none a second time.
func TestFilesAreReplacedBetweenRestarts(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			dir := t.TempDir()
			store(t, dir, calls(0, 23), calls(23, 30), calls(30, 70), calls(70, 71))
			kept, next := &memory{}, &sink{}
			for restart := 0; ; restart++ {
				require.Less(t, restart, 100, "it comes to an end")
				r := stoppedAfter(t, next, kept, dir, 1+random.IntN(3))
				if len(r.logged("the dataset was sent")) > 0 {
					assert.Zero(t, r.at.Counts.BrokenFiles)
					assert.EqualValues(t, 71, r.at.Counts.Sent)
					break
				}
				if random.IntN(2) == 0 {
					store(t, dir, calls(500+2*restart, 502+2*restart))
				}
				compact(t, dir, []time.Duration{0, time.Hour}[random.IntN(2)])
			}
			assert.Equal(t, namesOf(upTo(71)...), next.got())
			for key := range kept.content {
				assert.False(t, strings.Contains(key, keySent), "%s is left", key)
			}
		})
	}
}

// stoppedAfter runs the receiver until the pipeline has taken so many batches.
func stoppedAfter(t *testing.T, next *sink, kept *memory, dir string, batches int) *running {
	t.Helper()
	taken := 0
	next.refuse = func(int, ptrace.Traces) error {
		if taken == batches {
			return errors.New("down")
		}
		taken++
		return nil
	}
	r := ready(t, next, kept, "path: "+dir)
	r.batch = 10
	r.start(t)
	require.Eventually(t, func() bool {
		select {
		case <-r.done:
			return true
		default:
			return len(r.logged("does not take spans")) > 0
		}
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	return r
}

// A storage that fails for a while loses nothing of what was sent, and one that
// fails when it is asked ends the sending: nothing is sent twice.
func TestStorageFailsWhileFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 40))
	kept, next := &memory{}, &sink{}
	next.refuse = func(attempt int, _ ptrace.Traces) error {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		kept.fails = nil
		if attempt == 0 {
			kept.fails = errStorage
		}
		if attempt >= 2 {
			return errors.New("down")
		}
		return nil
	}
	r := ready(t, next, kept, "path: "+dir)
	r.batch = 10
	r.start(t)
	require.Eventually(t, func() bool { return len(r.logged("does not take spans")) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Len(t, next.got(), 20)
	store(t, dir, calls(40, 42))
	compact(t, dir, 0)

	client, err := kept.GetClient(t.Context(), component.KindReceiver, component.NewID(componentType), "")
	require.NoError(t, err)
	kept.fails = errStorage
	require.ErrorIs(t, (&sentSpans{client: client, stored: true}).load(t.Context(), 1), errStorage)
	kept.fails, next.refuse = nil, nil
	launch(t, next, kept, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(upTo(40)...), next.got())
	require.NoError(t, client.Close(t.Context()))
}

// What is left out of files that are replaced is counted once: by a condition that
// fails, or for good by the pipeline.
func TestReplacedFilesCountOnce(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		td := calls(10*i, 10*i+10)
		for n, span := range spansOf(td) {
			span.Attributes().PutStr("size", []string{"7", "no number"}[n%2])
		}
		store(t, dir, td)
	}
	next := &sink{}
	next.refuse = func(attempt int, _ ptrace.Traces) error {
		switch attempt {
		case 0:
			return consumererror.NewPermanent(errors.New("never"))
		case 1:
			compact(t, dir, 0)
		}
		return nil
	}
	r := launch(t, next, &memory{}, `{path: `+dir+`, select: {condition: 'ParseInt(span.attributes["size"], 10) == 7'}}`).finished(t)
	assert.Equal(t, 1, r.at.Round)
	assert.Len(t, next.got(), 10)
	assert.EqualValues(t, 10, r.at.Counts.Sent)
	assert.EqualValues(t, 15, r.at.Counts.ConditionFailed)
	assert.EqualValues(t, 5, r.at.Counts.Refused)
}

// A pipeline that writes to the dataset it reads comes to an end, also when what
// it wrote was merged with what was not sent yet.
func TestOwnSpansAmongReplacedFiles(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 20), calls(20, 40))
	next := &sink{}
	next.refuse = func(attempt int, td ptrace.Traces) error {
		store(t, dir, td)
		if attempt == 0 {
			compact(t, dir, 0)
		}
		return nil
	}
	r := ready(t, next, nil, "path: "+dir)
	r.batch = 10
	r.start(t).finished(t)
	assert.Equal(t, namesOf(upTo(40)...), next.got())
	assert.Len(t, r.logged("the dataset was sent"), 1)
}

// Rows of a mixed folder go to folders that the checkpoint has passed, and are sent
// once.
func TestRowsMoveToOtherFolders(t *testing.T) {
	dir := t.TempDir()
	named := func(from, to int, name func(int) string) {
		td := calls(from, to)
		for i, span := range spansOf(td) {
			span.Attributes().PutStr("gen_ai.prompt.name", name(i))
		}
		store(t, dir, td)
	}
	// Of 75 names, which sort before the mixed folder's, 20 have a fair share of the rows.
	name := func(i int) string {
		if i < 75 {
			return fmt.Sprintf("0-%02d", i)
		}
		return fmt.Sprintf("0-%02d", i%20)
	}
	named(0, 135, name)
	named(135, 270, name)
	kept, next := &memory{}, &sink{}
	r := stoppedAfter(t, next, kept, dir, 30)
	require.Empty(t, r.logged("the dataset was sent"))
	require.Less(t, r.at.File, "spans/prompt_name="+dataset.Mixed)
	named(500, 555, func(i int) string { return fmt.Sprintf("0-%02d", 20+i) })
	compact(t, dir, 0)
	files, err := r.set.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(files, func(f dataset.File) bool { return strings.Contains(f.Path, dataset.Mixed) }), "the rows have moved")

	next.refuse = nil
	r = launch(t, next, kept, "path: "+dir).finished(t)
	assert.Equal(t, 1, r.at.Round)
	assert.Equal(t, namesOf(upTo(270)...), next.got())
}

// A dataset that does not answer for a while is waited for, and the status says so.
func TestDatasetDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 1))
	r := ready(t, &sink{}, nil, "path: "+dir)
	r.start(t).finished(t)
	failures := 3
	require.ErrorIs(t, r.patiently(t.Context(), func() error {
		if failures--; failures >= 0 {
			return fmt.Errorf("list: %w", dataset.ErrUnavailable)
		}
		return errStorage
	}), errStorage, "other errors are not waited out")
	assert.Len(t, r.logged("the dataset does not answer"), 3)
	assert.Equal(t, []string{"StatusOK", "StatusRecoverableError", "StatusRecoverableError", "StatusRecoverableError", "StatusOK"}, r.host.statuses())

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.sender.firstWait = time.Hour
	require.ErrorIs(t, r.patiently(ended, func() error { return dataset.ErrUnavailable }), context.Canceled)
}

// What a later version wrote ends the sending, at the start or in the middle, and a
// version that knows it goes on from the checkpoint.
func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 5), calls(5, 10))
	entry := filepath.Join(dir, "_manifest", "newer.json")
	newer := func() { require.NoError(t, os.WriteFile(entry, []byte(`{"format": 2, "files": []}`), 0o600)) }
	kept := &memory{}
	next := &sink{refuse: func(attempt int, _ ptrace.Traces) error {
		if attempt == 0 {
			newer()
			paths, err := filepath.Glob(filepath.Join(dir, "spans", "*", "*", "*", "*.parquet"))
			require.NoError(t, err)
			for _, path := range paths {
				require.NoError(t, os.Remove(path))
			}
		}
		return nil
	}}
	require.NoError(t, os.CopyFS(filepath.Join(dir, "copy"), os.DirFS(filepath.Join(dir, "spans"))))
	r := launch(t, next, kept, "path: "+dir).finished(t)
	require.ErrorIs(t, r.host.events[0].Err(), dataset.ErrNewer)
	for range 2 {
		r = launch(t, next, kept, "path: "+dir).finished(t)
		assert.Equal(t, []string{"StatusPermanentError"}, r.host.statuses())
		assert.Contains(t, fmt.Sprint(r.logged("cannot be sent")), "_manifest/newer.json: format 2 is not known: use a newer spanloop")
	}
	require.NoError(t, os.Remove(entry))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "spans")))
	require.NoError(t, os.Rename(filepath.Join(dir, "copy"), filepath.Join(dir, "spans")))
	launch(t, next, kept, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(upTo(10)...), next.got())
}
