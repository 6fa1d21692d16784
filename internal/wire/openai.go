// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// openAIChat is POST /v1/chat/completions, as OpenAI and many others serve it.
var openAIChat = &dialect{
	name: OpenAIChat,
	providers: []string{
		"openai", "azure.ai.openai", "azure.ai.inference", "deepseek", "groq", "mistral_ai", "x_ai", "perplexity",
		"openrouter", "together", "together_ai", "fireworks", "ollama", "vllm", "litellm", "moonshot_ai", "cerebras",
	},
	path: "/chat/completions",
	params: map[string]string{
		"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p",
		"frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty", "stop": "stop_sequences",
		"seed": "seed", "n": "choice.count", "reasoning_effort": "reasoning.level", "top_k": "top_k",
	},
	capture: func(body *jsondoc.Value) content { return content{messages: body.Member("messages")} },
	build:   buildOpenAI,
	answer:  answerReader{document: openAIAnswer, usage: openAIUsage},
	stream:  func() assembler { return newOpenAIStream() },
	errorOf: func(body *jsondoc.Value) *APIError { return errorMember(body.Member("error")) },
	headers: func(key string) map[string]string {
		if key == "" {
			return nil
		}
		return map[string]string{"Authorization": "Bearer " + key}
	},
}

// openAIOwn are parameters that some dialects record under OpenAI's own names.
var openAIOwn = []string{
	"tool_choice", "parallel_tool_calls", "response_format", "logprobs", "top_logprobs", "logit_bias", "user", "store",
	"metadata", "service_tier", "verbosity", "prediction", "modalities", "audio", "safety_identifier",
	"prompt_cache_key", "max_completion_tokens", "web_search_options", "min_p", "repetition_penalty",
}

func buildOpenAI(b *builder) {
	history := b.history()
	messages := jsondoc.NewArray()
	repeated := len(history) > 0 && isSystem(history[0].Role) && history[0].Text() == b.call.System.Text()
	if parts := b.systemParts(); len(parts) > 0 && !repeated {
		b.note(Info, NoteSystemMoved, "/messages/0", "system instructions were recorded apart from the history; they are sent as its first message")
		messages.Append(b.openAIMessage(genai.Message{Role: "system", Parts: parts}, "/messages/0"))
	}
	for i := range history {
		for _, m := range b.openAIMessages(history[i], messages.Len()) {
			messages.Append(m)
		}
	}
	b.body.Put("messages", messages)
	if definitions := b.definitions(); len(definitions) > 0 {
		tools := jsondoc.NewArray()
		for i := range definitions {
			tools.Append(b.openAITool(&definitions[i], jsondoc.JoinIndex("/tools", i)))
		}
		b.body.Put("tools", tools)
	}
	names := map[string]string{
		"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed",
		"frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty",
		"stop_sequences": "stop", "choice.count": "n", "reasoning.level": "reasoning_effort",
	}
	if _, set := b.call.Param("max_tokens"); set && limitsCompletion(b.call.RequestModel) {
		names["max_tokens"] = "max_completion_tokens"
		b.note(Info, NoteTokenLimit, "/max_completion_tokens", "models of this family name the token limit max_completion_tokens")
	}
	b.parameters(names, openAIOwn)
}

// limitsCompletion tells the models that refuse max_tokens.
func limitsCompletion(model string) bool {
	for _, prefix := range []string{"o1", "o3", "o4", "gpt-5"} {
		if strings.HasPrefix(model, prefix) {
			return true
		}
	}
	return false
}

func isSystem(role string) bool { return role == "system" || role == "developer" }

// openAIMessages turns one message into those that the API needs: each tool
// result is a message of its own.
func (b *builder) openAIMessages(m genai.Message, next int) []*jsondoc.Value {
	var list []*jsondoc.Value
	rest := genai.Message{Role: m.Role, Name: m.Name}
	for i := range m.Parts {
		part := &m.Parts[i]
		if part.Type != genai.PartToolCallResponse {
			rest.Parts = append(rest.Parts, *part)
			continue
		}
		pointer := jsondoc.JoinIndex("/messages", next+len(list))
		object := jsondoc.NewObject().Put("role", jsondoc.NewString("tool"))
		if part.ID != "" {
			object.Put("tool_call_id", jsondoc.NewString(part.ID))
		}
		result := b.result(part, pointer+"/content")
		if result == nil {
			result = jsondoc.NewString("")
		}
		if part.Name != "" {
			object.Put("name", jsondoc.NewString(part.Name))
		}
		list = append(list, b.extras(object.Put("content", result), part, "cache_control"))
	}
	if len(rest.Parts) > 0 || len(list) == 0 {
		list = append(list, b.openAIMessage(rest, jsondoc.JoinIndex("/messages", next+len(list))))
	}
	return list
}

func (b *builder) openAIMessage(m genai.Message, pointer string) *jsondoc.Value {
	object := jsondoc.NewObject().Put("role", jsondoc.NewString(m.Role))
	var contents, calls []*jsondoc.Value
	var reasoning *jsondoc.Value
	for i := range m.Parts {
		part := &m.Parts[i]
		switch part.Type {
		case genai.PartToolCall:
			calls = append(calls, b.openAICall(part, at("%s/tool_calls/%d", pointer, len(calls))))
		case genai.PartReasoning:
			reasoning = jsondoc.NewString(part.Content)
		default:
			if v := b.openAIPart(part, at("%s/content/%d", pointer, len(contents))); v != nil {
				contents = append(contents, v)
			}
		}
	}
	if m.Name != "" {
		object.Put("name", jsondoc.NewString(m.Name))
	}
	if len(contents) > 0 {
		object.Put("content", partsValue(contents))
	} else if len(calls) == 0 {
		object.Put("content", jsondoc.NewString(""))
	}
	if reasoning != nil {
		object.Put("reasoning_content", reasoning)
	}
	if len(calls) > 0 {
		object.Put("tool_calls", jsondoc.NewArray(calls...))
	}
	return object
}

func (b *builder) openAICall(p *genai.Part, pointer string) *jsondoc.Value {
	call := jsondoc.NewObject()
	if p.ID != "" {
		call.Put("id", jsondoc.NewString(p.ID))
	}
	function := jsondoc.NewObject().Put("name", jsondoc.NewString(p.Name)).
		Put("arguments", jsondoc.NewString(b.argumentsText(p, pointer+"/function/arguments")))
	return b.extras(call.Put("type", jsondoc.NewString("function")).Put("function", function), p, "cache_control")
}

func (b *builder) openAIPart(p *genai.Part, pointer string) *jsondoc.Value {
	switch p.Type {
	case genai.PartText:
		return b.extras(textPart(p.Content), p, "cache_control")
	case genai.PartURI, genai.PartBlob:
		raw := b.value(p.Raw, pointer)
		url := raw.Member("uri").Str()
		if p.Type == genai.PartBlob {
			url = "data:" + raw.Member("mime_type").Str() + ";base64," + p.Content
		}
		if modality := raw.Member("modality").Str(); modality != "" && modality != "image" {
			b.note(Warning, NotePartDropped, pointer, "a %s part of modality %q cannot be put into this API and is left out", p.Type, clip(modality))
			return nil
		}
		image := jsondoc.NewObject().Put("url", jsondoc.NewString(url))
		return jsondoc.NewObject().Put("type", jsondoc.NewString("image_url")).Put("image_url", image)
	case "image_url", "input_audio", "file", "refusal":
		return b.foreign(p, pointer)
	}
	b.note(Warning, NotePartUnknown, pointer, "a part of type %q is sent as it was recorded", clip(p.Type))
	return b.foreign(p, pointer)
}

func (b *builder) openAITool(d *genai.ToolDefinition, pointer string) *jsondoc.Value {
	if d.Type != "function" && d.Type != "custom" || d.Type == "custom" && d.Parameters == nil {
		return b.value(d.Raw, pointer)
	}
	function := jsondoc.NewObject().Put("name", jsondoc.NewString(d.Name))
	if b.described(d, pointer) {
		function.Put("description", jsondoc.NewString(d.Description))
	}
	if parameters := b.value(d.Parameters, pointer+"/function/parameters"); parameters != nil {
		function.Put("parameters", parameters)
	}
	if d.Strict.Set {
		function.Put("strict", jsondoc.NewBool(d.Strict.Value))
	}
	return jsondoc.NewObject().Put("type", jsondoc.NewString("function")).Put("function", function)
}
