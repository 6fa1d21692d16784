// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

var (
	eventTrace = pcommon.TraceID{1}
	eventSpan  = pcommon.SpanID{2}
)

// addEvent adds a log event of the old conventions: one message of a call.
func addEvent(records plog.LogRecordSlice, at int64, name, body string) {
	record := records.AppendEmpty()
	record.SetTraceID(eventTrace)
	record.SetSpanID(eventSpan)
	record.SetTimestamp(pcommon.Timestamp(at))
	record.SetEventName(name)
	record.Body().SetStr(body)
}

// events returns the messages of a call with a tool call, one event a message,
// not in the order of time.
func events() plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	addEvent(records, 30, "gen_ai.choice", `{"index":0,"finish_reason":"tool_calls","message":{"tool_calls":[{"id":"c1","function":{"name":"get_weather","arguments":"{\"city\":\"Ulm\"}"}}]}}`)
	addEvent(records, 10, "gen_ai.system.message", `{"content":"You report, with \"care\", [the] weather."}`)
	addEvent(records, 20, "gen_ai.user.message", `{"content":"Weather in Ulm?"}`)
	addEvent(records, 20, "gen_ai.user.message", `{"content":"Quickly."}`)
	return ld
}

func callWithout(content bool) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(eventTrace)
	span.SetSpanID(eventSpan)
	span.SetStartTimestamp(5)
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	span.Attributes().PutStr("gen_ai.request.model", "m")
	if content {
		span.Attributes().PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"Rain."}]}]`)
	}
	return td
}

// Content that arrived in log events stands in its span's row, before or after
// the span came, once however often it was sent.
func TestContentOfLogEvents(t *testing.T) {
	dir := t.TempDir()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteLogs(t.Context(), events())
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), callWithout(false))
	require.NoError(t, err)
	again := events()
	addEvent(again.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords(), 40, "gen_ai.other", "{}")
	again.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetObservedTimestamp(99)
	_, err = w.WriteLogs(t.Context(), again)
	require.NoError(t, err)

	db := open(t, Options{Dataset: dir})
	result, err := db.Query(t.Context(), "SELECT input_messages, output_messages, tool_call_count, tool_calls[1].name, tool_calls[1].arguments, input_chars FROM spans")
	require.NoError(t, err)
	require.Len(t, result.Rows, 1)
	row := result.Rows[0]
	assert.JSONEq(t, `[{"role":"system","parts":[{"type":"text","content":"You report, with \"care\", [the] weather."}]},
		{"role":"user","parts":[{"type":"text","content":"Weather in Ulm?"}]},
		{"role":"user","parts":[{"type":"text","content":"Quickly."}]}]`, row[0].(string))
	assert.Contains(t, row[1], "get_weather")
	assert.EqualValues(t, 1, row[2])
	assert.Equal(t, "get_weather", row[3])
	assert.JSONEq(t, `{"city":"Ulm"}`, row[4].(string))
	assert.EqualValues(t, len(row[0].(string)), row[5])
}

// What the span itself holds is not overwritten.
func TestContentOfTheSpanComesFirst(t *testing.T) {
	dir := t.TempDir()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), callWithout(true))
	require.NoError(t, err)
	_, err = w.WriteLogs(t.Context(), events())
	require.NoError(t, err)
	db := open(t, Options{Dataset: dir})
	assert.Contains(t, one(t, db, "SELECT output_messages FROM spans"), "Rain.")
	assert.EqualValues(t, 0, one(t, db, "SELECT tool_call_count FROM spans"))
	assert.EqualValues(t, 0, one(t, db, "SELECT len(tool_calls) FROM spans"))
	assert.EqualValues(t, 5, one(t, db, "SELECT output_chars FROM spans"))
	assert.Contains(t, one(t, db, "SELECT input_messages FROM spans"), "Ulm", "the input is in the events only")
}

// views.sql joins the content as soon as there is some, and works without.
func TestViewsFileJoinsContent(t *testing.T) {
	dir := t.TempDir()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), callWithout(false))
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, "views.sql"))
	require.NoError(t, err)
	assert.NotContains(t, string(before), "LEFT JOIN content")
	_, err = w.WriteLogs(t.Context(), events())
	require.NoError(t, err)
	after, err := os.ReadFile(filepath.Join(dir, "views.sql"))
	require.NoError(t, err)
	assert.Contains(t, string(after), "content_files")
}

// Text of an event that is no UTF-8 makes no file that cannot be read.
func TestContentThatIsNoUTF8(t *testing.T) {
	dir := t.TempDir()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	ld := plog.NewLogs()
	addEvent(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords(), 1, "gen_ai.user.message", "{\"content\":\"a\xff\"}")
	_, err = w.WriteLogs(t.Context(), ld)
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), callWithout(false))
	require.NoError(t, err)
	db := open(t, Options{Dataset: dir})
	assert.Contains(t, one(t, db, "SELECT input_messages FROM spans"), "a\ufffd")
}
