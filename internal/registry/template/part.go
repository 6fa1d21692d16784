// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strconv"
	"strings"
)

// PartKind is the kind of a Part.
type PartKind uint8

// Kinds of parts.
const (
	// Literal is fixed text.
	Literal PartKind = iota
	// Slot is where a variable's value stands, as it is.
	Slot
	// Choice is one of two lists of parts, by the answer to a question.
	Choice
	// Loop repeats its body for each item of a list.
	Loop
	// Position is where the place of an item in a Loop is printed.
	Position
	// Opaque is text of which only the place is known.
	Opaque
)

// Part is a stretch of a rendered text.
type Part struct {
	Kind PartKind
	// Text of a Literal.
	Text string
	// Name of the variable of a Slot, or of the list of a Loop. The items of the
	// list docs are docs[] in the names of its body, their fields docs[].title; of
	// an unrolled body they are docs[0] and so on.
	Name string
	// Question decides a Choice.
	Question Question
	// Body is what a Loop repeats, or a Choice prints when the answer is yes; Else
	// what they print otherwise.
	Body, Else []Part
	// From is the number of the first item, at a Position.
	From int
	// Reason says why an Opaque part cannot be taken back.
	Reason string
}

// Asks is what a Question is about.
type Asks uint8

// Kinds of questions.
const (
	// True asks whether a variable is true, as the template language has it.
	True Asks = iota
	// Equal asks whether a variable equals a text.
	Equal
	// Defined asks whether a variable has a value.
	Defined
	// First and Last ask for the place of the item that Name is.
	First
	Last
)

// Question is what a Choice decides by.
type Question struct {
	Asks Asks
	Name string
	// Text of Equal.
	Text string
}

// Walk visits parts and those within them.
func Walk(parts []Part, visit func(Part)) {
	for _, p := range parts {
		visit(p)
		Walk(p.Body, visit)
		Walk(p.Else, visit)
	}
}

// Unroll is what a Loop prints of a list of n items.
func (p Part) Unroll(n int) []Part {
	if n == 0 {
		return p.Else
	}
	var out []Part
	for i := range n {
		item := item{list: p.Name + "[]", place: p.Name + "[" + strconv.Itoa(i) + "]", index: i, last: i == n-1}
		out = append(out, item.parts(p.Body)...)
	}
	return out
}

// item is one item of a list.
type item struct {
	// list is how parts of a body name the item, place how its own do.
	list, place string
	index       int
	last        bool
}

func (i item) name(name string) string {
	if rest, ok := strings.CutPrefix(name, i.list); ok {
		return i.place + rest
	}
	return name
}

func (i item) parts(parts []Part) []Part {
	out := make([]Part, 0, len(parts))
	for _, p := range parts {
		if p.Name == i.list && p.Kind == Position {
			out = append(out, Part{Kind: Literal, Text: strconv.Itoa(i.index + p.From)})
			continue
		}
		if p.Kind == Choice && p.Question.Name == i.list && p.Question.Asks >= First {
			yes := i.index == 0
			if p.Question.Asks == Last {
				yes = i.last
			}
			if yes {
				out = append(out, i.parts(p.Body)...)
			} else {
				out = append(out, i.parts(p.Else)...)
			}
			continue
		}
		p.Name, p.Question.Name = i.name(p.Name), i.name(p.Question.Name)
		p.Body, p.Else = i.parts(p.Body), i.parts(p.Else)
		out = append(out, p)
	}
	return out
}

// IsItem tells whether the name is an item of a list, or in one.
func IsItem(name string) bool { return strings.Contains(name, "[") }
