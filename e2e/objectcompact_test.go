// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && objectstore

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/store"
)

// smallPushes writes n pushes of few spans of two prompt versions, and returns what
// was written.
func smallPushes(t *testing.T, path string, first, n int) ptrace.Traces {
	t.Helper()
	w, err := dataset.NewWriter(path, dataset.WriterOptions{})
	require.NoError(t, err)
	defer w.Close()
	all := ptrace.NewTraces()
	for i := range n {
		td := chatSpans(5, uint64(first+i+1))
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.Attributes().PutStr("gen_ai.prompt.version", fmt.Sprint(7+i%2))
		}
		td.ResourceSpans().At(0).CopyTo(all.ResourceSpans().AppendEmpty())
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	return all
}

// holds requires that a dataset holds exactly these spans, and that verify finds
// nothing but findings of the kinds that are allowed.
func holds(t *testing.T, path string, want ptrace.Traces, allowed ...string) {
	t.Helper()
	d, err := dataset.Open(path)
	require.NoError(t, err)
	defer d.Close()
	verified, err := d.Verify(t.Context())
	require.NoError(t, err)
	for _, f := range verified.Findings {
		assert.Contains(t, allowed, f.Kind, "%s: %s", f.Path, f.Detail)
	}
	back, err := d.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	require.Equal(t, datasettest.Split(want), datasettest.Split(back))
}

func compactAt(ctx context.Context, path string) (dataset.Compaction, error) {
	d, err := dataset.Open(path)
	if err != nil {
		return dataset.Compaction{}, err
	}
	defer d.Close()
	return d.Compact(ctx, dataset.CompactOptions{Grace: 0, Settle: 0})
}

// Two compactions at once beside a writer: one works, the other says that it does
// not, nothing is lost, and the files become few. Then a prune takes one version
// out.
func TestObjectStoreCompaction(t *testing.T) {
	eachObjectServer(t, func(t *testing.T, urlOf func(string) string) {
		path := urlOf("small")
		want := smallPushes(t, path, 0, 24)
		var working sync.WaitGroup
		failures := make([]error, 2)
		for i := range failures {
			working.Go(func() { _, failures[i] = compactAt(t.Context(), path) })
		}
		smallPushes(t, path, 24, 6).ResourceSpans().MoveAndAppendTo(want.ResourceSpans())
		working.Wait()
		busy := 0
		for _, err := range failures {
			if errors.Is(err, dataset.ErrBusy) {
				busy++
				continue
			}
			require.NoError(t, err)
		}
		assert.LessOrEqual(t, busy, 1, "somebody worked")
		holds(t, path, want)
		done, err := compactAt(t.Context(), path)
		require.NoError(t, err)
		assert.Empty(t, done.Skipped)
		holds(t, path, want)

		d, err := dataset.Open(path)
		require.NoError(t, err)
		defer d.Close()
		files, err := d.Files(t.Context(), dataset.TableSpans)
		require.NoError(t, err)
		assert.Len(t, files, 2, "a file for each version")

		c := newCollector(t, defaults)
		c.dataset = path
		_, stderr, code := c.spanloop(t, "dataset", "prune", "--prompt", "weather", "--prompt-version", "7", "--grace", "0s")
		require.Zero(t, code, stderr)
		assert.EqualValues(t, 75, c.count(t, "SELECT count(*) AS n FROM spans"))
		assert.Zero(t, c.count(t, "SELECT count(*) AS n FROM spans WHERE prompt_version = '7'"))
		fmt.Printf("e2e: object store %s: 30 pushes of 150 spans compacted beside a writer to %d files, %d of 2 compactions at once refused, 75 spans pruned\n",
			strings.SplitN(path, ":", 2)[0], len(files), busy)
	})
}

// Compactions while the store fails, cuts connections and hangs, given up after a
// while: none loses or repeats a span, and once the store is well one run ends the
// work.
func TestObjectStoreCompactionFailing(t *testing.T) {
	faults := newFaultyProxy(t, startObjectStore(t))
	well := bucketURL(faults.address, "failing-compaction", "")
	ill := bucketURL(faults.address, "failing-compaction", "&timeout=1s")
	want := smallPushes(t, well, 0, 20)
	failed := 0
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		faults.fail(true)
		if _, err := compactAt(ctx, ill); err != nil {
			failed++
		}
		faults.fail(false)
		cancel()
		smallPushes(t, well, 20+2*round, 2).ResourceSpans().MoveAndAppendTo(want.ResourceSpans())
		holds(t, well, want, dataset.FindingOrphan)
	}
	endLeases(t, well)
	_, err := compactAt(t.Context(), well)
	require.NoError(t, err)
	holds(t, well, want, dataset.FindingOrphan)
	fmt.Printf("e2e: object store failing under compaction: %d of 3 runs failed, %d spans whole, failures injected: %v\n", failed, want.SpanCount(), faults.counts())
}

// endLeases removes the lease of a run that could not give it back, as if the hour
// were over for which it holds.
func endLeases(t *testing.T, path string) {
	t.Helper()
	s, err := store.Create(t.Context(), path)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.List(t.Context(), "_manifest/leases", func(item store.Info) error { return s.Remove(t.Context(), item.Name) }))
}

// What verify finds in a bucket is what it finds on a disk, and a repair does what is
// safe: what no manifest names goes aside, and what is missing is not forgotten
// unless it is told to.
func TestObjectStoreRepair(t *testing.T) {
	eachObjectServer(t, func(t *testing.T, urlOf func(string) string) {
		path := urlOf("repair")
		smallPushes(t, path, 0, 6)
		d, err := dataset.Open(path)
		require.NoError(t, err)
		defer d.Close()
		files, err := d.Files(t.Context(), dataset.TableSpans)
		require.NoError(t, err)
		require.Len(t, files, 6)
		s, err := store.Create(t.Context(), path)
		require.NoError(t, err)
		defer s.Close()
		content, err := s.Read(t.Context(), files[0].Path)
		require.NoError(t, err)
		require.NoError(t, s.Put(t.Context(), "spans/prompt_name=weather/copy.parquet", content))
		other, err := s.Read(t.Context(), files[1].Path)
		require.NoError(t, err)
		flipped := bytes.Clone(other)
		flipped[len(flipped)/2] ^= 1
		require.NoError(t, s.Replace(t.Context(), files[1].Path, flipped))
		require.NoError(t, s.Replace(t.Context(), files[2].Path, other[:len(other)/2]))
		require.NoError(t, s.Remove(t.Context(), files[3].Path))

		c := newCollector(t, defaults)
		c.dataset = path
		stdout, _, code := c.spanloop(t, "dataset", "verify")
		assert.Equal(t, 1, code)
		for _, kind := range []string{"duplicate", "altered", "truncated", "missing"} {
			assert.Contains(t, stdout, kind)
		}
		_, stderr, code := c.spanloop(t, "dataset", "verify", "--repair", "--min-age", "0s")
		assert.Equal(t, 1, code, "three files are damaged still: %s", stderr)
		verified, err := d.Verify(t.Context())
		require.NoError(t, err)
		assert.Len(t, verified.Findings, 3)
		_, stderr, code = c.spanloop(t, "dataset", "verify", "--repair", "--accept-loss", "--min-age", "0s")
		assert.Contains(t, []int{0, 1}, code, stderr)
		verified, err = d.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, verified.Findings)
		assert.EqualValues(t, 15, c.count(t, "SELECT count(*) AS n FROM spans"), "three files of five spans are whole")
	})
}
