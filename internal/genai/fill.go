// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// fill turns what was filed into the canonical call.
func (r *reading) fill(c *Call, span ptrace.Span, scope pcommon.InstrumentationScope) {
	c.Operation = r.text(fOperation)
	c.Kind = r.kind(c.Operation, span, scope)
	c.Counted = (c.Kind == KindInference || c.Kind == KindEmbeddings || c.Kind == KindRerank) && !r.has(fDuplicateOf)
	c.Operation = operationOf(c.Operation, c.Kind)
	r.fillModel(c)
	r.fillPrompt(c)
	c.SessionID = r.text(fSession)
	c.UserID = r.text(fUser)
	c.AgentName = r.text(fAgent)
	if c.Kind == KindTool {
		r.fillTool(c, span)
	} else {
		r.fillContent(c)
		r.fillTools(c)
	}
	r.fillParams(c)
	r.fillUsage(c)
	r.fillDocuments(c)
	c.Usage.includeCache()
	c.dropRepeatedSystem()
	r.fillFinish(c)
	r.fillError(c, span)
	r.settleModel(c)
	r.fillScores(c, span)
	c.Documents = r.json(fDocuments)
	c.Problems = append(c.Problems, r.problems...)
	c.Dialects = r.dialectList()
}

func (r *reading) fillModel(c *Call) {
	r.each(fProvider, func(m *match) bool {
		c.Provider = ""
		if m.value.Type() == pcommon.ValueTypeStr {
			c.Provider = providerOf(unquotedScalar(m.value.Str()))
		}
		return c.Provider != ""
	})
	c.RequestModel = r.strictText(fRequestModel)
	c.ResponseModel = r.strictText(fResponseModel)
	c.ResponseID = r.text(fResponseID)
	c.SystemFingerprint = r.text(fFingerprint)
}

// settleModel corrects attributes that hold the answering model after an
// answer and the requested one otherwise (OpenInference, Langfuse): a call that
// failed has no answering model.
func (r *reading) settleModel(c *Call) {
	if !c.Counted || c.ErrorType == "" || c.ResponseModel == "" || !c.Output.Empty() {
		return
	}
	at := r.first[fResponseModel]
	if at < 0 {
		return
	}
	switch r.matches[at].key {
	case "llm.model_name", "langfuse.observation.model.name":
		if c.RequestModel == "" {
			c.RequestModel = c.ResponseModel
		}
		c.ResponseModel = ""
	}
}

// providers maps what dialects write to gen_ai.provider.name. An empty name
// says that the word names no provider.
var providers = map[string]string{
	"azure": "azure.ai.openai", "az.ai.openai": "azure.ai.openai", "az.ai.inference": "azure.ai.inference",
	"aws": "aws.bedrock", "bedrock": "aws.bedrock", "google": "gcp.vertex_ai", "vertex_ai": "gcp.vertex_ai",
	"vertexai": "gcp.vertex_ai", "gcp.vertex.agent": "gcp.vertex_ai", "gemini": "gcp.gemini", "xai": "x_ai",
	"mistralai": "mistral_ai", "function": "", "strands-agents": "", "langchain": "", "microsoft.agent_framework": "",
}

func providerOf(name string) string {
	name = strings.TrimSpace(name)
	if !isLower(name) {
		name = strings.ToLower(name)
	}
	for _, base := range [...]string{"openai", "anthropic"} {
		if len(name) > len(base) && name[len(base)] == '.' && strings.HasPrefix(name, base) {
			return base
		}
	}
	if mapped, known := providers[name]; known {
		return mapped
	}
	return name
}

func isLower(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= 'A' && text[i] <= 'Z' || text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// fillContent reads input, output and system instructions from whole
// attributes, then indexed ones, then events.
func (r *reading) fillContent(c *Call) {
	r.each(fSystem, func(m *match) bool {
		c.System = PartsFromJSON(unquotedScalar(jsonText(m.value)))
		if text := c.System.text; text != "" && !looksClosed(text) || c.System.err != nil {
			r.problem(m.key, malformedReason(text))
		}
		return !c.System.Empty()
	})
	c.Input = r.messages(fInput)
	c.Output = r.messages(fOutput)
	r.fillMessageEvents(c)
	if c.Input.Empty() {
		c.Input = r.indexedMessages(familyInput)
	}
	if c.Output.Empty() {
		c.Output = r.indexedMessages(familyOutput)
	}
	if c.Output.Empty() {
		c.Output = r.responseParts()
	}
	if c.Input.Empty() && len(r.eventIn) > 0 {
		c.Input = NewMessages(r.eventIn)
	}
	if c.Output.Empty() && len(r.eventOut) > 0 {
		c.Output = NewMessages(r.eventOut)
	}
}

func (r *reading) messages(f field) (messages Messages) {
	r.each(f, func(m *match) bool {
		text := unquoted(jsonText(m.value))
		messages = MessagesFromJSON(text)
		if messages.err != nil {
			r.problem(m.key, malformedReason(text))
		}
		return !messages.Empty()
	})
	return messages
}

// responseParts reads the AI SDK's answer, which is spread over attributes.
func (r *reading) responseParts() Messages {
	message := Message{Role: "assistant"}
	if reasoning := r.text(fOutputReasoning); reasoning != "" {
		message.Parts = append(message.Parts, Part{Type: PartReasoning, Content: reasoning})
	}
	r.each(fOutputText, func(m *match) bool {
		text, ok := scalar(m.value)
		if ok && text != "" {
			message.Parts = append(message.Parts, Part{Type: PartText, Content: text})
		}
		return ok && text != ""
	})
	r.each(fOutputCalls, func(m *match) bool {
		list, ok := r.document(m)
		list.ForEach(func(_, call gjson.Result) bool {
			message.Parts = append(message.Parts, toolCallPart(call))
			return true
		})
		return ok
	})
	if len(message.Parts) == 0 {
		return Messages{}
	}
	return NewMessages([]Message{message})
}

// dropRepeatedSystem drops system instructions that the history begins with as
// well: a sender that writes both means one instruction.
func (c *Call) dropRepeatedSystem() {
	if c.System.Empty() || c.Input.Empty() || !c.Input.beginsWithSystem() {
		return
	}
	if list, err := c.Input.List(); err == nil && list[0].Text() == c.System.Text() {
		c.System = Parts{}
	}
}

// fillTools reads the tool definitions.
func (r *reading) fillTools(c *Call) {
	r.each(fTools, func(m *match) bool {
		text := unquoted(jsonText(m.value))
		if m.key == "model_request_parameters" {
			text = r.pydanticTools(m, text)
		}
		if text == "" || text == "[]" || text == "null" {
			return false
		}
		if !looksClosed(text) {
			r.problem(m.key, malformedReason(text))
			c.Tools = ToolDefinitions{text: text, parsed: true, err: ErrMalformed, Completeness: ToolsTruncated}
			return true
		}
		c.Tools = ToolDefinitionsFromJSON(text)
		return true
	})
	if c.Tools.Empty() {
		c.Tools = r.indexedTools()
	}
}

// pydanticTools returns Pydantic AI's function tools and the tools through
// which the model answers, as one JSON array.
func (r *reading) pydanticTools(m *match, text string) string {
	if !ValidJSON(text) {
		r.problem(m.key, malformedReason(text))
		return ""
	}
	functions, outputs := gjson.Get(text, "function_tools").Raw, gjson.Get(text, "output_tools").Raw
	switch {
	case len(outputs) <= 2 || outputs[0] != '[':
		return functions
	case len(functions) <= 2 || functions[0] != '[':
		return outputs
	}
	return functions[:len(functions)-1] + "," + outputs[1:]
}

// GlanceAtContent returns the problems that Read found and those of content that
// is kept as text and cannot be JSON. It parses nothing: CheckContent finds more
// at a higher price.
func (c *Call) GlanceAtContent() []Problem {
	problems := c.Problems
	for _, content := range [...]struct{ attribute, text string }{
		{"gen_ai.system_instructions", c.System.unproved()},
		{"gen_ai.input.messages", c.Input.unproved()},
		{"gen_ai.output.messages", c.Output.unproved()},
		{"gen_ai.tool.definitions", c.Tools.unproved()},
	} {
		named := func(p Problem) bool { return p.Attribute == content.attribute }
		if content.text != "" && !likelyJSON(content.text) && !slices.ContainsFunc(problems, named) {
			problems = append(slices.Clip(problems), Problem{Attribute: content.attribute, Reason: malformedReason(content.text)})
		}
	}
	return problems
}

// CheckContent parses all content and returns the problems that only parsing
// shows, beside those that Read found.
func (c *Call) CheckContent() []Problem {
	problems := c.Problems
	check := func(attribute string, err error, text string) {
		if err == nil {
			return
		}
		for _, p := range problems {
			if p.Attribute == attribute {
				return
			}
		}
		problems = append(problems, Problem{Attribute: attribute, Reason: malformedReason(text)})
	}
	_, err := c.System.List()
	check("gen_ai.system_instructions", err, c.System.text)
	_, err = c.Input.List()
	check("gen_ai.input.messages", err, c.Input.text)
	_, err = c.Output.List()
	check("gen_ai.output.messages", err, c.Output.text)
	_, err = c.Tools.List()
	check("gen_ai.tool.definitions", err, c.Tools.text)
	return problems
}
