// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// chatBody is what is read of a chat completions request.
type chatBody struct {
	Model    string        `json:"model"`
	Messages []chatMessage `json:"messages"`
	Tools    []struct {
		Type     string `json:"type"`
		Function struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
	ToolChoice     json.RawMessage `json:"tool_choice"`
	ResponseFormat *struct {
		Type string `json:"type"`
	} `json:"response_format"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	Temperature         *float64        `json:"temperature"`
	Seed                *int64          `json:"seed"`
	N                   *int            `json:"n"`
	Stream              bool            `json:"stream"`
	StreamOptions       *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type chatMessage struct {
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	ToolCalls []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
	ToolCallID string `json:"tool_call_id"`
}

// badRequest is a fault of the caller, in the words of the API.
type badRequest struct{ message, param, code string }

func (e *badRequest) Error() string { return e.message }

// maxChoices is the largest n.
const maxChoices = 8

func (b *chatBody) request() (*request, *badRequest) {
	if b.Model == "" {
		return nil, &badRequest{"you must provide a model parameter", "model", ""}
	}
	if len(b.Messages) == 0 {
		return nil, &badRequest{"Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.", "messages", "empty_array"}
	}
	r := &request{Model: b.Model, Temperature: b.Temperature, Seed: b.Seed, Choices: 1, Stream: b.Stream}
	r.StreamUsage = b.StreamOptions != nil && b.StreamOptions.IncludeUsage
	r.JSON = b.ResponseFormat != nil && strings.HasPrefix(b.ResponseFormat.Type, "json")
	if err := b.limits(r); err != nil {
		return nil, err
	}
	if err := b.tools(r); err != nil {
		return nil, err
	}
	for i, m := range b.Messages {
		if err := m.add(r, i); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (b *chatBody) limits(r *request) *badRequest {
	for _, limit := range []struct {
		name  string
		value *int
	}{{"max_tokens", b.MaxTokens}, {"max_completion_tokens", b.MaxCompletionTokens}} {
		if limit.value == nil {
			continue
		}
		if *limit.value < 1 {
			return &badRequest{fmt.Sprintf("Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", limit.name, *limit.value), limit.name, "integer_below_min_value"}
		}
		r.MaxTokens = *limit.value
	}
	if t := b.Temperature; t != nil && (*t < 0 || *t > 2) {
		return &badRequest{fmt.Sprintf("Invalid 'temperature': decimal out of range. Expected a value between 0 and 2, but got %g instead.", *t), "temperature", "decimal_out_of_range"}
	}
	if b.N != nil {
		if *b.N < 1 || *b.N > maxChoices {
			return &badRequest{fmt.Sprintf("Invalid 'n': expected a value between 1 and %d, but got %d instead.", maxChoices, *b.N), "n", "integer_out_of_range"}
		}
		r.Choices = *b.N
	}
	stop, ok := stringOrList(b.Stop)
	if !ok {
		return &badRequest{"Invalid type for 'stop': expected a string or an array of strings.", "stop", "invalid_type"}
	}
	r.Stop = stop
	return nil
}

func (b *chatBody) tools(r *request) *badRequest {
	for i, t := range b.Tools {
		if t.Type != "function" || t.Function.Name == "" {
			return &badRequest{fmt.Sprintf("Missing required parameter: 'tools[%d].function.name'.", i), fmt.Sprintf("tools[%d].function.name", i), "missing_required_parameter"}
		}
		r.Tools = append(r.Tools, tool{Name: t.Function.Name, Description: t.Function.Description, Parameters: t.Function.Parameters})
	}
	var word string
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch {
	case len(b.ToolChoice) == 0 || string(b.ToolChoice) == "null":
	case json.Unmarshal(b.ToolChoice, &word) == nil:
		r.Forced = map[string]string{"none": "-", "required": "*"}[word]
	case json.Unmarshal(b.ToolChoice, &named) == nil && named.Function.Name != "":
		r.Forced = named.Function.Name
		if _, ok := r.tool(r.Forced); !ok {
			return &badRequest{fmt.Sprintf("Invalid value for 'tool_choice': the tool %q is not among the tools.", r.Forced), "tool_choice", "invalid_value"}
		}
	}
	return nil
}

func (m *chatMessage) add(r *request, index int) *badRequest {
	text, ok := contentText(m.Content)
	if !ok {
		return &badRequest{fmt.Sprintf("Invalid type for 'messages[%d].content': expected a string or an array of parts.", index), fmt.Sprintf("messages[%d].content", index), "invalid_type"}
	}
	switch m.Role {
	case "system", "developer":
		if r.System != "" {
			r.System += "\n"
		}
		r.System += text
		return nil
	case roleUser, roleAssistant, roleTool:
	default:
		return &badRequest{fmt.Sprintf("Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'.", m.Role), fmt.Sprintf("messages[%d].role", index), "invalid_value"}
	}
	t := turn{Role: m.Role, Text: text, CallID: m.ToolCallID}
	for _, c := range m.ToolCalls {
		t.Calls = append(t.Calls, toolCall{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
	}
	if m.Role == roleTool && !r.answers(m.ToolCallID) {
		//nolint:misspell // As the API spells it.
		return &badRequest{"Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.", fmt.Sprintf("messages.[%d].role", index), ""}
	}
	r.Turns = append(r.Turns, t)
	return nil
}

// answers tells whether an earlier turn made the call of that id.
func (r *request) answers(id string) bool {
	for _, t := range r.Turns {
		for _, c := range t.Calls {
			if c.ID == id {
				return true
			}
		}
	}
	return false
}

// contentText reads a content: a string, null, or a list of parts of which the
// texts are kept.
func contentText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", true
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Text
	}
	return strings.Join(texts, "\n"), true
}

func stringOrList(raw json.RawMessage) ([]string, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, true
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, true
	}
	var list []string
	return list, json.Unmarshal(raw, &list) == nil
}

// chatError writes an error as the OpenAI API does.
func chatError(w http.ResponseWriter, status int, kind, message, param, code string) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"message": message, "type": kind, "param": orNull(param), "code": orNull(code),
	}})
}

func chatBadJSON(w http.ResponseWriter, status int, message string) {
	chatError(w, status, "invalid_request_error", message, "", "")
}
