// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// checker collects findings about a rebuilt request.
type checker struct {
	source  *Source
	request *wire.Request
	notes   []wire.Note
	// proved is true when the hash proves the request: what could have been
	// lost on the way was not.
	proved bool
}

func (c *checker) add(severity wire.Severity, id, pointer, text string) {
	if len(c.notes) < 64 {
		c.notes = append(c.notes, wire.Note{ID: id, Severity: severity, Pointer: pointer, Text: text})
	}
}

// Check tests a rebuilt request against everything that is known to make a
// replay something else than the recorded call (docs/replay.md lists the ids).
// Errors come first.
func Check(source *Source, request *wire.Request) []wire.Note {
	c := &checker{source: source, request: request, proved: request.Grade == wire.Exact}
	c.notes = slices.Clone(request.Notes)
	if source.joined {
		c.add(wire.Info, "content-from-events", "", "the span's content was found on log events")
	}
	if source.Redacted > 0 {
		c.add(wire.Warning, "stored-redacted", "", fmt.Sprintf("%d values of the call were replaced by tokens before it was stored: the model is sent the tokens", source.Redacted))
	}
	if !c.proved {
		c.content()
		c.toolIDs()
		c.definitions()
		c.unknown()
	}
	c.provider()
	c.parts()
	c.recorded()
	rank := map[wire.Severity]int{wire.Error: 0, wire.Warning: 1, wire.Info: 2}
	slices.SortStableFunc(c.notes, func(a, b wire.Note) int { return rank[a.Severity] - rank[b.Severity] })
	return c.notes
}

// content looks for what content capture loses: all of it, its end, or parts
// that were redacted.
func (c *checker) content() {
	call := c.source.Call
	if call.Input.Empty() {
		c.add(wire.Error, "no-input", "/messages", "the span holds no input messages: content capture was off, or the content is on a log event that is not in the dataset")
		return
	}
	for _, problem := range call.CheckContent() {
		if strings.Contains(problem.Attribute, "output") {
			continue
		}
		c.add(wire.Error, "content-"+strings.ReplaceAll(problem.Reason, "_", "-"), "", problem.Attribute+": "+problem.Reason)
	}
	for key, value := range c.source.Span.Attributes().All() {
		if value.Type() != pcommon.ValueTypeStr || !isContent(key) {
			continue
		}
		if n := len(value.Str()); n > 0 && (slices.Contains(limits, n) || slices.Contains(limits, utf8.RuneCountInString(value.Str()))) {
			c.add(wire.Warning, "length-at-limit", "", key+" is exactly as long as a common limit: its end may be missing")
		}
	}
	for _, text := range wire.Texts(c.request.Dialect, c.request.Body) {
		c.text(text)
	}
}

func isContent(key string) bool {
	for _, part := range []string{"messages", "system_instructions", "tool.definitions", "prompt", "input"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// toolIDs checks that calls and results name each other.
func (c *checker) toolIDs() {
	list, err := c.source.Call.Input.List()
	if err != nil {
		return
	}
	called, answered := map[string]int{}, map[string]int{}
	missing := false
	for i := range list {
		for j := range list[i].Parts {
			switch p := &list[i].Parts[j]; {
			case p.Type == genai.PartToolCall && p.ID != "":
				called[p.ID]++
			case p.Type == genai.PartToolCallResponse && p.ID != "":
				if called[p.ID] == 0 {
					c.add(wire.Error, "tool-result-without-call", jsondoc.JoinIndex("/messages", i), "a tool result names a call that is not in the history before it")
				}
				answered[p.ID]++
			case p.Type == genai.PartToolCall, p.Type == genai.PartToolCallResponse:
				missing = true
			}
		}
	}
	if missing {
		c.add(wire.Error, "tool-id-missing", "/messages", "a tool call or result has no id")
	}
	for id, n := range called {
		if n > 1 || answered[id] > 1 {
			c.add(wire.Error, "tool-id-duplicate", "/messages", "a tool call id is used twice")
			break
		}
	}
	for id := range called {
		if answered[id] == 0 {
			c.add(wire.Warning, "tool-call-unanswered", "/messages", "a tool call of the history has no result")
			break
		}
	}
}

// definitions checks that the tools are there and whole.
func (c *checker) definitions() {
	call := c.source.Call
	tools, err := call.Tools.List()
	if err != nil {
		return
	}
	if len(tools) == 0 {
		c.withoutDefinitions(call)
		return
	}
	for i := range tools {
		if (tools[i].Type == "function" || tools[i].Type == "") && (tools[i].Parameters == nil || tools[i].Description == "") {
			c.add(wire.Warning, "tool-incomplete", jsondoc.JoinIndex("/tools", i), "the definition of "+quote(tools[i].Name)+" has no parameters or no description; the registry has no such version of it either")
		}
	}
}

// withoutDefinitions tells calls that lost their tools from those that may have
// been sent without: a last turn often is. Anthropic demands the definitions as
// soon as the history holds a call.
func (c *checker) withoutDefinitions(call *genai.Call) {
	now, before := usedTools(&call.Output), usedTools(&call.Input)
	switch {
	case len(now) > 0:
		c.add(wire.Error, "tools-missing", "/tools", "the answer called "+strings.Join(now, ", ")+", but the span holds no tool definitions")
	case len(before) > 0 && c.request.Dialect == wire.AnthropicMessages:
		c.add(wire.Error, "tools-missing", "/tools", "the history holds calls of "+strings.Join(before, ", ")+", but the span no tool definitions, which the API demands then")
	case len(before) > 0:
		c.add(wire.Warning, "tools-missing", "/tools", "the history holds calls of "+strings.Join(before, ", ")+", but the span no tool definitions: the call had none, or they were not recorded")
	}
}

func usedTools(messages *genai.Messages) []string {
	var names []string
	add := func(list []genai.Message, err error) {
		if err != nil {
			return
		}
		for i := range list {
			for j := range list[i].Parts {
				if p := &list[i].Parts[j]; p.Type == genai.PartToolCall && !slices.Contains(names, quote(p.Name)) && len(names) < 8 {
					names = append(names, quote(p.Name))
				}
			}
		}
	}
	add(messages.List())
	return names
}

// unknown names request members that the semantic conventions do not carry.
func (c *checker) unknown() {
	body := c.request.Body
	if body.Member("tools").Len() > 0 && body.Member("tool_choice") == nil {
		c.add(wire.Warning, "tool-choice-unknown", "/tool_choice", "tool_choice and parallel_tool_calls were not recorded: the provider's defaults apply")
	}
	if kind, _ := c.source.Call.Param("output.type"); strings.Contains(string(kind), "json") && body.Member("response_format") == nil && body.Member("output_config") == nil {
		c.add(wire.Warning, "output-schema-unknown", "/response_format", "the call asked for JSON, but its schema was not recorded")
	}
	if body.Member("temperature") == nil {
		c.add(wire.Warning, "temperature-unknown", "/temperature", "no temperature was recorded: it may have been 0 or unset, which is not the same")
	}
	if !c.source.Call.System.Empty() {
		if list, err := c.source.Call.Input.List(); err == nil && len(list) > 0 && (list[0].Role == "system" || list[0].Role == "developer") {
			c.add(wire.Warning, "system-twice", "", "system text stands both in the instructions and in the history")
		}
	}
	if body.Member("model") == nil {
		c.add(wire.Error, "model-missing", "/model", "the span names no request model")
	}
	if c.request.Dialect == wire.AnthropicMessages && body.Member("max_tokens") == nil {
		c.add(wire.Error, wire.NoteMaxTokens, "/max_tokens", "max_tokens was not recorded, and the API demands it")
	}
}
