// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"fmt"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Variables are the names that it reads and does not set itself, in order, each
// once.
func (t *Template) Variables() []string {
	v := reader{seen: map[string]bool{}}
	v.nodes(t.nodes, map[string]bool{})
	return v.names
}

// Structured are all variables but those that are only printed as they are.
func (t *Template) Structured() []string {
	v := reader{seen: map[string]bool{}, structured: true}
	v.nodes(t.nodes, map[string]bool{})
	return v.names
}

// reader collects the variables of a template.
type reader struct {
	names      []string
	seen       map[string]bool
	structured bool
}

// nodes visits a block; bound are the names that the template gave a value to.
func (v *reader) nodes(nodes []node, bound map[string]bool) {
	for i := range nodes {
		n := &nodes[i]
		if n.expr != nil && (!v.structured || n.kind != outputNode || n.expr.op != nameOp) {
			v.expr(n.expr, bound)
		}
		switch n.kind {
		case setNode:
			bound[n.name] = true
		case forNode:
			inside := with(bound)
			inside[n.name] = true
			v.nodes(n.body, inside)
			v.nodes(n.other, with(bound))
		case ifNode:
			// What only one branch sets may still be read from outside.
			v.nodes(n.body, with(bound))
			v.nodes(n.other, with(bound))
		default:
			v.nodes(n.body, with(bound))
		}
	}
}

func with(bound map[string]bool) map[string]bool {
	out := make(map[string]bool, len(bound)+1)
	for name := range bound {
		out[name] = true
	}
	return out
}

func (v *reader) expr(e *expr, bound map[string]bool) {
	if e.op == nameOp && !bound[e.name] && !v.seen[e.name] {
		v.seen[e.name] = true
		v.names = append(v.names, e.name)
	}
	for _, a := range e.args {
		v.expr(a, bound)
	}
}

// Parts are the literals and the variables that are printed as they are; all
// else cannot be taken back from what it printed.
func (t *Template) Parts(*template.Shape) []template.Part {
	p := parts{bound: map[string]bool{}}
	p.nodes(t.nodes)
	return p.out
}

type parts struct {
	out   []template.Part
	bound map[string]bool
}

func (p *parts) nodes(nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		switch {
		case n.kind == textNode:
			p.out = append(p.out, template.Part{Kind: template.Literal, Text: n.text})
		case n.kind == outputNode && n.expr.op == nameOp && !p.bound[n.expr.name]:
			p.out = append(p.out, template.Part{Kind: template.Slot, Name: n.expr.name})
		case n.kind == setNode:
			p.bound[n.name] = true
		case n.kind == scopeNode:
			inside := parts{bound: with(p.bound)}
			inside.nodes(n.body)
			p.out = append(p.out, inside.out...)
		default:
			p.out = append(p.out, template.Part{Kind: template.Opaque, Reason: opaqueReason(n)})
			// A block may set names that are printed after it.
			walk(n.body, p.bind)
			walk(n.other, p.bind)
		}
	}
}

func (p *parts) bind(n *node) {
	if n.kind == setNode {
		p.bound[n.name] = true
	}
}

func opaqueReason(n *node) string {
	what := "an expression"
	switch n.kind {
	case ifNode:
		what = "an if"
	case forNode:
		what = "a for"
	}
	return fmt.Sprintf("it holds %s (line %d), which cannot be taken back from its output", what, n.line)
}
