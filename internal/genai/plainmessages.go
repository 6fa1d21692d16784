// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// Most histories are in the current OpenTelemetry shape and hold text and tool
// calls. They are read here in one pass; parseAnyMessages, which knows all other
// shapes, reads the same from them.

// plainMessages reads an array of messages with parts of text, tool calls and
// their answers only; false for anything else, broken JSON included.
func plainMessages(text string) ([]Message, bool) {
	var s plainScanner
	ok := s.messages(text)
	return s.list, ok
}

// plainScanner walks JSON and gives up where it is not what it expects.
type plainScanner struct {
	text string
	at   int
	// list are the messages and parts those of all of them, one after the other.
	list  []Message
	parts []Part
}

// messages reads a whole text, over what was read before.
func (s *plainScanner) messages(text string) bool {
	s.text, s.at, s.list, s.parts = text, 0, s.list[:0], s.parts[:0]
	ok := s.array(func() bool {
		var m Message
		if !s.message(&m) {
			return false
		}
		s.list = append(s.list, m)
		return true
	})
	return ok && s.at == len(s.text)
}

// next skips white space and takes one character.
func (s *plainScanner) next() byte {
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// array reads [element, ...]; an empty one is not plain.
func (s *plainScanner) array(element func() bool) bool {
	if s.next() != '[' {
		return false
	}
	for {
		if !element() {
			return false
		}
		switch s.next() {
		case ',':
		case ']':
			return true
		default:
			return false
		}
	}
}

// object reads {"key": value, ...}, and returns where it began.
func (s *plainScanner) object(member func(key string) bool) (start int, ok bool) {
	if s.next() != '{' {
		return 0, false
	}
	start = s.at - 1
	for {
		key, ok := s.string()
		if !ok || s.next() != ':' || !member(key) {
			return 0, false
		}
		switch s.next() {
		case ',':
		case '}':
			return start, true
		default:
			return 0, false
		}
	}
}

// string reads a string.
func (s *plainScanner) string() (string, bool) {
	if s.next() != '"' {
		return "", false
	}
	start, escaped := s.at, false
	for {
		s.at = plainUntil(s.text, s.at)
		if s.at == len(s.text) || s.text[s.at] < ' ' {
			return "", false
		}
		if s.text[s.at] == '"' {
			s.at++
			if escaped {
				return gjson.Parse(s.text[start-1 : s.at]).Str, true
			}
			return s.text[start : s.at-1], true
		}
		escaped = true
		if !s.escape() {
			return "", false
		}
		s.at++
	}
}

// escape moves to the last character of an escape.
func (s *plainScanner) escape() bool {
	s.at++
	if s.at >= len(s.text) {
		return false
	}
	if s.text[s.at] != 'u' {
		return strings.IndexByte(`"\/bfnrt`, s.text[s.at]) >= 0
	}
	for range 4 {
		s.at++
		if s.at >= len(s.text) || !isHex(s.text[s.at]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *plainScanner) message(m *Message) bool {
	hasRole, hasFinish := false, false
	_, ok := s.object(func(key string) (ok bool) {
		switch {
		case key == "role" && !hasRole:
			hasRole = true
			m.Role, ok = s.string()
			return ok
		case key == "finish_reason" && !hasFinish:
			hasFinish = true
			m.FinishReason, ok = s.string()
			return ok
		case key == "parts" && m.Parts == nil:
			start := len(s.parts)
			if !s.array(s.part) {
				return false
			}
			m.Parts = s.parts[start:len(s.parts):len(s.parts)]
			return true
		}
		return false
	})
	m.Role = roleOf(m.Role)
	return ok && m.Parts != nil
}

// plainPart is what a part's object holds.
type plainPart struct {
	part                                                 Part
	hasType, hasContent, hasID, hasName, hasArgs, hasAns bool
}

// part reads {"type": "text", "content": "..."}, {"type": "tool_call", "id":
// "...", "name": "...", "arguments": ...} and {"type": "tool_call_response",
// "id": "...", "response": ...}, with their members in any order.
func (s *plainScanner) part() bool {
	var p plainPart
	start, ok := s.object(func(key string) bool { return s.partMember(key, &p) })
	if !ok || !p.fits() {
		return false
	}
	p.part.Raw = rawText(s.text[start:s.at])
	s.parts = append(s.parts, p.part)
	return true
}

// partMember reads one member; one that is there twice is not plain.
func (s *plainScanner) partMember(key string, p *plainPart) bool {
	switch key {
	case "type":
		return s.textMember(&p.part.Type, &p.hasType)
	case "content":
		return s.textMember(&p.part.Content, &p.hasContent)
	case "id":
		return s.textMember(&p.part.ID, &p.hasID)
	case "name":
		return s.textMember(&p.part.Name, &p.hasName)
	case "arguments":
		return s.valueMember(&p.part.Arguments, &p.hasArgs)
	case "response":
		return s.valueMember(&p.part.Response, &p.hasAns)
	}
	return false
}

func (s *plainScanner) textMember(into *string, has *bool) (ok bool) {
	if *has {
		return false
	}
	*has = true
	*into, ok = s.string()
	return ok
}

// plainDepth is how much of the greatest nesting the brackets around a part's
// value take up: list, message, parts and part.
const plainDepth = 4

// valueMember reads any value but null.
func (s *plainScanner) valueMember(into *json.RawMessage, has *bool) bool {
	if *has {
		return false
	}
	*has = true
	start := skipSpace(s.text, s.at)
	s.at = skipValue(s.text, start)
	value := strings.TrimRight(s.text[start:s.at], " \t\n\r")
	*into = rawText(value)
	return value != "null" && !nestsDeeper(value, maxJSONDepth-plainDepth) && gjson.Valid(value)
}

// fits tells whether a part has the members of its type, and no other.
func (p *plainPart) fits() bool {
	switch p.part.Type {
	case PartText:
		return p.part.Content != "" && !p.hasID && !p.hasName && !p.hasArgs && !p.hasAns
	case PartToolCall:
		return !p.hasContent && !p.hasAns
	case PartToolCallResponse:
		return p.hasAns && !p.hasContent && !p.hasArgs
	}
	return false
}
