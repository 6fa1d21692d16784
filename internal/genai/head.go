// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "github.com/tidwall/gjson"

// head is how far a history was read from its beginning.
type head struct {
	list []Message
	// next is where the next message begins; zero before the first was read.
	next int
}

// Head returns the first n messages, or all when there are fewer. Of a text that
// was not read yet it reads no more than those, so that what is broken further
// on does not matter. The slice must not be changed.
func (m *Messages) Head(n int) ([]Message, error) {
	for !m.parsed && len(m.head.list) < n {
		if more, ok := m.readNext(); !ok {
			break
		} else if !more {
			return m.head.list, nil
		}
	}
	if !m.parsed && len(m.head.list) >= n {
		return m.head.list[:n], nil
	}
	list, err := m.List()
	return list[:min(n, len(list))], err
}

// readNext reads one more message of a text; more is false at its end. ok is
// false when the text is none of plain message objects.
func (m *Messages) readNext() (more, ok bool) {
	h, text := &m.head, m.text
	if h.next == 0 {
		i := skipSpace(text, 0)
		if i >= len(text) || text[i] != '[' {
			return false, false
		}
		h.next = skipSpace(text, i+1)
	}
	if h.next >= len(text) {
		return false, false
	}
	if text[h.next] == ']' {
		return false, true
	}
	end := skipValue(text, h.next)
	message, ok := messageIn(text[h.next:end])
	if !ok {
		return false, false
	}
	next := skipSpace(text, end)
	if next >= len(text) || text[next] != ',' && text[next] != ']' {
		return false, false
	}
	if text[next] == ',' {
		next = skipSpace(text, next+1)
	}
	h.list = append(h.list, message)
	h.next = next
	return true, true
}

// messageIn reads the message object that text is.
func messageIn(text string) (m Message, ok bool) {
	if text == "" || text[0] != '{' {
		return m, false
	}
	if s := (plainScanner{text: text}); s.message(&m) && s.at == len(text) {
		return m, true
	}
	if !ValidJSON(text) {
		return Message{}, false
	}
	return parseMessage(gjson.Parse(text), 0), true
}
