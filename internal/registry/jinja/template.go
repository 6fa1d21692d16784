// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package jinja reads and renders a part of Jinja 2, exactly as Jinja renders it
// with its default settings, as LangChain uses them. What is not in that part is
// refused when a template is read; docs/registry.md lists it.
//
// One thing is different on purpose: printing, or looping over, a variable that
// has no value is an error, not an empty text.
package jinja

import (
	"fmt"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Limits on a template and its rendering.
const (
	maxDepth = 64
	// maxSteps bounds the work of one rendering.
	maxSteps = 2_000_000
	// maxRange is the sandbox's bound on range().
	maxRange = 100_000
)

type nodeKind uint8

const (
	textNode nodeKind = iota
	outputNode
	ifNode
	forNode
	setNode
	includeNode
	// scopeNode is an included template: what it sets ends with it.
	scopeNode
)

// node is one element of a template.
type node struct {
	kind nodeKind
	line int
	text string
	// name is the target of for and set, and the included template.
	name string
	expr *expr
	body []node
	// other is the else of an if or for; elif is an if in it.
	other []node
}

// Template is a parsed template. It may be used by several goroutines.
type Template struct{ nodes []node }

func syntax(line int, format string, args ...any) error {
	return &template.SyntaxError{Line: line, Reason: fmt.Sprintf(format, args...)}
}

func walk(nodes []node, visit func(*node)) {
	for i := range nodes {
		visit(&nodes[i])
		walk(nodes[i].body, visit)
		walk(nodes[i].other, visit)
	}
}

// Partials are the templates that it includes, in order, each once.
func (t *Template) Partials() []string {
	var names []string
	seen := map[string]bool{}
	walk(t.nodes, func(n *node) {
		if n.kind == includeNode && !seen[n.name] {
			seen[n.name] = true
			names = append(names, n.name)
		}
	})
	return names
}

// PartialLine is the line of the first tag that includes a template.
func (t *Template) PartialLine(name string) int {
	line := 0
	walk(t.nodes, func(n *node) {
		if n.kind == includeNode && n.name == name && line == 0 {
			line = n.line
		}
	})
	return max(1, line)
}
