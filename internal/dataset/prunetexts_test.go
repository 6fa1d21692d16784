// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
