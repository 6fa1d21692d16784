// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A model call that a framework and its client both report counts and is scored
// once; the tool that it asked for is stamped in a later request; content that
// arrives in log events, before or after its span, stands in the span's row.
func TestOneTrace(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)

	traced := chatSpans(1, 7)
	spans := traced.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	inner := spans.At(0)
	outer := spans.AppendEmpty()
	inner.CopyTo(outer)
	outer.SetSpanID(pcommon.SpanID{9, 9})
	outer.SetName("framework")
	inner.SetParentSpanID(outer.SpanID())
	require.NoError(t, c.sendTraces(traced))

	require.NoError(t, c.sendLogs(userMessage(inner.TraceID(), pcommon.SpanID{5, 5}, "Is it raining?")))
	require.NoError(t, c.sendTraces(laterSpans(inner)))
	c.stop(t)

	counted := c.query(t, "SELECT span_id FROM spans WHERE counted AND span_id <> '0505000000000000'")
	require.Len(t, counted, 1)
	assert.Equal(t, inner.SpanID().String(), counted[0]["span_id"])
	assert.EqualValues(t, 1, c.count(t, "SELECT count(DISTINCT span_id) AS n FROM scores WHERE name = 'latency_ms' AND span_id <> '0505000000000000'"),
		"spans of that call with scores")
	tool := c.query(t, "SELECT tool_version, (SELECT tool_versions[1] FROM spans WHERE counted AND len(tool_versions) > 0) AS offered FROM spans WHERE call_kind = 'tool'")
	require.Len(t, tool, 1)
	assert.Equal(t, tool[0]["offered"], "get_weather@"+tool[0]["tool_version"].(string))
	late := c.query(t, "SELECT input_messages FROM spans WHERE span_id = '0505000000000000'")
	require.Len(t, late, 1)
	assert.Contains(t, late[0]["input_messages"], "Is it raining?")
}

// laterSpans are the execution of a call's tool, and another call whose content
// is in log events only.
func laterSpans(call ptrace.Span) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	tool := spans.AppendEmpty()
	tool.SetTraceID(call.TraceID())
	tool.SetSpanID(pcommon.SpanID{4, 4})
	tool.SetStartTimestamp(call.EndTimestamp())
	tool.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
	tool.Attributes().PutStr("gen_ai.tool.name", "get_weather")
	bare := spans.AppendEmpty()
	bare.SetTraceID(call.TraceID())
	bare.SetSpanID(pcommon.SpanID{5, 5})
	bare.SetStartTimestamp(call.EndTimestamp())
	bare.Attributes().PutStr("gen_ai.operation.name", "chat")
	bare.Attributes().PutStr("gen_ai.request.model", "gpt-4o-mini")
	return td
}

func userMessage(trace pcommon.TraceID, span pcommon.SpanID, text string) plog.Logs {
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTraceID(trace)
	record.SetSpanID(span)
	record.SetTimestamp(1_750_000_000_000_000_000)
	record.SetEventName("gen_ai.user.message")
	record.Body().SetEmptyMap().PutStr("content", text)
	return ld
}
