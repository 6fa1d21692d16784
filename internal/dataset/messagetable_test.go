// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// conversation is the history of so many messages.
func conversation(name string, messages int) string {
	list := make([]string, messages)
	for i := range list {
		list[i] = fmt.Sprintf(`{"role":%q,"parts":[{"type":"text","content":"%s %d %s"}]}`,
			[]string{"user", "assistant"}[i%2], name, i, strings.Repeat("word ", 30))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// turns are calls of one conversation, the first with so many messages, each
// later one with two more.
func turns(name string, first, n int) ptrace.Traces {
	td := chat(n)
	for i := range n {
		span := spanAt(td, i)
		span.SetTraceID([16]byte{byte(first), byte(len(name)), name[0]})
		span.SetSpanID([8]byte{byte(first + 2*i), name[0], 9})
		span.Attributes().PutStr(inputMessagesKey, conversation(name, first+2*i))
	}
	return td
}

func write(t *testing.T, w *Writer, td ptrace.Traces) Result {
	t.Helper()
	sent := ptrace.NewTraces()
	td.CopyTo(sent)
	result, err := w.WriteTraces(t.Context(), sent)
	require.NoError(t, err)
	return result
}

func requireSound(t *testing.T, dir string) {
	t.Helper()
	d, err := Open(dir)
	require.NoError(t, err)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, v.Findings)
}

// Each message of a conversation is stored once, in this push or a later one.
func TestMessagesAreStoredOnce(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	assert.Equal(t, 7, write(t, w, turns("a", 3, 3)).Messages)
	assert.Equal(t, 4, write(t, w, turns("a", 9, 2)).Messages)
	assert.Equal(t, 0, write(t, w, turns("a", 5, 2)).Messages)
	requireSound(t, dir)
	want := turns("a", 3, 5)
	got := readAll(t, dir, Filter{})
	texts := map[string]bool{}
	for _, rs := range got.ResourceSpans().All() {
		for _, span := range rs.ScopeSpans().At(0).Spans().All() {
			texts[attribute(span.Attributes(), inputMessagesKey)] = true
		}
	}
	for i := range 5 {
		assert.True(t, texts[attribute(spanAt(want, i).Attributes(), inputMessagesKey)])
	}
}

// What no later call repeats, or what is short, stays inline.
func TestShortHistoriesStayInline(t *testing.T) {
	for name, history := range map[string]string{
		"one message":    conversation("a", 1),
		"two messages":   conversation("a", 2),
		"short messages": `[{"role":"user"},{"role":"assistant"},{"role":"user"},{"role":"assistant"}]`,
		"broken":         conversation("a", 9)[1:],
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{})
			td := turns("a", 3, 1)
			spanAt(td, 0).Attributes().PutStr(inputMessagesKey, history)
			result := write(t, w, td)
			assert.Zero(t, result.Messages)
			assert.Equal(t, 1, result.Files)
			requireEqualTraces(t, td, readAll(t, dir, Filter{}))
		})
	}
}

// Another version or day is another partition, which holds all its spans refer
// to.
func TestPartitionsAreSelfContained(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 3 {
		td := turns("a", 5, 1)
		spanAt(td, 0).SetSpanID([8]byte{byte(i + 1)})
		spanAt(td, 0).Attributes().PutStr("gen_ai.prompt.name", "p")
		spanAt(td, 0).Attributes().PutStr("gen_ai.prompt.version", []string{"1", "2", "2"}[i])
		if i == 2 {
			spanAt(td, 0).SetStartTimestamp(spanAt(td, 0).StartTimestamp() + 86_400_000_000_000)
		}
		assert.Equal(t, 5, write(t, w, td).Messages)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "messages", "*", "*", "*"))
	require.NoError(t, err)
	assert.Len(t, folders, 3)
	requireSound(t, dir)
}

// Rows of many partitions go to one together, which holds their messages in
// each push.
func TestMixedPartitionsHoldTheirMessages(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	want := ptrace.NewTraces()
	for push := range 2 {
		td := crowd(0)
		for _, span := range spansOf(td) {
			span.SetTraceID([16]byte{byte(push + 1)})
			span.Attributes().PutStr(inputMessagesKey, conversation("same", 3))
		}
		result := write(t, w, td)
		if push == 0 {
			assert.Equal(t, 3*(largePrompts+smallPrompts), result.Messages)
		} else {
			assert.Equal(t, 3*smallPrompts, result.Messages, "of the mixed partition")
		}
		td.ResourceSpans().MoveAndAppendTo(want.ResourceSpans())
	}
	requireEqualTraces(t, want, readAll(t, dir, Filter{}))
	requireSound(t, dir)
}

// A push that failed is remembered by nobody, and its retry makes the same span
// file, whatever was stored in between.
func TestFailedPushIsNotRemembered(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	failure := errors.New("disk full")
	folder(w).SyncFile = func(*os.File) error { return failure }
	_, err := w.WriteTraces(t.Context(), turns("a", 3, 2))
	require.ErrorIs(t, err, failure)
	folder(w).SyncFile = func(*os.File) error { return nil }
	write(t, w, turns("b", 3, 1))
	assert.Equal(t, 5, write(t, w, turns("a", 3, 2)).Messages)
	spans, err := filepath.Glob(filepath.Join(dir, "spans", "*", "*", "*", "*.parquet"))
	require.NoError(t, err)
	assert.Len(t, spans, 2)
	assert.Zero(t, write(t, w, turns("a", 3, 2)).Messages)
	again, err := filepath.Glob(filepath.Join(dir, "spans", "*", "*", "*", "*.parquet"))
	require.NoError(t, err)
	assert.Equal(t, spans, again)
}

// The messages of a span are in place before the span is, so that no reader of
// the files sees a span without them.
func TestMessagesAreWrittenFirst(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	var order []string
	folder(w).SyncFile = func(f *os.File) error {
		if relative, err := filepath.Rel(dir, f.Name()); err == nil && strings.HasSuffix(relative, store.InProgress) {
			order = append(order, strings.Split(filepath.ToSlash(relative), "/")[0])
		}
		return nil
	}
	write(t, w, turns("a", 3, 1))
	require.GreaterOrEqual(t, len(order), 3)
	assert.Equal(t, []string{"messages", "spans", "_manifest"}, order[:3])
}

// A writer relies on a message for half of the lease at most, and in bounded
// memory; what it forgot is written once more.
func TestMessagesAreForgotten(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	now := time.Now()
	w.messages.now = func() time.Time { return now }
	assert.Equal(t, 3, write(t, w, turns("a", 3, 1)).Messages)
	for _, step := range []struct {
		pass  time.Duration
		fresh int
	}{{MessageLease / 4, 0}, {time.Minute, 0}, {MessageLease/4 - 2*time.Minute, 0}, {2 * time.Minute, 3}, {MessageLease * 9, 3}, {0, 0}} {
		now = now.Add(step.pass)
		assert.Equal(t, step.fresh, write(t, w, turns("a", 3, 1)).Messages, "%v later", step.pass)
	}
	for i := range 4 {
		list := map[fingerprint]string{}
		for n := range generationSize/2 + 1 {
			list[fingerprint{uint64(i), uint64(n)}] = "x"
		}
		w.messages.remember(list)
	}
	assert.LessOrEqual(t, len(w.messages.young)+len(w.messages.old), 2*generationSize)
	assert.Equal(t, 3, write(t, w, turns("a", 3, 1)).Messages)
	requireSound(t, dir)
	assert.Equal(t, 1, readAll(t, dir, Filter{}).SpanCount())
}

// References to what is not there are found, and reading says which.
func TestDanglingReferences(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	write(t, w, turns("a", 3, 1))
	write(t, w, turns("a", 5, 1))
	d, err := Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableMessages)
	require.NoError(t, err)
	require.Len(t, files, 2)
	m, err := loadManifest(t.Context(), d.store)
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, os.Remove(filepath.Join(dir, filepath.FromSlash(f.Path))))
	}
	kept := m.files[:0]
	for _, f := range m.files {
		if f.Table == TableSpans {
			kept = append(kept, f)
		}
	}
	v := verifier{store: d.store}
	sound := map[string]bool{}
	for _, f := range kept {
		sound[f.Path] = true
	}
	require.NoError(t, v.checkHistories(t.Context(), kept, sound))
	require.Len(t, v.Findings, 2)
	assert.Equal(t, FindingDangling, v.Findings[0].Kind)
	assert.Contains(t, v.Findings[0].Detail+v.Findings[1].Detail, "refer to 5 messages")
	_, err = d.ReadTraces(t.Context(), Filter{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "messages/")
}

// A stream checks the files of messages as it checks those of spans.
func TestStreamRefusesDamagedMessages(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	write(t, w, turns("a", 3, 2))
	d, err := Open(dir)
	require.NoError(t, err)
	read := func() (spans int, err error) {
		s, err := d.Stream(t.Context(), Selection{}, 100)
		require.NoError(t, err)
		require.Len(t, s.Files, 1)
		err = s.Read(t.Context(), s.Files[0], 0, func(b Batch) error {
			spans += b.Traces.SpanCount()
			requireEqualTraces(t, turns("a", 3, 2), b.Traces)
			return nil
		})
		return spans, err
	}
	spans, err := read()
	require.NoError(t, err)
	assert.Equal(t, 2, spans)
	files, err := d.Files(t.Context(), TableMessages)
	require.NoError(t, err)
	path := filepath.Join(dir, filepath.FromSlash(files[0].Path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/3] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	spans, err = read()
	require.ErrorContains(t, err, FindingAltered)
	assert.Zero(t, spans)
}
