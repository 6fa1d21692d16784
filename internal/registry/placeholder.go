// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// placeholder stands among the templates of a version for messages that the
// application puts there.
type placeholder struct{ name string }

var _ template.Template = placeholder{}

func (placeholder) Partials() []string                      { return nil }
func (placeholder) PartialLine(string) int                  { return 1 }
func (p placeholder) Variables() []string                   { return []string{p.name} }
func (placeholder) Structured() []string                    { return nil }
func (placeholder) Parts(map[string]string) []template.Part { return nil }

func (p placeholder) Expand(template.Lookup) (template.Template, error) { return p, nil }

// Render gives the messages as they were given: their JSON.
func (p placeholder) Render(vars map[string]any) (string, error) {
	text, ok := vars[p.name].(string)
	if !ok {
		return "", &template.MissingError{Name: p.name, Line: 1}
	}
	return text, nil
}

func checkPlaceholder(name string) error {
	switch {
	case len(name) > MaxNameBytes:
		return fmt.Errorf("the placeholder %s is longer than %d bytes", show(name), MaxNameBytes)
	case strings.ContainsAny(name, " \t\r\n{}"):
		return fmt.Errorf("the placeholder %s holds a blank or a brace", show(name))
	}
	return nil
}

// checkPlaceholders refuses a name that stands for two things.
func checkPlaceholders(templates []template.Template) error {
	var names, variables []string
	for _, t := range templates {
		p, ok := t.(placeholder)
		switch {
		case !ok:
			variables = append(variables, t.Variables()...)
		case slices.Contains(names, p.name):
			return fmt.Errorf("the placeholder %s stands twice", show(p.name))
		default:
			names = append(names, p.name)
		}
	}
	for _, name := range names {
		if slices.Contains(variables, name) {
			return fmt.Errorf("%s is a placeholder and a variable", show(name))
		}
	}
	return nil
}

// Placeholders are the names of the version's placeholders, in order.
func (v *Version) Placeholders() []string {
	var names []string
	for _, m := range v.Messages {
		if m.Placeholder != "" {
			names = append(names, m.Placeholder)
		}
	}
	return names
}

// placed reads the messages for a placeholder: a JSON list of {role, content}.
func placed(name, text string) ([]RenderedMessage, error) {
	var list []struct {
		Role    *string `json:"role"`
		Content *string `json:"content"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&list)
	if err == nil && d.More() {
		err = fmt.Errorf("something follows the list")
	}
	if err != nil {
		return nil, fmt.Errorf("placeholder %s: a JSON list of messages {role, content} is expected: %w", show(name), err)
	}
	out := make([]RenderedMessage, 0, len(list))
	for i, m := range list {
		if m.Role == nil || m.Content == nil {
			return nil, fmt.Errorf("placeholder %s: message %d has no role or no content", show(name), i+1)
		}
		out = append(out, RenderedMessage{*m.Role, *m.Content})
	}
	return out, nil
}
