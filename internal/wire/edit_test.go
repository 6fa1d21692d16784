// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

func parse(t *testing.T, text string) *jsondoc.Value {
	t.Helper()
	v, err := jsondoc.ParseString(text)
	require.NoError(t, err)
	return v
}

func TestTexts(t *testing.T) {
	chat := parse(t, `{"system":"not here","messages":[{"role":"system","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image_url"},{"type":"text","text":"c"}]},
		{"role":"assistant","content":null,"tool_calls":[{"function":{"arguments":"{}"}}]},{"role":"tool","content":"result"},{"role":"function","content":"old"},{"role":"user","content":[{"type":"text","text":7}]}]}`)
	assert.Equal(t, []Text{
		{Role: "system", Pointer: "/messages/0/content", Message: "/messages/0", Index: 0, Only: true, Text: "a"},
		{Role: "user", Pointer: "/messages/1/content/0/text", Message: "/messages/1", Index: 1, Text: "b"},
		{Role: "user", Pointer: "/messages/1/content/2/text", Message: "/messages/1", Index: 1, Text: "c"},
	}, Texts(OpenAIChat, chat))
	messages := parse(t, `{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":"r"},{"type":"text","text":"u"}]}]}`)
	assert.Equal(t, []Text{
		{Role: "system", Pointer: "/system/0/text", Message: "/system", Index: -1, Only: true, Text: "s"},
		{Role: "user", Pointer: "/messages/0/content/1/text", Message: "/messages/0", Index: 0, Text: "u"},
	}, Texts(AnthropicMessages, messages))
	assert.Nil(t, Texts("x", chat))
	assert.Empty(t, Texts(OpenAIChat, parse(t, `{"messages":"text"}`)))
	for _, text := range Texts(OpenAIChat, chat) {
		assert.Equal(t, text.Text, chat.At(text.Pointer).Str(), "pointers lead to the text")
	}
}

func TestSystemMember(t *testing.T) {
	assert.Equal(t, "system", SystemMember(AnthropicMessages))
	assert.Empty(t, SystemMember(OpenAIChat)+SystemMember("x"))
	assert.JSONEq(t, `{"role":"user","content":"<x>"}`, NewMessage("user", "<x>").Text())
}

func TestTools(t *testing.T) {
	chat := parse(t, `{"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}},{"type":"function","function":{"name":"a"}},{"type":"web_search"}]}`)
	assert.Equal(t, []string{"/tools/0", "/tools/2"}, Tools(chat, "a"))
	assert.Equal(t, []string{"a", "b", "a", ""}, ToolNames(chat))
	messages := parse(t, `{"tools":[{"name":"a"},{"type":"web_search_20250305","name":"web"}]}`)
	assert.Equal(t, []string{"/tools/1"}, Tools(messages, "web"))
	assert.Empty(t, Tools(parse(t, `{}`), "a"))
}

func TestToolFromAnyShape(t *testing.T) {
	for name, definition := range map[string]string{
		"OpenTelemetry": `{"type":"function","name":"f","description":"d","parameters":{"z":1,"a":2}}`,
		"OpenAI":        `{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1,"a":2}}}`,
		"Anthropic":     `{"name":"f","description":"d","input_schema":{"z":1,"a":2}}`,
		"registry":      `{"name":"f","description":"d","parameters":{"z":1,"a":2}}`,
	} {
		chat, err := Tool(OpenAIChat, []byte(definition))
		require.NoError(t, err, name)
		assert.Equal(t, `{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1,"a":2}}}`, chat.Text(), name)
		messages, err := Tool(AnthropicMessages, []byte(definition))
		require.NoError(t, err, name)
		assert.Equal(t, `{"name":"f","description":"d","input_schema":{"z":1,"a":2}}`, messages.Text(), name)
	}
	for _, definition := range []string{`{"type":"function","name":"f","description":""}`, `{"type":"function","function":{"name":"f","description":""}}`} {
		tool, err := Tool(OpenAIChat, []byte(definition))
		require.NoError(t, err)
		assert.Equal(t, `{"type":"function","function":{"name":"f","description":""}}`, tool.Text(), "empty is not absent")
	}
	for _, bad := range []string{"", "{", "[]", "7", `{"description":"x"}`} {
		_, err := Tool(OpenAIChat, []byte(bad))
		require.ErrorIs(t, err, ErrTool, bad)
	}
	_, err := Tool("x", nil)
	require.ErrorIs(t, err, ErrDialect)
}

func TestParamPointer(t *testing.T) {
	for _, c := range []struct{ dialect, body, name, want string }{
		{OpenAIChat, `{}`, "temperature", "/temperature"},
		{OpenAIChat, `{}`, "stop_sequences", "/stop"},
		{OpenAIChat, `{"max_completion_tokens":5}`, "max_tokens", "/max_completion_tokens"},
		{OpenAIChat, `{"max_tokens":5}`, "max_tokens", "/max_tokens"},
		{OpenAIChat, `{}`, "max_tokens", "/max_tokens"},
		{OpenAIChat, `{}`, "response_format", "/response_format"},
		{OpenAIChat, `{}`, "a/b", "/a~1b"},
		{AnthropicMessages, `{}`, "stop_sequences", "/stop_sequences"},
		{"x", `{}`, "temperature", ""},
	} {
		assert.Equal(t, c.want, ParamPointer(c.dialect, parse(t, c.body), c.name), "%+v", c)
	}
}

func TestWithStream(t *testing.T) {
	body := parse(t, `{"model":"m"}`)
	assert.Equal(t, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, WithStream(OpenAIChat, body).Text())
	assert.Equal(t, `{"model":"m","stream":true}`, WithStream(AnthropicMessages, body).Text())
	assert.Equal(t, `{"model":"m"}`, body.Text(), "the request itself stays")
}

func TestParseValue(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "true": "true", `["a"]`: `["a"]`, "null": "null", "auto": `"auto"`, `"q"`: `"q"`, "1e": `"1e"`, "": `""`, "{": `"{"`} {
		assert.Equal(t, want, ParseValue(text).Text(), text)
	}
}

func TestDefaultEndpoints(t *testing.T) {
	for _, dialect := range Dialects() {
		c, err := NewClient(ClientConfig{Dialect: dialect, Endpoint: DefaultEndpoint(dialect)})
		require.NoError(t, err)
		assert.Contains(t, map[string]bool{"https://api.openai.com/v1/chat/completions": true, "https://api.anthropic.com/v1/messages": true}, c.URL())
	}
	assert.Empty(t, DefaultEndpoint("x"))
}
