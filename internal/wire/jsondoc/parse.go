// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Bounds of what Parse accepts.
const (
	MaxDepth = 256
	MaxSize  = 64 << 20
	// maxValues bounds the memory that many small values take.
	maxValues = 4 << 20
)

// ErrSyntax is returned, with the place, for text that is no JSON (RFC 8259) or
// exceeds the bounds.
var ErrSyntax = errors.New("malformed JSON")

// Parse reads one JSON value.
func Parse(data []byte) (*Value, error) { return ParseString(string(data)) }

// ParseString reads one JSON value; the result shares the text's memory.
func ParseString(text string) (*Value, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrSyntax, len(text), MaxSize)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	p := parser{text: text}
	p.space()
	v := p.value(0)
	p.space()
	if p.failed == "" && p.at < len(text) {
		p.fail("text after the value")
	}
	if p.failed != "" {
		return nil, fmt.Errorf("%w: byte %d: %s", ErrSyntax, p.at, p.failed)
	}
	return v, nil
}

type parser struct {
	text   string
	at     int
	count  int
	failed string
}

func (p *parser) fail(reason string) *Value {
	if p.failed == "" {
		p.failed = reason
	}
	return &Value{}
}

func (p *parser) peek() byte {
	if p.failed == "" && p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) *Value {
	if depth > MaxDepth {
		return p.fail(fmt.Sprintf("nested deeper than %d", MaxDepth))
	}
	if p.count++; p.count > maxValues {
		return p.fail(fmt.Sprintf("more than %d values", maxValues))
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return &Value{kind: String, text: p.str()}
	case c == '-' || c >= '0' && c <= '9':
		return &Value{kind: Number, text: p.number()}
	case c == 't':
		return p.word("true", Bool)
	case c == 'f':
		return p.word("false", Bool)
	case c == 'n':
		return p.word("null", Null)
	}
	return p.fail("a value is expected")
}

func (p *parser) word(word string, kind Kind) *Value {
	if len(p.text)-p.at < len(word) || p.text[p.at:p.at+len(word)] != word {
		return p.fail("a value is expected")
	}
	p.at += len(word)
	return &Value{kind: kind, text: word}
}

func (p *parser) array(depth int) *Value {
	v, start := &Value{kind: Array}, p.at
	p.at++
	p.space()
	if p.peek() == ']' {
		p.at++
		v.text = p.text[start:p.at]
		return v
	}
	for p.failed == "" {
		v.items = append(v.items, p.value(depth+1))
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case ']':
			p.at++
			v.text = p.text[start:p.at]
			return v
		default:
			p.fail("',' or ']' is expected")
		}
	}
	return v
}

func (p *parser) object(depth int) *Value {
	v, start := &Value{kind: Object}, p.at
	p.at++
	p.space()
	if p.peek() == '}' {
		p.at++
		v.text = p.text[start:p.at]
		return v
	}
	for p.failed == "" {
		if p.peek() != '"' {
			return p.fail("a member name is expected")
		}
		m := Member{text: p.str()}
		p.space()
		if p.peek() != ':' {
			return p.fail("':' is expected")
		}
		p.at++
		p.space()
		m.Name, m.Value = decodeString(m.text), p.value(depth+1)
		v.members = append(v.members, m)
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case '}':
			p.at++
			v.text = p.text[start:p.at]
			return v
		default:
			p.fail("',' or '}' is expected")
		}
	}
	return v
}

// str reads a string literal and returns it with its quotes.
func (p *parser) str() string {
	start := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[start:p.at]
		case c < ' ':
			p.fail("control character in a string")
			return `""`
		case c == '\\':
			if !p.escape() {
				p.fail("unknown escape in a string")
				return `""`
			}
		}
	}
	p.fail("unterminated string")
	return `""`
}

// escape checks the escape at p.at and stops on its last byte.
func (p *parser) escape() bool {
	p.at++
	if p.at >= len(p.text) {
		return false
	}
	switch p.text[p.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for i := 1; i <= 4; i++ {
			if p.at+i >= len(p.text) || !isHex(p.text[p.at+i]) {
				return false
			}
		}
		p.at += 4
		return true
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// number reads a number literal by the grammar of RFC 8259, section 6.
func (p *parser) number() string {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		p.fail("a digit is expected")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			p.fail("a digit is expected")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			p.fail("a digit is expected")
		}
	}
	return p.text[start:p.at]
}

func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > start
}
