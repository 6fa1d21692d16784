// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// maxWrappers bounds how many objects may be wrapped around a message, as in
// {index, message: {kwargs: {...}}}.
const maxWrappers = 4

// parseMessages reads a chat history: an array of messages in the OpenTelemetry,
// OpenAI, Anthropic, AI SDK, Bedrock, Gemini or LangChain shape, a single
// message, or an object with a messages member.
func parseMessages(text string) ([]Message, error) {
	return parseMessagesInto(&plainScanner{}, text)
}

// parseMessagesInto is parseMessages in the memory of a scanner, where the
// messages are of the usual shape.
func parseMessagesInto(s *plainScanner, text string) ([]Message, error) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return nil, nil
	}
	if trimmed[0] != '[' && trimmed[0] != '{' {
		return nil, fmt.Errorf("messages: %w", ErrMalformed)
	}
	if s.messages(trimmed) {
		return s.list, nil
	}
	return parseAnyMessages(trimmed)
}

// parseAnyMessages reads a history in any shape.
func parseAnyMessages(text string) ([]Message, error) {
	if !ValidJSON(text) {
		return nil, fmt.Errorf("messages: %w", ErrMalformed)
	}
	root := gjson.Parse(text)
	if root.IsObject() {
		inner := firstOf(root, "messages", "input")
		if !inner.IsArray() {
			return []Message{parseMessage(root, 0)}, nil
		}
		root = inner
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
				list = append(list, parseMessage(inner, 0))
			}
			return true
		})
		return list
	case item.IsObject():
		return []Message{parseMessage(item, 0)}
	case item.Type == gjson.String:
		return []Message{{Role: "user", Parts: []Part{{Type: PartText, Content: item.Str}}}}
	}
	return nil
}

// members are the members of a message object, whatever its shape.
type members struct {
	content, parts, calls, callID, kind, message, kwargs gjson.Result
}

func (f *members) read(object gjson.Result, m *Message) {
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
			f.parts = value
		case "content":
			f.content = value
		case "tool_calls", "toolCalls":
			f.calls = value
		case "tool_call_id", "toolCallId":
			f.callID = value
		case "type":
			f.kind = value
		case "message":
			f.message = value
		case "kwargs", "data":
			f.kwargs = value
		}
		return true
	})
}

// parseMessage reads one message object, inside at most maxWrappers others.
func parseMessage(object gjson.Result, wrappers int) Message {
	var m Message
	var f members
	f.read(object, &m)
	if wrapped := f.wrapped(); wrapped.Exists() && wrappers < maxWrappers {
		return f.unwrap(object, wrapped, m, wrappers)
	}
	switch {
	case f.parts.IsArray():
		m.Parts = partsOf(f.parts)
	case m.Role == "" && f.kind.Type == gjson.String && isResponsesItem(f.kind.Str):
		return responsesItem(object, f.kind.Str)
	default:
		if m.Role == "" && f.kind.Type == gjson.String {
			m.Role = typeRoles[f.kind.Str]
		}
		m.Parts = contentParts(object, &f, &m)
	}
	m.Role = roleOf(m.Role)
	return m
}

// wrapped returns the message inside a choice {index, finish_reason, message},
// a Gemini candidate {content: {role, parts}}, or LangChain's serialised
// message {id, kwargs} and {type, data}.
func (f *members) wrapped() gjson.Result {
	switch {
	case f.message.IsObject(), f.message.IsArray():
		return f.message
	case f.content.IsObject() && f.content.Get("parts").IsArray():
		return f.content
	case f.kwargs.IsObject() && f.kwargs.Get("content").Exists():
		return f.kwargs
	}
	return gjson.Result{}
}

// unwrap reads the wrapped message and adds what the wrapper says.
func (f *members) unwrap(object, wrapped gjson.Result, outer Message, wrappers int) Message {
	var inner Message
	if wrapped.IsArray() {
		inner = Message{Role: outer.Role, Parts: partsOf(wrapped)}
	} else {
		inner = parseMessage(wrapped, wrappers+1)
	}
	if outer.FinishReason != "" {
		inner.FinishReason = outer.FinishReason
	}
	if inner.Role == "" || f.kwargs.Exists() {
		if role := langChainRole(object, f.kind.String()); role != "" {
			inner.Role = role
		}
	}
	if inner.Role == "" {
		inner.Role = roleOf(outer.Role)
	}
	if !hasCalls(inner.Parts) {
		inner.Parts = appendCalls(inner.Parts, f.calls)
	}
	if inner.Role == "tool" && !hasResponse(inner.Parts) {
		inner.Parts = []Part{{Type: PartToolCallResponse, ID: f.kwargs.Get("tool_call_id").String(), Response: raw(f.kwargs.Get("content"))}}
	}
	return inner
}

// typeRoles maps the type of a LangChain message to a role.
var typeRoles = map[string]string{
	"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool", "developer": "developer",
	"HumanMessage": "user", "AIMessage": "assistant", "AIMessageChunk": "assistant", "SystemMessage": "system",
	"ToolMessage": "tool", "FunctionMessage": "tool", "HumanMessageChunk": "user",
}

// langChainRole returns the role of a serialised LangChain message: by its type,
// or by the class at the end of its id.
func langChainRole(object gjson.Result, kind string) string {
	if role := typeRoles[kind]; role != "" {
		return role
	}
	class := ""
	if id := object.Get("id"); id.IsArray() {
		id.ForEach(func(_, part gjson.Result) bool { class = part.String(); return true })
	}
	return typeRoles[class]
}

func hasCalls(parts []Part) bool    { return hasPart(parts, PartToolCall) }
func hasResponse(parts []Part) bool { return hasPart(parts, PartToolCallResponse) }

func hasPart(parts []Part, kind string) bool {
	for i := range parts {
		if parts[i].Type == kind {
			return true
		}
	}
	return false
}

// contentParts reads the content of a message that has no parts member.
func contentParts(object gjson.Result, f *members, m *Message) []Part {
	var parts []Part
	content := f.content
	if isToolResult(f, m) {
		part := Part{Type: PartToolCallResponse, ID: f.callID.String(), Name: m.Name, Response: raw(content)}
		if id := object.Get("id"); part.ID == "" && id.Type == gjson.String {
			part.ID = id.Str
		}
		return []Part{part}
	}
	switch {
	case content.Type == gjson.String && content.Str != "":
		parts = append(parts, Part{Type: PartText, Content: content.Str})
	case content.IsArray():
		parts = append(parts, partsOf(content)...)
	case content.IsObject():
		parts = append(parts, partOf(content))
	}
	if reasoning := object.Get("reasoning_content"); reasoning.Type == gjson.String && reasoning.Str != "" {
		parts = append([]Part{{Type: PartReasoning, Content: reasoning.Str}}, parts...)
	}
	if !hasCalls(parts) {
		parts = appendCalls(parts, f.calls)
	}
	if call := object.Get("function_call"); call.IsObject() {
		parts = append(parts, toolCallPart(call))
	}
	if refusal := object.Get("refusal"); refusal.Type == gjson.String && refusal.Str != "" && content.Type != gjson.String {
		parts = append(parts, Part{Type: PartText, Content: refusal.Str})
	}
	return parts
}

func appendCalls(parts []Part, calls gjson.Result) []Part {
	if !calls.IsArray() {
		return parts
	}
	calls.ForEach(func(_, call gjson.Result) bool {
		if call.IsObject() {
			parts = append(parts, toolCallPart(call))
		}
		return true
	})
	return parts
}

// isToolResult tells whether the whole content of a message is what a tool
// answered.
func isToolResult(f *members, m *Message) bool {
	named := f.callID.Type == gjson.String && m.Role != "assistant"
	return (m.Role == "tool" || m.Role == "function" || named) && !isToolResultList(f.content)
}

// isToolResultList tells whether the content of a tool message names its calls
// itself (AI SDK, Bedrock, Gemini).
func isToolResultList(content gjson.Result) bool {
	if !content.IsArray() {
		return false
	}
	first := content.Get("0")
	switch first.Get("type").Str {
	case "tool-result", "tool_result", PartToolCallResponse, "toolResult":
		return true
	}
	return firstOf(first, "toolResult", "functionResponse", "function_response").Exists()
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
