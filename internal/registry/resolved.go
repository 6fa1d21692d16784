// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"

	"github.com/spanloop/spanloop/internal/registry/mustache"
)

// Resolved returns the version's messages with its partials put in, still with
// their variables. Only Mustache templates have partials that are put in; others
// are returned as they are written.
func (v *Version) Resolved() []TemplateMessage {
	out := make([]TemplateMessage, len(v.Messages))
	for i, t := range v.body.templates {
		out[i] = v.Messages[i]
		if m, ok := t.(mustacheTemplate); ok && len(v.Partials) > 0 {
			out[i].Content = writeNodes(m.Nodes)
		}
	}
	return out
}

// IsText reports whether the version is one bare template, without roles.
func (v *Version) IsText() bool { return v.body.bare }

func writeNodes(nodes []mustache.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		switch n.Kind {
		case mustache.Text:
			b.WriteString(n.Text)
		case mustache.Variable:
			b.WriteString("{{" + n.Name + "}}")
		case mustache.Section, mustache.Inverted:
			mark := "#"
			if n.Kind == mustache.Inverted {
				mark = "^"
			}
			b.WriteString("{{" + mark + n.Name + "}}" + writeNodes(n.Nodes) + "{{/" + n.Name + "}}")
		case mustache.Partial:
			b.WriteString("{{> " + n.Name + "}}")
		}
	}
	return b.String()
}
