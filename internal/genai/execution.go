// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// fillTool reads the span of one tool execution.
func (r *reading) fillTool(c *Call, span ptrace.Span) {
	tool := &ToolExecution{
		Name:        r.text(fToolName),
		CallID:      r.text(fToolCallID),
		Type:        r.text(fToolType),
		Description: r.text(fToolDescription),
		Arguments:   r.toolText(fToolArguments),
		Result:      r.toolText(fToolResult),
	}
	if tool.Name == "" {
		tool.Name = r.text(fEntityName)
	}
	if tool.Name == "" {
		tool.Name = toolSpanName(span.Name())
	}
	if tool.Arguments == "" {
		tool.Arguments = r.toolText(fInputDocument)
	}
	if tool.Result == "" {
		tool.Result = r.toolText(fOutputDocument)
	}
	r.toolEvents(tool)
	c.ToolExecution = tool
}

func toolSpanName(name string) string {
	for _, prefix := range []string{"execute_tool ", "tools/call ", "running tool: "} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

// toolText returns the first arguments or result of a field: JSON, or plain
// text, without what the dialect wraps around it.
func (r *reading) toolText(f field) (text string) {
	r.each(f, func(m *match) bool {
		text = toolValue(m.key, jsonText(m.value))
		return text != ""
	})
	return text
}

// toolValue unwraps the arguments or the result of a tool: Traceloop's {args,
// kwargs}, LangSmith's {outputs}, LangWatch's {type, value}, Gemini's {id,
// name, response}, and text that was encoded as a JSON string.
func toolValue(key, text string) string {
	text = unquotedScalar(text)
	if len(text) == 0 || text[0] != '{' || !ValidJSON(text) {
		return text
	}
	object := gjson.Parse(text)
	inner := gjson.Result{}
	switch key {
	case "traceloop.entity.input":
		inner = object.Get("kwargs")
		if args := object.Get("args"); args.IsArray() && len(args.Raw) > 2 {
			inner = gjson.Result{}
		}
	case "gen_ai.completion":
		inner = soleMember(object, "outputs", "output")
	case "gen_ai.prompt":
		inner = soleMember(object, "input", "inputs")
	case "langwatch.input", "langwatch.output":
		inner = object.Get("value")
	case "gcp.vertex.agent.tool_response":
		if object.Get("name").Exists() {
			inner = object.Get("response")
		}
	}
	switch {
	case !inner.Exists():
		return text
	case inner.Type == gjson.String:
		return inner.Str
	}
	return inner.Raw
}

// soleMember returns the value of an object's only member when that has one of
// the names.
func soleMember(object gjson.Result, names ...string) (only gjson.Result) {
	members := 0
	object.ForEach(func(key, value gjson.Result) bool {
		members++
		for _, name := range names {
			if key.Str == name {
				only = value
			}
		}
		return members < 2
	})
	if members != 1 {
		return gjson.Result{}
	}
	return only
}

// toolEvents reads the events of Strands, which writes a tool's arguments as a
// tool message and its result as a choice.
func (r *reading) toolEvents(tool *ToolExecution) {
	if tool.Arguments == "" && len(r.eventIn) > 0 {
		tool.Arguments = partsText(r.eventIn[0].Parts)
	}
	if tool.Result == "" && len(r.eventOut) > 0 {
		tool.Result = partsText(r.eventOut[0].Parts)
	}
}

// partsText returns the text of parts, or the JSON of a tool's answer.
func partsText(parts []Part) string {
	for i := range parts {
		if p := &parts[i]; p.Type == PartToolCallResponse {
			return unquotedScalar(string(p.Response))
		}
	}
	return strings.Join(appendTexts(nil, parts), "\n")
}
