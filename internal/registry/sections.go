// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"

	"github.com/spanloop/spanloop/internal/registry/mustache"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// Parts are the literals, variables and sections. A section over a variable that
// is declared boolean or string prints its body or nothing; one over an object
// prints it in the object; any other repeats it for a list.
func (t mustacheTemplate) Parts(types map[string]string) []template.Part {
	s := sections{types: types}
	return s.parts(t.Nodes, nil)
}

// sections turns Mustache's nodes into parts.
type sections struct{ types map[string]string }

// parts are those of nodes within the contexts, outermost first. A context is the
// name of what a section is about.
func (s sections) parts(nodes []mustache.Node, contexts []string) []template.Part {
	parts := make([]template.Part, 0, len(nodes))
	for _, n := range nodes {
		switch {
		case n.Kind == mustache.Text:
			parts = append(parts, template.Part{Kind: template.Literal, Text: n.Text})
		case n.Kind == mustache.Variable && n.Name == "." && len(contexts) == 0:
			parts = append(parts, template.Part{Kind: template.Opaque, Reason: "it prints the whole context"})
		case strings.Contains(n.Name, "["):
			parts = append(parts, template.Part{Kind: template.Opaque, Reason: "a name in it holds a bracket"})
		case n.Kind == mustache.Variable:
			parts = append(parts, template.Part{Kind: template.Slot, Name: inContext(n.Name, contexts)})
		case n.Kind == mustache.Inverted:
			parts = append(parts, template.Part{
				Kind:     template.Choice,
				Question: template.Question{Name: inContext(n.Name, contexts)},
				Else:     s.parts(n.Nodes, contexts),
			})
		case n.Kind == mustache.Section:
			parts = append(parts, s.section(n, contexts))
		}
	}
	return parts
}

func inContext(name string, contexts []string) string {
	if len(contexts) == 0 {
		return name
	}
	context := contexts[len(contexts)-1]
	if name == "." {
		return context
	}
	return context + "." + name
}

func (s sections) section(n mustache.Node, contexts []string) template.Part {
	name := inContext(n.Name, contexts)
	declared := s.types[n.Name]
	if len(contexts) > 0 {
		declared = ""
	}
	if declared == "" && printsItself(n) {
		declared = "string"
	}
	choice := template.Part{Kind: template.Choice, Question: template.Question{Name: name}}
	switch declared {
	case "boolean", "string", "number":
		choice.Body = s.parts(n.Nodes, contexts)
		return choice
	case "object":
		choice.Body = s.parts(n.Nodes, append(contexts[:len(contexts):len(contexts)], name))
		return choice
	}
	return template.Part{Kind: template.Loop, Name: name, Body: s.parts(n.Nodes, append(contexts[:len(contexts):len(contexts)], name+"[]"))}
}

// printsItself tells of {{#name}}Dear {{name}}{{/name}}, which is about a text.
func printsItself(n mustache.Node) bool {
	for _, inner := range n.Nodes {
		if inner.Kind == mustache.Variable && inner.Name == n.Name {
			return true
		}
	}
	return false
}
