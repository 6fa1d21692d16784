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
	message, end, ok := messageAt(text, h.next)
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

// messageAt reads the message object that begins at i, and returns where it ends.
func messageAt(text string, i int) (m Message, end int, ok bool) {
	if text[i] != '{' {
		return m, i, false
	}
	if s := (plainScanner{text: text, at: i}); s.message(&m) {
		return m, s.at, true
	}
	end = skipValue(text, i)
	if !ValidJSON(text[i:end]) {
		return Message{}, end, false
	}
	return parseMessage(gjson.Parse(text[i:end]), 0), end, true
}
