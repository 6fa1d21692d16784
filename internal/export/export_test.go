// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is when the first span of a test's dataset starts.
var day = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// varied are n spans, one an hour, of two prompts and with values of all types.
func varied(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range n {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", []string{"shop", "desk"}[i%2])
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID([16]byte{1, byte(i >> 8), byte(i)})
		span.SetSpanID([8]byte{2, byte(i >> 8), byte(i)})
		span.SetName("chat gpt-4.1")
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(day.Add(time.Duration(i) * time.Hour)))
		span.SetEndTimestamp(span.StartTimestamp() + 1_000_000_001)
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.prompt.name", []string{"=cmd|'/c calc'!A0", "helper"}[i%2])
		a.PutStr("gen_ai.prompt.version", "v1")
		a.PutStr("spanloop.prompt.hash", "sha256:ab")
		a.PutInt("gen_ai.usage.input_tokens", int64(i))
		a.PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"line\none, \"two\""}]}]`)
		a.PutStr("note", "comma, \"quote\"\r\nline \x00 \x1b[31m")
		a.PutDouble("share", math.Pi)
		a.PutEmptyBytes("raw").FromRaw([]byte{0, 255})
		a.PutEmptyMap("nested").PutEmptySlice("list").AppendEmpty().SetBool(true)
		event := span.Events().AppendEmpty()
		event.SetName("gen_ai.evaluation.result")
		event.SetTimestamp(span.EndTimestamp())
		event.Attributes().PutStr("gen_ai.evaluation.name", "is_json")
		event.Attributes().PutDouble("gen_ai.evaluation.score.value", float64(i%2))
	}
	return td
}

// store writes spans to a new dataset.
func store(t testing.TB, batches ...ptrace.Traces) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{Include: dataset.IncludeAll})
	require.NoError(t, err)
	for _, td := range batches {
		clone := ptrace.NewTraces()
		td.CopyTo(clone)
		_, err := w.WriteTraces(t.Context(), clone)
		require.NoError(t, err)
	}
	return dir
}

func spansOf(t testing.TB, dir string, s Selection, f Format) (Result, []byte) {
	t.Helper()
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	var out bytes.Buffer
	result, err := Spans(t.Context(), d, s, f, false, &out, func(int, int, int64) {})
	require.NoError(t, err)
	return result, out.Bytes()
}

// decode reads OTLP back as any program with the protocol's definitions would.
func decode(t testing.TB, f Format, content []byte) (td ptrace.Traces, messages int) {
	t.Helper()
	td = ptrace.NewTraces()
	add := func(one ptrace.Traces, err error) {
		require.NoError(t, err)
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		messages++
	}
	if f == OTLPJSON {
		for line := range bytes.Lines(content) {
			add((&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line))
		}
		return td, messages
	}
	for len(content) > 0 {
		size := binary.BigEndian.Uint32(content)
		add((&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(content[4 : 4+size]))
		content = content[4+size:]
	}
	return td, messages
}

// OTLP that comes out is the OTLP that went in, span for span.
func TestSpansAreAsReceived(t *testing.T) {
	for name, want := range map[string]ptrace.Traces{"varied": varied(50), "realistic": benchdata.New(7, 4).Traces(300)} {
		dir := store(t, want)
		for _, f := range []Format{OTLPJSON, OTLPProto} {
			result, content := spansOf(t, dir, Selection{}, f)
			assert.EqualValues(t, want.SpanCount(), result.Rows, name)
			got, messages := decode(t, f, content)
			require.Empty(t, datasettest.Diff(datasettest.Split(want), datasettest.Split(got)), name)
			assert.Less(t, messages, want.SpanCount()/2+2, "spans share messages")
		}
	}
}

// Readers of such files expect lines below 1 MiB.
func TestLinesStayShort(t *testing.T) {
	td := varied(40)
	for i := range 40 {
		span := td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0)
		span.Attributes().PutStr("long", strings.Repeat("\x01", 60_000))
	}
	_, content := spansOf(t, store(t, td), Selection{}, OTLPJSON)
	for line := range bytes.Lines(content) {
		require.Less(t, len(line), 1<<20)
	}
	got, _ := decode(t, OTLPJSON, content)
	assert.Equal(t, 40, got.SpanCount())
}

func TestSpansAreSelected(t *testing.T) {
	dir := store(t, varied(30), varied(30))
	for name, c := range map[string]struct {
		selection Selection
		want      int64
	}{
		"all, stored twice": {Selection{}, 30},
		"prompt":            {Selection{Prompt: "helper"}, 15},
		"version":           {Selection{Version: "v1"}, 30},
		"other version":     {Selection{Prompt: "helper", Version: "v2"}, 0},
		"window":            {Selection{Since: day.Add(2 * time.Hour), Until: day.Add(5 * time.Hour)}, 3},
		"span":              {Selection{SpanIDs: []string{"0200030000000000"}}, 1},
		"traces":            {Selection{TraceIDs: []string{"01000300000000000000000000000000", "01000400000000000000000000000000"}}, 2},
		"trace and prompt":  {Selection{TraceIDs: []string{"01000400000000000000000000000000"}, Prompt: "helper"}, 0},
	} {
		for _, f := range []Format{OTLPProto, JSONLines} {
			var rows int64
			if f.IsOTLP() {
				result, _ := spansOf(t, dir, c.selection, f)
				rows = result.Rows
			} else {
				c.selection.Table = "spans"
				result, _ := rowsOf(t, dir, c.selection, RowOptions{Format: f})
				rows = result.Rows
			}
			assert.Equal(t, c.want, rows, "%s as %s", name, f)
		}
	}
}

// A damaged file ends the export, or is left out whole and named.
func TestDamagedFiles(t *testing.T) {
	dir := store(t, varied(48))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	require.Greater(t, len(files), 2)
	require.NoError(t, os.Truncate(filepath.Join(dir, filepath.FromSlash(files[0].Path)), 100))
	_, err = Spans(t.Context(), d, Selection{}, OTLPJSON, false, io.Discard, func(int, int, int64) {})
	require.ErrorContains(t, err, files[0].Path)
	calls := 0
	result, err := Spans(t.Context(), d, Selection{}, OTLPJSON, true, io.Discard, func(n, of int, _ int64) {
		calls++
		assert.Equal(t, calls, n)
		assert.Equal(t, len(files), of)
	})
	require.NoError(t, err)
	assert.Equal(t, 48-files[0].Rows, result.Rows)
	require.Len(t, result.Damaged, 1)
	assert.ErrorContains(t, result.Damaged[0], files[0].Path)
	assert.Equal(t, len(files), calls)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// An error of the output is never taken for a damaged file.
func TestFailingOutput(t *testing.T) {
	dir := store(t, benchdata.New(1, 1).Traces(200))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	_, err = Spans(t.Context(), d, Selection{}, OTLPJSON, true, full{}, func(int, int, int64) {})
	require.ErrorContains(t, err, "disk full")
	db := open(t, dir, Selection{})
	for _, f := range []Format{CSV, JSONLines, Arrow, ArrowStream} {
		_, err = Rows(t.Context(), db, Selection{Table: "spans"}, RowOptions{Format: f}, full{})
		require.ErrorContains(t, err, "disk full", f)
	}
}

func open(t testing.TB, dir string, s Selection) *query.DB {
	t.Helper()
	db, err := query.Open(t.Context(), query.Options{Dataset: dir, Since: s.Since, Until: s.Until})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func rowsOf(t testing.TB, dir string, s Selection, o RowOptions) (Result, []byte) {
	t.Helper()
	var out bytes.Buffer
	result, err := Rows(t.Context(), open(t, dir, s), s, o, &out)
	require.NoError(t, err)
	return result, out.Bytes()
}

func columnNames(table string) []string {
	var names []string
	for _, c := range query.Columns()[table] {
		names = append(names, c.Name)
	}
	return names
}

func TestCSV(t *testing.T) {
	dir := store(t, varied(4))
	for _, formulas := range []bool{false, true} {
		_, content := rowsOf(t, dir, Selection{Table: "spans"}, RowOptions{Format: CSV, Formulas: formulas})
		lines, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
		require.NoError(t, err)
		require.Len(t, lines, 5)
		assert.Equal(t, columnNames("spans"), lines[0], "the documented order")
		want := "'=cmd|'/c calc'!A0"
		if formulas {
			want = want[1:]
		}
		assert.Equal(t, want, lines[1][0])
		assert.Equal(t, "helper", lines[2][0])
	}
}

func TestJSONLines(t *testing.T) {
	dir := store(t, varied(3))
	_, content := rowsOf(t, dir, Selection{Table: "scores", Prompt: "helper"}, RowOptions{Format: JSONLines})
	var row struct {
		Prompt string  `json:"prompt_name"`
		Name   string  `json:"name"`
		Value  float64 `json:"value"`
		Label  *string `json:"label"`
	}
	require.NoError(t, json.Unmarshal(content, &row), "one line of one object")
	assert.Equal(t, "helper", row.Prompt)
	assert.Equal(t, "is_json", row.Name)
	assert.InDelta(t, 1, row.Value, 0)
	assert.Nil(t, row.Label)
}

// Scores that came late belong to their call's prompt, which they do not name.
func TestLateScoresAreSelectedByPrompt(t *testing.T) {
	dir := store(t, varied(4))
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	logs := plog.NewLogs()
	record := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("gen_ai.evaluation.result")
	record.SetTraceID([16]byte{1, 0, 1})
	record.SetSpanID([8]byte{2, 0, 1})
	record.SetTimestamp(pcommon.NewTimestampFromTime(day.Add(48 * time.Hour)))
	record.Attributes().PutStr("gen_ai.evaluation.name", "helpful")
	record.Attributes().PutDouble("gen_ai.evaluation.score.value", 0.5)
	_, err = w.WriteLogs(t.Context(), logs)
	require.NoError(t, err)
	result, _ := rowsOf(t, dir, Selection{Table: "scores", Prompt: "helper"}, RowOptions{Format: CSV})
	assert.EqualValues(t, 3, result.Rows, "two of their spans and the late one")
}

func TestArrow(t *testing.T) {
	want := varied(5)
	dir := store(t, want)
	for _, f := range []Format{Arrow, ArrowStream} {
		_, content := rowsOf(t, dir, Selection{Table: "spans"}, RowOptions{Format: f})
		record := readArrow(t, f, content)
		require.EqualValues(t, 5, record.NumRows())
		var names []string
		for _, field := range record.Schema().Fields() {
			names = append(names, field.Name)
		}
		assert.Equal(t, columnNames("spans"), names)
		column := func(name string) arrow.Array { return record.Column(record.Schema().FieldIndices(name)[0]) }
		assert.Equal(t, day.Add(time.Hour), column("start_time").(*array.Timestamp).Value(1).ToTime(arrow.Microsecond))
		assert.EqualValues(t, 1_000_000_001, column("duration_ns").(*array.Int64).Value(1))
		assert.Equal(t, day.Format(time.DateOnly), column("date").(*array.Date32).Value(0).ToTime().Format(time.DateOnly))
		assert.False(t, column("is_replay").(*array.Boolean).Value(0))
		assert.True(t, column("cost_usd").(*array.Float64).IsNull(0))
		attributes := column("attributes").(*array.Map)
		from, to := attributes.ValueOffsets(0)
		var keys []string
		for i := from; i < to; i++ {
			keys = append(keys, attributes.Keys().(*array.String).Value(int(i)))
		}
		assert.Equal(t, []string{"note", "share", "raw", "nested"}, keys, "in their order")
		assert.Equal(t, "comma, \"quote\"\r\nline \x00 \x1b[31m", attributes.Items().(*array.String).Value(int(from)))
	}
}

func readArrow(t *testing.T, f Format, content []byte) arrow.RecordBatch {
	t.Helper()
	if f == Arrow {
		reader, err := ipc.NewFileReader(bytes.NewReader(content))
		require.NoError(t, err)
		require.Equal(t, 1, reader.NumRecords())
		record, err := reader.RecordBatch(0)
		require.NoError(t, err)
		record.Retain()
		t.Cleanup(func() { record.Release(); _ = reader.Close() })
		return record
	}
	reader, err := ipc.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	require.True(t, reader.Next())
	record := reader.RecordBatch()
	record.Retain()
	t.Cleanup(func() { record.Release(); reader.Release() })
	return record
}

// Every view can be exported in every form of rows, also when it is empty.
func TestEveryView(t *testing.T) {
	for _, dir := range []string{store(t), store(t, varied(3))} {
		for _, view := range query.Views {
			for _, f := range []Format{CSV, JSONLines, Arrow, ArrowStream} {
				first, content := rowsOf(t, dir, Selection{Table: view}, RowOptions{Format: f})
				again, same := rowsOf(t, dir, Selection{Table: view}, RowOptions{Format: f})
				assert.Equal(t, first, again)
				assert.Equal(t, content, same, "%s as %s: the same rows in the same order", view, f)
			}
		}
	}
}

func TestWhatCannotBeSelected(t *testing.T) {
	db := open(t, store(t, varied(1)), Selection{})
	for want, s := range map[string]Selection{
		"tools cannot be selected by prompt or version":     {Table: "tools", Prompt: "a", Version: "b"},
		"prompts cannot be selected by span id or trace id": {Table: "prompts", SpanIDs: []string{"a"}, TraceIDs: []string{"b"}},
		`table "nothing" is not one of spans`:               {Table: "nothing"},
	} {
		_, err := Rows(t.Context(), db, s, RowOptions{Format: CSV}, io.Discard)
		require.ErrorContains(t, err, want)
	}
	_, err := Rows(t.Context(), db, Selection{Table: "spans"}, RowOptions{Format: OTLPJSON}, io.Discard)
	require.ErrorContains(t, err, "no rows of spans")
}

func TestFormats(t *testing.T) {
	for path, want := range map[string]Format{
		"-": OTLPJSON, "a.json": OTLPJSON, "a.CSV": CSV, "a.arrow": Arrow, "x/a.feather": Arrow, "a.arrows": ArrowStream, "a.pb": OTLPProto,
	} {
		assert.Equal(t, want, FormatFor(path, "spans"), path)
	}
	assert.Equal(t, JSONLines, FormatFor("a.json", "scores"))
	f, err := ParseFormat("arrow-stream")
	require.NoError(t, err)
	assert.Equal(t, ArrowStream, f)
	_, err = ParseFormat("xlsx")
	require.ErrorContains(t, err, `"xlsx" is not one of otlp-json, otlp-proto, csv`)
}

// A file stands under its name when it is complete, and not before.
func TestFileIsAtomic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	f, err := Create(path, false)
	require.NoError(t, err)
	_, err = f.WriteString("half")
	require.NoError(t, err)
	assert.NoFileExists(t, path)
	f.Discard()
	assert.Empty(t, names(t, dir))

	for i, replace := range []bool{false, true} {
		f, err = Create(path, replace)
		require.NoError(t, err)
		_, err = f.WriteString([]string{"old", "new"}[i])
		require.NoError(t, err)
		require.NoError(t, f.Commit())
		f.Discard()
	}
	_, err = Create(path, false)
	require.ErrorIs(t, err, ErrExists)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "new", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, []string{"out.csv"}, names(t, dir))

	late, err := Create(filepath.Join(dir, "late"), false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "late"), []byte("other's"), 0o600))
	require.ErrorIs(t, late.Commit(), ErrExists, "somebody else was faster")
	assert.Equal(t, []string{"late", "out.csv"}, names(t, dir))
	_, err = Create(dir, true)
	require.ErrorContains(t, err, "is a folder")
	_, err = Create(filepath.Join(dir, "none", "a"), false)
	require.Error(t, err)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
