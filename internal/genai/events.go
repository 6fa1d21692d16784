// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// scanEvents reads content and scores that span events carry.
func (r *reading) scanEvents(events ptrace.SpanEventSlice) {
	for _, event := range events.All() {
		name := event.Name()
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
		case "gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion":
			r.scanDetails(name, event.Attributes())
		default:
			r.messageEvent(name, event.Attributes(), pcommon.NewValueEmpty())
		}
	}
}

// scanDetails reads events whose attributes are those of the span. The content
// events of conventions 1.26 and 1.27 hold JSON, or a Python list printed as
// text, which is kept as text.
func (r *reading) scanDetails(name string, attributes pcommon.Map) {
	if name == "gen_ai.client.inference.operation.details" {
		r.scan(attributes)
		return
	}
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
		r.problem(name+"/"+key, malformedReason(text))
		list = []Message{{Role: role, Parts: []Part{{Type: PartText, Content: text}}}}
	}
	*to = append(*to, list...)
}

// messageEvent reads one event of conventions 1.28 to 1.36: a message a record.
// A log record has it in the body, a span event in attributes.
func (r *reading) messageEvent(name string, attributes pcommon.Map, body pcommon.Value) {
	role, to := "", &r.eventIn
	switch name {
	case "gen_ai.system.message":
		role = "system"
	case "gen_ai.user.message":
		role = "user"
	case "gen_ai.assistant.message":
		role = "assistant"
	case "gen_ai.tool.message":
		role = "tool"
	case "gen_ai.choice":
		role, to = "assistant", &r.eventOut
	default:
		return
	}
	document := eventDocument(name, attributes, body)
	if document == "" {
		*to = append(*to, Message{Role: role})
		return
	}
	if !gjson.Valid(document) || document[0] != '{' {
		*to = append(*to, Message{Role: role, Parts: []Part{{Type: PartText, Content: unquotedScalar(document)}}})
		return
	}
	*to = append(*to, eventMessage(gjson.Parse(document), role))
}

func eventMessage(object gjson.Result, role string) Message {
	m := parseMessage(object)
	if m.Role == "" {
		m.Role = role
	}
	if role == "tool" && (len(m.Parts) == 0 || m.Parts[0].Type != PartToolCallResponse) {
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
		if text := jsonText(value); value.Type() == pcommon.ValueTypeStr && looksClosed(text) && gjson.Valid(text) {
			dst = append(dst, text...)
		} else {
			dst = appendValue(dst, value, 0)
		}
	}
	if len(dst) == 1 {
		return ""
	}
	return string(append(dst, '}'))
}
