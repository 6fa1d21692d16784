// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// However slow the disk, a push is acknowledged only when all of it is synced;
// others are written meanwhile.
func TestSlowDisk(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	stuck, release := make(chan struct{}), make(chan struct{})
	folder(w).SyncFile = func(f *os.File) error {
		if strings.Contains(f.Name(), "prompt_name=slow") && strings.Contains(f.Name(), ".inprogress") {
			close(stuck)
			<-release
		}
		return nil
	}
	slow := chat(2)
	for i := range 2 {
		spanAt(slow, i).SetTraceID(pcommon.TraceID{2})
		spanAt(slow, i).Attributes().PutStr("gen_ai.prompt.name", "slow")
	}
	acknowledged := make(chan error, 1)
	go func() {
		_, err := w.WriteTraces(t.Context(), slow)
		acknowledged <- err
	}()
	<-stuck
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.NoError(t, err)
	assert.Empty(t, acknowledged)
	assert.Equal(t, 3, readAll(t, dir, Filter{}).SpanCount(), "nothing of the slow push is visible")
	close(release)
	require.NoError(t, <-acknowledged)
	assert.Equal(t, 5, readAll(t, dir, Filter{}).SpanCount())
}

// The right to write is taken away midway: the error names the folder and says
// why, the same push succeeds when it is given back.
func TestPermissionLost(t *testing.T) {
	for _, reason := range []syscall.Errno{syscall.EACCES, syscall.EROFS} {
		w, dir := newWriter(t, WriterOptions{})
		_, err := w.WriteTraces(t.Context(), chat(2))
		require.NoError(t, err)
		create := folder(w).CreateFile
		folder(w).CreateFile = func(path string) (*os.File, error) {
			return nil, &fs.PathError{Op: "open", Path: path, Err: reason}
		}
		more := manyParts()
		_, err = w.WriteTraces(t.Context(), more)
		require.ErrorIs(t, err, reason)
		require.ErrorContains(t, err, dir)
		assert.Equal(t, 2, readAll(t, dir, Filter{}).SpanCount())
		folder(w).CreateFile = create
		_, err = w.WriteTraces(t.Context(), more)
		require.NoError(t, err)
		requireSound(t, dir)
	}
}

// The sender's clock and ours jump back and forth: spans are filed by their own
// time, and no history loses its messages.
func TestClockJumpsBack(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.messages.now = func() time.Time { return now }
	jumps := []time.Duration{0, -time.Hour, -30 * 24 * time.Hour, 48 * time.Hour, -100 * 365 * 24 * time.Hour, 0}
	for i, jump := range jumps {
		now = now.Add(jump)
		td := chat(1)
		span := spanAt(td, 0)
		span.SetSpanID(pcommon.SpanID{byte(i + 1)})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(jump % (40 * 24 * time.Hour))))
		span.SetEndTimestamp(span.StartTimestamp() - 1)
		message := `{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("the same history. ", 20) + `"}]}`
		span.Attributes().PutStr("gen_ai.input.messages", "["+strings.Repeat(message+",", 3)+message+"]")
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	got := readAll(t, dir, Filter{})
	assert.Equal(t, len(jumps), got.SpanCount())
	requireSound(t, dir)
	assert.DirExists(t, filepath.Join(dir, TableSpans, "prompt_name=__unresolved__", "prompt_version=__none__", "date=2026-03-03"))
}

// A file of a newer format is refused by name and says what to do.
func TestFileOfANewerFormat(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	set, err := Open(dir)
	require.NoError(t, err)
	files, err := set.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	path := filepath.Join(dir, filepath.FromSlash(files[0].Path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	// A text in the footer: its type, its length, itself.
	newer := bytes.Replace(content, []byte(formatKey+"\x18\x011"), []byte(formatKey+"\x18\x019"), 1)
	require.NotEqual(t, content, newer)
	require.NoError(t, os.WriteFile(path, newer, 0o600))
	_, err = set.ReadTraces(t.Context(), Filter{})
	require.ErrorContains(t, err, files[0].Path)
	require.ErrorContains(t, err, "format 9 is not known: use a newer spanloop")
}

// The views.sql of a later version is for the files that it wrote, and stays.
func TestViewsOfANewerFormat(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	path := filepath.Join(dir, viewsName)
	for content, kept := range map[string]bool{
		viewsHead + "2), for any DuckDB.\n": true, viewsHead + "1), for any DuckDB.\n": false, viewsHead + "x), for any": false, "": false,
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, writeViews(t.Context(), w.storage))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, kept, content == string(got), content)
	}
}

// Of a batch of good spans one is poison, of every kind: the others land.
func TestPoisonSpan(t *testing.T) {
	for name, poison := range map[string]func(pcommon.Map){
		"too large":        func(m pcommon.Map) { m.PutStr("k", strings.Repeat("x", 1<<20)) },
		"deep":             func(m pcommon.Map) { deep(m.PutEmpty("k"), 5000) },
		"broken messages":  func(m pcommon.Map) { m.PutStr("gen_ai.input.messages", `[{"role":`) },
		"deep messages":    func(m pcommon.Map) { m.PutStr("gen_ai.input.messages", strings.Repeat("[", 100_000)) },
		"messages of NULs": func(m pcommon.Map) { m.PutStr("gen_ai.input.messages", strings.Repeat("\x00", 1000)) },
		"many attributes": func(m pcommon.Map) {
			for i := range 5000 {
				m.PutEmptyBytes(strings.Repeat("k", i%50) + string(rune('a'+i%26))).FromRaw([]byte{byte(i)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{MaxSpanBytes: 1 << 19})
			td := chat(10)
			poison(spanAt(td, 4).Attributes())
			result, err := w.WriteTraces(t.Context(), td)
			require.NoError(t, err)
			rejected := 0
			for _, n := range result.Rejected {
				rejected += n
			}
			assert.Equal(t, 10, result.Spans+rejected)
			assert.GreaterOrEqual(t, result.Spans, 9)
			assert.Equal(t, result.Spans, readAll(t, dir, Filter{}).SpanCount())
			requireSound(t, dir)
		})
	}
}

func deep(v pcommon.Value, levels int) {
	for range levels {
		v = v.SetEmptySlice().AppendEmpty()
	}
}
