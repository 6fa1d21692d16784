// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// undefined is what a name without a value gives.
type undefined struct{ name string }

// scope holds names of one block, and where it stands in a loop.
type scope struct {
	names map[string]any
	loop  *loop
}

type loop struct{ index, length int }

type renderer struct {
	out    strings.Builder
	vars   map[string]any
	scopes []scope
	steps  int
}

// Render fills in the variables, which print as Python prints them. A dotted name
// may also be given whole: variables arrive flat on spans.
func (t *Template) Render(vars map[string]any) (string, error) {
	r := &renderer{vars: vars, scopes: []scope{{names: map[string]any{}}}}
	if err := r.nodes(t.nodes); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

func (r *renderer) nodes(nodes []node) error {
	for i := range nodes {
		n := &nodes[i]
		if err := r.spend(n.line, 1); err != nil {
			return err
		}
		var err error
		switch n.kind {
		case textNode:
			r.out.WriteString(n.text)
		case outputNode:
			err = r.output(n)
		case ifNode:
			err = r.ifNode(n)
		case forNode:
			err = r.forNode(n)
		case setNode:
			var value any
			if value, err = r.eval(n.expr); err == nil {
				r.scopes[len(r.scopes)-1].names[n.name] = value
			}
		case scopeNode:
			err = r.within(scope{names: map[string]any{}, loop: r.top().loop}, n.body)
		default:
			err = syntax(n.line, "partial %s was not expanded", template.Quote(n.name))
		}
		if err != nil {
			return err
		}
		if r.out.Len() > template.MaxTextBytes {
			return syntax(n.line, "the rendered text is longer than 16 MiB")
		}
	}
	return nil
}

// spend bounds the work of a rendering.
func (r *renderer) spend(line, steps int) error {
	if r.steps += steps; r.steps > maxSteps {
		return syntax(line, "the rendering takes more than 2,000,000 steps")
	}
	return nil
}

func (r *renderer) top() *scope { return &r.scopes[len(r.scopes)-1] }

func (r *renderer) within(s scope, nodes []node) error {
	r.scopes = append(r.scopes, s)
	err := r.nodes(nodes)
	r.scopes = r.scopes[:len(r.scopes)-1]
	return err
}

func (r *renderer) output(n *node) error {
	value, err := r.eval(n.expr)
	if err != nil {
		return err
	}
	if u, ok := value.(undefined); ok {
		return &template.MissingError{Name: u.name, Line: n.line}
	}
	r.out.WriteString(python.Str(value))
	return nil
}

func (r *renderer) ifNode(n *node) error {
	value, err := r.eval(n.expr)
	if err != nil {
		return err
	}
	if truthy(value) {
		return r.nodes(n.body)
	}
	return r.nodes(n.other)
}

func (r *renderer) forNode(n *node) error {
	value, err := r.eval(n.expr)
	if err != nil {
		return err
	}
	if u, ok := value.(undefined); ok {
		return &template.MissingError{Name: u.name, Line: n.line}
	}
	items, ok := value.(python.List)
	if !ok {
		return syntax(n.line, "a for over %s, which is no list", kindOf(value))
	}
	if len(items) == 0 {
		return r.within(scope{names: map[string]any{}, loop: r.top().loop}, n.other)
	}
	for i, item := range items {
		s := scope{names: map[string]any{n.name: item}, loop: &loop{i, len(items)}}
		if err := r.within(s, n.body); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) lookup(name string) any {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if value, ok := r.scopes[i].names[name]; ok {
			return value
		}
	}
	if value, ok := r.vars[name]; ok {
		return python.From(value)
	}
	return undefined{name}
}

// flat is the value of a dotted name that was given whole.
func (r *renderer) flat(e *expr) (any, string, bool) {
	switch e.op {
	case nameOp:
		_, given := r.lookup(e.name).(undefined)
		return nil, e.name, given
	case attributeOp:
		_, name, ok := r.flat(e.args[0])
		if !ok {
			return nil, "", false
		}
		name += "." + e.name
		value, found := r.vars[name]
		if !found {
			return nil, name, true
		}
		return python.From(value), name, true
	}
	return nil, "", false
}

func truthy(value any) bool {
	switch v := value.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case *big.Int:
		return v.Sign() != 0
	case float64:
		return v != 0
	case python.List:
		return len(v) > 0
	case *python.Dict:
		return len(v.Keys) > 0
	}
	return true
}

func kindOf(value any) string {
	switch v := value.(type) {
	case undefined:
		return fmt.Sprintf("%s, which has no value", template.Quote(v.name))
	case nil:
		return "none"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case python.List:
		return "a list"
	case *python.Dict:
		return "an object"
	}
	return "a number"
}
