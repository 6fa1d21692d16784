// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"unicode/utf8"
	"unsafe"
)

// AnswerReader reads from answers what is kept beside their text, one after the
// other in the same memory. The zero value is ready.
type AnswerReader struct{ scanner plainScanner }

// Read appends the tool calls of a call's answer, in order, and counts the
// characters of its text: what ToolCalls and OutputText say, without making the
// messages or the text.
func (a *AnswerReader) Read(c *Call, calls []ToolCall) (all []ToolCall, characters int) {
	list, err := a.messages(&c.Output)
	if err != nil {
		return calls, 0
	}
	texts := 0
	for i := range list {
		for k := range list[i].Parts {
			if part := &list[i].Parts[k]; part.Type == PartText && part.Content != "" {
				characters += utf8.RuneCountInString(part.Content)
				texts++
			}
		}
	}
	return appendToolCalls(calls, list), characters + max(texts-1, 0)
}

// messages returns the messages, which are good until the next call.
func (a *AnswerReader) messages(m *Messages) ([]Message, error) {
	if m.parsed {
		return m.list, m.err
	}
	return parseMessagesInto(&a.scanner, m.text)
}

// maxKept bounds the parts that an AnswerReader keeps room for.
const maxKept = 4096

// Release forgets the last answer.
func (a *AnswerReader) Release() {
	s := &a.scanner
	if cap(s.parts) > maxKept {
		*s = plainScanner{}
	}
	clear(s.list[:cap(s.list)])
	clear(s.parts[:cap(s.parts)])
	s.text = ""
}

// textOfRaw returns JSON as text without copying it; it must not be changed.
func textOfRaw(value json.RawMessage) string {
	return unsafe.String(unsafe.SliceData(value), len(value))
}
