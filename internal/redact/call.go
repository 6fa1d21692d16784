// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/spanloop/spanloop/internal/genai"
)

// Call makes what hashes keep of a call: its numbers, its names, and the shape of
// its messages with a token in place of each text. What is not named here is not
// kept.
func (r *Redactor) Call(c *genai.Call) *genai.Call {
	kept := &genai.Call{
		Kind: c.Kind, Dialects: c.Dialects, Counted: c.Counted, Usage: c.Usage, CostUSD: c.CostUSD, TimeToFirstTokenNS: c.TimeToFirstTokenNS,
		Operation: r.label(c.Operation), Provider: r.label(c.Provider), RequestModel: r.label(c.RequestModel),
		ResponseModel: r.label(c.ResponseModel), ResponseID: r.label(c.ResponseID), SystemFingerprint: r.label(c.SystemFingerprint),
		ErrorType: r.label(c.ErrorType), SessionID: r.Hash(c.SessionID), UserID: r.Hash(c.UserID), AgentName: r.label(c.AgentName),
		Params: r.params(c.Params), System: r.system(&c.System), Input: r.messages(&c.Input), Output: r.messages(&c.Output),
		Tools: r.tools(&c.Tools), Prompt: r.prompt(c.Prompt),
	}
	for _, reason := range c.FinishReasons {
		kept.FinishReasons = append(kept.FinishReasons, r.label(reason))
	}
	if c.ToolExecution != nil {
		kept.ToolExecution = &genai.ToolExecution{Name: r.label(c.ToolExecution.Name)}
	}
	for _, s := range c.Scores {
		kept.Scores = append(kept.Scores, genai.GivenScore{
			Name: r.label(s.Name), Value: s.Value, Label: r.label(s.Label), Explanation: r.Hash(s.Explanation), Kind: r.label(s.Kind),
			Evaluator: r.label(s.Evaluator), ErrorType: r.label(s.ErrorType), Scope: r.label(s.Scope),
		})
	}
	return kept
}

func (r *Redactor) label(s string) string {
	text, _ := r.Label(s)
	return text
}

func (r *Redactor) prompt(p genai.PromptReference) genai.PromptReference {
	name := func(s string) string { text, _ := r.name(s); return text }
	kept := genai.PromptReference{
		Name: name(p.Name), Version: name(p.Version), Label: name(p.Label), ID: r.label(p.ID), Hash: r.label(p.Hash),
		Template: r.Hash(p.Template), Source: p.Source,
	}
	for _, v := range p.Variables {
		variable, _ := r.plain(v.Name, false)
		kept.Variables = append(kept.Variables, genai.Variable{Name: variable, Value: r.Hash(v.Value)})
	}
	return kept
}

// params keeps numbers, true and false, and names; other values are texts.
func (r *Redactor) params(params []genai.Param) []genai.Param {
	var kept []genai.Param
	for _, p := range params {
		value := gjson.ParseBytes(p.Value)
		name, _ := r.plain(p.Name, false)
		switch value.Type {
		case gjson.Number, gjson.True, gjson.False, gjson.Null:
			kept = append(kept, genai.Param{Name: name, Value: r.numberParam(p.Value)})
		case gjson.String:
			kept = append(kept, genai.Param{Name: name, Value: quoted(r.label(value.Str))})
		default:
			kept = append(kept, genai.Param{Name: name, Value: quoted(r.Hash(string(p.Value)))})
		}
	}
	return kept
}

// numberParam is a number, unless it is somebody's.
func (r *Redactor) numberParam(value json.RawMessage) json.RawMessage {
	if text, n := r.number(string(value)); n > 0 {
		return quoted(text)
	}
	return value
}

func quoted(s string) json.RawMessage { return appendString(nil, s) }

func (r *Redactor) system(parts *genai.Parts) genai.Parts {
	if parts.Empty() {
		return genai.Parts{}
	}
	list, err := parts.List()
	if err != nil {
		return genai.NewParts([]genai.Part{{Type: genai.PartText, Content: r.Hash(parts.JSON())}})
	}
	return genai.NewParts(r.parts(list))
}

func (r *Redactor) messages(messages *genai.Messages) genai.Messages {
	if messages.Empty() {
		return genai.Messages{}
	}
	list, err := messages.List()
	if err != nil {
		return genai.NewMessages([]genai.Message{{Parts: []genai.Part{{Type: genai.PartText, Content: r.Hash(messages.JSON())}}}})
	}
	kept := make([]genai.Message, len(list))
	for i, m := range list {
		kept[i] = genai.Message{Role: r.label(m.Role), Parts: r.parts(m.Parts), Name: r.Hash(m.Name), FinishReason: r.label(m.FinishReason)}
	}
	return genai.NewMessages(kept)
}

// parts keeps types and tools' names. Raw is the part as it was.
func (r *Redactor) parts(list []genai.Part) []genai.Part {
	kept := make([]genai.Part, len(list))
	for i, p := range list {
		kept[i] = genai.Part{Type: r.label(p.Type), ID: r.Hash(p.ID)}
		switch p.Type {
		case genai.PartToolCall:
			kept[i].Name = r.label(p.Name)
			kept[i].Arguments = r.hashedJSON(p.Arguments)
		case genai.PartToolCallResponse:
			kept[i].Name = r.label(p.Name)
			kept[i].Response = r.hashedJSON(p.Response)
		case genai.PartText, genai.PartReasoning:
			kept[i].Content = r.Hash(p.Content)
		default:
			kept[i].Content = r.Hash(p.Content)
			if p.Raw != nil && !r.isWholeToken(p.Content) {
				kept[i].Content = r.Hash(string(p.Raw))
			}
		}
	}
	return kept
}

// hashedJSON is the token of a JSON value; of a string, that of what it says.
func (r *Redactor) hashedJSON(value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return nil
	}
	if parsed := gjson.ParseBytes(value); parsed.Type == gjson.String {
		return quoted(r.Hash(parsed.Str))
	}
	return quoted(r.Hash(string(value)))
}

// parametersHash is the member of a tool definition that stands for its schema.
const parametersHash = "parameters_hash"

// tools keeps names and types.
func (r *Redactor) tools(definitions *genai.ToolDefinitions) genai.ToolDefinitions {
	text := definitions.Text()
	if text == "" {
		return genai.ToolDefinitionsFromJSON(r.toolShapes(definitions))
	}
	print := r.memory.printOf(text)
	result, ok := r.memory.find(print, toolDefinitions)
	if !ok {
		result.text = r.toolShapes(definitions)
		r.memory.remember(print, toolDefinitions, result)
	}
	return genai.ToolDefinitionsFromJSON(result.text)
}

func (r *Redactor) toolShapes(definitions *genai.ToolDefinitions) string {
	list, err := definitions.List()
	if err != nil || len(list) == 0 {
		return ""
	}
	dst := []byte{'['}
	for i, d := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"type":`...), r.label(d.Type))
		dst = appendString(append(dst, `,"name":`...), r.label(d.Name))
		dst = appendString(append(dst, `,"description":`...), r.Hash(d.Description))
		schema := r.Hash(string(d.Parameters))
		if before := gjson.GetBytes(d.Raw, parametersHash); schema == "" && r.isWholeToken(before.Str) {
			schema = before.Str
		}
		if schema != "" {
			dst = appendString(append(dst, `,"`+parametersHash+`":`...), schema)
		}
		dst = append(dst, '}')
	}
	return string(append(dst, ']'))
}
