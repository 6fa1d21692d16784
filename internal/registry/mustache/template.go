// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package mustache parses, renders and takes apart Mustache templates.
//
// It follows the Mustache specification (interpolation, sections, inverted
// sections, comments, partials, delimiters) with three deliberate differences,
// because prompts are not HTML and a silent hole in a prompt is an error:
// nothing is HTML-escaped, a missing variable is an error rather than an empty
// text, and partials are resolved when a template is made, never at rendering.
// Inheritance, dynamic names and lambdas are refused.
package mustache

import "github.com/spanloop/spanloop/internal/registry/template"

// Limits on a template, partials included.
const (
	// MaxSourceBytes bounds the text of one template after its partials are in.
	MaxSourceBytes = template.MaxSourceBytes
	maxDepth       = 64
)

// Kind is the kind of a Node.
type Kind uint8

// Kinds of nodes.
const (
	Text Kind = iota
	Variable
	Section
	Inverted
	Partial
)

// Node is one element of a template. Comments and set-delimiter tags leave none.
type Node struct {
	Kind Kind
	// Text is the literal text of a Text node.
	Text string
	// Name is the variable, section or partial; "." is the current value.
	Name string
	// Nodes are the body of a section.
	Nodes []Node
	// Indent stands before a standalone partial and is put before each of its
	// lines.
	Indent string
	// Line is 1-based.
	Line int
}

// Template is a parsed template. It may be used by several goroutines.
type Template struct {
	Source string
	Nodes  []Node
}

// SyntaxError says where a template is wrong.
type SyntaxError = template.SyntaxError

// Partials are the names of the partials that the template includes directly,
// in order, each once.
func (t *Template) Partials() []string {
	var names []string
	seen := map[string]bool{}
	walk(t.Nodes, func(n Node) {
		if n.Kind == Partial && !seen[n.Name] {
			seen[n.Name] = true
			names = append(names, n.Name)
		}
	})
	return names
}

// PartialLine is the line of the first tag that includes a partial; 1 when there
// is none.
func (t *Template) PartialLine(name string) int {
	line := 0
	walk(t.Nodes, func(n Node) {
		if n.Kind == Partial && n.Name == name && line == 0 {
			line = n.Line
		}
	})
	return max(1, line)
}

// Variables are the names that the template reads outside of sections, and of
// the sections themselves, in order, each once. Names inside a section may
// belong to the section's value and are left out.
func (t *Template) Variables() []string {
	var names []string
	seen := map[string]bool{}
	for _, n := range t.Nodes {
		if n.Kind != Text && n.Kind != Partial && !seen[n.Name] {
			seen[n.Name] = true
			names = append(names, n.Name)
		}
	}
	return names
}

func walk(nodes []Node, visit func(Node)) {
	for _, n := range nodes {
		visit(n)
		walk(n.Nodes, visit)
	}
}
