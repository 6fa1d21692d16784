// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// messagesBody is what is read of an Anthropic Messages request.
type messagesBody struct {
	Model     string          `json:"model"`
	MaxTokens *int            `json:"max_tokens"`
	System    json.RawMessage `json:"system"`
	Messages  []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
	ToolChoice *struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"tool_choice"`
	StopSequences []string `json:"stop_sequences"`
	Temperature   *float64 `json:"temperature"`
	Stream        bool     `json:"stream"`
}

type messagesBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

func (b *messagesBody) request() (*request, *badRequest) {
	switch {
	case b.Model == "":
		return nil, &badRequest{message: "model: Field required"}
	case b.MaxTokens == nil:
		return nil, &badRequest{message: "max_tokens: Field required"}
	case *b.MaxTokens < 1:
		return nil, &badRequest{message: "max_tokens: Input should be greater than or equal to 1"}
	case len(b.Messages) == 0:
		return nil, &badRequest{message: "messages: at least one message is required"}
	case b.Temperature != nil && (*b.Temperature < 0 || *b.Temperature > 1):
		return nil, &badRequest{message: "temperature: range: 0..1"}
	}
	system, ok := contentText(b.System)
	if !ok {
		return nil, &badRequest{message: "system: Input should be a valid string or list"}
	}
	r := &request{Model: b.Model, System: system, MaxTokens: *b.MaxTokens, Temperature: b.Temperature, Stop: b.StopSequences, Choices: 1, Stream: b.Stream}
	for i, t := range b.Tools {
		if t.Name == "" {
			return nil, &badRequest{message: fmt.Sprintf("tools.%d.name: Field required", i)}
		}
		r.Tools = append(r.Tools, tool{Name: t.Name, Description: t.Description, Parameters: t.InputSchema})
	}
	if err := b.choose(r); err != nil {
		return nil, err
	}
	for i, m := range b.Messages {
		if err := addMessage(r, i, m.Role, m.Content); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (b *messagesBody) choose(r *request) *badRequest {
	if b.ToolChoice == nil {
		return nil
	}
	switch b.ToolChoice.Type {
	case "auto":
	case "any":
		r.Forced = "*"
	case "none":
		r.Forced = "-"
	case "tool":
		r.Forced = b.ToolChoice.Name
		if _, ok := r.tool(r.Forced); !ok {
			return &badRequest{message: fmt.Sprintf("tool_choice: tool %q not found in provided tools", r.Forced)}
		}
	default:
		return &badRequest{message: "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'"}
	}
	return nil
}

// addMessage adds one message; its tool results become turns of their own,
// before the text that may follow them.
func addMessage(r *request, index int, role string, content json.RawMessage) *badRequest {
	if role != roleUser && role != roleAssistant {
		return &badRequest{message: fmt.Sprintf("messages.%d.role: Input should be 'user' or 'assistant'", index)}
	}
	var text string
	if json.Unmarshal(content, &text) == nil {
		r.Turns = append(r.Turns, turn{Role: role, Text: text})
		return nil
	}
	var blocks []messagesBlock
	if json.Unmarshal(content, &blocks) != nil || len(blocks) == 0 {
		return &badRequest{message: fmt.Sprintf("messages.%d.content: Input should be a valid string or a non-empty list", index)}
	}
	t := turn{Role: role}
	var texts []string
	for k, block := range blocks {
		where := fmt.Sprintf("messages.%d.content.%d", index, k)
		switch block.Type {
		case "text":
			texts = append(texts, block.Text)
		case "tool_use":
			t.Calls = append(t.Calls, toolCall{ID: block.ID, Name: block.Name, Arguments: string(block.Input)})
		case "tool_result":
			if !r.answers(block.ToolUseID) {
				return &badRequest{message: where + ": unexpected `tool_use_id` found in `tool_result` blocks: " + block.ToolUseID}
			}
			result, _ := contentText(block.Content)
			if block.IsError {
				result = "error: " + result
			}
			r.Turns = append(r.Turns, turn{Role: roleTool, Text: result, CallID: block.ToolUseID})
		default:
			if !slices.Contains([]string{"thinking", "redacted_thinking", "image", "document"}, block.Type) {
				return &badRequest{message: where + ".type: unknown content type"}
			}
		}
	}
	t.Text = strings.Join(texts, "\n")
	if t.Text != "" || len(t.Calls) > 0 {
		r.Turns = append(r.Turns, t)
	}
	return nil
}

// messagesError writes an error as the Anthropic API does.
func messagesError(w http.ResponseWriter, status int, kind, message string) {
	writeJSON(w, status, map[string]any{
		"type":  "error",
		"error": map[string]any{"type": kind, "message": message},
	})
}

func messagesBadJSON(w http.ResponseWriter, status int, message string) {
	kind := "invalid_request_error"
	if status == http.StatusRequestEntityTooLarge {
		kind = "request_too_large"
	}
	messagesError(w, status, kind, message)
}
