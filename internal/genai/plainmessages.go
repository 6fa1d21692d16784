// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// Most histories are in the current OpenTelemetry shape and hold nothing but
// text. They are read here in one pass; parseAnyMessages, which knows all other
// shapes, reads the same from them.

// plainMessages reads an array of messages with text parts only; false for
// anything else, broken JSON included.
func plainMessages(text string) ([]Message, bool) {
	s := plainScanner{text: text}
	var list []Message
	ok := s.array(func() bool {
		var m Message
		if !s.message(&m) {
			return false
		}
		list = append(list, m)
		return true
	})
	return list, ok && s.at == len(text)
}

// plainScanner walks JSON and gives up where it is not what it expects.
type plainScanner struct {
	text string
	at   int
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
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			if escaped {
				return gjson.Parse(s.text[start-1 : s.at]).Str, true
			}
			return s.text[start : s.at-1], true
		case c == '\\':
			escaped = true
			if !s.escape() {
				return "", false
			}
		case c < ' ':
			return "", false
		}
	}
	return "", false
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
			return s.array(func() bool { return s.part(m) })
		}
		return false
	})
	m.Role = roleOf(m.Role)
	return ok && m.Parts != nil
}

// part reads {"type": "text", "content": "..."} in either order.
func (s *plainScanner) part(m *Message) bool {
	kind, content := "", ""
	start, ok := s.object(func(key string) (ok bool) {
		switch {
		case key == "type" && kind == "":
			kind, ok = s.string()
			return ok && kind == PartText
		case key == "content" && content == "":
			content, ok = s.string()
			return ok && content != ""
		}
		return false
	})
	if !ok || kind == "" || content == "" {
		return false
	}
	m.Parts = append(m.Parts, Part{Type: PartText, Content: content, Raw: json.RawMessage(s.text[start:s.at])})
	return true
}
