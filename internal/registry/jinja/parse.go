// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"strings"
	"unicode"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Parse reads a template. The error is a *template.SyntaxError.
func Parse(source string) (*Template, error) {
	if len(source) > template.MaxSourceBytes {
		return nil, syntax(1, "longer than 4 MiB")
	}
	// Jinja makes every line end "\n" and drops the last one.
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	source = strings.TrimSuffix(source, "\n")
	p := &parser{src: source, line: 1, readAt: map[string]int{}}
	nodes, end, err := p.block(0)
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, syntax(p.tagLine, "%q without its beginning", end)
	}
	return &Template{nodes: nodes}, nil
}

// parser reads text and tags; loops counts the loops around the position.
type parser struct {
	// inner counts the scopes around the position, readAt the most of them that
	// were around each name that was read.
	inner         int
	readAt        map[string]int
	src           string
	pos, line     int
	tagLine       int
	loops         int
	stripNext     bool
	tokens        []token
	at            int
	expressionDep int
}

// isSpace is Python's str.isspace for a character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func (p *parser) move(n int) {
	p.line += strings.Count(p.src[p.pos:p.pos+n], "\n")
	p.pos += n
}

// next reads the text up to the next tag, and which tag it is: 0 at the end.
func (p *parser) next() (text string, tag byte) {
	rest := p.src[p.pos:]
	at, found := 0, -1
	for {
		i := strings.IndexByte(rest[at:], '{')
		if i < 0 || at+i+1 >= len(rest) {
			break
		}
		at += i
		if c := rest[at+1]; c == '{' || c == '%' || c == '#' {
			found = at
			break
		}
		at++
	}
	strip := p.stripNext
	p.stripNext = false
	if found < 0 {
		text = rest
		p.move(len(rest))
	} else {
		text, tag = rest[:found], rest[found+1]
		p.move(found + 2)
		p.tagLine = p.line
		if p.pos < len(p.src) && (p.src[p.pos] == '-' || p.src[p.pos] == '+') {
			if p.src[p.pos] == '-' {
				text = strings.TrimRightFunc(text, isSpace)
			}
			p.move(1)
		}
	}
	if strip {
		text = strings.TrimLeftFunc(text, isSpace)
	}
	return text, tag
}

// block reads nodes up to a tag that does not begin one, whose first word it
// returns with its tokens in place.
func (p *parser) block(depth int) (nodes []node, end string, err error) {
	if depth > maxDepth/2 {
		return nil, "", syntax(p.line, "blocks nested deeper than 32")
	}
	nodes = []node{}
	for {
		text, tag := p.next()
		nodes = appendText(nodes, text, p.line)
		switch tag {
		case 0:
			return nodes, "", nil
		case '#':
			err = p.comment()
		case '{':
			var n node
			n, err = p.output()
			nodes = append(nodes, n)
		default:
			var n *node
			n, end, err = p.statement(depth)
			if n != nil {
				nodes = append(nodes, *n)
			}
		}
		if err != nil || end != "" {
			return nodes, end, err
		}
	}
}

func appendText(nodes []node, text string, line int) []node {
	if text == "" {
		return nodes
	}
	if k := len(nodes) - 1; k >= 0 && nodes[k].kind == textNode {
		nodes[k].text += text
		return nodes
	}
	return append(nodes, node{kind: textNode, text: text, line: line})
}

func (p *parser) comment() error {
	end := strings.Index(p.src[p.pos:], "#}")
	if end < 0 {
		return syntax(p.tagLine, "a comment that never ends")
	}
	p.stripNext = end > 0 && p.src[p.pos+end-1] == '-'
	p.move(end + 2)
	return nil
}

func (p *parser) output() (node, error) {
	if err := p.lex("}}"); err != nil {
		return node{}, err
	}
	e, err := p.wholeExpr(true)
	return node{kind: outputNode, line: p.tagLine, expr: e}, err
}

// wholeExpr reads an expression that fills the rest of a tag.
func (p *parser) wholeExpr(output bool) (*expr, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, p.unexpected(t)
	}
	return e, p.checkJSON(e, output)
}

// checkJSON refuses tojson but as the last step of an output: its result is of
// a kind of its own, which changes what is done to it.
func (p *parser) checkJSON(e *expr, last bool) error {
	if e == nil {
		return nil
	}
	if e.op == filterOp && e.name == "tojson" && !last {
		return syntax(p.tagLine, "tojson is supported as the last filter of an output only")
	}
	for _, a := range e.args {
		if err := p.checkJSON(a, false); err != nil {
			return err
		}
	}
	return nil
}

// statement reads a tag. A word that ends or continues a block is returned.
func (p *parser) statement(depth int) (*node, string, error) {
	if n, isRaw, err := p.raw(); isRaw || err != nil {
		return n, "", err
	}
	if err := p.lex("%}"); err != nil {
		return nil, "", err
	}
	word := p.take()
	line := p.tagLine
	switch word.text {
	case "elif", "else", "endif", "endfor":
		if word.text != "elif" && p.peek().kind != endToken {
			return nil, "", p.unexpected(p.peek())
		}
		return nil, word.text, nil
	case "if":
		n, err := p.ifBlock(depth)
		return n, "", err
	case "for":
		n, err := p.forBlock(depth)
		return n, "", err
	case "set":
		name, err := p.target()
		if err != nil {
			return nil, "", err
		}
		if p.readAt[name] > p.inner {
			return nil, "", syntax(line, "set of %s after a for that reads it is not supported: Jinja takes it for unset there", template.Quote(name))
		}
		if t := p.take(); t.text != "=" || t.kind != operatorToken {
			return nil, "", syntax(line, "set is supported for one name and a value only")
		}
		e, err := p.wholeExpr(false)
		return &node{kind: setNode, line: line, name: name, expr: e}, "", err
	case "include":
		t := p.take()
		if t.kind != stringToken || p.peek().kind != endToken {
			return nil, "", syntax(line, `include is supported with the name of a partial only: {%% include "name@version" %%}`)
		}
		return &node{kind: includeNode, line: line, name: t.text}, "", nil
	}
	return nil, "", syntax(line, "the statement %s is not supported: if, for, set, include and raw are", template.Quote(word.text))
}

func (p *parser) ifBlock(depth int) (*node, error) {
	line := p.tagLine
	cond, err := p.orExpr()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, p.unexpected(t)
	}
	if err := p.checkJSON(cond, false); err != nil {
		return nil, err
	}
	n := &node{kind: ifNode, line: line, expr: cond}
	var end string
	if n.body, end, err = p.block(depth + 1); err != nil {
		return nil, err
	}
	switch end {
	case "elif":
		inner, err := p.ifBlock(depth + 1)
		if err != nil {
			return nil, err
		}
		n.other = []node{*inner}
		return n, nil
	case "else":
		if n.other, end, err = p.block(depth + 1); err != nil {
			return nil, err
		}
	}
	if end != "endif" {
		return nil, syntax(line, "an if that is never closed by endif")
	}
	return n, nil
}

func (p *parser) forBlock(depth int) (*node, error) {
	line := p.tagLine
	name, err := p.target()
	if err != nil {
		return nil, err
	}
	if t := p.take(); t.text != "in" || t.kind != nameToken {
		return nil, syntax(line, "for is supported with one name: {%% for item in items %%}")
	}
	list, err := p.orExpr()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, syntax(line, "%s after the list of a for is not supported", template.Quote(t.text))
	}
	if err := p.checkJSON(list, false); err != nil {
		return nil, err
	}
	n := &node{kind: forNode, line: line, name: name, expr: list}
	p.loops++
	p.inner++
	defer func() { p.inner-- }()
	var end string
	n.body, end, err = p.block(depth + 1)
	p.loops--
	if err == nil && end == "else" {
		n.other, end, err = p.block(depth + 1)
	}
	if err != nil {
		return nil, err
	}
	if end != "endfor" {
		return nil, syntax(line, "a for that is never closed by endfor")
	}
	return n, nil
}

// target reads a name that a value is given to.
func (p *parser) target() (string, error) {
	t := p.take()
	if t.kind != nameToken || reserved[t.text] || t.text == "loop" {
		return "", syntax(p.tagLine, "%s is not a name that a value can be given to", template.Quote(t.text))
	}
	return t.text, nil
}

// raw reads a raw block from behind its "{%".
func (p *parser) raw() (*node, bool, error) {
	strip, n := rawTag(p.src[p.pos:], "raw")
	if n == 0 {
		return nil, false, nil
	}
	line := p.tagLine
	p.move(n)
	start := p.pos
	for at := start; ; at += 2 {
		i := strings.Index(p.src[at:], "{%")
		if i < 0 {
			return nil, true, syntax(line, "a raw that is never closed by endraw")
		}
		at += i
		sign := 0
		if at+2 < len(p.src) && (p.src[at+2] == '-' || p.src[at+2] == '+') {
			sign = 1
		}
		stripEnd, n := rawTag(p.src[at+2+sign:], "endraw")
		if n == 0 {
			continue
		}
		text := p.src[start:at]
		if sign == 1 && p.src[at+2] == '-' {
			text = strings.TrimRightFunc(text, isSpace)
		}
		if strip {
			text = strings.TrimLeftFunc(text, isSpace)
		}
		p.move(at + 2 + sign + n - p.pos)
		p.stripNext = stripEnd
		return &node{kind: textNode, text: text, line: line}, true, nil
	}
}

// rawTag is the length of a tag of one word, 0 if it is another one.
func rawTag(s, word string) (strip bool, n int) {
	rest := strings.TrimLeftFunc(s, isSpace)
	if !strings.HasPrefix(rest, word) {
		return false, 0
	}
	rest = strings.TrimLeftFunc(rest[len(word):], isSpace)
	switch {
	case strings.HasPrefix(rest, "%}"):
		return false, len(s) - len(rest) + 2
	case strings.HasPrefix(rest, "-%}"):
		return true, len(s) - len(rest) + 3
	case word == "endraw" && strings.HasPrefix(rest, "+%}"):
		return false, len(s) - len(rest) + 3
	}
	return false, 0
}
