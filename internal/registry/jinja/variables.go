// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

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
