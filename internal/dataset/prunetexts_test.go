// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// withText gives calls a hash and the text of their version's prompt.
func withText(calls ...agedCall) ptrace.Traces {
	td := callsOf(calls...)
	for i, c := range calls {
		a := spanAt(td, i).Attributes()
		a.PutStr("spanloop.prompt.hash", "hash of "+c.prompt+c.version)
		a.PutStr("llm.prompt_template.template", "text of "+c.prompt+c.version)
	}
	return td
}

// texts are the texts of prompts that are stored, each as often as it is.
func texts(t testing.TB, dir string) (list []string) {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), TablePrompts)
	require.NoError(t, err)
	r := &rewrite{store: unsynced(dir), inputs: files}
	require.NoError(t, r.eachGroup(t.Context(), nil, func(rows *parquetfile.Rows, _ int) error {
		for i := range rows.N {
			text, _ := rows.Text("template", i)
			list = append(list, text)
		}
		return nil
	}))
	return list
}

// oldTexts makes the files of texts older than writers rely on them.
func oldTexts(t testing.TB, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, TablePrompts, "*.parquet"))
	require.NoError(t, err)
	for _, name := range files {
		then := time.Now().Add(-contentLease - time.Minute)
		require.NoError(t, os.Chtimes(name, then, then))
	}
}

// The text of a version goes when no call of it is left and no collector relies on
// it, whichever run removed the calls.
func TestPruneTexts(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	calls := []agedCall{
		{id: 1, prompt: "a", version: "v1", at: noon},
		{id: 2, prompt: "a", version: "v2", at: dayAt(1)},
		{id: 3, prompt: "b", version: "v1", at: noon},
		{id: 4, prompt: "c", version: "v1", at: dayAt(1)},
	}
	_, err := w.WriteTraces(t.Context(), withText(calls...))
	require.NoError(t, err)
	all := []string{"text of av1", "text of av2", "text of bv1", "text of cv1"}
	require.Equal(t, all, texts(t, dir))

	pruned(t, dir, PruneOptions{Until: dayAt(1)})
	assert.Equal(t, all, texts(t, dir), "a writer relies on them")
	oldTexts(t, dir)
	pruned(t, dir, PruneOptions{Prompt: "a", Version: "v2", Until: noon})
	assert.Equal(t, all, texts(t, dir), "there are calls")
	pruned(t, dir, PruneOptions{Prompt: "b", Version: "v1", Until: noon})
	assert.Equal(t, []string{"text of av1", "text of av2", "text of cv1"}, texts(t, dir))
	oldTexts(t, dir)
	p := pruned(t, dir, PruneOptions{Until: dayAt(1)})
	assert.Equal(t, []int64{0, 0, 0, 1, 0, 0}, rowsGone(p))
	assert.Equal(t, []string{"text of av2", "text of cv1"}, texts(t, dir))
	verified(t, dir)
	oldTexts(t, dir)
	pruned(t, dir, PruneOptions{Until: dayAt(2)})
	assert.Empty(t, texts(t, dir))
	verified(t, dir)

	// The writer stores them again when its memory is a day old.
	_, err = w.WriteTraces(t.Context(), withText(calls[0]))
	require.NoError(t, err)
	assert.Empty(t, texts(t, dir), "it is sure of them")
	w.known.now = func() time.Time { return time.Now().Add(contentAge) }
	again := calls[0]
	again.id = 9
	_, err = w.WriteTraces(t.Context(), withText(again))
	require.NoError(t, err)
	assert.Equal(t, all[:1], texts(t, dir))
	again.id = 10
	_, err = w.WriteTraces(t.Context(), withText(again))
	require.NoError(t, err)
	assert.Len(t, texts(t, dir), 1)
	verified(t, dir)
}

// Two collectors that store the same text are no finding, and count once after a
// compaction.
func TestEqualTextsOfTwoPushesAreSound(t *testing.T) {
	dir := t.TempDir()
	for i := range uint64(2) {
		_, err := restarted(t, dir).WriteTraces(t.Context(), withText(agedCall{id: i + 1, prompt: "a", version: "v1", at: noon}))
		require.NoError(t, err)
	}
	require.Len(t, texts(t, dir), 2)
	verified(t, dir)
	compactAll(t, dir)
	assert.Len(t, texts(t, dir), 1)
}

// Reject files go by the time of their writing, when age alone decides.
func TestPruneRejected(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 2 {
		td := chat(2)
		spanAt(td, 0).SetTraceID(pcommon.TraceID{})
		spanAt(td, 0).SetName(fmt.Sprint("rejected ", i))
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, rejectedDir, "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.NoError(t, os.Chtimes(files[0], dayAt(0), dayAt(0)))
	for _, o := range []PruneOptions{{Until: noon}, {Since: dayAt(1), Until: dayAt(2)}, {Until: dayAt(1), Prompt: Unresolved}, {Until: dayAt(1), MaxBytes: 1 << 30}} {
		assert.Zero(t, pruned(t, dir, o).Rejected)
		assert.FileExists(t, files[0])
	}
	assert.Equal(t, 1, pruned(t, dir, PruneOptions{Until: dayAt(1)}).Rejected)
	assert.NoFileExists(t, files[0])
	assert.FileExists(t, files[1])
}

// Whatever works on a disk works on an object store.
func TestPruneObjects(t *testing.T) {
	d, w := onObjects(t)
	for day := range 3 {
		calls := []agedCall{{id: uint64(day) + 1, prompt: "a", version: "v1", at: dayAt(day), history: "talk"}}
		_, err := w.WriteTraces(t.Context(), withText(calls...))
		require.NoError(t, err)
		writeLate(t, w, dayAt(5), calls...)
	}
	clock := time.Now().Add(contentLease + time.Minute)
	o := PruneOptions{Until: dayAt(1).Add(time.Minute), Grace: DefaultGrace, now: func() time.Time { return clock }}
	p, err := d.Prune(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 6, 4, 0, 0, 2}, rowsGone(p))
	assert.Equal(t, p.Waiting, p.Tables[0].Files+p.Tables[1].Files+p.Tables[2].Files+p.Tables[5].Files)
	got, err := d.ReadTraces(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, 1, got.SpanCount())
	o.Until = dayAt(3)
	clock = clock.Add(time.Hour)
	p, err = d.Prune(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 3, 2, 1, 0, 1}, rowsGone(p))
	assert.Positive(t, p.Deleted)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
	assert.Zero(t, v.Files)
	dir, release, err := d.Local(t.Context(), Filter{}, Cache{Dir: t.TempDir()})
	require.NoError(t, err)
	assert.Empty(t, tree(t, dir))
	require.NoError(t, release())
	clock = clock.Add(time.Hour)
	_, err = d.Prune(t.Context(), o)
	require.NoError(t, err)
	views, err := w.storage.Read(t.Context(), viewsName)
	require.NoError(t, err)
	assert.NotContains(t, string(views), "read_parquet(")
}
