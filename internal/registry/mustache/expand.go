// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Lookup returns the source of a partial, and the Lookup that holds for the
// partials inside of it.
type Lookup = template.Lookup

// Expand returns the template with every partial in place. A cycle, a partial
// that lookup does not know and a result over MaxSourceBytes are errors.
func (t *Template) Expand(lookup Lookup) (*Template, error) {
	e := expander{left: MaxSourceBytes}
	nodes, err := e.nodes(t.Nodes, lookup, nil)
	if err != nil {
		return nil, err
	}
	return &Template{Source: t.Source, Nodes: merge(nodes)}, nil
}

type expander struct{ left int }

func (e *expander) nodes(in []Node, lookup Lookup, path []string) ([]Node, error) {
	out := make([]Node, 0, len(in))
	for _, n := range in {
		e.left -= len(n.Text) + 16
		if e.left < 0 {
			return nil, &SyntaxError{Line: n.Line, Reason: "longer than 4 MiB with its partials"}
		}
		if n.Kind == Partial {
			body, err := e.partial(n, lookup, path)
			if err != nil {
				return nil, err
			}
			out = append(out, body...)
			continue
		}
		if n.Nodes != nil {
			body, err := e.nodes(n.Nodes, lookup, path)
			if err != nil {
				return nil, err
			}
			n.Nodes = merge(body)
		}
		out = append(out, n)
	}
	return out, nil
}

func (e *expander) partial(n Node, lookup Lookup, path []string) ([]Node, error) {
	for _, name := range path {
		if name == n.Name {
			return nil, &SyntaxError{Line: n.Line, Reason: fmt.Sprintf("cycle of partials: %s > %s", strings.Join(path, " > "), n.Name)}
		}
	}
	if len(path) >= maxDepth {
		return nil, &SyntaxError{Line: n.Line, Reason: "partials nested deeper than 64"}
	}
	source, inside, err := lookup(n.Name)
	if err != nil {
		return nil, &SyntaxError{Line: n.Line, Reason: err.Error()}
	}
	t, err := Parse(indentLines(source, n.Indent))
	if err != nil {
		return nil, &SyntaxError{Line: n.Line, Reason: fmt.Sprintf("partial %s: %v", quote(n.Name), err)}
	}
	return e.nodes(t.Nodes, inside, append(path[:len(path):len(path)], n.Name))
}

// indentLines puts the indent before each line, as the specification asks of
// standalone partials.
func indentLines(source, indent string) string {
	if indent == "" || source == "" {
		return source
	}
	lines := strings.SplitAfter(source, "\n")
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(indent)
			b.WriteString(line)
		}
	}
	return b.String()
}

// merge joins neighbouring literals.
func merge(nodes []Node) []Node {
	out := nodes[:0]
	for _, n := range nodes {
		if k := len(out) - 1; k >= 0 && n.Kind == Text && out[k].Kind == Text {
			out[k].Text += n.Text
			continue
		}
		out = append(out, n)
	}
	return out
}
