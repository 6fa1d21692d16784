// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// maxParts bounds the parts of a template: a condition of several questions is
// written out once a way to answer them.
const maxParts = 2048

// Parts are the literals, the variables that are printed as they are, and the
// blocks that decide by a variable or a text; all else is opaque.
func (t *Template) Parts(map[string]string) []template.Part {
	made := 0
	p := parts{made: &made, bound: map[string]bool{}, items: map[string]string{}}
	return p.nodes(t.nodes)
}

// parts turns nodes into parts.
type parts struct {
	made *int
	// bound are names that the template sets.
	bound map[string]bool
	// items are the lists, as docs[], that the names of loops go through.
	items map[string]string
	// list is that of the innermost loop.
	list string
}

func (p *parts) inside() *parts {
	out := &parts{made: p.made, bound: with(p.bound), items: map[string]string{}, list: p.list}
	for name, list := range p.items {
		out.items[name] = list
	}
	return out
}

func (p *parts) nodes(nodes []node) []template.Part {
	var out []template.Part
	for i := range nodes {
		n := &nodes[i]
		switch n.kind {
		case textNode:
			out = append(out, template.Part{Kind: template.Literal, Text: n.text})
		case outputNode:
			out = append(out, p.output(n.expr, n)...)
		case setNode:
			p.bound[n.name] = true
		case scopeNode:
			out = append(out, p.inside().nodes(n.body)...)
		case ifNode:
			out = append(out, p.ifParts(n)...)
		case forNode:
			out = append(out, p.forParts(n)...)
		}
	}
	*p.made += len(out)
	return out
}

func opaque(n *node) []template.Part {
	what := "an expression"
	switch n.kind {
	case ifNode:
		what = "an if"
	case forNode:
		what = "a for"
	}
	return []template.Part{{Kind: template.Opaque, Reason: fmt.Sprintf("it holds %s (line %d), which cannot be taken back from its output", what, n.line)}}
}

// bind notes the names that a block sets, which are printed after it.
func (p *parts) bind(n *node) {
	if n.kind == setNode {
		p.bound[n.name] = true
	}
}

// path is the name of a variable, of an item of a list or of a field of these.
func (p *parts) path(e *expr) (string, bool) {
	switch e.op {
	case nameOp:
		if p.bound[e.name] {
			return "", false
		}
		if list, ok := p.items[e.name]; ok {
			return list, true
		}
		return e.name, true
	case attributeOp:
		path, ok := p.path(e.args[0])
		return path + "." + e.name, ok
	}
	return "", false
}

func (p *parts) output(e *expr, n *node) []template.Part {
	if path, ok := p.path(e); ok {
		return []template.Part{{Kind: template.Slot, Name: path}}
	}
	switch e.op {
	case literalOp:
		return []template.Part{{Kind: template.Literal, Text: python.Str(e.value)}}
	case loopOp:
		if p.list != "" && strings.HasPrefix(e.name, "index") {
			from := 1
			if e.name == "index0" {
				from = 0
			}
			return []template.Part{{Kind: template.Position, Name: p.list, From: from}}
		}
	case chooseOp:
		if out, ok := p.choice(e.args[0], p.output(e.args[1], n), p.output(e.args[2], n)); ok {
			return out
		}
	}
	return opaque(n)
}

func (p *parts) ifParts(n *node) []template.Part {
	then, other := p.inside(), p.inside()
	out, ok := p.choice(n.expr, then.nodes(n.body), other.nodes(n.other))
	walk(n.body, p.bind)
	walk(n.other, p.bind)
	if !ok {
		return opaque(n)
	}
	return out
}

func (p *parts) forParts(n *node) []template.Part {
	list, ok := p.path(n.expr)
	if !ok {
		return opaque(n)
	}
	inside := p.inside()
	inside.items[n.name], inside.list = list+"[]", list+"[]"
	delete(inside.bound, n.name)
	return []template.Part{{Kind: template.Loop, Name: list, Body: inside.nodes(n.body), Else: p.inside().nodes(n.other)}}
}

// choice is what a condition prints, given what it prints if it is true and if
// not; false if it is not a matter of questions.
func (p *parts) choice(cond *expr, then, other []template.Part) ([]template.Part, bool) {
	if *p.made++; *p.made > maxParts {
		return nil, false
	}
	ask := func(kind template.Asks, name, text string) ([]template.Part, bool) {
		return []template.Part{{Kind: template.Choice, Question: template.Question{Asks: kind, Name: name, Text: text}, Body: then, Else: other}}, true
	}
	if path, ok := p.path(cond); ok {
		return ask(template.True, path, "")
	}
	switch cond.op {
	case literalOp:
		if truthy(cond.value) {
			return then, true
		}
		return other, true
	case notOp:
		return p.choice(cond.args[0], other, then)
	case andOp:
		if inner, ok := p.choice(cond.args[1], then, other); ok {
			return p.choice(cond.args[0], inner, other)
		}
	case orOp:
		if inner, ok := p.choice(cond.args[1], then, other); ok {
			return p.choice(cond.args[0], then, inner)
		}
	case loopOp:
		switch {
		case p.list == "":
		case cond.name == "first":
			return ask(template.First, p.list, "")
		case cond.name == "last":
			return ask(template.Last, p.list, "")
		}
	case testOp:
		if path, ok := p.path(cond.args[0]); ok && !template.IsItem(path) {
			switch cond.name {
			case "defined":
				return ask(template.Defined, path, "")
			case "undefined":
				then, other = other, then
				return ask(template.Defined, path, "")
			}
		}
	case compareOp:
		return p.comparison(cond, then, other)
	}
	return nil, false
}

// comparison is a choice by equality with a text, or with one of a list.
func (p *parts) comparison(cond *expr, then, other []template.Part) ([]template.Part, bool) {
	left, right := cond.args[0], cond.args[1]
	name := cond.name
	if name == "!=" || name == "not in" {
		then, other = other, then
	}
	var texts []any
	path, ok := p.path(left)
	switch name {
	case "==", "!=":
		if !ok {
			path, ok = p.path(right)
			right = left
		}
		texts = []any{right.value}
	case "in", "not in":
		list, isList := right.value.(python.List)
		ok = ok && isList
		texts = list
	default:
		return nil, false
	}
	if !ok || right.op != literalOp {
		return nil, false
	}
	out := other
	for i := len(texts) - 1; i >= 0; i-- {
		text, isText := texts[i].(string)
		if *p.made++; !isText || *p.made > maxParts {
			return nil, false
		}
		out = []template.Part{{Kind: template.Choice, Question: template.Question{Asks: template.Equal, Name: path, Text: text}, Body: then, Else: out}}
	}
	return out, true
}
