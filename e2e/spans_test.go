// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const weatherTools = `[{"type":"function","name":"get_weather","description":"Weather of a city.",` +
	`"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]`

// chatSpans returns n chat spans with tool calls, in the current OpenTelemetry
// form; seed makes their ids.
func chatSpans(n int, seed uint64) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "weather")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	spans.EnsureCapacity(n)
	for i := range n {
		fillChat(spans.AppendEmpty(), seed, uint64(i))
	}
	return td
}

func fillChat(span ptrace.Span, seed, i uint64) {
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:8], seed+1)
	binary.BigEndian.PutUint64(trace[8:], i+1)
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], seed<<32|i+1)
	start := time.Now().Add(-time.Minute)
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetName("chat gpt-4o-mini")
	span.SetKind(ptrace.SpanKindClient)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(420 * time.Millisecond)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	a.PutStr("gen_ai.prompt.name", "weather")
	a.PutStr("gen_ai.prompt.version", "7")
	a.PutInt("gen_ai.usage.input_tokens", 75)
	a.PutInt("gen_ai.usage.output_tokens", 12)
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("tool_calls")
	a.PutStr("gen_ai.tool.definitions", weatherTools)
	a.PutStr("gen_ai.input.messages", fmt.Sprintf(
		`[{"role":"system","parts":[{"type":"text","content":"You report the weather."}]},`+
			`{"role":"user","parts":[{"type":"text","content":"Weather in city %d?"}]}]`, i))
	a.PutStr("gen_ai.output.messages", fmt.Sprintf(
		`[{"role":"assistant","parts":[{"type":"tool_call","id":"call_%d","name":"get_weather",`+
			`"arguments":{"city":"city %d"}}],"finish_reason":"tool_calls"}]`, i, i))
}
