// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Histories in the shapes of providers and frameworks become one shape.
func TestMessagesFromJSON(t *testing.T) {
	for name, test := range map[string]struct{ given, want string }{
		"nothing":                {``, ``},
		"no messages":            {`[]`, ``},
		"text":                   {`["Hi"]`, `[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]`},
		"OpenTelemetry, kept":    {`[ {"role":"user","parts":[{"type":"text","content":"\u0048i","extra":1}]}]`, `[ {"role":"user","parts":[{"type":"text","content":"\u0048i","extra":1}]}]`},
		"OpenAI":                 {`[{"role":"system","content":"A"},{"role":"user","content":[{"type":"text","text":"B"},{"type":"image_url","image_url":{"url":"https://x"}}]}]`, `[{"role":"system","parts":[{"type":"text","content":"A"}]},{"role":"user","parts":[{"type":"text","content":"B"},{"type":"image_url","image_url":{"url":"https://x"}}]}]`},
		"OpenAI, tool calls":     {`[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"ok"}]`, `[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":"{}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"ok"}]}]`},
		"OpenAI, old functions":  {`[{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"ok"}]`, `[{"role":"assistant","parts":[{"type":"tool_call","name":"f","arguments":"{}"}]},{"role":"tool","parts":[{"type":"tool_call_response","name":"f","response":"ok"}],"name":"f"}]`},
		"OpenAI, a refusal":      {`[{"role":"assistant","content":null,"refusal":"No."}]`, `[{"role":"assistant","parts":[{"type":"text","content":"No."}]}]`},
		"OpenAI, choices":        {`[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"A"}},{"index":1,"finish_reason":"length","message":{"role":"assistant","content":"B"}}]`, `[{"role":"assistant","parts":[{"type":"text","content":"A"}],"finish_reason":"stop"},{"role":"assistant","parts":[{"type":"text","content":"B"}],"finish_reason":"length"}]`},
		"OpenAI, Responses":      {`[{"type":"reasoning","summary":[{"text":"R"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"ok"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"A"}]}]`, `[{"role":"assistant","parts":[{"type":"reasoning","content":"R"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":"{}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"ok"}]},{"role":"assistant","parts":[{"type":"text","content":"A"}]}]`},
		"Anthropic":              {`[{"role":"assistant","content":[{"type":"thinking","thinking":"T"},{"type":"tool_use","id":"c","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}]`, `[{"role":"assistant","parts":[{"type":"reasoning","content":"T"},{"type":"tool_call","id":"c","name":"f","arguments":{"a":1}}]},{"role":"user","parts":[{"type":"tool_call_response","id":"c","response":"ok"}]}]`},
		"Bedrock":                {`[{"role":"assistant","content":[{"text":"A"},{"toolUse":{"toolUseId":"c","name":"f","input":{"a":1}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"c","content":[{"text":"ok"}]}}]}]`, `[{"role":"assistant","parts":[{"type":"text","content":"A"},{"type":"tool_call","id":"c","name":"f","arguments":{"a":1}}]},{"role":"user","parts":[{"type":"tool_call_response","id":"c","response":[{"text":"ok"}]}]}]`},
		"Gemini":                 {`[{"role":"model","parts":[{"text":"A","thought":true},{"functionCall":{"name":"f","args":{"a":1}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"b":2}}}]}]`, `[{"role":"assistant","parts":[{"type":"reasoning","content":"A"},{"type":"tool_call","name":"f","arguments":{"a":1}}]},{"role":"user","parts":[{"type":"tool_call_response","name":"f","response":{"b":2}}]}]`},
		"Gemini, a candidate":    {`[{"content":{"role":"model","parts":[{"text":"A"}]},"finishReason":"STOP"}]`, `[{"role":"assistant","parts":[{"type":"text","content":"A"}],"finish_reason":"STOP"}]`},
		"AI SDK":                 {`[{"role":"assistant","content":[{"type":"reasoning","text":"R"},{"type":"tool-call","toolCallId":"c","toolName":"f","args":{"a":1}}]}]`, `[{"role":"assistant","parts":[{"type":"reasoning","content":"R"},{"type":"tool_call","id":"c","name":"f","arguments":{"a":1}}]}]`},
		"LangChain, serialised":  {`[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"A","type":"human"}}]]`, `[{"role":"user","parts":[{"type":"text","content":"A"}]}]`},
		"LangChain, type, data":  {`[{"type":"ai","data":{"content":"A"}},{"type":"tool","data":{"content":"ok","tool_call_id":"c"}}]`, `[{"role":"assistant","parts":[{"type":"text","content":"A"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"ok"}]}]`},
		"a request of messages":  {`{"messages":[{"role":"human","content":"A"}]}`, `[{"role":"user","parts":[{"type":"text","content":"A"}]}]`},
		"a single message":       {`{"role":"user","content":"A"}`, `[{"role":"user","parts":[{"type":"text","content":"A"}]}]`},
		"what is no message":     {`[{"role":"user","content":"A"},7,null]`, `[{"role":"user","parts":[{"type":"text","content":"A"}]}]`},
		"an unknown part, kept":  {`[{"role":"user","content":[{"type":"hologram","data":"x"}]}]`, `[{"role":"user","parts":[{"type":"hologram","data":"x"}]}]`},
		"text that is like JSON": {`[{"role":"user","content":"{\"a\":1}"}]`, `[{"role":"user","parts":[{"type":"text","content":"{\"a\":1}"}]}]`},
	} {
		m := MessagesFromJSON(test.given)
		_, err := m.List()
		require.NoError(t, err, name)
		m = MessagesFromJSON(test.given)
		assert.Equal(t, test.want, m.JSON(), name)
		again := MessagesFromJSON(m.JSON())
		assert.Equal(t, m.JSON(), again.JSON(), "%s: what was written is read back", name)
	}
}

func TestMalformedMessages(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": `text`, "cut off": `[{"role":"user","content":"A`, "Python": `[{'role': 'user', 'content': 'A'}]`,
		"nested beyond reason": strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000),
	} {
		m := MessagesFromJSON(text)
		_, err := m.List()
		require.ErrorIs(t, err, ErrMalformed, name)
		assert.Equal(t, text, m.JSON(), "%s: the text stays as it came", name)
		assert.Empty(t, m.Text(), name)
		assert.False(t, m.Empty(), name)
		call := Call{Input: m, Output: m}
		assert.Empty(t, call.ToolCalls())
		assert.Empty(t, call.OutputText())
		assert.Empty(t, call.SystemText())
	}
}

func TestToolCallsOfAnAnswer(t *testing.T) {
	call := Call{Output: MessagesFromJSON(`[{"role":"assistant","parts":[{"type":"text","content":"A"},{"type":"tool_call","id":"1","name":"f","arguments":"{\"a\":1}"}]},
		{"role":"assistant","parts":[{"type":"tool_call","id":"2","name":"g","arguments":{"b": 2}},{"type":"tool_call","name":"h","arguments":"no json"},{"type":"tool_call","name":"i"}]}]`)}
	assert.Equal(t, []ToolCall{
		{ID: "1", Name: "f", Arguments: `{"a":1}`}, {ID: "2", Name: "g", Arguments: `{"b": 2}`, Choice: 1},
		{Name: "h", Arguments: "no json", Choice: 1}, {Name: "i", Choice: 1},
	}, call.ToolCalls())
	assert.Equal(t, "A", call.OutputText())
}

func TestSystemText(t *testing.T) {
	history := `[{"role":"system","content":"A"},{"role":"developer","content":"B"},{"role":"user","content":"C"},{"role":"system","content":"D"}]`
	call := Call{Input: MessagesFromJSON(history)}
	assert.Equal(t, "A\nB", call.SystemText(), "what stands at the head")
	call.System = PartsFromJSON(`[{"type":"text","content":"E"},{"type":"text","content":"F"}]`)
	assert.Equal(t, "E\nF", call.SystemText(), "instructions sent apart come first")
	plain := Call{System: PartsFromJSON("just text")}
	assert.Equal(t, "just text", plain.SystemText())
	assert.Equal(t, `[{"type":"text","content":"just text"}]`, plain.System.JSON())
	assert.Empty(t, (&Call{}).SystemText())
}

func TestIsLabel(t *testing.T) {
	for _, label := range []string{"production", "Prod", "LATEST", "staging", "main"} {
		assert.True(t, IsLabel(label), label)
	}
	for _, version := range []string{"", "1", "v3.2", "2026-01-01", "production-7", "3f1a9c0d", strings.Repeat("production", 5)} {
		assert.False(t, IsLabel(version), version)
	}
}

func TestToolDefinitionShapes(t *testing.T) {
	want := `[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}]`
	for name, given := range map[string]string{
		"flat": want, "nested": `[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]`,
		"Anthropic": `[{"name":"f","description":"d","input_schema":{"type":"object"}}]`, "Bedrock": `[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object"}}}}]`,
		"Gemini": `{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object"}}]}`, "in a string": `"[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}]"`,
		"a single one": `{"name":"f","description":"d","parameters":"{\"type\":\"object\"}"}`,
	} {
		d := ToolDefinitionsFromJSON(given)
		list, err := d.List()
		require.NoError(t, err, name)
		require.Len(t, list, 1, name)
		assert.Equal(t, "f", list[0].Name, name)
		assert.Equal(t, "d", list[0].Description, name)
		assert.JSONEq(t, `{"type":"object"}`, string(list[0].Parameters), name)
		assert.Equal(t, want, d.JSON(), name)
	}
	for _, text := range []string{`7`, `[{]`, `text`} {
		d := ToolDefinitionsFromJSON(text)
		_, err := d.List()
		assert.ErrorIs(t, err, ErrMalformed, text)
		assert.False(t, d.Empty())
	}
}
