// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// maxNesting bounds how deep JSON within strings of JSON is taken for JSON.
const maxNesting = 6

// text redacts a text that is decoded already from depth strings of JSON.
func (r *Redactor) text(s string, depth int) (string, int) {
	if len(s) < minRemembered {
		return r.fresh(s, depth)
	}
	print := r.memory.printOf(s)
	if result, ok := r.memory.find(print, depth); ok {
		if result.count == 0 {
			return s, 0
		}
		return result.text, result.count
	}
	text, n := r.fresh(s, depth)
	if n == 0 {
		r.memory.remember(print, depth, known{})
	} else {
		r.memory.remember(print, depth, known{text, n})
	}
	return text, n
}

// fresh redacts a text that is not remembered.
func (r *Redactor) fresh(s string, depth int) (string, int) {
	if len(r.patterns) == 0 && r.quiet(s) {
		return s, 0
	}
	return r.loud(s, depth)
}

// loud redacts a text in which there may be something.
func (r *Redactor) loud(s string, depth int) (string, int) {
	if depth < maxNesting && looksLikeJSON(s) && gjson.Valid(s) {
		return r.json(s, depth)
	}
	return r.plain(s, true)
}

// looksLikeJSON tells whether a text begins and ends as an object, an array or a
// string does.
func looksLikeJSON(s string) bool {
	s = strings.TrimFunc(s, isSpace)
	if len(s) < 2 {
		return false
	}
	first, last := s[0], s[len(s)-1]
	return first == '{' && last == '}' || first == '[' && last == ']' || first == '"' && last == '"'
}

func isSpace(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// json redacts valid JSON. What is not replaced stays byte for byte.
func (r *Redactor) json(s string, depth int) (string, int) {
	var out []byte
	last, count := 0, 0
	replace := func(start, end int, text string) {
		out = append(out, s[last:start]...)
		out = appendString(out, text)
		last = end
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			end := stringEnd(s, i)
			value := s[i+1 : end-1]
			if len(r.patterns) == 0 && r.quiet(value) {
				i = end
				continue
			}
			if strings.IndexByte(value, '\\') >= 0 {
				value = gjson.Parse(s[i:end]).Str
			}
			var text string
			var n int
			if isKey(s, end) {
				// A key is part of the structure, and the user's own rules are about
				// content.
				text, n = r.plain(value, false)
			} else {
				text, n = r.text(value, depth+1)
			}
			if n > 0 {
				replace(i, end, text)
				count += n
			}
			i = end
		case c >= '0' && c <= '9' || c == '-':
			end := i + 1
			for end < len(s) && isNumberByte(s[end]) {
				end++
			}
			if text, n := r.number(s[i:end]); n > 0 {
				replace(i, end, text)
				count += n
			}
			i = end
		default:
			i++
		}
	}
	if count == 0 {
		return s, 0
	}
	return string(append(out, s[last:]...)), count
}

// number redacts a number's text. Short ones can only match the user's own
// rules.
func (r *Redactor) number(s string) (string, int) {
	if len(s) < 12 && len(r.patterns) == 0 {
		return s, 0
	}
	return r.plain(s, true)
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// stringEnd is the position after the string of valid JSON that begins at i.
func stringEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		quote := strings.IndexByte(s[i:], '"')
		if quote < 0 {
			break
		}
		escape := strings.IndexByte(s[i:i+quote], '\\')
		if escape < 0 {
			return i + quote + 1
		}
		i += escape + 1
	}
	return len(s)
}

// isKey tells whether a colon comes next.
func isKey(s string, i int) bool {
	for i < len(s) && isSpace(rune(s[i])) {
		i++
	}
	return i < len(s) && s[i] == ':'
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	encoded, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, encoded...)
}
