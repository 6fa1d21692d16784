// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"errors"
	"slices"
	"strings"
)

// ErrNotWritable is returned for a template that no text with the usual
// delimiters gives.
var ErrNotWritable = errors.New("its text holds {{, or blanks around a section, that would be read as something else")

// Write returns a text with the usual delimiters that parses to these nodes, as
// Expand leaves them. A text that would parse to others is refused: literal
// braces, which need other delimiters, and sections whose tags would come to
// stand alone on a line.
func Write(nodes []Node) (string, error) {
	var b strings.Builder
	writeNodes(&b, nodes)
	again, err := Parse(b.String())
	if err != nil || !sameNodes(again.Nodes, nodes) {
		return "", ErrNotWritable
	}
	return b.String(), nil
}

func writeNodes(b *strings.Builder, nodes []Node) {
	for _, n := range nodes {
		switch n.Kind {
		case Text:
			b.WriteString(n.Text)
		case Variable:
			b.WriteString("{{" + n.Name + "}}")
		case Section, Inverted:
			sigil := "#"
			if n.Kind == Inverted {
				sigil = "^"
			}
			b.WriteString("{{" + sigil + n.Name + "}}")
			writeNodes(b, n.Nodes)
			b.WriteString("{{/" + n.Name + "}}")
		case Partial:
			b.WriteString(n.Indent + "{{> " + n.Name + "}}")
		}
	}
}

// sameNodes compares without lines and without texts that are empty.
func sameNodes(x, y []Node) bool {
	return slices.EqualFunc(withoutEmpty(x), withoutEmpty(y), func(x, y Node) bool {
		return x.Kind == y.Kind && x.Text == y.Text && x.Name == y.Name && x.Indent == y.Indent && sameNodes(x.Nodes, y.Nodes)
	})
}

func withoutEmpty(nodes []Node) []Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return n.Kind == Text && n.Text == "" })
}
