// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Expand returns the template with every included one in place.
func (t *Template) Expand(lookup template.Lookup) (template.Template, error) {
	e := expander{left: template.MaxSourceBytes}
	nodes, err := e.nodes(t.nodes, lookup, nil)
	if err != nil {
		return nil, err
	}
	return &Template{nodes: nodes}, nil
}

type expander struct{ left int }

func (e *expander) nodes(in []node, lookup template.Lookup, path []string) ([]node, error) {
	if in == nil {
		return nil, nil
	}
	out := make([]node, 0, len(in))
	for _, n := range in {
		if e.left -= len(n.text) + 16; e.left < 0 {
			return nil, syntax(n.line, "longer than 4 MiB with its partials")
		}
		var err error
		if n.kind == includeNode {
			n, err = e.include(n, lookup, path)
		} else {
			if n.body, err = e.nodes(n.body, lookup, path); err == nil {
				n.other, err = e.nodes(n.other, lookup, path)
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (e *expander) include(n node, lookup template.Lookup, path []string) (node, error) {
	for _, name := range path {
		if name == n.name {
			return n, syntax(n.line, "cycle of partials: %s > %s", strings.Join(path, " > "), n.name)
		}
	}
	if len(path) >= maxDepth/2 {
		return n, syntax(n.line, "partials nested deeper than 32")
	}
	source, inside, err := lookup(n.name)
	if err != nil {
		return n, syntax(n.line, "%v", err)
	}
	t, err := Parse(source)
	if err != nil {
		return n, syntax(n.line, "partial %s: %v", template.Quote(n.name), err)
	}
	body, err := e.nodes(t.nodes, inside, append(path[:len(path):len(path)], n.name))
	if err != nil {
		return n, fmt.Errorf("partial %s: %w", template.Quote(n.name), err)
	}
	return node{kind: scopeNode, line: n.line, body: body}, nil
}
