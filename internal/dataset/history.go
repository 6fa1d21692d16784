// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import "strings"

// What of a chat history is worth storing by reference, by measurement
// (docs/decisions/0010-messages-once.md): a history that no later call repeats,
// a system message and a question, must not get larger.
const (
	minHistoryMessages = 3
	// minMessageBytes is for the mean: a short message costs less inline than
	// its hash.
	minMessageBytes = 96
)

// splitHistory cuts the text of a JSON array of objects at the commas between
// them and appends the pieces, white space included, to into. Joined by commas
// within brackets they are the text again, byte for byte. ok is false for
// anything else, whose text stays as it is.
func splitHistory(text string, into []string) (pieces []string, ok bool) {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return into, false
	}
	body := text[1 : len(text)-1]
	for at := 0; ; {
		end := objectEnd(body, at)
		if end < 0 {
			return into, false
		}
		next := skipSpace(body, end)
		into = append(into, body[at:next])
		if next == len(body) {
			return into, true
		}
		if body[next] != ',' {
			return into, false
		}
		at = next + 1
	}
}

// skipSpace returns the position of the first byte from at on that is no white
// space of JSON.
func skipSpace(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n' || s[at] == '\r' || s[at] == '\t') {
		at++
	}
	return at
}

// objectEnd returns the position after the object that starts at a position,
// white space aside, or -1. It looks at brackets and strings only.
func objectEnd(s string, at int) int {
	at = skipSpace(s, at)
	if at == len(s) || s[at] != '{' {
		return -1
	}
	for depth := 0; at < len(s); at++ {
		switch s[at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				if s[at] != '}' {
					return -1
				}
				return at + 1
			}
		case '"':
			if at = stringEnd(s, at); at < 0 {
				return -1
			}
		}
	}
	return -1
}

// stringEnd returns the position of the quote that ends the string which starts
// at a position, or -1.
func stringEnd(s string, at int) int {
	for start := at; ; {
		found := strings.IndexByte(s[at+1:], '"')
		if found < 0 {
			return -1
		}
		at += 1 + found
		escapes := 0
		for back := at - 1; back > start && s[back] == '\\'; back-- {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
}

// joinHistory is the text that splitHistory cut.
func joinHistory(pieces []string) string { return "[" + strings.Join(pieces, ",") + "]" }

// worthReferring tells whether a history is stored by reference.
func worthReferring(text string, messages int) bool {
	return messages >= minHistoryMessages && len(text) >= messages*minMessageBytes
}

// roleOf is the value of the member "role" of a message, "" when it has none
// that is a plain string.
func roleOf(message string) string {
	at := skipSpace(message, 0) + 1
	for at < len(message) {
		at = skipSpace(message, at)
		if at == len(message) || message[at] != '"' {
			return ""
		}
		end := stringEnd(message, at)
		if end < 0 {
			return ""
		}
		key := message[at+1 : end]
		at = skipSpace(message, end+1)
		if at == len(message) || message[at] != ':' {
			return ""
		}
		at = skipSpace(message, at+1)
		if key == "role" {
			return plainString(message, at)
		}
		if at = valueEnd(message, at); at < 0 || message[at] != ',' {
			return ""
		}
		at++
	}
	return ""
}

// plainString is the string at a position, "" when there is none or one with
// escapes.
func plainString(s string, at int) string {
	if at >= len(s) || s[at] != '"' {
		return ""
	}
	end := stringEnd(s, at)
	if end < 0 || strings.IndexByte(s[at+1:end], '\\') >= 0 {
		return ""
	}
	return s[at+1 : end]
}

// valueEnd returns the position of the comma or bracket after the member's value
// that starts at a position, or -1.
func valueEnd(s string, at int) int {
	for depth := 0; at < len(s); at++ {
		switch s[at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
		case ',':
			if depth == 0 {
				return at
			}
		case '"':
			if at = stringEnd(s, at); at < 0 {
				return -1
			}
		}
	}
	return -1
}
