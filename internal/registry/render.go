// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spanloop/spanloop/internal/registry/mustache"
)

// compiled is what a version needs to render and to be recognised.
type compiled struct {
	specs     map[string]VariableSpec
	templates []*mustache.Template
	// structured are the variables that sections read.
	structured map[string]bool
	pattern    pattern
	// unmatchable says why the version is not recognised from rendered texts.
	unmatchable string
}

// prepare notes which variables need structure and how the version is matched.
func (c *compiled) prepare(messages []TemplateMessage, bare bool) {
	c.structured = map[string]bool{}
	for _, t := range c.templates {
		noteSections(t.Nodes, c.structured)
	}
	c.pattern, c.unmatchable = newPattern(messages, c.templates)
	if bare {
		c.pattern.roles[0] = anyRole
	}
}

func noteSections(nodes []mustache.Node, into map[string]bool) {
	for _, n := range nodes {
		if n.Kind == mustache.Section || n.Kind == mustache.Inverted {
			into[n.Name] = true
			noteSections(n.Nodes, into)
		}
	}
}

// Render fills in the variables. Nothing is HTML-escaped: prompts are not HTML.
// A variable that has neither a value nor a default is an error. The value of a
// variable that a section reads may be JSON: a list repeats the section, an
// object is its context, and false, "" and [] leave it out.
func (v *Version) Render(vars map[string]string) ([]RenderedMessage, error) {
	context := make(map[string]any, len(vars)+len(v.body.specs))
	for name, spec := range v.body.specs {
		if spec.Default != nil {
			context[name] = v.body.value(name, *spec.Default)
		}
	}
	for name, value := range vars {
		context[name] = v.body.value(name, value)
	}
	out := make([]RenderedMessage, len(v.Messages))
	for i, t := range v.body.templates {
		text, err := t.Render(context)
		if err != nil {
			return nil, fmt.Errorf("version %s, message %d: %w", show(v.Version), i+1, err)
		}
		out[i] = RenderedMessage{Role: v.Messages[i].Role, Content: text}
	}
	return out, nil
}

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

// value gives a section's variable its structure; all others stay text.
func (c *compiled) value(name, text string) any {
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
