// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"errors"
	"strings"
)

// ErrMalformed is returned for content that is no JSON of the expected shape.
var ErrMalformed = errors.New("malformed JSON")

// Messages is a chat history. When it arrived as JSON text in the OpenTelemetry
// shape that text is kept and parsed only when somebody asks. It is not safe
// for use by several goroutines.
type Messages struct {
	text   string
	list   []Message
	parsed bool
	err    error
	head   head
}

// NewMessages returns a history of the given messages.
func NewMessages(list []Message) Messages { return Messages{list: list, parsed: true} }

// MessagesFromJSON returns the history that text holds, in any of the shapes
// that providers and instrumentations use. Text in the OpenTelemetry shape is
// kept as it is.
func MessagesFromJSON(text string) Messages {
	if text == "" {
		return Messages{}
	}
	m := Messages{text: text}
	if !hasPartsShape(text) {
		m.list, m.err = parseMessages(text)
		m.parsed = true
		if m.err == nil {
			m.text = ""
		}
	}
	return m
}

// hasPartsShape tells from the text's beginning whether its messages have parts
// with a type, as the semantic conventions ask (those of Gemini have none), and
// from its end that it was not cut off.
func hasPartsShape(text string) bool {
	if len(text) == 0 || text[0] != '[' || !looksClosed(text) {
		return false
	}
	at := firstMember(text, "parts")
	if at < 0 || text[at] != '[' {
		return false
	}
	first := skipSpace(text, at+1)
	return first < len(text) && text[first] == ']' || firstMember(text[at:], "type") >= 0
}

// beginsWithSystem tells whether the first message is an instruction.
func (m *Messages) beginsWithSystem() bool {
	role := ""
	if m.parsed {
		if len(m.list) > 0 {
			role = m.list[0].Role
		}
	} else if at := firstMember(m.text, "role"); at >= 0 && m.text[at] == '"' {
		role = m.text[at+1 : max(at+1, min(skipString(m.text, at), len(m.text)))]
	}
	return role == "system" || role == "developer"
}

// Empty tells whether there is no message.
func (m *Messages) Empty() bool { return m.text == "" && len(m.list) == 0 }

// Unread returns the history's JSON text when it arrived in the OpenTelemetry
// shape and nobody has asked for its messages yet, else nothing.
func (m *Messages) Unread() string {
	if m.parsed {
		return ""
	}
	return m.text
}

// unproved is the text that was not read yet, or could not be.
func (m *Messages) unproved() string {
	if m.parsed && m.err == nil {
		return ""
	}
	return m.text
}

// List returns the messages; ErrMalformed when the text cannot be read.
func (m *Messages) List() ([]Message, error) {
	if !m.parsed {
		m.list, m.err = parseMessages(m.text)
		m.parsed = true
	}
	return m.list, m.err
}

// JSON returns the history as a JSON array in the OpenTelemetry shape, or the
// text as it arrived when that could not be read; empty when there is none.
func (m *Messages) JSON() string {
	if m.text == "" && len(m.list) > 0 {
		m.text = string(appendMessages(nil, m.list))
	}
	return m.text
}

// Text returns the text parts of all messages, joined by newlines.
func (m *Messages) Text() string {
	list, err := m.List()
	if err != nil {
		return ""
	}
	var texts []string
	for i := range list {
		texts = appendTexts(texts, list[i].Parts)
	}
	return strings.Join(texts, "\n")
}

// Text returns the text parts of a message, joined by newlines.
func (m Message) Text() string { return textOf(m.Parts) }

// textOf joins the text parts by newlines. Nearly always there is one.
func textOf(parts []Part) string {
	if len(parts) == 1 {
		if parts[0].Type == PartText {
			return parts[0].Content
		}
		return ""
	}
	return strings.Join(appendTexts(nil, parts), "\n")
}

func appendTexts(texts []string, parts []Part) []string {
	for i := range parts {
		if parts[i].Type == PartText && parts[i].Content != "" {
			texts = append(texts, parts[i].Content)
		}
	}
	return texts
}

// Parts is a list of message parts (system instructions), kept like Messages.
type Parts struct {
	text   string
	list   []Part
	parsed bool
	err    error
}

// NewParts returns the given parts.
func NewParts(list []Part) Parts { return Parts{list: list, parsed: true} }

// PartsFromJSON returns the parts that text holds: an array of parts in any
// provider's shape, or plain text, which becomes one text part. Text in the
// OpenTelemetry shape is kept as it is.
func PartsFromJSON(text string) Parts {
	text = unquoted(text)
	if text == "" {
		return Parts{}
	}
	if text[0] != '[' && text[0] != '{' && text[0] != '"' {
		return NewParts([]Part{{Type: PartText, Content: text}})
	}
	p := Parts{text: text}
	if isOTelParts(text) || !looksClosed(text) {
		return p
	}
	if p.list, p.err = parseParts(text); p.err == nil {
		p.text, p.parsed = "", true
	}
	return p
}

// isOTelParts tells from its first part whether a list of parts is in the
// OpenTelemetry shape.
func isOTelParts(text string) bool {
	return firstMember(text, "content") >= 0 && firstMember(text, "type") >= 0 && looksClosed(text)
}

// Empty tells whether there is no part.
func (p *Parts) Empty() bool { return p.text == "" && len(p.list) == 0 }

// unproved is the text that was not read yet, or could not be.
func (p *Parts) unproved() string {
	if p.parsed && p.err == nil {
		return ""
	}
	return p.text
}

// List returns the parts; ErrMalformed when the text cannot be read.
func (p *Parts) List() ([]Part, error) {
	if !p.parsed {
		p.list, p.err = parseParts(p.text)
		p.parsed = true
	}
	return p.list, p.err
}

// JSON returns the parts as a JSON array in the OpenTelemetry shape.
func (p *Parts) JSON() string {
	if p.text == "" && len(p.list) > 0 {
		p.text = string(appendParts(nil, p.list))
	}
	return p.text
}

// Text returns the text parts, joined by newlines.
func (p *Parts) Text() string {
	list, err := p.List()
	if err != nil {
		return ""
	}
	return textOf(list)
}

// ToolDefinitions are the tools offered in one call, kept like Messages.
type ToolDefinitions struct {
	text   string
	list   []ToolDefinition
	parsed bool
	err    error
	// readable is set when the same text was read before.
	readable bool
	// Completeness is one of the Tools constants; empty until List was called
	// on definitions that arrived as text.
	Completeness string
}

// NewToolDefinitions returns the given definitions.
func NewToolDefinitions(list []ToolDefinition) ToolDefinitions {
	return ToolDefinitions{list: list, parsed: true, Completeness: completeness(list)}
}

// ToolDefinitionsFromJSON returns the definitions that text holds, an array in
// any provider's shape.
func ToolDefinitionsFromJSON(text string) ToolDefinitions {
	if text == "" {
		return ToolDefinitions{}
	}
	return ToolDefinitions{text: text}
}

// Empty tells whether no tool was offered, as far as the span says.
func (d *ToolDefinitions) Empty() bool { return d.text == "" && len(d.list) == 0 }

// unproved is the text that was not read yet, or could not be.
func (d *ToolDefinitions) unproved() string {
	if d.parsed && d.err == nil || d.readable {
		return ""
	}
	return d.text
}

// SetReadable notes that the text was read before, so that a glance at it need
// not tell whether it can be.
func (d *ToolDefinitions) SetReadable() { d.readable = true }

// List returns the definitions; ErrMalformed when the text cannot be read.
func (d *ToolDefinitions) List() ([]ToolDefinition, error) {
	if !d.parsed {
		d.list, d.err = parseToolDefinitions(d.text)
		d.parsed = true
		d.Completeness = completeness(d.list)
		if d.err != nil {
			d.Completeness = ToolsTruncated
		}
	}
	return d.list, d.err
}

// Text returns the definitions' JSON text as the span held it; empty when they
// were assembled from several attributes.
func (d *ToolDefinitions) Text() string { return d.text }

// JSON returns the definitions as a JSON array in the OpenTelemetry shape:
// type, name, description, parameters, and what else the sender gave. Text that
// arrived in that shape is returned as it is.
func (d *ToolDefinitions) JSON() string {
	list, err := d.List()
	if err != nil || len(list) == 0 {
		return d.text
	}
	if d.text != "" && d.text[0] == '[' && allFlat(list) {
		return d.text
	}
	return string(appendToolDefinitions(nil, list))
}

func allFlat(list []ToolDefinition) bool {
	for i := range list {
		if !list[i].flat {
			return false
		}
	}
	return true
}

func completeness(list []ToolDefinition) string {
	if len(list) == 0 {
		return ToolsAbsent
	}
	for i := range list {
		function := list[i].Type == "function" || list[i].Type == ""
		if function && list[i].Parameters == nil && list[i].Description == "" {
			return ToolsNamesOnly
		}
	}
	return ToolsFull
}
