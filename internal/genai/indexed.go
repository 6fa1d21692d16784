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

// indexed returns the entries under a prefix by index; each entry's rest is what
// follows the index.
func (r *reading) indexed(prefix string) []entry {
	var list []entry
	for i := range r.entries {
		e := &r.entries[i]
		if e.family.prefix != prefix {
			continue
		}
		if index, tail, ok := cutIndex(e.rest); ok {
			list = append(list, entry{family: e.family, rest: tail, value: e.value, index: index, ordinal: e.ordinal})
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		if a.index != b.index {
			return a.index - b.index
		}
		return a.ordinal - b.ordinal
	})
	return list
}

// prefix returns the prefix of a family that the span uses; of several, that of
// the dialect that the table has first.
func (r *reading) prefix(f family) string {
	best := -1
	for i := range r.entries {
		e := &r.entries[i]
		if e.family.family != f || best >= 0 && r.entries[best].family.dialect <= e.family.dialect {
			continue
		}
		if _, _, ok := cutIndex(e.rest); ok {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return r.entries[best].family.prefix
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
// llm.input_messages.N.message.*. A gap between indices means that
// attributes were lost, as a limit on their number does; some senders begin at 1.
func (r *reading) indexedMessages(f family) Messages {
	var list []Message
	role := "user"
	if f == familyOutput {
		role = "assistant"
	}
	prefix, next := r.prefix(f), 0
	if prefix == "" {
		return Messages{}
	}
	groups(r.indexed(prefix), func(group []entry) {
		if next > 0 && group[0].index > next {
			r.problem(prefix+strconv.Itoa(next), ReasonTruncated)
		}
		next = group[0].index + 1
		m := indexedMessage(group)
		if m.Role == "" && (len(m.Parts) > 0 || m.FinishReason != "") {
			m.Role = role
		}
		if m.Role != "" {
			list = append(list, m)
		}
	})
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
		case key == "content", key == "prompt.text", key == "completion.text":
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
		return toolMessage(m, content, callID)
	}
	if len(blocks) > 0 {
		groups(sorted(blocks), func(group []entry) { m.Parts = append(m.Parts, contentBlock(group)...) })
	} else if content != "" {
		m.Parts = textPart(content)
	}
	groups(sorted(calls), func(group []entry) {
		if call := indexedCall(group); call.Name != "" || call.ID != "" || call.Arguments != nil {
			m.Parts = append(m.Parts, call)
		}
	})
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

// toolMessage returns the message of a tool: what it answered as a JSON string.
// Koog writes the model's calls with that role as well, as JSON.
func toolMessage(m Message, content, callID string) Message {
	if blocks := blocksIn(content); blocks.Exists() {
		if parts := partsOf(blocks); hasCalls(parts) {
			return Message{Role: "assistant", Parts: parts}
		}
	}
	m.Parts = []Part{{Type: PartToolCallResponse, ID: callID, Name: m.Name, Response: appendString(nil, content)}}
	return m
}

// contentBlock reads OpenInference's message_content of one index.
func contentBlock(group []entry) []Part {
	kind, text, url := "text", "", ""
	for _, e := range group {
		value, _ := scalar(e.value)
		switch strings.TrimPrefix(e.rest, "message_content.") {
		case "type":
			kind = value
		case "text":
			text = value
		case "image.image.url":
			url = value
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
	case "image":
		if url != "" {
			return []Part{{Type: PartURI, Raw: uriPart("image", url)}}
		}
	}
	return []Part{{Type: kind, Content: text}}
}

// uriPart returns the JSON of a part that points at content elsewhere.
func uriPart(modality, uri string) json.RawMessage {
	dst := append([]byte(`{"type":"uri","modality":"`), modality...)
	return append(appendString(append(dst, `","uri":`...), uri), '}')
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
	prefix := r.prefix(familyTools)
	if prefix == "" {
		return ToolDefinitions{}
	}
	var list []ToolDefinition
	groups(r.indexed(prefix), func(group []entry) {
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
			if !ValidJSON(value) {
				r.problem(e.family.prefix+strconv.Itoa(e.index)+"."+e.rest, malformedReason(value))
				return d, false
			}
			return toolDefinition(gjson.Parse(value)), true
		case "tool.name", "name":
			d.Name = value
		case "tool.description", "description":
			d.Description = value
		case "parameters", "input_schema", "arguments":
			if ValidJSON(value) && looksClosed(value) {
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
