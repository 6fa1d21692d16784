// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Each attribute that cannot be read is a problem with its reason, and the rest
// of the span is read.
func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		attrs   kv
		problem Problem
	}{
		"tokens as a word":        {kv{"gen_ai.usage.input_tokens", "many"}, Problem{"gen_ai.usage.input_tokens", ReasonWrongType}},
		"tokens below zero":       {kv{"gen_ai.usage.input_tokens", -1}, Problem{"gen_ai.usage.input_tokens", ReasonWrongType}},
		"half a token":            {kv{"gen_ai.usage.input_tokens", 1.5}, Problem{"gen_ai.usage.input_tokens", ReasonWrongType}},
		"tokens without end":      {kv{"gen_ai.usage.output_tokens", math.Inf(1)}, Problem{"gen_ai.usage.output_tokens", ReasonWrongType}},
		"a cost that is no":       {kv{"gen_ai.usage.cost", math.NaN()}, Problem{"gen_ai.usage.cost", ReasonWrongType}},
		"a model as a number":     {kv{"gen_ai.request.model", 4}, Problem{"gen_ai.request.model", ReasonWrongType}},
		"a prompt as a map":       {kv{"gen_ai.prompt.name", kv{"a", "b"}}, Problem{"gen_ai.prompt.name", ReasonWrongType}},
		"finish as a number":      {kv{"gen_ai.response.finish_reasons", 7}, Problem{"gen_ai.response.finish_reasons", ReasonWrongType}},
		"messages as a word":      {kv{"gen_ai.input.messages", "Hi"}, Problem{"gen_ai.input.messages", ReasonMalformedJSON}},
		"messages cut off":        {kv{"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"te`}, Problem{"gen_ai.input.messages", ReasonTruncated}},
		"tools cut off":           {kv{"gen_ai.tool.definitions", `[{"type":"function","na`}, Problem{"gen_ai.tool.definitions", ReasonTruncated}},
		"a tool's schema cut off": {kv{"llm.tools.0.tool.json_schema", `{"name":"f`}, Problem{"llm.tools.0.tool.json_schema", ReasonTruncated}},
		"usage that is no JSON":   {kv{"langfuse.observation.usage_details", `{input: 3}`}, Problem{"langfuse.observation.usage_details", ReasonMalformedJSON}},
		"a gap in the history":    {kv{"gen_ai.prompt.0.role", "user", "gen_ai.prompt.0.content", "a", "gen_ai.prompt.5.role", "user", "gen_ai.prompt.5.content", "b"}, Problem{"gen_ai.prompt.1", ReasonTruncated}},
	} {
		t.Run(name, func(t *testing.T) {
			attrs := append(kv{"gen_ai.operation.name", "chat", "gen_ai.response.id", "r1"}, test.attrs...)
			call := testSpan{attrs: attrs}.read(t)
			assert.Contains(t, call.CheckContent(), test.problem)
			assert.Equal(t, "r1", call.ResponseID)
			assert.Equal(t, KindInference, call.Kind)
		})
	}
}

// An absent value is no problem, and no value.
func TestEmptyValues(t *testing.T) {
	call := testSpan{attrs: kv{
		"gen_ai.operation.name", "chat", "gen_ai.usage.input_tokens", none{}, "gen_ai.request.model", none{}, "gen_ai.prompt.name", "", "gen_ai.prompt.version", none{},
		"gen_ai.input.messages", none{}, "gen_ai.output.messages", list{}, "gen_ai.tool.definitions", "", "gen_ai.response.finish_reasons", list{}, "gen_ai.request.seed", none{},
	}}.read(t)
	assert.Empty(t, call.CheckContent())
	assert.Equal(t, "inference chat, counted [otel]", describe(call))
}

// A span is read in bounded time and memory, whatever it carries.
func TestHostileSpans(t *testing.T) {
	deep := strings.Repeat("[", 2<<20) + strings.Repeat("]", 2<<20)
	wide := kv{"openinference.span.kind", "LLM"}
	for i := range 5000 {
		wide = append(wide, fmt.Sprintf("llm.input_messages.%d.message.content", i), "x", fmt.Sprintf("llm.tools.%d.tool.json_schema", i), "{")
	}
	for name, attrs := range map[string]kv{
		"brackets without end":   {"gen_ai.input.messages", deep, "gen_ai.tool.definitions", deep, "gen_ai.prompt", deep, "langfuse.observation.output", deep},
		"quotes without end":     {"gen_ai.input.messages", strings.Repeat(`"`, 4<<20), "gen_ai.output.messages", `[{"parts":` + strings.Repeat(`\"`, 2<<20)},
		"backslashes":            {"gen_ai.input.messages", `["` + strings.Repeat(`\`, 4<<20) + `"]`},
		"a huge index":           {"llm.input_messages.999999999.message.role", "user", "gen_ai.prompt.99999.content", "x", "openinference.span.kind", "LLM"},
		"many indices":           wide,
		"objects in one another": {"gen_ai.prompt", strings.Repeat(`{"message":`, 400) + `{}` + strings.Repeat("}", 400)},
		"a string in a string":   {"gen_ai.system_instructions", strings.Repeat(`"\"`, 100_000)},
		"merged calls":           {"langfuse.observation.type", "generation", "langfuse.observation.output", `{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"` + strings.Repeat("{}", 500_000) + `"}}]}`},
		"names that climb":       {"gen_ai.prompt.name", "../../x", "gen_ai.prompt.version", "..\x00/", "gen_ai.operation.name", "../chat"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			call, ok := Read(testSpan{attrs: append(kv{"gen_ai.request.model", "m"}, attrs...)}.build())
			assert.True(t, ok)
			call.CheckContent()
			describe(call)
			assert.LessOrEqual(t, len(call.Problems), maxProblems)
			assert.Less(t, time.Since(begin), 20*time.Second)
		})
	}
}

// More numbered attributes than are read of one span are a stated problem.
func TestTooManyAttributes(t *testing.T) {
	attrs := kv{"openinference.span.kind", "LLM"}
	for i := range maxEntries/2 + 1 {
		attrs = append(attrs, fmt.Sprintf("llm.input_messages.%d.message.role", i), "user", fmt.Sprintf("llm.input_messages.%d.message.content", i), "x")
	}
	call := testSpan{attrs: attrs}.read(t)
	assert.Equal(t, []Problem{{Attribute: fmt.Sprintf("llm.input_messages.%d.message.role", maxEntries/2), Reason: ReasonTooLarge}}, call.Problems)
}

// Every word that marks a GenAI span does so alone; others do not.
func TestIsGenAI(t *testing.T) {
	for _, key := range []string{
		"gen_ai.x", "llm.model_name", "langfuse.observation.type", "langsmith.span.kind", "langwatch.span.type", "langwatch.prompt.id", "logfire.span_type",
		"logfire.feedback.name", "openinference.span.kind", "traceloop.span.kind", "traceloop.prompt.key", "ai.operationId", "ag.type.span", "annotations.0.annotation.name",
		"mlflow.spanType", "model_request_parameters", "mcp.method.name", "braintrust.span_attributes", "promptlayer.prompt.name", "pydantic_ai.all_messages", "humanloop.file.path",
	} {
		span, scope, _ := testSpan{attrs: kv{"http.method", "GET", key, "x"}}.build()
		assert.True(t, IsGenAI(span, scope), key)
	}
	for _, key := range []string{"", "g", "gen", "gen_ai", "genai.x", "llm", "langfuse.session.id", "ai.x", "ag.x", "input.value", "session.id", "metadata", "logfire.msg", "tool.name", "events"} {
		span, scope, _ := testSpan{attrs: kv{key, "x"}}.build()
		assert.False(t, IsGenAI(span, scope), key)
		_, read := Read(span, scope, pcommon.NewResource())
		assert.False(t, read, key)
	}
	span, scope, _ := testSpan{events: []spanEvent{{"gen_ai.choice", nil}}}.build()
	assert.True(t, IsGenAI(span, scope), "an event of the conventions")
	span, scope, _ = testSpan{scope: "gcp.vertex.agent"}.build()
	assert.True(t, IsGenAI(span, scope))
}
