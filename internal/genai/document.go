// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// fillDocuments fills what is still missing from attributes that hold a whole
// request or a whole answer (Langfuse, LangSmith, OpenInference, Vercel).
func (r *reading) fillDocuments(c *Call) {
	if !c.Counted && c.Kind != KindAgent && c.Kind != KindWorkflow {
		return
	}
	if r.has(fInputDocument) && (c.Input.Empty() || c.Tools.Empty() || c.RequestModel == "" || len(c.Params) == 0) {
		r.each(fInputDocument, func(m *match) bool {
			document, ok := r.document(m)
			return ok && c.readRequest(document)
		})
	}
	if r.has(fOutputDocument) && (c.Output.Empty() || c.ResponseID == "" || len(c.FinishReasons) == 0) {
		r.each(fOutputDocument, func(m *match) bool {
			document, ok := r.document(m)
			return ok && c.readAnswer(document)
		})
	}
}

// readRequest reads a request body, a list of messages, or plain text.
func (c *Call) readRequest(document gjson.Result) bool {
	if document.Type == gjson.String {
		if c.Input.Empty() && document.Str != "" {
			c.Input = NewMessages([]Message{{Role: "user", Parts: []Part{{Type: PartText, Content: document.Str}}}})
		}
		return true
	}
	messages := document
	if document.IsObject() {
		messages = firstOf(document, "messages", "input", "contents", "prompt")
		c.readRequestObject(document)
	}
	if !c.Input.Empty() || !messages.Exists() {
		return true
	}
	if messages.Type == gjson.String {
		c.Input = NewMessages([]Message{{Role: "user", Parts: []Part{{Type: PartText, Content: messages.Str}}}})
		return true
	}
	if list, err := parseMessages(messages.Raw); err == nil && len(list) > 0 && wellFormed(list) {
		c.Input = NewMessages(list)
	}
	return true
}

func (c *Call) readRequestObject(document gjson.Result) {
	if tools := document.Get("tools"); c.Tools.Empty() && tools.IsArray() && len(tools.Raw) > 2 {
		c.Tools = ToolDefinitionsFromJSON(tools.Raw)
	}
	if model := document.Get("model"); c.RequestModel == "" && model.Type == gjson.String {
		c.RequestModel = model.Str
	}
	if system := firstOf(document, "system", "instructions"); c.System.Empty() && system.Exists() {
		c.System = PartsFromJSON(systemText(system))
	}
	if len(c.Params) == 0 {
		document.ForEach(func(key, value gjson.Result) bool {
			if !value.IsObject() && !value.IsArray() || key.Str == "stop" {
				c.addParam(key.Str, []byte(value.Raw))
			}
			return true
		})
	}
}

func systemText(system gjson.Result) string {
	if system.Type == gjson.String {
		return system.Str
	}
	return system.Raw
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
// Messages, a bare message, a list of messages or choices, or plain text.
func (c *Call) readAnswer(document gjson.Result) bool {
	if document.Type == gjson.String {
		if c.Output.Empty() && document.Str != "" {
			c.Output = NewMessages([]Message{{Role: "assistant", Parts: []Part{{Type: PartText, Content: document.Str}}}})
		}
		return true
	}
	var list []Message
	if document.IsArray() {
		list, _ = parseMessages(document.Raw)
	} else {
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
	if len(c.FinishReasons) == 0 {
		c.FinishReasons = finishOf(list)
	}
	return true
}

func (c *Call) readAnswerObject(document gjson.Result) []Message {
	if id := document.Get("id"); c.ResponseID == "" && id.Type == gjson.String {
		c.ResponseID = id.Str
	}
	if model := document.Get("model"); c.ResponseModel == "" && model.Type == gjson.String {
		c.ResponseModel = model.Str
	}
	if fingerprint := document.Get("system_fingerprint"); c.SystemFingerprint == "" && fingerprint.Type == gjson.String {
		c.SystemFingerprint = fingerprint.Str
	}
	if choices := document.Get("choices"); choices.IsArray() {
		list, _ := parseMessages(choices.Raw)
		return list
	}
	if items := document.Get("output"); items.IsArray() {
		list, _ := parseMessages(items.Raw)
		return list
	}
	if document.Get("role").Exists() || document.Get("content").Exists() || document.Get("tool_calls").Exists() {
		return []Message{parseMessage(document)}
	}
	return nil
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
