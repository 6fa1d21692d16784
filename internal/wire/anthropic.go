// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// anthropicVersion is the API version that requests name.
const anthropicVersion = "2023-06-01"

// anthropicMessages is POST /v1/messages.
var anthropicMessages = &dialect{
	name:      AnthropicMessages,
	providers: []string{"anthropic"},
	path:      "/v1/messages",
	params: map[string]string{
		"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
		"stop_sequences": "stop_sequences",
	},
	capture: func(body *jsondoc.Value) content {
		return content{system: body.Member("system"), messages: body.Member("messages")}
	},
	systemAt: "system",
	build:    buildAnthropic,
	answer:   answerReader{document: anthropicAnswer, usage: anthropicUsage},
	stream:   func() assembler { return newAnthropicStream() },
	errorOf: func(body *jsondoc.Value) *APIError {
		if body.Member("type").Str() != "error" && body.Member("error") == nil {
			return nil
		}
		return errorMember(body.Member("error"))
	},
	headers: func(key string) map[string]string {
		headers := map[string]string{"anthropic-version": anthropicVersion}
		if key != "" {
			headers["x-api-key"] = key
		}
		return headers
	},
}

// anthropicOwn are parameters that some dialects record under Anthropic's own
// names.
var anthropicOwn = []string{
	"tool_choice", "thinking", "metadata", "service_tier", "container", "mcp_servers", "context_management", "output_config",
}

func buildAnthropic(b *builder) {
	system := b.systemParts()
	messages := jsondoc.NewArray()
	history := b.history()
	for i := 0; i < len(history); i++ {
		if isSystem(history[i].Role) {
			b.note(Info, NoteSystemMoved, "/system", "a system message of the history is sent as system instructions")
			if b.call.System.Text() != history[i].Text() {
				system = append(system, history[i].Parts...)
			}
			continue
		}
		m := history[i]
		for m.Role == "tool" && i+1 < len(history) && history[i+1].Role == "tool" {
			// The API wants the results of one turn in one message.
			i++
			m.Parts = append(m.Parts[:len(m.Parts):len(m.Parts)], history[i].Parts...)
		}
		messages.Append(b.anthropicMessage(m, jsondoc.JoinIndex("/messages", messages.Len())))
	}
	if len(system) > 0 {
		b.put("system", partsValue(b.anthropicParts(system, "/system")))
	}
	b.body.Put("messages", messages)
	if definitions := b.definitions(); len(definitions) > 0 {
		tools := jsondoc.NewArray()
		for i := range definitions {
			tools.Append(b.anthropicTool(&definitions[i], jsondoc.JoinIndex("/tools", i)))
		}
		b.body.Put("tools", tools)
	}
	b.parameters(map[string]string{
		"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
		"stop_sequences": "stop_sequences",
	}, anthropicOwn)
}

func (b *builder) anthropicMessage(m genai.Message, pointer string) *jsondoc.Value {
	role := m.Role
	if role == "tool" {
		role = "user"
	}
	parts := b.anthropicParts(m.Parts, pointer+"/content")
	return jsondoc.NewObject().Put("role", jsondoc.NewString(role)).Put("content", partsValue(parts))
}

func (b *builder) anthropicParts(parts []genai.Part, pointer string) []*jsondoc.Value {
	var list []*jsondoc.Value
	for i := range parts {
		if v := b.anthropicPart(&parts[i], jsondoc.JoinIndex(pointer, len(list))); v != nil {
			list = append(list, v)
		}
	}
	return list
}

func (b *builder) anthropicPart(p *genai.Part, pointer string) *jsondoc.Value {
	object := jsondoc.NewObject()
	switch p.Type {
	case genai.PartText:
		return b.extras(textPart(p.Content), p, "cache_control", "citations")
	case genai.PartReasoning:
		object.Put("type", jsondoc.NewString("thinking")).Put("thinking", jsondoc.NewString(p.Content))
		return b.extras(object, p, "signature")
	case genai.PartToolCall:
		object.Put("type", jsondoc.NewString("tool_use")).Put("id", jsondoc.NewString(p.ID)).Put("name", jsondoc.NewString(p.Name))
		return b.extras(object.Put("input", b.input(p, pointer)), p, "cache_control")
	case genai.PartToolCallResponse:
		object.Put("type", jsondoc.NewString("tool_result")).Put("tool_use_id", jsondoc.NewString(p.ID))
		if result := b.result(p, pointer+"/content"); result != nil {
			object.Put("content", result)
		}
		return b.extras(object, p, "is_error", "cache_control")
	case genai.PartBlob, genai.PartURI:
		return b.anthropicMedia(p, pointer)
	case "image", "document", "redacted_thinking", "server_tool_use", "web_search_tool_result", "mcp_tool_use",
		"mcp_tool_result", "code_execution_tool_result", "container_upload", "search_result":
		return b.foreign(p, pointer)
	}
	b.note(Warning, NotePartUnknown, pointer, "a part of type %q is sent as it was recorded", clip(p.Type))
	return b.foreign(p, pointer)
}

// input is a tool call's arguments as the object that the API wants.
func (b *builder) input(p *genai.Part, pointer string) *jsondoc.Value {
	v := b.value(p.Arguments, pointer+"/input")
	if v.Is(jsondoc.String) {
		if v.Str() == "" {
			return jsondoc.NewObject()
		}
		inner, err := jsondoc.ParseString(v.Str())
		if err != nil {
			b.note(Error, NoteMalformed, pointer+"/input", "arguments: %v", err)
			return jsondoc.NewObject()
		}
		v = inner
	}
	if v == nil {
		return jsondoc.NewObject()
	}
	return v
}

func (b *builder) anthropicMedia(p *genai.Part, pointer string) *jsondoc.Value {
	raw := b.value(p.Raw, pointer)
	kind := "image"
	switch modality := raw.Member("modality").Str(); modality {
	case "image", "":
	case "document":
		kind = "document"
	default:
		b.note(Warning, NotePartDropped, pointer, "a %s part of modality %q cannot be put into this API and is left out", p.Type, clip(modality))
		return nil
	}
	source := jsondoc.NewObject()
	if p.Type == genai.PartURI {
		source.Put("type", jsondoc.NewString("url")).Put("url", jsondoc.NewString(raw.Member("uri").Str()))
	} else {
		source.Put("type", jsondoc.NewString("base64")).Put("media_type", jsondoc.NewString(raw.Member("mime_type").Str())).
			Put("data", jsondoc.NewString(p.Content))
	}
	return jsondoc.NewObject().Put("type", jsondoc.NewString(kind)).Put("source", source)
}

func (b *builder) anthropicTool(d *genai.ToolDefinition, pointer string) *jsondoc.Value {
	if d.Type != "function" && d.Type != "custom" {
		return b.value(d.Raw, pointer)
	}
	tool := jsondoc.NewObject().Put("name", jsondoc.NewString(d.Name))
	if b.described(d, pointer) {
		tool.Put("description", jsondoc.NewString(d.Description))
	}
	schema := b.value(d.Parameters, pointer+"/input_schema")
	if schema != nil {
		tool.Put("input_schema", schema)
	}
	if d.Strict.Set {
		tool.Put("strict", jsondoc.NewBool(d.Strict.Value))
	}
	return tool
}
