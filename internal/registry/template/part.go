// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package template

// PartKind is the kind of a Part.
type PartKind uint8

// Kinds of parts.
const (
	// Literal is fixed text.
	Literal PartKind = iota
	// Slot is where a variable's value stands, as it is.
	Slot
	// Loop is where a list is repeated; unrolled once the shape says how often.
	Loop
	// Opaque is text of which only the place is known.
	Opaque
)

// Part is a stretch of a rendered text.
type Part struct {
	Kind PartKind
	// Text of a Literal.
	Text string
	// Name of the variable of a Slot (a path, such as items[0].name, within a
	// list), or of the list of a Loop.
	Name string
	// Inexact slots hold a text that several values of the variable give.
	Inexact bool
	// Default is what the template prints for a Slot's variable without a value.
	Default *string
	// Reason says why an Opaque part cannot be taken back.
	Reason string
}

// Question is what a block decides by: whether a variable is true, or whether it
// equals a text.
type Question struct {
	Name string
	// Compared is true for equality with Text.
	Compared bool
	Text     string
}

// Shape says what the blocks of a template did.
type Shape struct {
	Answers map[Question]bool
	// Counts is how often each list is repeated.
	Counts map[string]int
	// Asked is the first question without an answer.
	Asked *Question
}

// Answer is what the shape says to a question. It is false, and noted, when the
// shape does not say.
func (s *Shape) Answer(q Question) bool {
	if answer, ok := s.Known(q); ok {
		return answer
	}
	if s.Asked == nil {
		s.Asked = &q
	}
	return false
}

// Known tells what follows from the answers so far.
func (s *Shape) Known(q Question) (answer, ok bool) {
	if answer, ok = s.Answers[q]; ok {
		return answer, true
	}
	if value, ok := s.Value(q.Name); ok {
		if q.Compared {
			return value == q.Text, true
		}
		return value != "", true
	}
	if truth, ok := s.Answers[Question{Name: q.Name}]; ok && q.Compared && truth == (q.Text == "") {
		return false, true
	}
	return false, false
}

// Value is the text that a variable must have had, if the answers say so.
func (s *Shape) Value(name string) (string, bool) {
	for q, answer := range s.Answers {
		if answer && q.Compared && q.Name == name {
			return q.Text, true
		}
	}
	return "", false
}

// With is the shape with one more answer.
func (s *Shape) With(q Question, answer bool) *Shape {
	out := &Shape{Answers: map[Question]bool{q: answer}, Counts: s.Counts}
	for k, v := range s.Answers {
		out.Answers[k] = v
	}
	return out
}
