// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package template is what the template languages have in common: what the
// registry asks of a template, however it is written.
package template

import "fmt"

// MaxSourceBytes bounds the text of one template after its partials are in.
const MaxSourceBytes = 4 << 20

// MaxTextBytes bounds a rendered text.
const MaxTextBytes = 4 * MaxSourceBytes

// Template is a parsed template. It may be used by several goroutines.
type Template interface {
	// Partials are the names of the partials that it includes directly, in order,
	// each once; PartialLine is the line of the first tag that includes one.
	Partials() []string
	PartialLine(name string) int
	// Expand returns the template with every partial in place.
	Expand(lookup Lookup) (Template, error)
	// Variables are the names that it reads, in order, each once.
	Variables() []string
	// Structured are the variables whose values may be more than text, because
	// the template looks into them or decides by them.
	Structured() []string
	// Render fills in the variables. A *MissingError names one without a value.
	Render(vars map[string]any) (string, error)
	// Parts is what rendered texts look like. types are the types that variables
	// are declared to have (string, number, boolean, list or object).
	Parts(types map[string]string) []Part
}

// Lookup returns the source of a partial, and the Lookup that holds for the
// partials inside of it.
type Lookup func(name string) (source string, inside Lookup, err error)

// SyntaxError says where a template is wrong.
type SyntaxError struct {
	// Line is 1-based, within the template.
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("template line %d: %s", e.Line, e.Reason)
}

// MissingError names a variable that a template needs and nobody gave.
type MissingError struct {
	Name string
	Line int
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("template line %d: variable %s has no value and no default", e.Line, Quote(e.Name))
}

// Quote shortens and quotes a name for a message.
func Quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return `"` + s + `"`
}
