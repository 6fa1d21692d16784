// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// parseMessages reads a chat history: an array of messages in the OpenTelemetry,
// OpenAI, Anthropic, AI SDK, Bedrock or Gemini shape, a single message, an
// object with a messages member, or plain text (one user message).
func parseMessages(text string) ([]Message, error) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return nil, nil
	}
	if trimmed[0] != '[' && trimmed[0] != '{' {
		return nil, fmt.Errorf("messages: %w", ErrMalformed)
	}
	if !gjson.Valid(trimmed) {
		return nil, fmt.Errorf("messages: %w", ErrMalformed)
	}
	root := gjson.Parse(trimmed)
	if root.IsObject() {
		if inner := firstOf(root, "messages", "input"); inner.IsArray() {
			root = inner
		} else {
			return []Message{parseMessage(root)}, nil
		}
	}
	var list []Message
	root.ForEach(func(_, item gjson.Result) bool {
		list = append(list, messagesOf(item)...)
		return true
	})
	return list, nil
}

// messagesOf reads one element of a history. It may be a message, a list of
// messages (LangChain batches), a Responses API item, or text.
func messagesOf(item gjson.Result) []Message {
	switch {
	case item.IsArray():
		var list []Message
		item.ForEach(func(_, inner gjson.Result) bool {
			if inner.IsObject() {
				list = append(list, parseMessage(inner))
			}
			return true
		})
		return list
	case item.IsObject():
		return []Message{parseMessage(item)}
	case item.Type == gjson.String:
		return []Message{{Role: "user", Parts: []Part{{Type: PartText, Content: item.Str}}}}
	}
	return nil
}

// parseMessage reads one message object.
func parseMessage(object gjson.Result) Message {
	var m Message
	var content, parts, calls, callID, itemType, message gjson.Result
	object.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "role":
			m.Role = value.String()
		case "name":
			m.Name = value.String()
		case "finish_reason", "finishReason", "stop_reason":
			if value.Type == gjson.String {
				m.FinishReason = value.Str
			}
		case "parts":
			parts = value
		case "content":
			content = value
		case "tool_calls", "toolCalls":
			calls = value
		case "tool_call_id", "toolCallId":
			callID = value
		case "type":
			itemType = value
		case "message":
			message = value
		}
		return true
	})
	if message.IsObject() {
		// A choice {index, finish_reason, message}.
		inner := parseMessage(message)
		if m.FinishReason != "" {
			inner.FinishReason = m.FinishReason
		}
		return inner
	}
	switch {
	case parts.IsArray():
		m.Parts = partsOf(parts)
	case itemType.Type == gjson.String && isResponsesItem(itemType.Str):
		return responsesItem(object, itemType.Str)
	default:
		m.Parts = contentParts(object, content, calls, callID, &m)
	}
	m.Role = roleOf(m.Role)
	return m
}

// contentParts reads the content of a message that has no parts member.
func contentParts(object, content, calls, callID gjson.Result, m *Message) []Part {
	var parts []Part
	toolResult := m.Role == "tool" || callID.Exists() && callID.Type == gjson.String && m.Role != "assistant"
	switch {
	case toolResult && !isToolResultList(content):
		part := Part{Type: PartToolCallResponse, ID: callID.String(), Name: m.Name, Response: raw(content)}
		if id := object.Get("id"); part.ID == "" && id.Type == gjson.String {
			part.ID = id.Str
		}
		return []Part{part}
	case content.Type == gjson.String && content.Str != "":
		parts = append(parts, textPart(content.Str)...)
	case content.IsArray():
		parts = append(parts, partsOf(content)...)
	case content.IsObject():
		parts = append(parts, partOf(content))
	}
	if reasoning := object.Get("reasoning_content"); reasoning.Type == gjson.String && reasoning.Str != "" {
		parts = append([]Part{{Type: PartReasoning, Content: reasoning.Str}}, parts...)
	}
	calls.ForEach(func(_, call gjson.Result) bool {
		parts = append(parts, toolCallPart(call))
		return true
	})
	if call := object.Get("function_call"); call.IsObject() {
		parts = append(parts, toolCallPart(call))
	}
	if refusal := object.Get("refusal"); refusal.Type == gjson.String && refusal.Str != "" && content.Type != gjson.String {
		parts = append(parts, Part{Type: PartText, Content: refusal.Str})
	}
	return parts
}

// textPart reads the text of a message. OpenLLMetry writes a list of Anthropic
// content blocks as JSON text; other text stays text, even if it looks like
// JSON.
func textPart(text string) []Part {
	if strings.HasPrefix(text, `[{"`) && looksClosed(text) && gjson.Valid(text) {
		list := gjson.Parse(text)
		blocks := true
		list.ForEach(func(_, item gjson.Result) bool {
			switch item.Get("type").Str {
			case "text", "tool_use", "tool_result", "image", "image_url", "thinking", "input_text", "output_text":
			default:
				blocks = false
			}
			return blocks
		})
		if blocks {
			return partsOf(list)
		}
	}
	return []Part{{Type: PartText, Content: text}}
}

// isToolResultList tells whether the content of a tool message names its calls
// itself (AI SDK).
func isToolResultList(content gjson.Result) bool {
	first := content.Get("0.type").Str
	return first == "tool-result" || first == "tool_result" || first == "tool_call_response"
}

func isResponsesItem(itemType string) bool {
	switch itemType {
	case "function_call", "function_call_output", "reasoning", "custom_tool_call", "custom_tool_call_output":
		return true
	}
	return false
}

// responsesItem reads an item of the OpenAI Responses API that is no message.
func responsesItem(item gjson.Result, itemType string) Message {
	switch itemType {
	case "function_call", "custom_tool_call":
		return Message{Role: "assistant", Parts: []Part{{
			Type: PartToolCall, ID: firstOf(item, "call_id", "id").String(),
			Name: item.Get("name").Str, Arguments: raw(firstOf(item, "arguments", "input")),
		}}}
	case "function_call_output", "custom_tool_call_output":
		return Message{Role: "tool", Parts: []Part{{
			Type: PartToolCallResponse, ID: item.Get("call_id").Str, Response: raw(item.Get("output")),
		}}}
	}
	var texts []string
	item.Get("summary").ForEach(func(_, part gjson.Result) bool {
		texts = append(texts, part.Get("text").Str)
		return true
	})
	return Message{Role: "assistant", Parts: []Part{{Type: PartReasoning, Content: strings.Join(texts, "\n")}}}
}

// roleOf maps roles that name no OpenTelemetry role.
func roleOf(role string) string {
	switch role {
	case "human", "HUMAN":
		return "user"
	case "ai", "AI", "model":
		return "assistant"
	case "function":
		return "tool"
	}
	return role
}
