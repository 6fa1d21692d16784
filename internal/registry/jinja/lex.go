// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/registry/template"
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	stringToken
	intToken
	floatToken
	operatorToken
)

type token struct {
	kind tokenKind
	text string
}

// operators, longest first.
var operators = []string{"==", "!=", "<=", ">=", "|", ".", ",", "(", ")", "[", "]", "<", ">", "=", "~", "+", "-"}

// lex reads the tokens of a tag and its end.
func (p *parser) lex(end string) error {
	p.tokens, p.at = p.tokens[:0], 0
	for {
		p.skipSpace()
		rest := p.src[p.pos:]
		switch {
		case rest == "":
			return syntax(p.tagLine, "a tag that is never closed by %q", end)
		case strings.HasPrefix(rest, "-"+end):
			p.stripNext = true
			p.move(1 + len(end))
			return nil
		case end == "%}" && strings.HasPrefix(rest, "+"+end):
			p.move(1 + len(end))
			return nil
		case strings.HasPrefix(rest, end):
			p.move(len(end))
			return nil
		}
		t, n, err := p.token(rest)
		if err != nil {
			return err
		}
		if len(p.tokens) > 10_000 {
			return syntax(p.tagLine, "a tag of more than 10,000 words")
		}
		p.tokens = append(p.tokens, t)
		p.move(n)
	}
}

func (p *parser) skipSpace() {
	rest := p.src[p.pos:]
	p.move(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
}

func (p *parser) token(rest string) (token, int, error) {
	c := rest[0]
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case c == '"' || c == '\'':
		return p.stringToken(rest)
	case c >= '0' && c <= '9':
		return p.numberToken(rest)
	case c == '_' || unicode.IsLetter(r):
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(rest)
		}
		if end > 300 {
			return token{}, 0, syntax(p.line, "a name longer than 300 bytes")
		}
		for i := range end {
			if rest[i] >= utf8.RuneSelf {
				return token{}, 0, syntax(p.line, "the name %s holds other letters than a to z", template.Quote(rest[:end]))
			}
		}
		return token{nameToken, rest[:end]}, end, nil
	}
	for _, refused := range []string{"**", "//", "*", "/", "%", "{", "}", ":", ";"} {
		if strings.HasPrefix(rest, refused) {
			return token{}, 0, syntax(p.line, "%q in an expression is not supported", refused)
		}
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return token{operatorToken, op}, len(op), nil
		}
	}
	return token{}, 0, syntax(p.line, "unexpected %q", string(r))
}

func (p *parser) numberToken(rest string) (token, int, error) {
	end := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	kind := intToken
	if more := rest[end:]; len(more) > 1 && more[0] == '.' && more[1] >= '0' && more[1] <= '9' {
		kind = floatToken
		end += 1 + len(more[1:]) - len(strings.TrimLeft(more[1:], "0123456789"))
	}
	text, more := rest[:end], rest[end:]
	if r, _ := utf8.DecodeRuneInString(more); more != "" && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)) || len(text) > 100 || kind == intToken && len(text) > 1 && text[0] == '0' {
		return token{}, 0, syntax(p.line, "the number %s is not supported", template.Quote(text))
	}
	return token{kind, text}, end, nil
}

// stringToken reads a text literal, with the escapes \\, \', \", \n, \r and \t.
func (p *parser) stringToken(rest string) (token, int, error) {
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == rest[0]:
			return token{stringToken, b.String()}, i + 1, nil
		case c == '\\' && i+1 < len(rest):
			i++
			k := strings.IndexByte(`\'"nrt`, rest[i])
			if k < 0 {
				return token{}, 0, syntax(p.line, "the escape \\%c in a text is not supported", rest[i])
			}
			b.WriteByte("\\'\"\n\r\t"[k])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, syntax(p.line, "a text that is never closed")
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) take() token {
	t := p.peek()
	p.at++
	return t
}

// accept takes the next token if it is this operator or word.
func (p *parser) accept(text string) bool {
	if t := p.peek(); t.text == text && (t.kind == operatorToken || t.kind == nameToken) {
		p.at++
		return true
	}
	return false
}

func (p *parser) unexpected(t token) error {
	if t.kind == endToken {
		return syntax(p.tagLine, "a tag that ends too early")
	}
	return syntax(p.tagLine, "%s is unexpected here, or not supported", template.Quote(t.text))
}
