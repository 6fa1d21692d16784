// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fstring

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// Render fills in the variables, which print as Python prints them.
func (t *Template) Render(vars map[string]any) (string, error) {
	var b strings.Builder
	for _, f := range t.fields {
		if f.name == "" {
			b.WriteString(f.text)
			continue
		}
		value, ok := vars[f.name]
		if !ok {
			return "", &template.MissingError{Name: f.name, Line: f.line}
		}
		text, err := f.format(python.From(value))
		if err != nil {
			return "", &template.SyntaxError{Line: f.line, Reason: fmt.Sprintf("variable %s: %v", template.Quote(f.name), err)}
		}
		b.WriteString(text)
		if b.Len() > template.MaxTextBytes {
			return "", &template.SyntaxError{Line: f.line, Reason: "the rendered text is longer than 16 MiB"}
		}
	}
	return b.String(), nil
}

func (f *field) format(value any) (string, error) {
	switch f.conversion {
	case 'r':
		value = python.Repr(value)
	case 's':
		value = python.Str(value)
	case 'a':
		value = python.ASCII(value)
	}
	if f.spec == nil {
		return python.Str(value), nil
	}
	return f.spec.Format(value)
}

// Variables are the names of the fields, in order, each once.
func (t *Template) Variables() []string {
	var names []string
	seen := map[string]bool{}
	for _, f := range t.fields {
		if f.name != "" && !seen[f.name] {
			seen[f.name] = true
			names = append(names, f.name)
		}
	}
	return names
}

// Parts are the literals and the fields. A field with a conversion or a format
// specification does not print its value as it is.
func (t *Template) Parts(map[string]string) []template.Part {
	var parts []template.Part
	for _, f := range t.fields {
		switch {
		case f.name == "":
			parts = append(parts, template.Part{Kind: template.Literal, Text: f.text})
		case f.spec != nil || f.conversion == 'r' || f.conversion == 'a':
			parts = append(parts, template.Part{
				Kind: template.Opaque, Reason: "it prints " + template.Quote(f.name) + " with a format, which cannot be taken back",
			})
		default:
			parts = append(parts, template.Part{Kind: template.Slot, Name: f.name})
		}
	}
	return parts
}

// Partials is empty: f-string templates include nothing.
func (t *Template) Partials() []string { return nil }

// PartialLine is 1.
func (t *Template) PartialLine(string) int { return 1 }

// Expand returns the template: it includes nothing.
func (t *Template) Expand(template.Lookup) (template.Template, error) { return t, nil }

// Structured is empty: values are printed whole.
func (t *Template) Structured() []string { return nil }
