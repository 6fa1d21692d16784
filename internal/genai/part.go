// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"fmt"
	"unsafe"

	"github.com/tidwall/gjson"
)

// parseParts reads an array of parts, a single part, or a JSON string.
func parseParts(text string) ([]Part, error) {
	if text == "" {
		return nil, nil
	}
	if !ValidJSON(text) {
		return nil, fmt.Errorf("parts: %w", ErrMalformed)
	}
	root := gjson.Parse(text)
	if !root.IsArray() {
		return []Part{partOf(root)}, nil
	}
	return partsOf(root), nil
}

func partsOf(list gjson.Result) []Part {
	var parts []Part
	list.ForEach(func(_, item gjson.Result) bool {
		if part := partOf(item); part.Type != "" {
			parts = append(parts, part)
		}
		return true
	})
	return parts
}

// partOf reads one part in the OpenTelemetry shape or a provider's.
func partOf(item gjson.Result) Part {
	if item.Type == gjson.String {
		return Part{Type: PartText, Content: item.Str}
	}
	if !item.IsObject() {
		return Part{}
	}
	// Most parts are long texts: one pass over them is enough.
	var kind, content, text, thinking gjson.Result
	item.ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == "type" && !kind.Exists():
			kind = value
		case key.Str == "content" && !content.Exists():
			content = value
		case key.Str == "text" && !text.Exists():
			text = value
		case key.Str == "thinking" && !thinking.Exists():
			thinking = value
		}
		return true
	})
	switch kind := kind.Str; kind {
	case PartText, "input_text", "output_text":
		return Part{Type: PartText, Content: firstPresent(content, text).String(), Raw: otelRaw(item, kind == PartText && content.Exists())}
	case PartReasoning, "thinking":
		return Part{Type: PartReasoning, Content: firstPresent(content, thinking, text).String(), Raw: otelRaw(item, kind == PartReasoning && content.Exists())}
	case PartToolCall, "tool_use", "tool-call", "toolUse", "function_call", "function":
		part := toolCallPart(item)
		part.Raw = otelRaw(item, kind == PartToolCall)
		return part
	case PartToolCallResponse, "tool_result", "tool-result", "toolResult", "function_call_output":
		return toolResultPart(item, kind)
	case "":
		return untypedPart(item)
	default:
		return Part{Type: kind, Content: content.String(), Raw: rawText(item.Raw)}
	}
}

func firstPresent(values ...gjson.Result) gjson.Result {
	for _, value := range values {
		if value.Exists() && value.Type != gjson.Null {
			return value
		}
	}
	return gjson.Result{}
}

// rawText returns text as JSON without copying it; it must not be changed.
func rawText(text string) json.RawMessage {
	return unsafe.Slice(unsafe.StringData(text), len(text))
}

// otelRaw keeps the text of a part that is already in the OpenTelemetry shape.
func otelRaw(item gjson.Result, isOTel bool) json.RawMessage {
	if isOTel {
		return rawText(item.Raw)
	}
	return nil
}

// untypedPart reads the parts of Bedrock and Gemini, which name their type by a
// member.
func untypedPart(item gjson.Result) Part {
	if call := firstOf(item, "toolUse", "functionCall", "function_call"); call.IsObject() {
		return toolCallPart(call)
	}
	if result := firstOf(item, "toolResult", "functionResponse", "function_response"); result.IsObject() {
		return Part{
			Type: PartToolCallResponse, ID: firstOf(result, "toolUseId", "id").String(), Name: result.Get("name").String(),
			Response: raw(firstOf(result, "content", "response")),
		}
	}
	if text := firstOf(item, "text", "content"); text.Type == gjson.String {
		if thought := item.Get("thought"); thought.Type == gjson.True {
			return Part{Type: PartReasoning, Content: text.Str}
		}
		return Part{Type: PartText, Content: text.Str}
	}
	if text := item.Get("reasoningContent.reasoningText.text"); text.Type == gjson.String {
		return Part{Type: PartReasoning, Content: text.Str}
	}
	return Part{Type: "generic", Raw: rawText(item.Raw)}
}

// toolCallPart reads a tool call: {id, name, arguments}, OpenAI's {id, function:
// {name, arguments}}, Anthropic's {id, name, input}, or the AI SDK's {toolCallId,
// toolName, input | args}.
func toolCallPart(call gjson.Result) Part {
	function := call
	if nested := call.Get("function"); nested.IsObject() {
		function = nested
	}
	id := firstOf(call, "id", "toolCallId", "toolUseId", "call_id")
	return Part{
		Type:      PartToolCall,
		ID:        id.String(),
		Name:      firstOf(function, "name", "toolName").String(),
		Arguments: raw(firstOf(function, "arguments", "input", "args")),
	}
}

func toolResultPart(item gjson.Result, kind string) Part {
	response := firstOf(item, "response", "result", "content", "output")
	if kind == "tool-result" {
		if value := response.Get("value"); value.Exists() {
			response = value
		}
	}
	part := Part{
		Type:     PartToolCallResponse,
		ID:       firstOf(item, "id", "tool_use_id", "toolUseId", "toolCallId", "call_id").String(),
		Name:     firstOf(item, "name", "toolName").String(),
		Response: raw(response),
	}
	part.Raw = otelRaw(item, kind == PartToolCallResponse && item.Get("response").Exists())
	return part
}

func appendMessages(dst []byte, list []Message) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMessage(dst, &list[i])
	}
	return append(dst, ']')
}

func appendMessage(dst []byte, m *Message) []byte {
	dst = append(appendString(append(dst, `{"role":`...), m.Role), `,"parts":`...)
	dst = appendParts(dst, m.Parts)
	if m.Name != "" {
		dst = appendString(append(dst, `,"name":`...), m.Name)
	}
	if m.FinishReason != "" {
		dst = appendString(append(dst, `,"finish_reason":`...), m.FinishReason)
	}
	return append(dst, '}')
}

func appendParts(dst []byte, parts []Part) []byte {
	dst = append(dst, '[')
	for i := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPart(dst, &parts[i])
	}
	return append(dst, ']')
}

func appendPart(dst []byte, p *Part) []byte {
	if p.Raw != nil {
		return append(dst, p.Raw...)
	}
	dst = appendString(append(dst, `{"type":`...), p.Type)
	if p.ID != "" {
		dst = appendString(append(dst, `,"id":`...), p.ID)
	}
	if p.Name != "" {
		dst = appendString(append(dst, `,"name":`...), p.Name)
	}
	switch p.Type {
	case PartToolCall:
		if p.Arguments != nil {
			dst = append(append(dst, `,"arguments":`...), p.Arguments...)
		}
	case PartToolCallResponse:
		dst = append(dst, `,"response":`...)
		if p.Response == nil {
			dst = append(dst, "null"...)
		}
		dst = append(dst, p.Response...)
	default:
		dst = appendString(append(dst, `,"content":`...), p.Content)
	}
	return append(dst, '}')
}
