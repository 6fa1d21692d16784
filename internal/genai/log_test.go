// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// logRecord is a log record of a span.
func logRecord(eventName string, body any, attributes kv) plog.LogRecord {
	record := plog.NewLogRecord()
	record.SetTraceID(pcommon.TraceID{1})
	record.SetSpanID(pcommon.SpanID{2})
	record.SetEventName(eventName)
	if body != nil {
		setValue(record.Body(), body)
	}
	attributes.put(record.Attributes())
	return record
}

func readLog(record plog.LogRecord) (*LogEvent, bool) {
	return ReadLog(record, pcommon.NewInstrumentationScope(), pcommon.NewResource())
}

func TestReadLogEvents(t *testing.T) {
	for name, test := range map[string]struct {
		record        plog.LogRecord
		input, output string
		system, tools string
	}{
		"a user's message": {
			record: logRecord("gen_ai.user.message", kv{"content", "Rain?"}, nil),
			input:  `[{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]`,
		},
		"the name as an attribute": {
			record: logRecord("", kv{"content", "Be brief."}, kv{"event.name", "gen_ai.system.message"}),
			input:  `[{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]`,
		},
		"the body as JSON": {
			record: logRecord("gen_ai.user.message", `{"content":"Rain?"}`, nil),
			input:  `[{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]`,
		},
		"an assistant's tool calls": {
			record: logRecord("gen_ai.assistant.message", kv{"tool_calls", list{kv{"id", "c1", "type", "function", "function", kv{"name", "w", "arguments", `{"city":"Oslo"}`}}}}, nil),
			input:  `[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"city\":\"Oslo\"}"}]}]`,
		},
		"a tool's answer": {
			record: logRecord("gen_ai.tool.message", kv{"id", "c1", "content", "wet"}, nil),
			input:  `[{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"wet"}]}]`,
		},
		"a choice": {
			record: logRecord("gen_ai.choice", kv{"index", 0, "finish_reason", "stop", "message", kv{"role", "assistant", "content", "Wet."}}, nil),
			output: `[{"role":"assistant","parts":[{"type":"text","content":"Wet."}],"finish_reason":"stop"}]`,
		},
		"the details of a whole call": {
			record: logRecord("gen_ai.client.inference.operation.details", nil, kv{
				"gen_ai.operation.name", "chat", "gen_ai.request.model", "m", "gen_ai.response.id", "r1",
				"gen_ai.system_instructions", list{kv{"type", "text", "content", "Be brief."}},
				"gen_ai.input.messages", list{kv{"role", "user", "parts", list{kv{"type", "text", "content", "Rain?"}}}},
				"gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"Wet."}]}]`,
				"gen_ai.tool.definitions", list{kv{"type", "function", "name", "w"}},
			}),
			system: `[{"type":"text","content":"Be brief."}]`,
			input:  `[{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]`,
			output: `[{"role":"assistant","parts":[{"type":"text","content":"Wet."}]}]`,
			tools:  `[{"type":"function","name":"w"}]`,
		},
		"content of version 1.26": {
			record: logRecord("gen_ai.content.prompt", nil, kv{"gen_ai.prompt", `[{"role":"user","content":"Rain?"}]`}),
			input:  `[{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			event, ok := readLog(test.record)
			require.True(t, ok)
			require.NotNil(t, event.Call)
			assert.Equal(t, pcommon.SpanID{2}, event.SpanID)
			assert.Equal(t, test.input, event.Call.Input.JSON())
			assert.Equal(t, test.output, event.Call.Output.JSON())
			assert.Equal(t, test.system, event.Call.System.JSON())
			assert.Equal(t, test.tools, event.Call.Tools.JSON())
		})
	}
}

func TestOtherLogRecords(t *testing.T) {
	for name, record := range map[string]plog.LogRecord{
		"no event":             logRecord("", "a line", nil),
		"another event":        logRecord("exception", nil, nil),
		"a name of wrong type": logRecord("", nil, kv{"event.name", 7}),
		"no content":           logRecord("gen_ai.client.inference.operation.details", nil, kv{"gen_ai.request.model", "m"}),
		"an unknown event":     logRecord("gen_ai.unheard.of", kv{"content", "x"}, nil),
		"a score without name": logRecord("gen_ai.evaluation.result", nil, kv{"gen_ai.evaluation.score.value", 1.0}),
	} {
		_, ok := readLog(record)
		assert.False(t, ok, name)
	}
}

func TestReadScoreEvents(t *testing.T) {
	for name, test := range map[string]struct {
		attributes kv
		want       string
	}{
		"value and label":    {kv{"gen_ai.evaluation.name", "relevance", "gen_ai.evaluation.score.value", 0.5, "gen_ai.evaluation.score.label", "ok", "gen_ai.evaluation.explanation", "why"}, "relevance value=0.5 label=ok explanation=why kind=external scope=span"},
		"label only":         {kv{"gen_ai.evaluation.name", "tone", "gen_ai.evaluation.score.label", "neutral"}, "tone label=neutral kind=external scope=span"},
		"a failure is no 0":  {kv{"gen_ai.evaluation.name", "x", "error.type", "timeout"}, "x kind=external error=timeout scope=span"},
		"a value as text":    {kv{"gen_ai.evaluation.name", "x", "gen_ai.evaluation.score.value", "0.25"}, "x value=0.25 kind=external scope=span"},
		"a value that is no": {kv{"gen_ai.evaluation.name", "x", "gen_ai.evaluation.score.value", "high"}, "x kind=external scope=span"},
	} {
		record := logRecord("gen_ai.evaluation.result", nil, test.attributes)
		record.Attributes().PutStr("gen_ai.response.id", "r1")
		event, ok := readLog(record)
		require.True(t, ok, name)
		assert.Equal(t, test.want, describeScore(*event.Score), name)
		assert.Equal(t, "r1", event.ResponseID)
		assert.Nil(t, event.Call)
	}
}
