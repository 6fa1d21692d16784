// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// chat returns n chat spans of one trace, a second apart.
func chat(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{byte(i >> 8), byte(i), 1})
		span.SetName("chat")
		span.SetStartTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + uint64(i)*1_000_000_000))
		span.SetEndTimestamp(span.StartTimestamp() + 5)
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
	}
	return td
}

func spanAt(td ptrace.Traces, i int) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i)
}

func newWriter(t testing.TB, o WriterOptions) (*Writer, string) {
	t.Helper()
	dir := t.TempDir()
	w, err := NewWriter(dir, o)
	require.NoError(t, err)
	// Tests do not wait for the disk; e2e's crash test does.
	folder(w).SyncFile = func(*os.File) error { return nil }
	return w, dir
}

func readAll(t testing.TB, dir string, filter Filter) ptrace.Traces {
	t.Helper()
	d, err := Open(dir)
	require.NoError(t, err)
	td, err := d.ReadTraces(t.Context(), filter)
	require.NoError(t, err)
	return td
}

// Whatever OTLP can hold comes back, one odd thing at a time.
func TestRoundTripOfOddSpans(t *testing.T) {
	t.Parallel()
	nested := func(v pcommon.Value, depth int) {
		for range depth {
			v = v.SetEmptyMap().PutEmpty("k")
		}
		v.SetEmptySlice().AppendEmpty().SetEmptyBytes().FromRaw([]byte{0, 255})
	}
	odd := map[string]func(ptrace.Span){
		"times zero":        func(s ptrace.Span) { s.SetStartTimestamp(0); s.SetEndTimestamp(0) },
		"times beyond 2262": func(s ptrace.Span) { s.SetStartTimestamp(math.MaxUint64); s.SetEndTimestamp(math.MaxUint64 - 1) },
		"end before start":  func(s ptrace.Span) { s.SetEndTimestamp(1) },
		"largest counts": func(s ptrace.Span) {
			s.SetDroppedAttributesCount(math.MaxUint32)
			s.SetDroppedEventsCount(math.MaxUint32)
			s.SetDroppedLinksCount(math.MaxUint32)
		},
		"largest flags":      func(s ptrace.Span) { s.SetFlags(math.MaxUint32) },
		"unknown kind":       func(s ptrace.Span) { s.SetKind(99) },
		"unknown status":     func(s ptrace.Span) { s.Status().SetCode(7) },
		"status message":     func(s ptrace.Span) { s.Status().SetMessage("bad\xff") },
		"trace state":        func(s ptrace.Span) { s.TraceState().FromRaw("a=1,b=\"2\"") },
		"name not UTF-8":     func(s ptrace.Span) { s.SetName("\xff\xfe") },
		"key not UTF-8":      func(s ptrace.Span) { s.Attributes().PutStr("\xff", "x") },
		"value not UTF-8":    func(s ptrace.Span) { s.Attributes().PutStr("k", "\xc3\x28") },
		"lifted not UTF-8":   func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.request.model", "\xff") },
		"NaN":                func(s ptrace.Span) { s.Attributes().PutDouble("k", math.NaN()) },
		"NaN with a payload": func(s ptrace.Span) { s.Attributes().PutDouble("k", math.Float64frombits(0x7ff8000000000123)) },
		"minus zero":         func(s ptrace.Span) { s.Attributes().PutDouble("k", math.Copysign(0, -1)) },
		"infinities": func(s ptrace.Span) {
			l := s.Attributes().PutEmptySlice("k")
			l.AppendEmpty().SetDouble(math.Inf(1))
			l.AppendEmpty().SetDouble(math.Inf(-1))
		},
		"whole double": func(s ptrace.Span) { s.Attributes().PutEmptySlice("k").AppendEmpty().SetDouble(3) },
		"largest int":  func(s ptrace.Span) { s.Attributes().PutEmptySlice("k").AppendEmpty().SetInt(math.MinInt64) },
		"empty value":  func(s ptrace.Span) { s.Attributes().PutEmpty("k") },
		"empty text":   func(s ptrace.Span) { s.Attributes().PutStr("k", "") },
		"empty lists": func(s ptrace.Span) {
			s.Attributes().PutEmptySlice("l")
			s.Attributes().PutEmptyMap("m")
			s.Attributes().PutEmptyBytes("b")
		},
		"empty key": func(s ptrace.Span) { s.Attributes().PutStr("", "x") },
		"keys like ours": func(s ptrace.Span) {
			m := s.Attributes().PutEmptyMap("k")
			m.PutStr("$bytes", "AA==")
			m.PutStr("$map", "x")
		},
		"text like JSON": func(s ptrace.Span) { s.Attributes().PutStr("k", `{"$double":"NaN"}`) },
		"nested":         func(s ptrace.Span) { nested(s.Attributes().PutEmpty("k"), 20) },
		"nested beyond":  func(s ptrace.Span) { nested(s.Attributes().PutEmpty("k"), 100) },
		"many attributes": func(s ptrace.Span) {
			for i := range 500 {
				s.Attributes().PutInt(fmt.Sprint("k", i), int64(i))
			}
		},
		"large":           func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", strings.Repeat("x", 6<<20)) },
		"count as text":   func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.usage.input_tokens", "7") },
		"count as double": func(s ptrace.Span) { s.Attributes().PutDouble("gen_ai.usage.input_tokens", 7) },
		"finish as text":  func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.response.finish_reasons", `["stop"]`) },
		"finish of ints": func(s ptrace.Span) {
			s.Attributes().PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetInt(1)
		},
		"event": func(s ptrace.Span) {
			e := s.Events().AppendEmpty()
			e.SetTimestamp(math.MaxUint64)
			e.Attributes().PutEmpty("k")
		},
		"event not UTF-8": func(s ptrace.Span) { s.Events().AppendEmpty().SetName("\xff") },
		"empty event":     func(s ptrace.Span) { s.Events().AppendEmpty() },
		"empty link":      func(s ptrace.Span) { s.Links().AppendEmpty() },
		"link": func(s ptrace.Span) {
			l := s.Links().AppendEmpty()
			l.SetTraceID([16]byte{9})
			l.SetSpanID([8]byte{8})
			l.TraceState().FromRaw("k=v")
			l.SetFlags(math.MaxUint32)
			l.SetDroppedAttributesCount(3)
			l.Attributes().PutBool("b", false)
		},
	}
	for name, change := range odd {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
			td := chat(2)
			change(spanAt(td, 0))
			want := ptrace.NewTraces()
			td.CopyTo(want)
			result, err := w.WriteTraces(t.Context(), td)
			require.NoError(t, err)
			require.Empty(t, result.Rejected)
			requireEqualTraces(t, want, readAll(t, dir, Filter{}))
		})
	}
}

// OTLP may repeat a key; both values come back.
func TestRoundTripOfRepeatedKeys(t *testing.T) {
	const span = `{"resourceSpans":[{"resource":{"attributes":[{"key":"r","value":{"stringValue":"1"}}]},"scopeSpans":[{"spans":[` +
		`{"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","name":"chat","attributes":[` +
		`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"k","value":{"stringValue":"1"}},` +
		`{"key":"k","value":{"stringValue":"2"}},{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]}]}]}]}`
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(span))
	require.NoError(t, err)
	w, dir := newWriter(t, WriterOptions{})
	want := ptrace.NewTraces()
	td.CopyTo(want)
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	got := readAll(t, dir, Filter{})
	assert.Equal(t, 4, spanAt(got, 0).Attributes().Len())
	requireEqualTraces(t, want, got)
}

// What cannot be a row is in the reject file with its reason, readable, and the
// rows beside it land.
func TestRejects(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{MaxSpanBytes: 10000})
	td := chat(6)
	spanAt(td, 0).SetTraceID(pcommon.TraceID{})
	spanAt(td, 1).SetSpanID(pcommon.SpanID{})
	spanAt(td, 2).Attributes().PutStr("k", strings.Repeat("x", 20000))
	spanAt(td, 3).CopyTo(spanAt(td, 4))
	spanAt(td, 4).SetName("of the same id")
	result, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{reasonMissingID: 2, reasonTooLarge: 1, reasonDuplicateID: 1}, result.Rejected)
	assert.Equal(t, 2, result.Spans)
	assert.Equal(t, 2, readAll(t, dir, Filter{}).SpanCount())
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)

	paths, err := filepath.Glob(filepath.Join(dir, "_rejected", "*"))
	require.NoError(t, err)
	require.Len(t, paths, 1, "a retry adds no second file")
	content, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	reasons := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Reason string          `json:"reason"`
			Traces json.RawMessage `json:"traces"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		one, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line.Traces)
		require.NoError(t, err)
		require.Equal(t, 1, one.SpanCount())
		reasons[line.Reason]++
	}
	assert.Equal(t, result.Rejected, reasons)
}

// hostileNames are prompt names that must neither leave the folder nor meet.
func hostileNames() []string {
	return []string{
		"../../x", "..", ".", "/etc/passwd", `..\..\x`, "a\x00b", "a\nb", "\x1b[31m", "CON", "con", "nul.txt", "COM1", "aux.",
		strings.Repeat("n", 4096), strings.Repeat("n", 4097), "Prompt", "prompt", "a/b", "a%2Fb", "%", "~", "a b", " a", "a ",
		"prompt_name=x", "日本", "\xff", "\xfe", "'; DROP TABLE spans; --", "*", "[a]", "date=2026-01-01", "a.parquet", "-rf",
	}
}

func TestHostileNames(t *testing.T) {
	names := hostileNames()
	w, dir := newWriter(t, WriterOptions{})
	td := chat(len(names))
	for i, name := range names {
		spanAt(td, i).Attributes().PutStr("gen_ai.prompt.name", name)
		spanAt(td, i).Attributes().PutStr("gen_ai.prompt.version", name)
	}
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	folders, err := os.ReadDir(filepath.Join(dir, TableSpans))
	require.NoError(t, err)
	assert.Len(t, folders, len(names), "each name has a folder of its own")
	for _, folder := range folders {
		assert.True(t, strings.HasPrefix(folder.Name(), "prompt_name="))
		assert.LessOrEqual(t, len(folder.Name()), 255)
		for _, c := range []byte(folder.Name()) {
			assert.Truef(t, c > ' ' && c < 0x7f && !strings.ContainsRune(`/\:*?"<>|`, rune(c)), "%q", folder.Name())
		}
	}
	top, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, top, 3, "spans, _manifest and views.sql")
	for i, name := range names {
		if name == "\xff" || name == "\xfe" {
			continue // Filter compares with the column, which holds U+FFFD.
		}
		got := readAll(t, dir, Filter{PromptName: name, PromptVersion: name})
		require.Equal(t, 1, got.SpanCount(), "%q", name)
		assert.Equal(t, spanAt(td, i).SpanID(), spanAt(got, 0).SpanID())
	}
	d, err := Open(dir)
	require.NoError(t, err)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
}

// Ten thousand names in one push make a bounded number of files, and every row
// keeps its name.
func TestManyNames(t *testing.T) {
	t.Parallel()
	const n = 10000
	w, dir := newWriter(t, WriterOptions{})
	td := chat(n)
	for i := range n {
		spanAt(td, i).Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("prompt-%d", min(i, n-20)))
		spanAt(td, i).SetStartTimestamp(pcommon.Timestamp(uint64(i%300) * 86400e9))
	}
	result, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	assert.Equal(t, n, result.Spans)
	assert.LessOrEqual(t, result.Files, 2*maxPartitions+2)
	assert.Equal(t, 20, readAll(t, dir, Filter{PromptName: fmt.Sprintf("prompt-%d", n-20)}).SpanCount())
	got := readAll(t, dir, Filter{PromptName: "prompt-77"})
	require.Equal(t, 1, got.SpanCount())
	again, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	assert.Equal(t, result.Bytes, again.Bytes)
	d, err := Open(dir)
	require.NoError(t, err)
	info, err := d.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, n, info.Tables[0].Rows, "a retry adds nothing")
}

// Repeated keys are found in maps of every size.
func TestHasDuplicate(t *testing.T) {
	for _, n := range []int{0, 1, 2, 9, 127, 128, 129, 400} {
		keys := make([]string, 0, n+1)
		for i := range n {
			keys = append(keys, strings.Repeat("k", i%7)+fmt.Sprint(i))
		}
		assert.False(t, hasDuplicate(mapOf(t, keys)), n)
		assert.False(t, hasDuplicate(mapOf(t, append(keys, ""))), n)
		assert.True(t, hasDuplicate(mapOf(t, append(keys, "", ""))), n)
		if n > 0 {
			assert.True(t, hasDuplicate(mapOf(t, append(keys, keys[n/2]))), n)
		}
	}
}

// mapOf makes a map of keys, repeated ones too.
func mapOf(t *testing.T, keys []string) pcommon.Map {
	t.Helper()
	var members []string
	for _, key := range keys {
		members = append(members, fmt.Sprintf(`{"key":%q,"value":{"stringValue":"v"}}`, key))
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"resource":{"attributes":[` + strings.Join(members, ",") + `]}}]}`))
	require.NoError(t, err)
	m := td.ResourceSpans().At(0).Resource().Attributes()
	require.Equal(t, len(keys), m.Len())
	return m
}
