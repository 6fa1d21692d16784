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
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func newStream(t testing.TB, dir string, selection Selection, batch int) *Stream {
	t.Helper()
	d, err := Open(dir)
	require.NoError(t, err)
	s, err := d.Stream(t.Context(), selection, batch)
	require.NoError(t, err)
	return s
}

// collect reads everything and returns the errors of files by path.
func collect(t testing.TB, s *Stream) (ptrace.Traces, map[string]error) {
	t.Helper()
	all, failed := ptrace.NewTraces(), map[string]error{}
	for _, f := range s.Files {
		if err := s.Read(t.Context(), f, 0, func(b Batch) error {
			b.Traces.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
			return nil
		}); err != nil {
			failed[f.Path] = err
		}
	}
	return all, failed
}

func mustCollect(t testing.TB, s *Stream) ptrace.Traces {
	t.Helper()
	all, failed := collect(t, s)
	require.Empty(t, failed)
	return all
}

// Spans of every shape come back equal, whatever the size of the batches, and so
// do their scores from other files.
func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	for seed, batch := range []int{1, 7, 100} {
		w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
		td := newGenerator(uint64(seed)).traces(60)
		want := ptrace.NewTraces()
		td.CopyTo(want)
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		requireEqualTraces(t, want, mustCollect(t, newStream(t, dir, Selection{Replays: true}, batch)))
	}
}

// Spans and scores of more names than a push makes partitions for are mixed;
// scores may be in their own partition when their spans are not.
func TestStreamMixedPartitions(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	td := newGenerator(1).traces(20)
	for i := range 200 {
		one := newGenerator(uint64(100 + i)).traces(3)
		for _, rs := range one.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for n, span := range ss.Spans().All() {
					span.SetTraceID([16]byte{9, byte(i >> 8), byte(i), byte(n + 1)})
					span.Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("prompt %d/é", i%90))
				}
			}
		}
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	want := readAll(t, dir, Filter{})
	require.Greater(t, want.SpanCount(), 100)
	got := mustCollect(t, newStream(t, dir, Selection{Replays: true}, 16))
	require.Equal(t, want.SpanCount(), got.SpanCount())
	requireEqualTraces(t, want, got)
}

// Reading may go on at any row: the batches before and after it are the whole.
func TestStreamGoesOnAtARow(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(10))
	require.NoError(t, err)
	s := newStream(t, dir, Selection{}, 4)
	require.Len(t, s.Files, 1)
	for from := range int64(12) {
		s := newStream(t, dir, Selection{}, 4)
		var names []string
		var nexts []int64
		require.NoError(t, s.Read(t.Context(), s.Files[0], from, func(b Batch) error {
			for _, rs := range b.Traces.ResourceSpans().All() {
				for _, span := range rs.ScopeSpans().At(0).Spans().All() {
					id := span.SpanID()
					names = append(names, fmt.Sprint(id[1]))
				}
			}
			nexts = append(nexts, b.Next)
			return nil
		}))
		var want []string
		for i := from; i < 10; i++ {
			want = append(want, fmt.Sprint(i))
		}
		assert.Equal(t, want, names, "from row %d", from)
		for _, next := range nexts {
			assert.Greater(t, next, from)
		}
	}
	refused := errors.New("refused")
	assert.Equal(t, refused, s.Read(t.Context(), s.Files[0], 0, func(Batch) error { return refused }), "as it is")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Read(ctx, s.Files[0], 0, func(Batch) error { return nil }), context.Canceled)
}

func TestStreamSelects(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	td := chat(8)
	for i := range 8 {
		span := spanAt(td, i)
		if i < 6 {
			span.Attributes().PutStr("gen_ai.prompt.name", []string{"support/a b", "billing", strings.Repeat("x", 300)}[i%3])
			span.Attributes().PutStr("gen_ai.prompt.version", fmt.Sprint(i/3))
		}
	}
	spanAt(td, 7).Attributes().PutBool("spanloop.replay", true)
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	at := func(i int) time.Time { return spanAt(chat(8), i).StartTimestamp().AsTime() }
	named := func(want string) func(name, version string) bool {
		return func(name, version string) bool { return name+"@"+version == want }
	}
	for name, c := range map[string]struct {
		selection Selection
		spans     int
		// files that are opened: partitions of other names are not.
		files int
	}{
		"all":          {Selection{}, 7, 7},
		"replays":      {Selection{Replays: true}, 8, 7},
		"window":       {Selection{Since: at(2), Until: at(4)}, 2, 2},
		"until alone":  {Selection{Until: at(3)}, 3, 3},
		"name":         {Selection{Names: named("support/a b@1")}, 1, 3},
		"long name":    {Selection{Names: named(strings.Repeat("x", 300) + "@0")}, 1, 2},
		"unresolved":   {Selection{Names: named("@")}, 1, 3},
		"nothing":      {Selection{Names: named("no")}, 0, 2},
		"empty window": {Selection{Since: at(7).Add(time.Hour)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream(t, dir, c.selection, 100)
			assert.Equal(t, c.spans, mustCollect(t, s).SpanCount())
			assert.Len(t, s.Files, c.files)
		})
	}
}

// A span that two pushes stored is read once.
func TestStreamReadsOnce(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(5))
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), chat(7))
	require.NoError(t, err)
	assert.Equal(t, 7, mustCollect(t, newStream(t, dir, Selection{}, 2)).SpanCount())
}

// Spans that this dataset sent before are left out and counted, whichever file
// comes first; their originals are read.
func TestStreamLeavesOutItsOwn(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(5))
	require.NoError(t, err)
	marked := chat(7)
	for i := range 7 {
		spanAt(marked, i).Attributes().PutStr("spanloop.source.dataset", "d")
	}
	_, err = w.WriteTraces(t.Context(), marked)
	require.NoError(t, err)
	s := newStream(t, dir, Selection{NotFrom: "d"}, 3)
	spans, own := 0, 0
	for _, f := range s.Files {
		require.NoError(t, s.Read(t.Context(), f, 0, func(b Batch) error {
			spans += b.Traces.SpanCount()
			own += b.Own
			return nil
		}))
	}
	assert.Equal(t, 5, spans)
	assert.Equal(t, 7, own)
	assert.Equal(t, 7, mustCollect(t, newStream(t, dir, Selection{NotFrom: "e"}, 3)).SpanCount(), "of another dataset")
}

// A damaged file yields nothing but an error with its path, others are read;
// spans that stand in both are read from the good one.
func TestStreamDamagedFiles(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"truncated": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 100)) },
		"empty":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"removed":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"altered": func(t *testing.T, path string) {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			content[len(content)/3] ^= 64
			require.NoError(t, os.WriteFile(path, content, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{})
			_, err := w.WriteTraces(t.Context(), chat(5))
			require.NoError(t, err)
			_, err = w.WriteTraces(t.Context(), chat(7))
			require.NoError(t, err)
			s := newStream(t, dir, Selection{}, 3)
			require.Len(t, s.Files, 2)
			for i, f := range s.Files {
				if f.Rows == 5 {
					damage(t, filepath.Join(dir, filepath.FromSlash(s.Files[i].Path)))
					got, failed := collect(t, s)
					assert.Equal(t, 7, got.SpanCount())
					require.Len(t, failed, 1)
					require.ErrorContains(t, failed[f.Path], f.Path)
				}
			}
		})
	}
}

// Bytes that no manifest caught, since it was altered alike, are an error or
// other content, never a crash.
func TestStreamSurvivesAnyByte(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Codec: CodecNone})
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.NoError(t, err)
	s := newStream(t, dir, Selection{}, 10)
	require.Len(t, s.Files, 1)
	path := filepath.Join(dir, filepath.FromSlash(s.Files[0].Path))
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	failed := 0
	for at := 0; at < len(sound); at += 97 {
		content := append([]byte(nil), sound...)
		content[at] ^= 0xff
		require.NoError(t, os.WriteFile(path, content, 0o600))
		f := s.Files[0]
		f.SHA256 = digest(content)
		if s.Read(t.Context(), f, 0, func(Batch) error { return nil }) != nil {
			failed++
		}
	}
	assert.Positive(t, failed)
}

// Without a score that a span's event is held by, the span is not as it was.
func TestStreamNamesMissingScores(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	_, err := w.WriteTraces(t.Context(), newGenerator(4).traces(60))
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	scores, err := d.Files(t.Context(), TableScores)
	require.NoError(t, err)
	require.NotEmpty(t, scores)
	require.NoError(t, os.Truncate(filepath.Join(dir, filepath.FromSlash(scores[0].Path)), 10))
	_, failed := collect(t, newStream(t, dir, Selection{Replays: true}, 10))
	require.NotEmpty(t, failed)
	for _, err := range failed {
		require.ErrorContains(t, err, scores[0].Path)
	}
}

func TestStreamNamesBrokenManifests(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestDir, "bad.json"), []byte("{"), 0o600))
	s := newStream(t, dir, Selection{}, 10)
	assert.Contains(t, s.Broken, manifestDir+"/bad.json")
	assert.Equal(t, 2, mustCollect(t, s).SpanCount())
}

// Any name is read back from its folder, or is known not to be there.
func TestSegmentValue(t *testing.T) {
	for _, name := range append(hostileNames(), "plain", "v3.1", "", "50%", "a/b", "~", "é", strings.Repeat("y", 250), Mixed) {
		p := partition{name: name, version: "1"}
		got, known := segmentValue(p.dir(TableSpans)+"/f.parquet", "prompt_name")
		if known {
			assert.Equal(t, name, got)
		} else {
			assert.True(t, name == Mixed || strings.Contains(escapeSegment(name), "~"), "%q", name)
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T07:30":          time.Date(2026, 11, 1, 7, 30, 0, 0, time.UTC),
		"2026-11-01T07:30:00+02:00": time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC),
		"7d":                        now.AddDate(0, 0, -7),
		"1.5w":                      now.Add(-252 * time.Hour),
		"90m":                       now.Add(-90 * time.Minute),
	} {
		got, err := ParseMoment(text, now)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"yesterday", "-3d", "-1h", "1e9d", "NaNd", "2026-13-01"} {
		_, err := ParseMoment(text, now)
		assert.ErrorContains(t, err, "a time is expected", text)
	}
}
