// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// keys are all attributes of the dialect table, and one or more of each family.
func tableKeys() []string {
	var keys []string
	for i := range dialects {
		for _, r := range dialects[i].rows {
			keys = append(keys, r.key)
		}
		for _, f := range dialects[i].families {
			for _, rest := range []string{"0.role", "0.content", "1.message.content", "0.message.tool_calls.0.tool_call.function.name", "0.tool.json_schema", "0.annotation.score", "temperature", "7.name", "x.version", "0.finish_reason", "0.message.contents.0.message_content.text"} {
				keys = append(keys, f.prefix+rest)
			}
		}
	}
	return keys
}

// put writes a fuzzed value: its first byte says of which type.
func putFuzzed(value pcommon.Value, text string) {
	if text == "" {
		return
	}
	switch rest := text[1:]; text[0] % 8 {
	case 0:
		value.SetInt(int64(len(rest)) - 3)
	case 1:
		value.SetDouble([]float64{0.5, -1, math.NaN(), math.Inf(1), 1e300}[len(rest)%5])
	case 2:
		value.SetBool(len(rest)%2 == 0)
	case 3:
		value.SetEmptySlice().AppendEmpty().SetStr(rest)
	case 4:
		value.SetEmptyMap().PutStr("content", rest)
	case 5:
		value.SetEmptyBytes().FromRaw([]byte(rest))
	default:
		value.SetStr(rest)
	}
}

// FuzzRead builds a span of attributes of any dialect, with values of any type,
// and reads all of it: nothing makes it fail, and what it says is sound.
func FuzzRead(f *testing.F) {
	keys := tableKeys()
	f.Add(uint16(0), "7chat", uint16(38), `7[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, uint16(41), `7[{"name":"f","parameters":{}}]`, uint16(2), "0")
	for i := range keys {
		f.Add(uint16(i), `7{"messages":[{"role":"user","content":"x"}],"usage":{"prompt_tokens":1e99},"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}{}"}}]}}]}`,
			uint16(i+1), "7[[", uint16(i*7), `3[{"type":"function"}]`, uint16(i*13), "4x")
	}
	f.Fuzz(func(t *testing.T, k1 uint16, v1 string, k2 uint16, v2 string, k3 uint16, v3 string, k4 uint16, v4 string) {
		span := ptrace.NewSpan()
		attrs := span.Attributes()
		for _, pair := range []struct {
			key   uint16
			value string
		}{{k1, v1}, {k2, v2}, {k3, v3}, {k4, v4}} {
			putFuzzed(attrs.PutEmpty(keys[int(pair.key)%len(keys)]), pair.value)
		}
		if len(v4)%3 == 0 {
			event := span.Events().AppendEmpty()
			event.SetName([]string{"gen_ai.choice", "gen_ai.user.message", "exception", "gen_ai.content.prompt", "langwatch.evaluation.custom"}[len(v3)%5])
			attrs.CopyTo(event.Attributes())
		}
		before := encoded(t, span)
		call, ok := Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
		if ok != IsGenAI(span, pcommon.NewInstrumentationScope()) {
			t.Fatal("Read and IsGenAI disagree")
		}
		if !ok {
			return
		}
		checkCall(t, call)
		if encoded(t, span) != before {
			t.Fatal("reading changed the span")
		}
	})
}

// encoded is a span as OTLP.
func encoded(t *testing.T, span ptrace.Span) string {
	t.Helper()
	td := ptrace.NewTraces()
	span.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	content, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// checkCall checks what must hold of any call.
func checkCall(t *testing.T, call *Call) {
	t.Helper()
	call.GlanceAtContent()
	problems := call.CheckContent()
	for _, m := range []*Messages{&call.Input, &call.Output} {
		if list, err := m.List(); err == nil && len(list) > 0 && !json.Valid([]byte(m.JSON())) {
			t.Fatalf("no JSON: %q", m.JSON())
		}
	}
	if list, err := call.Tools.List(); err == nil && len(list) > 0 && !json.Valid([]byte(call.Tools.JSON())) {
		t.Fatalf("no JSON: %q", call.Tools.JSON())
	}
	if params := ParamsJSON(call.Params); params != "" && !json.Valid([]byte(params)) {
		t.Fatalf("no JSON: %q", params)
	}
	for _, count := range []Opt[int64]{call.Usage.InputTokens, call.Usage.OutputTokens, call.Usage.CacheReadTokens, call.Usage.CacheWriteTokens, call.Usage.ReasoningTokens, call.TimeToFirstTokenNS} {
		if count.Value < 0 || !count.Set && count.Value != 0 {
			t.Fatalf("count %+v", count)
		}
	}
	if cost := call.CostUSD; math.IsNaN(cost.Value) || math.IsInf(cost.Value, 0) || cost.Value < 0 {
		t.Fatalf("cost %v", cost.Value)
	}
	for _, problem := range problems {
		if problem.Attribute == "" || problem.Reason == "" {
			t.Fatalf("problem %+v", problem)
		}
	}
	if call.Counted && call.Kind != KindInference && call.Kind != KindEmbeddings && call.Kind != KindRerank {
		t.Fatalf("kind %d counts", call.Kind)
	}
	if IsLabel(call.Prompt.Version) {
		t.Fatalf("the label %q is a version", call.Prompt.Version)
	}
	call.ToolCalls()
	call.SystemText()
}

// FuzzMessages: what was read and written is read back as the same.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		`[{"role":"user","content":"x"}]`, `[{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"f","arguments":{}}]}]`, `{"messages":[]}`, `["a",["b"],{"kwargs":{"content":"c"}}]`,
		`[{"content":{"role":"model","parts":[{"text":"x"}]}}]`, `[{"type":"function_call","name":"f"}]`, `[{"role":"tool","content":[{"toolResult":{}}]}]`, `[{"role":"\ud800","content":"\u0000"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := MessagesFromJSON(text)
		list, err := m.List()
		if err != nil {
			if m.JSON() != text {
				t.Fatalf("%q became %q", text, m.JSON())
			}
			return
		}
		if len(list) == 0 {
			return
		}
		if !json.Valid([]byte(m.JSON())) {
			t.Fatalf("%q became %q, which is no JSON", text, m.JSON())
		}
		written := string(appendMessages(nil, list))
		again := MessagesFromJSON(written)
		if second, err := again.List(); err != nil || len(second) != len(list) {
			t.Fatalf("%q: %d messages, written %q: %d (%v)", text, len(list), written, len(second), err)
		} else if third := string(appendMessages(nil, second)); third != written {
			t.Fatalf("%q was written as %q, then as %q", text, written, third)
		}
	})
}

// FuzzReadLog: log events of any name, body and attributes are read.
func FuzzReadLog(f *testing.F) {
	names := []string{
		"gen_ai.user.message", "gen_ai.system.message", "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice", "gen_ai.client.inference.operation.details",
		"gen_ai.evaluation.result", "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.other", "",
	}
	for i := range names {
		f.Add(uint8(i), `7{"content":"x","tool_calls":[{"function":{"name":"f"}}]}`, `7[{"role":"user"}]`, "1x")
	}
	f.Fuzz(func(t *testing.T, name uint8, body, messages, score string) {
		record := plog.NewLogRecord()
		event := names[int(name)%len(names)]
		if strings.HasPrefix(body, "7") {
			record.SetEventName(event)
		} else {
			record.Attributes().PutStr("event.name", event)
		}
		putFuzzed(record.Body(), body)
		for _, key := range []string{"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.prompt", "gen_ai.completion"} {
			putFuzzed(record.Attributes().PutEmpty(key), messages)
		}
		for _, key := range []string{"gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.response.id"} {
			putFuzzed(record.Attributes().PutEmpty(key), score)
		}
		got, ok := ReadLog(record, pcommon.NewInstrumentationScope(), pcommon.NewResource())
		if !ok {
			return
		}
		if (got.Call == nil) == (got.Score == nil) {
			t.Fatal("an event is a call's or a score")
		}
		if got.Call != nil {
			checkCall(t, got.Call)
		} else if got.Score.Name == "" || math.IsNaN(got.Score.Value.Value) || math.IsInf(got.Score.Value.Value, 0) {
			t.Fatalf("score %+v", got.Score)
		}
	})
}
