// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// langWatchEvaluation is LangWatch's event for a score.
const langWatchEvaluation = "langwatch.evaluation.custom"

// maxEvents bounds the events of one span that are read.
const maxEvents = 10000

// scanEvents reads content and scores that span events carry.
func (r *reading) scanEvents(events ptrace.SpanEventSlice) {
	for i, event := range events.All() {
		name := event.Name()
		if i >= maxEvents {
			return
		}
		if name == langWatchEvaluation {
			r.langWatchScore(event.Attributes())
			continue
		}
		if !strings.HasPrefix(name, "gen_ai.") {
			continue
		}
		switch name {
		case evaluationEvent:
			if _, own := event.Attributes().Get(ownEvaluation); own {
				continue
			}
			if score, ok := readEvaluation(event.Attributes()); ok {
				r.scores = append(r.scores, score)
			}
		case detailsEvent:
			r.scan(event.Attributes())
		case "gen_ai.content.prompt", "gen_ai.content.completion":
			r.scanContent(name, event.Attributes())
		default:
			r.messageEvent(name, event.Attributes(), pcommon.NewValueEmpty())
		}
	}
}

// detailsEvent has the attributes of the span it belongs to.
const detailsEvent = "gen_ai.client.inference.operation.details"

// scanContent reads the content events of conventions 1.26 and 1.27. They hold
// JSON, or text: some senders print a Python list, which stays text.
func (r *reading) scanContent(name string, attributes pcommon.Map) {
	key, role, to := "gen_ai.prompt", "user", &r.eventIn
	if name == "gen_ai.content.completion" {
		key, role, to = "gen_ai.completion", "assistant", &r.eventOut
	}
	value, ok := attributes.Get(key)
	if !ok {
		return
	}
	text := jsonText(value)
	list, err := parseMessages(text)
	if err != nil && text != "" {
		if text[0] == '[' || text[0] == '{' {
			r.problem(name+"/"+key, malformedReason(text))
		}
		list = []Message{{Role: role, Parts: []Part{{Type: PartText, Content: text}}}}
	}
	for i := range list {
		if list[i].Role == "" {
			list[i].Role = role
		}
	}
	*to = append(*to, list...)
}

// eventRole returns the role that an event's name gives to its message, and
// whether the message is part of the answer.
func eventRole(name string) (role string, answer, ok bool) {
	switch name {
	case "gen_ai.system.message":
		return "system", false, true
	case "gen_ai.user.message":
		return "user", false, true
	case "gen_ai.assistant.message":
		return "assistant", false, true
	case "gen_ai.tool.message":
		return "tool", false, true
	case "gen_ai.choice":
		return "assistant", true, true
	}
	return "", false, false
}

// messageEvent reads one event of conventions 1.28 to 1.36: a message a record.
// A log record has it in the body, a span event in attributes.
func (r *reading) messageEvent(name string, attributes pcommon.Map, body pcommon.Value) {
	role, answer, ok := eventRole(name)
	if !ok {
		return
	}
	to := &r.eventIn
	if answer {
		to = &r.eventOut
	}
	document := eventDocument(name, attributes, body)
	switch {
	case document == "":
		*to = append(*to, Message{Role: role})
	case document[0] != '{' || !ValidJSON(document):
		if document[0] == '{' {
			r.problem(name, malformedReason(document))
		}
		*to = append(*to, Message{Role: role, Parts: []Part{{Type: PartText, Content: unquotedScalar(document)}}})
	default:
		*to = append(*to, eventMessage(gjson.Parse(document), role))
	}
}

func eventMessage(object gjson.Result, role string) Message {
	m := parseMessage(object, 0)
	if m.Role == "" {
		m.Role = role
	}
	if text := object.Get("message"); text.Type == gjson.String && text.Str != "" && len(m.Parts) == 0 {
		m.Parts = []Part{{Type: PartText, Content: text.Str}}
	}
	if m.Role == "tool" && !hasResponse(m.Parts) {
		m.Parts = []Part{{
			Type: PartToolCallResponse, ID: firstOf(object, "id", "tool_call_id").String(),
			Response: raw(object.Get("content")),
		}}
	}
	return m
}

// eventDocument returns the event's content as JSON text or plain text.
func eventDocument(name string, attributes pcommon.Map, body pcommon.Value) string {
	if body.Type() != pcommon.ValueTypeEmpty {
		return jsonText(body)
	}
	for _, key := range []string{"gen_ai.event.content", name + ".content"} {
		if value, ok := attributes.Get(key); ok {
			return jsonText(value)
		}
	}
	dst := []byte{'{'}
	for key, value := range attributes.All() {
		if strings.HasPrefix(key, "gen_ai.") || key == "event.name" {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		if value.Type() == pcommon.ValueTypeStr && holdsJSON(key, value.Str()) {
			dst = append(dst, value.Str()...)
		} else {
			dst = appendValue(dst, value, 0)
		}
	}
	if len(dst) == 1 {
		return ""
	}
	return string(append(dst, '}'))
}

// holdsJSON tells whether an event's string attribute holds JSON. Content is
// JSON only when it is a list of content blocks: other text stays text.
func holdsJSON(key, text string) bool {
	switch key {
	case "message", "tool_calls":
		return looksClosed(text) && ValidJSON(text)
	case "content":
		return blocksIn(text).Exists()
	}
	return false
}

// fillMessageEvents reads events that a dialect keeps as JSON in an attribute
// (Pydantic AI, format 1).
func (r *reading) fillMessageEvents(c *Call) {
	if !r.has(fMessageEvents) || !c.Input.Empty() {
		return
	}
	r.each(fMessageEvents, func(m *match) bool {
		list, ok := r.document(m)
		if !ok || !list.IsArray() || !list.Get(`0.event\.name`).Exists() {
			return false
		}
		var in, out []Message
		list.ForEach(func(_, item gjson.Result) bool {
			role, answer, known := eventRole(item.Get(`event\.name`).String())
			if !known || !item.IsObject() {
				return true
			}
			if message := eventMessage(item, role); answer {
				out = append(out, message)
			} else {
				in = append(in, message)
			}
			return true
		})
		c.Input = NewMessages(in)
		if c.Output.Empty() {
			c.Output = NewMessages(out)
		}
		return true
	})
}
