// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape says which characters of a string are written as escapes.
type Escape uint8

// Ways to escape strings.
const (
	// EscapeMinimal escapes what RFC 8259 asks for.
	EscapeMinimal Escape = iota
	// EscapeASCII escapes everything beyond ASCII (Python's default).
	EscapeASCII
	// EscapeHTML also escapes <, >, & and the line separators (Go's default).
	EscapeHTML
)

// Style is how a serializer lays a document out.
type Style struct {
	// Comma and Colon are written between members and after names.
	Comma, Colon string
	// Indent is written once a level on lines of their own; empty for one line.
	Indent string
	Escape Escape
}

// Compact is the layout without any white space.
var Compact = Style{Comma: ",", Colon: ":"}

// Bytes writes the value: the source text of everything that was not edited,
// the rest compact.
func (v *Value) Bytes() []byte { return v.appendTo(nil) }

// Text is Bytes as a string.
func (v *Value) Text() string {
	if v != nil && v.text != "" {
		return v.text
	}
	return string(v.Bytes())
}

func (v *Value) appendTo(dst []byte) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	if v.text != "" {
		return append(dst, v.text...)
	}
	if v.kind == Array {
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendTo(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, m := range v.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, m.text...), ':')
		dst = m.Value.appendTo(dst)
	}
	return append(dst, '}')
}

// Pretty writes the value indented, for people.
func (v *Value) Pretty() string {
	return string(v.Format(Style{Comma: ",", Colon: ": ", Indent: "  "}))
}

// Format writes the value in one style throughout. Numbers keep their source
// text, strings are escaped as the style says.
func (v *Value) Format(s Style) []byte { return v.format(nil, s, 1) }

func (v *Value) format(dst []byte, s Style, level int) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	switch v.kind {
	case String:
		return appendString(dst, v.Str(), s.Escape)
	case Array:
		if len(v.items) == 0 {
			return append(dst, "[]"...)
		}
		dst = append(dst, '[')
		for i, item := range v.items {
			dst = item.format(s.next(dst, i, level), s, level+1)
		}
		return append(s.line(dst, level-1), ']')
	case Object:
		if len(v.members) == 0 {
			return append(dst, "{}"...)
		}
		dst = append(dst, '{')
		for i, m := range v.members {
			dst = append(appendString(s.next(dst, i, level), m.Name, s.Escape), s.Colon...)
			dst = m.Value.format(dst, s, level+1)
		}
		return append(s.line(dst, level-1), '}')
	}
	return append(dst, v.text...)
}

// next begins the i-th element.
func (s Style) next(dst []byte, i, level int) []byte {
	if i > 0 {
		dst = append(dst, s.Comma...)
	}
	return s.line(dst, level)
}

func (s Style) line(dst []byte, level int) []byte {
	if s.Indent == "" {
		return dst
	}
	return append(append(dst, '\n'), strings.Repeat(s.Indent, level)...)
}

// appendString writes a string literal; invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string, escape Escape) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			dst = appendASCII(dst, c, escape)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case escape == EscapeASCII && r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		case escape == EscapeASCII, escape == EscapeHTML && (r == '\u2028' || r == '\u2029'):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

var shortEscapes = map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendASCII(dst []byte, c byte, escape Escape) []byte {
	if short, ok := shortEscapes[c]; ok {
		return append(dst, '\\', short)
	}
	html := escape == EscapeHTML && (c == '<' || c == '>' || c == '&')
	if c < ' ' || html {
		return fmt.Appendf(dst, `\u%04x`, c)
	}
	return append(dst, c)
}
