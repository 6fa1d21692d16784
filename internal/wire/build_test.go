// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// modelled rebuilds a request from what any instrumentation records.
func modelled(t *testing.T, dialect string, attributes map[string]any) *Request {
	t.Helper()
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(attributes))
	m.PutStr("gen_ai.operation.name", "chat")
	r := rebuilt(t, dialect, m)
	require.Equal(t, Modelled, r.Grade)
	return r
}

const semconvHistory = `[{"role":"user","parts":[{"type":"text","content":"What is it?"},{"type":"uri","modality":"image","mime_type":"image/png","uri":"https://example.org/a.png"}]},
{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"text","content":"I look."},{"type":"tool_call","id":"c1","name":"look","arguments":{"a":[1,2]}},{"type":"tool_call","id":"c2","name":"look","arguments":"{\"a\": 3}"}]},
{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":{"ok":true}}]},
{"role":"tool","parts":[{"type":"tool_call_response","id":"c2","response":"done"}]}]`

func TestBuildFromSemanticConventions(t *testing.T) {
	attributes := map[string]any{
		"gen_ai.request.model": "m", "gen_ai.request.max_tokens": 50, "gen_ai.request.temperature": 0.5, "gen_ai.request.stop_sequences": []any{"x", "y"},
		"gen_ai.system_instructions": `[{"type":"text","content":"Be kind."}]`, "gen_ai.input.messages": semconvHistory,
		"gen_ai.tool.definitions": `[{"type":"function","name":"look","description":"Looks.","parameters":{"type":"object"}}]`,
	}
	chat := modelled(t, OpenAIChat, attributes)
	assert.JSONEq(t, `{"model":"m","max_tokens":50,"temperature":0.5,"stop":["x","y"],
		"messages":[{"role":"system","content":"Be kind."},
		{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]},
		{"role":"assistant","content":"I look.","reasoning_content":"hm","tool_calls":[
			{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"a\":[1,2]}"}},{"id":"c2","type":"function","function":{"name":"look","arguments":"{\"a\": 3}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"{\"ok\":true}"},{"role":"tool","tool_call_id":"c2","content":"done"}],
		"tools":[{"type":"function","function":{"name":"look","description":"Looks.","parameters":{"type":"object"}}}]}`, chat.Body.Text())
	assert.True(t, hasNote(chat, NoteArguments) && hasNote(chat, NoteSystemMoved) && hasNote(chat, NoteNoHash))

	messages := modelled(t, AnthropicMessages, attributes)
	assert.JSONEq(t, `{"model":"m","max_tokens":50,"temperature":0.5,"stop_sequences":["x","y"],"system":"Be kind.",
		"messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image","source":{"type":"url","url":"https://example.org/a.png"}}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"I look."},
			{"type":"tool_use","id":"c1","name":"look","input":{"a":[1,2]}},{"type":"tool_use","id":"c2","name":"look","input":{"a":3}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"{\"ok\":true}"},{"type":"tool_result","tool_use_id":"c2","content":"done"}]}],
		"tools":[{"name":"look","description":"Looks.","input_schema":{"type":"object"}}]}`, messages.Body.Text())
}

func hasNote(r *Request, id string) bool {
	return slices.ContainsFunc(r.Notes, func(n Note) bool { return n.ID == id })
}

func TestBuildMedia(t *testing.T) {
	blob := `[{"role":"user","parts":[{"type":"blob","modality":"%s","mime_type":"image/png","content":"aGk="}]}]`
	for _, c := range []struct{ dialect, modality, want, note string }{
		{OpenAIChat, "image", `[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]`, ""},
		{OpenAIChat, "video", `""`, NotePartDropped},
		{AnthropicMessages, "image", `[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]`, ""},
		{AnthropicMessages, "document", `[{"type":"document","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]`, ""},
		{AnthropicMessages, "audio", `[]`, NotePartDropped},
	} {
		text := at(blob, c.modality)
		r := modelled(t, c.dialect, map[string]any{"gen_ai.request.model": "m", "gen_ai.input.messages": text})
		assert.JSONEq(t, c.want, r.Body.At("/messages/0/content").Text(), "%s %s", c.dialect, c.modality)
		if c.note != "" {
			assert.True(t, hasNote(r, c.note), "%s %s", c.dialect, c.modality)
		}
	}
}

func TestBuildSaysWhatItCannotDo(t *testing.T) {
	for name, c := range map[string]struct {
		dialect, key, value, note string
	}{
		"unknown part":           {OpenAIChat, "gen_ai.input.messages", `[{"role":"user","parts":[{"type":"hologram","x":1}]}]`, NotePartUnknown},
		"unknown part, Messages": {AnthropicMessages, "gen_ai.input.messages", `[{"role":"user","parts":[{"type":"hologram","x":1}]}]`, NotePartUnknown},
		"foreign parameter":      {AnthropicMessages, "gen_ai.request.presence_penalty", "1", NoteParamDropped},
		"cut arguments":          {AnthropicMessages, "gen_ai.input.messages", `[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":"{\"a\":"}]}]`, NoteMalformed},
		"cut messages":           {OpenAIChat, "gen_ai.input.messages", `[{"role":"us`, NoteMalformed},
		"cut tools":              {OpenAIChat, "gen_ai.tool.definitions", `[{"type":`, NoteMalformed},
		"cut instructions":       {AnthropicMessages, "gen_ai.system_instructions", `[{"type":`, NoteMalformed},
	} {
		r := modelled(t, c.dialect, map[string]any{"gen_ai.request.model": "m", c.key: c.value})
		assert.True(t, hasNote(r, c.note), "%s: %v", name, r.Notes)
	}
}

func TestTokenLimitOfReasoningModels(t *testing.T) {
	for model, name := range map[string]string{"gpt-4o": "max_tokens", "o3-mini": "max_completion_tokens", "gpt-5-nano": "max_completion_tokens", "opus": "max_tokens"} {
		r := modelled(t, OpenAIChat, map[string]any{"gen_ai.request.model": model, "gen_ai.request.max_tokens": 9})
		assert.Equal(t, "9", r.Body.Member(name).Text(), model)
	}
}

func TestKeyValues(t *testing.T) {
	captured, err := Capture(AnthropicMessages, []byte(`{"model":"m","max_tokens":5,"temperature":0.5,"stop_sequences":["a"],"stream":true,"messages":[{"role":"user","content":"q"}]}`))
	require.NoError(t, err)
	values := map[string]any{}
	for _, kv := range captured.KeyValues() {
		values[string(kv.Key)] = kv.Value.AsInterface()
	}
	assert.Equal(t, len(values), captured.Attributes.Len())
	assert.Equal(t, int64(5), values["gen_ai.request.max_tokens"])
	assert.Equal(t, 0.5, values["gen_ai.request.temperature"])
	assert.Equal(t, []string{"a"}, values["gen_ai.request.stop_sequences"])
	assert.Equal(t, true, values["gen_ai.request.stream"])
	assert.Equal(t, "anthropic.messages", values["spanloop.request.dialect"])
}

func TestGuess(t *testing.T) {
	for _, c := range []struct{ id, provider, want string }{
		{"chatcmpl-1", "anthropic", OpenAIChat},
		{"msg_1", "", AnthropicMessages},
		{"", "openai", OpenAIChat},
		{"", "groq", OpenAIChat},
		{"", "anthropic", AnthropicMessages},
		{"gen-1", "openrouter", OpenAIChat},
		{"resp_1", "openai", ""},
		{"msg_bdrk_1", "aws.bedrock", ""},
		{"", "", ""},
		{"", "gcp.gemini", ""},
	} {
		name, evidence, err := Guess(&genai.Call{ResponseID: c.id, Provider: c.provider})
		assert.Equal(t, c.want, name, "%+v", c)
		if c.want == "" {
			require.ErrorIs(t, err, ErrDialect)
			continue
		}
		require.NoError(t, err)
		assert.NotEmpty(t, evidence)
	}
}

func TestRecordedOfIgnoresOtherTypes(t *testing.T) {
	span := ptrace.NewSpan()
	span.Attributes().PutInt("spanloop.request.sha256", 5)
	span.Attributes().PutEmptyMap("spanloop.request.residual")
	assert.Equal(t, Recorded{}, RecordedOf(span.Attributes()))
}
