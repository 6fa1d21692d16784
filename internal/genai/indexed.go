// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxIndex bounds the index in a flattened attribute's name.
const maxIndex = 10000

// cutIndex splits "12.message.role" into 12 and "message.role".
func cutIndex(rest string) (index int, tail string, ok bool) {
	head, tail, _ := strings.Cut(rest, ".")
	if len(head) == 0 || len(head) > 5 {
		return 0, "", false
	}
	index, err := strconv.Atoi(head)
	if err != nil || index < 0 || index > maxIndex {
		return 0, "", false
	}
	return index, tail, true
}

// indexed returns a family's entries by index; each entry's rest is what
// follows the index.
func (r *reading) indexed(f family) []entry {
	var list []entry
	for _, e := range r.entries {
		if e.family.family != f {
			continue
		}
		index, tail, ok := cutIndex(e.rest)
		if !ok {
			continue
		}
		e.index, e.rest = index, tail
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		if a.index != b.index {
			return a.index - b.index
		}
		return a.ordinal - b.ordinal
	})
	return list
}

// groups calls use for each run of entries with the same index.
func groups(list []entry, use func([]entry)) {
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && list[end].index == list[start].index {
			end++
		}
		use(list[start:end])
		start = end
	}
}

// indexedMessages assembles OpenLLMetry's gen_ai.prompt.N.* and OpenInference's
// llm.input_messages.N.message.*.
func (r *reading) indexedMessages(f family) Messages {
	var list []Message
	groups(r.indexed(f), func(group []entry) { list = append(list, indexedMessage(group)) })
	if len(list) == 0 {
		return Messages{}
	}
	return NewMessages(list)
}

// indexedMessage assembles one message. Content blocks come before tool calls;
// OpenInference repeats Anthropic tool calls in the content, where they are
// left out.
func indexedMessage(group []entry) Message {
	var m Message
	var content, callID string
	var calls, blocks []entry
	for _, e := range group {
		key := strings.TrimPrefix(e.rest, "message.")
		value, _ := scalar(e.value)
		switch {
		case key == "role":
			m.Role = value
		case key == "content":
			content = value
			if e.value.Type() == pcommon.ValueTypeSlice || e.value.Type() == pcommon.ValueTypeMap {
				content = jsonText(e.value)
			}
		case key == "name":
			m.Name = value
		case key == "finish_reason":
			m.FinishReason = value
		case key == "tool_call_id":
			callID = value
		case strings.HasPrefix(key, "tool_calls."):
			calls = appendIndexed(calls, e, key[len("tool_calls."):])
		case strings.HasPrefix(key, "contents."):
			blocks = appendIndexed(blocks, e, key[len("contents."):])
		}
	}
	m.Role = roleOf(m.Role)
	if m.Role == "tool" {
		response, id := toolContent(content), callID
		m.Parts = []Part{{Type: PartToolCallResponse, ID: id, Name: m.Name, Response: response}}
		return m
	}
	if len(blocks) > 0 {
		groups(sorted(blocks), func(group []entry) { m.Parts = append(m.Parts, contentBlock(group)...) })
	} else if content != "" {
		m.Parts = textPart(content)
	}
	groups(sorted(calls), func(group []entry) { m.Parts = append(m.Parts, indexedCall(group)) })
	return m
}

func appendIndexed(list []entry, e entry, rest string) []entry {
	index, tail, ok := cutIndex(rest)
	if !ok {
		return list
	}
	e.index, e.rest = index, tail
	return append(list, e)
}

func sorted(list []entry) []entry {
	slices.SortStableFunc(list, func(a, b entry) int { return a.index - b.index })
	return list
}

// toolContent returns what a tool answered: text as a JSON string.
func toolContent(content string) json.RawMessage { return appendString(nil, content) }

// contentBlock reads OpenInference's message_content of one index.
func contentBlock(group []entry) []Part {
	kind, text := "text", ""
	for _, e := range group {
		value, _ := scalar(e.value)
		switch strings.TrimPrefix(e.rest, "message_content.") {
		case "type":
			kind = value
		case "text":
			text = value
		}
	}
	switch kind {
	case "text":
		if text == "" {
			return nil
		}
		return []Part{{Type: PartText, Content: text}}
	case "reasoning", "thinking":
		return []Part{{Type: PartReasoning, Content: text}}
	case "tool_use":
		return nil
	}
	return []Part{{Type: kind, Content: text}}
}

// indexedCall reads one tool call: {id, name, arguments} or OpenInference's
// tool_call.{id, function.name, function.arguments}.
func indexedCall(group []entry) Part {
	part := Part{Type: PartToolCall}
	for _, e := range group {
		value, _ := scalar(e.value)
		switch strings.TrimPrefix(e.rest, "tool_call.") {
		case "id":
			part.ID = value
		case "name", "function.name":
			part.Name = value
		case "arguments", "function.arguments":
			part.Arguments = appendString(nil, value)
			if e.value.Type() != pcommon.ValueTypeStr {
				part.Arguments = appendValue(nil, e.value, 0)
			}
		}
	}
	return part
}

// indexedTools assembles llm.tools.N.tool.json_schema and
// llm.request.functions.N.*.
func (r *reading) indexedTools() ToolDefinitions {
	var list []ToolDefinition
	groups(r.indexed(familyTools), func(group []entry) {
		if d, ok := r.indexedTool(group); ok {
			list = append(list, d)
		}
	})
	if len(list) == 0 {
		return ToolDefinitions{}
	}
	return NewToolDefinitions(list)
}

func (r *reading) indexedTool(group []entry) (ToolDefinition, bool) {
	d := ToolDefinition{Type: "function"}
	for _, e := range group {
		value, _ := scalar(e.value)
		switch e.rest {
		case "tool.json_schema":
			if !gjson.Valid(value) {
				r.problem(e.family.prefix+strconv.Itoa(e.index)+"."+e.rest, malformedReason(value))
				return d, false
			}
			return toolDefinition(gjson.Parse(value)), true
		case "tool.name", "name":
			d.Name = value
		case "tool.description", "description":
			d.Description = value
		case "parameters", "input_schema", "arguments":
			if gjson.Valid(value) && looksClosed(value) {
				d.Parameters = json.RawMessage(value)
			} else {
				r.problem(e.family.prefix+strconv.Itoa(e.index)+"."+e.rest, malformedReason(value))
			}
		case "strict":
			d.Strict = Some(value == "true")
		}
	}
	return d, d.Name != ""
}
