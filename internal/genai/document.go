// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// fillDocuments fills what is still missing from attributes that hold a whole
// request or a whole answer (Langfuse, LangSmith, OpenInference, Vercel, ADK,
// MLflow, Braintrust).
func (r *reading) fillDocuments(c *Call) {
	if !c.Counted && c.Kind != KindAgent && c.Kind != KindWorkflow {
		return
	}
	if c.Counted {
		r.each(fMetadataDocument, func(m *match) bool {
			document, ok := r.document(m)
			if ok && document.IsObject() {
				c.readMetadata(document)
			}
			return ok
		})
	}
	if r.has(fInputDocument) && (c.Input.Empty() || c.Counted && (c.Tools.Empty() || c.RequestModel == "" || len(c.Params) == 0)) {
		r.each(fInputDocument, func(m *match) bool {
			document, ok := r.document(m)
			if model := document.Get("model"); ok && m.key == "mlflow.spanInputs" && model.Type == gjson.String && model.Str != "" {
				// mlflow.llm.model is the answering model where the answer names one.
				c.RequestModel = model.Str
			}
			return ok && c.readRequest(unwrapped(m.key, document))
		})
		c.sortParams()
	}
	if r.has(fOutputDocument) && (c.Output.Empty() || c.Counted && (c.ResponseID == "" || len(c.FinishReasons) == 0 || !c.Usage.OutputTokens.Set)) {
		r.each(fOutputDocument, func(m *match) bool {
			document, ok := r.document(m)
			if !ok || !c.readAnswer(unwrapped(m.key, document)) {
				return false
			}
			if m.key == "langfuse.observation.output" && c.splitMergedCalls() {
				r.problem(m.key, ReasonMergedCalls)
			}
			return true
		})
	}
}

// unwrapped takes off the {type, value} that LangWatch puts around values.
func unwrapped(key string, document gjson.Result) gjson.Result {
	if key != "langwatch.input" && key != "langwatch.output" || !document.IsObject() {
		return document
	}
	return document.Get("value")
}

// readMetadata reads Braintrust's metadata: members of the request and of the
// answer in one object.
func (c *Call) readMetadata(document gjson.Result) {
	if id := document.Get("id"); c.ResponseID == "" && id.Type == gjson.String {
		c.ResponseID = id.Str
	}
	if provider := document.Get("provider"); c.Provider == "" && provider.Type == gjson.String {
		c.Provider = providerOf(provider.Str)
	}
	if fingerprint := document.Get("system_fingerprint"); c.SystemFingerprint == "" && fingerprint.Type == gjson.String {
		c.SystemFingerprint = fingerprint.Str
	}
	c.readRequestObject(document)
	c.sortParams()
}

// readRequest reads a request body, a list of messages, or plain text. It
// returns false when there is nothing in it.
func (c *Call) readRequest(document gjson.Result) bool {
	if document.Type == gjson.String {
		c.setInputText(document.Str)
		return document.Str != ""
	}
	messages := document
	if document.IsObject() {
		messages = firstOf(document, "messages", "input", "contents", "prompt")
		if c.Counted {
			c.readRequestObject(document)
		} else {
			c.readSystem(document)
		}
	}
	if messages.Type == gjson.String {
		c.setInputText(messages.Str)
		return true
	}
	if !c.Input.Empty() || !messages.IsArray() && !messages.IsObject() {
		return document.IsObject()
	}
	if list, err := parseMessages(messages.Raw); err == nil && len(list) > 0 && wellFormed(list) {
		c.Input = NewMessages(list)
	}
	return true
}

func (c *Call) setInputText(text string) {
	if c.Input.Empty() && text != "" {
		c.Input = NewMessages([]Message{{Role: "user", Parts: []Part{{Type: PartText, Content: text}}}})
	}
}

// readRequestObject reads what a request holds beside its messages. Gemini
// keeps all of it under config.
func (c *Call) readRequestObject(document gjson.Result) {
	c.readRequestMembers(document)
	for _, nested := range []string{"config", "generationConfig"} {
		if config := document.Get(nested); config.IsObject() {
			c.readRequestMembers(config)
		}
	}
}

func (c *Call) readRequestMembers(document gjson.Result) {
	if tools := document.Get("tools"); c.Tools.Empty() && tools.IsArray() && len(tools.Raw) > 2 {
		c.Tools = ToolDefinitionsFromJSON(tools.Raw)
	}
	if model := document.Get("model"); c.RequestModel == "" && model.Type == gjson.String {
		c.RequestModel = model.Str
	}
	c.readSystem(document)
	if !hasSettings(c.Params) {
		c.addParams(document, requestParams)
	}
}

func (c *Call) readSystem(document gjson.Result) {
	if !c.System.Empty() {
		return
	}
	system := firstOf(document, "system", "instructions", "systemInstruction", "system_instruction")
	if system.IsObject() {
		if parts := system.Get("parts"); parts.IsArray() {
			system = parts
		}
	}
	switch {
	case system.Type == gjson.String && system.Str != "":
		c.System = NewParts([]Part{{Type: PartText, Content: system.Str}})
	case system.IsArray():
		c.System = NewParts(partsOf(system))
	}
}

// wellFormed tells messages from other JSON arrays: each has a role.
func wellFormed(list []Message) bool {
	for i := range list {
		if list[i].Role == "" {
			return false
		}
	}
	return true
}

// readAnswer reads an answer body: OpenAI chat, OpenAI Responses, Anthropic
// Messages, Gemini, LangChain, a bare message, a list of messages or choices,
// or plain text. It returns false when there is nothing in it.
func (c *Call) readAnswer(document gjson.Result) bool {
	if document.Type == gjson.String {
		if c.Output.Empty() && document.Str != "" {
			c.Output = NewMessages([]Message{{Role: "assistant", Parts: []Part{{Type: PartText, Content: document.Str}}}})
		}
		return document.Str != ""
	}
	var list []Message
	switch {
	case document.IsArray():
		list, _ = parseMessages(document.Raw)
	case document.IsObject():
		list = c.readAnswerObject(document)
	}
	for i := range list {
		if list[i].Role == "" {
			list[i].Role = "assistant"
		}
	}
	if c.Output.Empty() && len(list) > 0 {
		c.Output = NewMessages(list)
	}
	if c.Counted && len(c.FinishReasons) == 0 {
		c.FinishReasons = finishOf(list)
	}
	return len(list) > 0 || document.IsObject() && len(document.Raw) > 2
}

// readAnswerObject reads an answer's members. Only a model call takes over its
// identifiers and counts: a wrapper's answer has identifiers of its own.
func (c *Call) readAnswerObject(document gjson.Result) []Message {
	// Langfuse states a response of one item by the item, whose id is not the answer's.
	itemType := document.Get("type").Str
	if isResponsesItem(itemType) {
		return []Message{responsesItem(document, itemType)}
	}
	if c.Counted && (itemType != "message" || !document.Get("status").Exists()) {
		c.readAnswerFacts(document)
	}
	for _, name := range []string{"choices", "output", "candidates"} {
		if list := document.Get(name); list.IsArray() {
			messages, _ := parseMessages(list.Raw)
			return messages
		}
	}
	if generations := document.Get("generations"); generations.IsArray() {
		if c.Counted {
			c.readAnswerFacts(generations.Get("0.0.message.kwargs.response_metadata"))
		}
		return generationsOf(generations)
	}
	if content := document.Get("content"); content.IsObject() && content.Get("parts").IsArray() {
		return c.geminiMessage(document, content)
	}
	if document.Get("role").Exists() || document.Get("content").Exists() || document.Get("tool_calls").Exists() || document.Get("kwargs").IsObject() {
		return []Message{parseMessage(document, 0)}
	}
	return nil
}

func (c *Call) readAnswerFacts(document gjson.Result) {
	text := func(field *string, names ...string) {
		if value := firstOf(document, names...); *field == "" && value.Type == gjson.String {
			*field = value.Str
		}
	}
	text(&c.ResponseID, "id", "responseId", "response_id")
	text(&c.ResponseModel, "model", "modelVersion", "model_version", "model_name")
	text(&c.SystemFingerprint, "system_fingerprint")
	c.Usage.readProvider(firstOf(document, "usage", "usageMetadata", "usage_metadata"))
	if stop := document.Get("stop_reason"); len(c.FinishReasons) == 0 && stop.Type == gjson.String && stop.Str != "" {
		c.FinishReasons = []string{stop.Str}
	}
}

// geminiMessage reads Gemini's {content: {role, parts}, finishReason}.
func (c *Call) geminiMessage(document, content gjson.Result) []Message {
	m := parseMessage(content, 0)
	if reason := firstOf(document, "finishReason", "finish_reason"); reason.Type == gjson.String {
		m.FinishReason = reason.Str
	}
	return []Message{m}
}

// generationsOf reads LangChain's [[{text, message, generation_info}]].
func generationsOf(generations gjson.Result) []Message {
	var list []Message
	add := func(generation gjson.Result) {
		if len(list) >= maxIndex || !generation.IsObject() {
			return
		}
		m := Message{Role: "assistant"}
		if message := generation.Get("message"); message.IsObject() {
			m = parseMessage(message, 0)
		} else if text := generation.Get("text"); text.Type == gjson.String {
			m.Parts = []Part{{Type: PartText, Content: text.Str}}
		}
		if reason := firstOf(generation.Get("generation_info"), "finish_reason", "stop_reason"); reason.Type == gjson.String {
			m.FinishReason = reason.Str
		}
		list = append(list, m)
	}
	generations.ForEach(func(_, batch gjson.Result) bool {
		if batch.IsArray() {
			batch.ForEach(func(_, generation gjson.Result) bool { add(generation); return true })
		} else {
			add(batch)
		}
		return true
	})
	return list
}

// finishOf returns the finish reasons that messages state.
func finishOf(list []Message) []string {
	var reasons []string
	for i := range list {
		if reason := strings.TrimSpace(list[i].FinishReason); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}
