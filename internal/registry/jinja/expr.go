// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"math/big"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

type op uint8

const (
	literalOp op = iota
	nameOp
	// loopOp is an attribute of loop.
	loopOp
	attributeOp
	indexOp
	filterOp
	testOp
	compareOp
	notOp
	andOp
	orOp
	concatOp
	addOp
	subtractOp
	chooseOp
	rangeOp
)

// expr is an expression: an operation on its args.
type expr struct {
	op    op
	name  string
	value any
	args  []*expr
	line  int
}

// reserved are words that are no variables: keywords, and what Jinja itself has
// under a name.
var reserved = words("not", "and", "or", "if", "else", "elif", "in", "is", "for", "true", "false", "none", "True", "False", "None",
	"range", "dict", "lipsum", "cycler", "joiner", "namespace", "self", "super", "caller", "varargs", "kwargs", "_", "gettext", "ngettext")

// methods are attributes that Python's own values have: Jinja takes them first.
var methods = words("clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values")

var loopAttributes = words("index", "index0", "revindex", "revindex0", "first", "last", "length")

func words(list ...string) map[string]bool {
	out := map[string]bool{}
	for _, word := range list {
		out[word] = true
	}
	return out
}

func (p *parser) make(op op, name string, args ...*expr) *expr {
	return &expr{op: op, name: name, args: args, line: p.tagLine}
}

func (p *parser) expression() (*expr, error) {
	p.expressionDep++
	defer func() { p.expressionDep-- }()
	if p.expressionDep > maxDepth {
		return nil, syntax(p.tagLine, "an expression nested deeper than 64")
	}
	e, err := p.orExpr()
	if err != nil || !p.accept("if") {
		return e, err
	}
	cond, err := p.orExpr()
	if err != nil {
		return nil, err
	}
	if !p.accept("else") {
		return nil, syntax(p.tagLine, "an if within an expression needs an else")
	}
	other, err := p.expression()
	return p.make(chooseOp, "", cond, e, other), err
}

func (p *parser) orExpr() (*expr, error)  { return p.chain("or", orOp, p.andExpr) }
func (p *parser) andExpr() (*expr, error) { return p.chain("and", andOp, p.notExpr) }

// chain reads operands with one operator between them.
func (p *parser) chain(word string, op op, operand func() (*expr, error)) (*expr, error) {
	e, err := operand()
	for n := 0; err == nil && p.accept(word); n++ {
		if n > maxDepth {
			return nil, syntax(p.tagLine, "more than 64 operations in a row")
		}
		var right *expr
		right, err = operand()
		e = p.make(op, word, e, right)
	}
	return e, err
}

func (p *parser) notExpr() (*expr, error) {
	n := 0
	for p.accept("not") {
		n++
	}
	e, err := p.compare()
	for ; n > 0 && err == nil; n-- {
		if n > maxDepth {
			return nil, syntax(p.tagLine, "more than 64 operations in a row")
		}
		e = p.make(notOp, "", e)
	}
	return e, err
}

func (p *parser) compare() (*expr, error) {
	e, err := p.sum()
	if err != nil {
		return nil, err
	}
	name := p.comparison()
	if name == "" {
		return e, nil
	}
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.comparison() != "" {
		return nil, syntax(p.tagLine, "more than one comparison in a row is not supported")
	}
	return p.make(compareOp, name, e, right), nil
}

func (p *parser) comparison() string {
	for _, name := range []string{"==", "!=", "<", "<=", ">", ">=", "in"} {
		if p.accept(name) {
			return name
		}
	}
	if p.at+1 < len(p.tokens) && p.peek().text == "not" && p.peek().kind == nameToken && p.tokens[p.at+1] == (token{nameToken, "in"}) {
		p.at += 2
		return "not in"
	}
	return ""
}

func (p *parser) sum() (*expr, error) {
	e, err := p.concat()
	for n := 0; err == nil; n++ {
		op := addOp
		if !p.accept("+") {
			if !p.accept("-") {
				return e, nil
			}
			op = subtractOp
		}
		if n > maxDepth {
			return nil, syntax(p.tagLine, "more than 64 operations in a row")
		}
		var right *expr
		right, err = p.concat()
		e = p.make(op, "", e, right)
	}
	return e, err
}

func (p *parser) concat() (*expr, error) { return p.chain("~", concatOp, p.postfix) }

// postfix reads a value with its attributes, indexes, filters and tests.
func (p *parser) postfix() (*expr, error) {
	e, err := p.primary()
	for n := 0; err == nil; n++ {
		if n > maxDepth {
			return nil, syntax(p.tagLine, "more than 64 operations in a row")
		}
		switch {
		case p.accept("."):
			e, err = p.attribute(e)
		case p.accept("["):
			var index *expr
			if index, err = p.expression(); err == nil && !p.accept("]") {
				err = p.unexpected(p.peek())
			}
			e = p.make(indexOp, "", e, index)
		case p.peek() == token{operatorToken, "("}:
			return nil, syntax(p.tagLine, "calls are not supported")
		default:
			return p.filters(e)
		}
	}
	return nil, err
}

func (p *parser) attribute(e *expr) (*expr, error) {
	t := p.take()
	switch {
	case t.kind != nameToken:
		return nil, p.unexpected(t)
	case e.op == nameOp && e.name == "loop":
		if !loopAttributes[t.text] {
			return nil, syntax(p.tagLine, "loop.%s is not supported", t.text)
		}
		return p.make(loopOp, t.text), nil
	case methods[t.text] || t.text[0] == '_':
		return nil, syntax(p.tagLine, `the attribute %s is Python's own: write ["%s"] for a key`, template.Quote(t.text), t.text)
	}
	return p.make(attributeOp, t.text, e), nil
}

func (p *parser) primary() (*expr, error) {
	t := p.take()
	switch t.kind {
	case stringToken:
		if p.peek().kind == stringToken {
			return nil, syntax(p.tagLine, "texts side by side are not supported: join them with ~")
		}
		return p.literal(t.text), nil
	case intToken, floatToken:
		value, err := python.Number(t.text)
		if err != nil {
			return nil, syntax(p.tagLine, "%v", err)
		}
		return p.literal(value), nil
	case nameToken:
		return p.name(t.text)
	}
	switch t.text {
	case "(":
		e, err := p.expression()
		if err == nil && !p.accept(")") {
			err = p.unexpected(p.peek())
		}
		return e, err
	case "[":
		return p.list()
	case "-":
		if n := p.peek(); n.kind == intToken && (p.at+1 == len(p.tokens) || p.tokens[p.at+1].text != "|" && p.tokens[p.at+1].text != "." && p.tokens[p.at+1].text != "is") {
			p.at++
			value, _ := new(big.Int).SetString(n.text, 10)
			return p.literal(value.Neg(value)), nil
		}
	}
	return nil, p.unexpected(t)
}

func (p *parser) literal(value any) *expr {
	e := p.make(literalOp, "")
	e.value = value
	return e
}

func (p *parser) name(name string) (*expr, error) {
	switch name {
	case "true", "True":
		return p.literal(true), nil
	case "false", "False":
		return p.literal(false), nil
	case "none", "None":
		return p.literal(nil), nil
	case "range":
		if p.accept("(") {
			args, err := p.arguments()
			if err == nil && (len(args) == 0 || len(args) > 2) {
				err = syntax(p.tagLine, "range takes one or two numbers")
			}
			return p.make(rangeOp, "", args...), err
		}
	case "loop":
		if p.loops == 0 {
			return nil, syntax(p.tagLine, "loop is not supported outside of a for of the same template")
		}
		if p.peek() != (token{operatorToken, "."}) {
			return nil, syntax(p.tagLine, "loop is supported with an attribute only, as in loop.index")
		}
	}
	if reserved[name] {
		return nil, p.unexpected(token{nameToken, name})
	}
	p.readAt[name] = max(p.readAt[name], p.inner)
	return p.make(nameOp, name), nil
}

// list reads a list of texts and numbers.
func (p *parser) list() (*expr, error) {
	out := python.List{}
	for !p.accept("]") {
		e, err := p.primary()
		if err != nil {
			return nil, err
		}
		if e.op != literalOp {
			return nil, syntax(p.tagLine, "a list of other things than texts and numbers is not supported")
		}
		if _, nested := e.value.(python.List); nested {
			return nil, syntax(p.tagLine, "a list in a list is not supported")
		}
		out = append(out, e.value)
		if !p.accept(",") && p.peek() != (token{operatorToken, "]"}) {
			return nil, p.unexpected(p.peek())
		}
	}
	return p.literal(out), nil
}

// arguments reads up to the closing parenthesis.
func (p *parser) arguments() ([]*expr, error) {
	var args []*expr
	for !p.accept(")") {
		if len(args) > 0 && !p.accept(",") {
			return nil, p.unexpected(p.peek())
		}
		if p.at+1 < len(p.tokens) && p.tokens[p.at+1] == (token{operatorToken, "="}) {
			return nil, syntax(p.tagLine, "named arguments are not supported")
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
		if len(args) > 8 {
			return nil, syntax(p.tagLine, "more than 8 arguments")
		}
	}
	return args, nil
}

// arity of the filters: the fewest and the most arguments.
var arity = map[string][2]int{
	"trim": {0, 0}, "upper": {0, 0}, "lower": {0, 0}, "default": {0, 2}, "d": {0, 2}, "join": {0, 1}, "length": {0, 0}, "count": {0, 0},
	"tojson": {0, 0}, "first": {0, 0}, "last": {0, 0}, "replace": {2, 2}, "string": {0, 0},
}

var tests = words("defined", "undefined", "none", "string", "number", "mapping")

func (p *parser) filters(e *expr) (*expr, error) {
	for n := 0; ; n++ {
		if n > maxDepth {
			return nil, syntax(p.tagLine, "more than 64 operations in a row")
		}
		switch {
		case p.accept("|"):
			name := p.take()
			count, ok := arity[name.text]
			if !ok || name.kind != nameToken {
				return nil, syntax(p.tagLine, "the filter %s is not supported", template.Quote(name.text))
			}
			args := []*expr{e}
			if p.accept("(") {
				more, err := p.arguments()
				if err != nil {
					return nil, err
				}
				args = append(args, more...)
			}
			if len(args)-1 < count[0] || len(args)-1 > count[1] {
				return nil, syntax(p.tagLine, "the filter %s with %d arguments is not supported", name.text, len(args)-1)
			}
			e = p.make(filterOp, name.text, args...)
		case p.accept("is"):
			negated := p.accept("not")
			name := p.take()
			if name.kind != nameToken || !tests[name.text] {
				return nil, syntax(p.tagLine, "the test %s is not supported", template.Quote(name.text))
			}
			if t := p.peek(); t.kind != endToken && t.kind != operatorToken && t.text != "else" && t.text != "or" && t.text != "and" {
				return nil, syntax(p.tagLine, "%s after the test %s: Jinja takes it for an argument", template.Quote(t.text), name.text)
			}
			e = p.make(testOp, name.text, e)
			if negated {
				e = p.make(notOp, "", e)
			}
		case p.peek().text == "(" && p.peek().kind == operatorToken:
			return nil, syntax(p.tagLine, "calls are not supported")
		default:
			return e, nil
		}
	}
}
