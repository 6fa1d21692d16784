// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// compiled is what a version needs to render and to be recognised.
type compiled struct {
	specs map[string]VariableSpec
	// bare is true of a template that is written without messages.
	bare      bool
	templates []template.Template
	// language is the template language.
	language string
	// structured are the variables whose values may be more than text.
	structured map[string]bool
	// placeholders are given as lists of messages.
	placeholders map[string]bool
	pattern      pattern
	// variables is true when a template reads one.
	variables bool
	// exact is true when the version renders whatever text fits its pattern: it
	// prints nothing but fixed text and values as they are.
	exact bool
	// unmatchable says why the version is not recognised from rendered texts.
	unmatchable string
}

// prepare notes which variables need structure and how the version is matched.
func (c *compiled) prepare(messages []TemplateMessage, bare bool) {
	c.structured, c.placeholders, c.bare = map[string]bool{}, map[string]bool{}, bare
	for _, t := range c.templates {
		c.variables = c.variables || len(t.Variables()) > 0
		if p, ok := t.(placeholder); ok {
			c.placeholders[p.name] = true
		}
		for _, name := range t.Structured() {
			c.structured[name] = true
		}
	}
	c.pattern, c.unmatchable = newPattern(messages, c.templates, c.types())
	if bare {
		c.pattern.roles[0] = anyRole
	}
	c.exact = c.printsTexts()
}

// printsTexts tells whether all values are printed as the texts that they are.
func (c *compiled) printsTexts() bool {
	switch {
	case c.pattern.opaque || c.pattern.blocks != nil || len(c.structured) > 0:
		return false
	case c.language == formatMustache:
		return true
	case c.language != formatFString:
		return false
	}
	for _, spec := range c.specs {
		if spec.Type != "" && spec.Type != "string" {
			return false
		}
	}
	return true
}

// types are the declared types of variables.
func (c *compiled) types() map[string]string {
	types := make(map[string]string, len(c.specs))
	for name, spec := range c.specs {
		types[name] = spec.Type
	}
	return types
}

// Render fills in the variables. Nothing is HTML-escaped: prompts are not HTML.
// A variable that has neither a value nor a default is an error. The value of a
// variable that a section reads may be JSON: a list repeats the section, an
// object is its context, and false, "" and [] leave it out. The value of a
// placeholder is a JSON list of messages {role, content}.
func (v *Version) Render(vars map[string]string) ([]RenderedMessage, error) {
	return v.render(vars, true)
}

// RenderOwn is Render without the messages of placeholders.
func (v *Version) RenderOwn(vars map[string]string) ([]RenderedMessage, error) {
	return v.render(vars, false)
}

func (v *Version) render(vars map[string]string, withPlaced bool) ([]RenderedMessage, error) {
	context := make(map[string]any, len(vars)+len(v.body.specs))
	for name, spec := range v.body.specs {
		if spec.Default != nil {
			context[name] = v.body.value(name, *spec.Default)
		}
	}
	for name, value := range vars {
		context[name] = v.body.value(name, value)
	}
	out := make([]RenderedMessage, 0, len(v.Messages))
	for i, t := range v.body.templates {
		name := v.Messages[i].Placeholder
		if name != "" && !withPlaced {
			continue
		}
		text, err := t.Render(context)
		if err == nil && name != "" {
			var messages []RenderedMessage
			messages, err = placed(name, text)
			out = append(out, messages...)
		}
		if err != nil {
			return nil, fmt.Errorf("version %s, message %d: %w", show(v.Version), i+1, err)
		}
		if name == "" {
			out = append(out, RenderedMessage{Role: v.Messages[i].Role, Content: text})
		}
	}
	return out, nil
}

// FixedLetters counts the letters and digits of the version's text that every
// rendering of it holds.
func (v *Version) FixedLetters() int { return v.body.pattern.letters }

// Variables are the names that the version's templates read, in order.
func (v *Version) Variables() []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range v.body.templates {
		for _, name := range t.Variables() {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// HasVariables tells whether the version's templates read any variable.
func (v *Version) HasVariables() bool { return v.body.variables }

// value is a variable's text as the template language takes it.
func (c *compiled) value(name, text string) any {
	if c.placeholders[name] {
		return text
	}
	if c.language == formatMustache {
		return c.sectionValue(name, text)
	}
	return c.pythonValue(name, text)
}

// pythonValue is the JSON that a variable is declared to be, else its text. What
// a template looks into may be a list, an object or a boolean without a
// declaration.
func (c *compiled) pythonValue(name, text string) any {
	switch c.specs[name].Type {
	case "string":
		return text
	case "":
		undeclared := text == "true" || text == "false" || text != "" && (text[0] == '[' || text[0] == '{')
		if !c.structured[name] || !undeclared {
			return text
		}
	}
	value, err := python.FromJSON(text)
	if err != nil {
		return text
	}
	return value
}

// sectionValue gives a section's variable its structure; all others stay text.
func (c *compiled) sectionValue(name, text string) any {
	if !c.structured[name] {
		return text
	}
	declared := c.specs[name].Type
	if declared == "string" {
		return text
	}
	if text == "false" || text == "" {
		return false
	}
	if text[0] != '[' && text[0] != '{' && text != "true" {
		return text
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil || d.More() {
		return text
	}
	return value
}
