// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The published shape of a chat completion, apart from the types under test.
type wantChat struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Model   string `json:"model"`
	Choices []struct {
		Index   int `json:"index"`
		Message *struct {
			Role        string  `json:"role"`
			Content     *string `json:"content"`
			Refusal     *string `json:"refusal"`
			Annotations []any   `json:"annotations"`
			ToolCalls   []struct {
				ID       string                           `json:"id"`
				Type     string                           `json:"type"`
				Function struct{ Name, Arguments string } `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
		Delta *struct {
			Role      string  `json:"role"`
			Content   *string `json:"content"`
			ToolCalls []struct {
				Index    *int                             `json:"index"`
				ID       string                           `json:"id"`
				Type     string                           `json:"type"`
				Function struct{ Name, Arguments string } `json:"function"`
			} `json:"tool_calls"`
		} `json:"delta"`
		Logprobs     any     `json:"logprobs"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     int            `json:"prompt_tokens"`
		CompletionTokens int            `json:"completion_tokens"`
		TotalTokens      int            `json:"total_tokens"`
		PromptDetails    map[string]int `json:"prompt_tokens_details"`
		OutputDetails    map[string]int `json:"completion_tokens_details"`
	} `json:"usage"`
	ServiceTier       string `json:"service_tier"`
	SystemFingerprint string `json:"system_fingerprint"`
}

// chatText is a request about an order, with extra members.
func chatText(extra string) string {
	return `{"model":"example-large","messages":[{"role":"system","content":"` + copyID + `"},{"role":"user","content":"Where is my order A-48213?"}],` +
		`"tools":[{"type":"function","function":{"name":"lookup_order","description":"d","parameters":{"type":"object"}}}]` + extra + `}`
}

func TestChatCompletion(t *testing.T) {
	status, text := post(t, Options{Seed: 3}, "/v1/chat/completions", chatText(""))
	require.Equal(t, 200, status, text)
	var got wantChat
	strict(t, text, &got)
	assert.Regexp(t, `^chatcmpl-\w{29}$`, got.ID)
	assert.Equal(t, "chat.completion", got.Object)
	assert.Equal(t, "example-large-2026-09-03", got.Model)
	assert.Equal(t, "fp_4c7a90e21b", got.SystemFingerprint)
	require.Len(t, got.Choices, 1)
	c := got.Choices[0]
	assert.Equal(t, "tool_calls", *c.FinishReason)
	require.Len(t, c.Message.ToolCalls, 1)
	assert.Regexp(t, `^call_\w{24}$`, c.Message.ToolCalls[0].ID)
	assert.JSONEq(t, `{"order_id":"A-48213"}`, c.Message.ToolCalls[0].Function.Arguments)
	assert.Equal(t, got.Usage.TotalTokens, got.Usage.PromptTokens+got.Usage.CompletionTokens)
	assert.Positive(t, got.Usage.CompletionTokens)
}

func TestChatToolResult(t *testing.T) {
	status, text := post(t, Options{}, "/v1/chat/completions", `{"model":"example-large","messages":[
		{"role":"developer","content":[{"type":"text","text":"Be brief."}]},{"role":"user","content":"Where is A-48213?"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"lookup_order","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"{\"status\":\"being packed\",\"eta\":\"tomorrow\"}"}],
		"tools":[{"type":"function","function":{"name":"lookup_order"}}],"max_completion_tokens":200}`)
	require.Equal(t, 200, status, text)
	var got wantChat
	strict(t, text, &got)
	assert.Equal(t, "stop", *got.Choices[0].FinishReason)
	assert.Contains(t, *got.Choices[0].Message.Content, "being packed")
}

func TestChatChoicesAndLimit(t *testing.T) {
	_, text := post(t, Options{}, "/v1/chat/completions", `{"model":"example-large","n":3,"max_tokens":3,"messages":[{"role":"user","content":"Thank you."}]}`)
	var got wantChat
	strict(t, text, &got)
	require.Len(t, got.Choices, 3)
	assert.Equal(t, 2, got.Choices[2].Index)
	assert.Equal(t, "length", *got.Choices[0].FinishReason)
	assert.Equal(t, 9, got.Usage.CompletionTokens)
}

func TestChatJSONMode(t *testing.T) {
	_, text := post(t, Options{Seed: 1}, "/v1/chat/completions", `{"model":"example-large","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"Reply in JSON"}]}`)
	var got wantChat
	strict(t, text, &got)
	assert.True(t, json.Valid([]byte(*got.Choices[0].Message.Content)))
}

func TestChatErrors(t *testing.T) {
	message := `"messages":[{"role":"user","content":"x"}]`
	tests := []struct {
		name, body string
		status     int
		param      any
		code       any
	}{
		{"no JSON", `{`, 400, nil, nil},
		{"no model", `{` + message + `}`, 400, "model", nil},
		{"unknown model", `{"model":"gpt","messages":[{"role":"user","content":"x"}]}`, 404, nil, "model_not_found"},
		{"no messages", `{"model":"example-large","messages":[]}`, 400, "messages", "empty_array"},
		{"wrong role", `{"model":"example-large","messages":[{"role":"robot","content":"x"}]}`, 400, "messages[0].role", "invalid_value"},
		{"content", `{"model":"example-large","messages":[{"role":"user","content":7}]}`, 400, "messages[0].content", "invalid_type"},
		{"stray result", `{"model":"example-large","messages":[{"role":"tool","tool_call_id":"a","content":"x"}]}`, 400, "messages.[0].role", nil},
		{"temperature", `{"model":"example-large","temperature":3,` + message + `}`, 400, "temperature", "decimal_out_of_range"},
		{"max_tokens", `{"model":"example-large","max_tokens":0,` + message + `}`, 400, "max_tokens", "integer_below_min_value"},
		{"n", `{"model":"example-large","n":99,` + message + `}`, 400, "n", "integer_out_of_range"},
		{"stop", `{"model":"example-large","stop":{},` + message + `}`, 400, "stop", "invalid_type"},
		{"tool", `{"model":"example-large","tools":[{"type":"function","function":{}}],` + message + `}`, 400, "tools[0].function.name", "missing_required_parameter"},
		{"tool choice", `{"model":"example-large","tool_choice":{"type":"function","function":{"name":"x"}},` + message + `}`, 400, "tool_choice", "invalid_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := post(t, Options{}, "/v1/chat/completions", tt.body)
			assert.Equal(t, tt.status, status)
			var got struct {
				Error struct {
					Message, Type string
					Param, Code   any
				}
			}
			strict(t, text, &got)
			assert.NotEmpty(t, got.Error.Message)
			assert.Equal(t, "invalid_request_error", got.Error.Type)
			assert.Equal(t, tt.param, got.Error.Param)
			assert.Equal(t, tt.code, got.Error.Code)
		})
	}
}

// events splits a stream into its data lines and checks the framing.
func events(t *testing.T, stream string) []string {
	t.Helper()
	require.True(t, strings.HasSuffix(stream, "\n\n"))
	var out []string
	for _, frame := range strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		lines := strings.Split(frame, "\n")
		data, ok := strings.CutPrefix(lines[len(lines)-1], "data: ")
		require.True(t, ok, frame)
		out = append(out, data)
	}
	return out
}

func TestChatStreamEqualsTheAnswer(t *testing.T) {
	for seed := range uint64(12) {
		_, text := post(t, Options{Seed: seed}, "/v1/chat/completions", chatText(""))
		_, stream := post(t, Options{Seed: seed}, "/v1/chat/completions", chatText(`,"stream":true,"stream_options":{"include_usage":true}`))
		var whole wantChat
		strict(t, text, &whole)
		list := events(t, stream)
		require.Equal(t, "[DONE]", list[len(list)-1])
		var content, arguments, name, finish string
		for i, data := range list[:len(list)-1] {
			var chunk wantChat
			strict(t, data, &chunk)
			require.Equal(t, whole.ID, chunk.ID)
			require.Equal(t, "chat.completion.chunk", chunk.Object)
			if i == len(list)-2 {
				require.Empty(t, chunk.Choices)
				require.Equal(t, whole.Usage, chunk.Usage)
				continue
			}
			require.Nil(t, chunk.Usage)
			d := chunk.Choices[0].Delta
			if d.Content != nil {
				content += *d.Content
			}
			for _, c := range d.ToolCalls {
				require.Equal(t, 0, *c.Index)
				name += c.Function.Name
				arguments += c.Function.Arguments
			}
			if chunk.Choices[0].FinishReason != nil {
				finish = *chunk.Choices[0].FinishReason
			}
		}
		want := whole.Choices[0]
		if want.Message.Content != nil {
			require.Equal(t, *want.Message.Content, content)
		}
		require.Equal(t, *want.FinishReason, finish)
		for _, c := range want.Message.ToolCalls {
			require.Equal(t, c.Function.Name, name)
			require.Equal(t, c.Function.Arguments, arguments)
		}
	}
}

func TestModelSwitch(t *testing.T) {
	s, err := NewServer(Options{Admin: true})
	require.NoError(t, err)
	ask := func(model string) (got wantChat) {
		status, text := send(t, s, "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Thank you."}]}`, model))
		require.Equal(t, 200, status)
		strict(t, text, &got)
		return got
	}
	assert.Equal(t, "example-large-2026-09-03", ask("example-large").Model)
	status, text := send(t, s, "/admin/model", `{"answer_model":"example-small"}`)
	require.Equal(t, 200, status, text)
	switched := ask("example-large")
	assert.Equal(t, "example-small-2026-10-21", switched.Model)
	assert.Equal(t, "fp_b18d35f06e", switched.SystemFingerprint)
	assert.Equal(t, "example-large-2026-09-03", ask("example-large-2026-09-03").Model, "a snapshot is what it says")
	status, _ = send(t, s, "/admin/model", `{"answer_model":"nothing"}`)
	assert.Equal(t, 400, status)
	assert.EqualValues(t, 3, s.Served())
}

func TestAdminIsClosedByDefault(t *testing.T) {
	status, _ := post(t, Options{}, "/admin/model", `{"answer_model":"example-small"}`)
	assert.Equal(t, 404, status)
	_, err := NewServer(Options{AnswerModel: "nothing"})
	assert.Error(t, err)
}

func FuzzChatRequest(f *testing.F) {
	f.Add(chatText(""))
	f.Add(chatText(`,"stream":true,"tool_choice":"required"`))
	f.Add(`{"model":"example-large","messages":[{"role":"user","content":[{"type":"text","text":"refund 1,00 EUR A-12345"}]}],"tools":[{"type":"function","function":{"name":"refund_order"}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		status, text := post(t, Options{}, "/v1/chat/completions", body)
		switch {
		case status == 200 && strings.HasPrefix(text, "data: "):
		case status == 200, status == 400, status == 404, status == 413:
			if !json.Valid([]byte(text)) {
				t.Fatalf("status %d, no JSON: %s", status, text)
			}
		default:
			t.Fatalf("status %d", status)
		}
	})
}
