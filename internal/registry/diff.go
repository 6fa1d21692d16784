// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Change is one difference between two versions.
type Change struct {
	// Kind is one of the Change constants.
	Kind string `json:"kind"`
	// Path is where: a message, a parameter, a place in a schema.
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// Kinds of changes between two versions of a prompt.
const (
	ChangeMessageAdded   = "message_added"
	ChangeMessageRemoved = "message_removed"
	ChangeMessage        = "message_changed"
	ChangeRole           = "role_changed"
	ChangePlaceholder    = "placeholder_changed"
	ChangePartial        = "partial_changed"
	ChangeParam          = "param_changed"
	ChangeParamAdded     = "param_added"
	ChangeParamRemoved   = "param_removed"
	ChangeTemplateFormat = "template_format_changed"
	ChangeResponseFormat = "response_format_changed"
)

// DiffVersions compares two versions of a prompt: as a unified diff of their
// source (empty when they are equal) and as a list of what changed.
func DiffVersions(a, b *Version) (string, []Change) {
	params, format := b.Params, b.ResponseFormat
	if sameJSON(a.Params, b.Params) {
		params = a.Params // however it is written
	}
	if sameJSON(a.ResponseFormat, b.ResponseFormat) {
		format = a.ResponseFormat
	}
	unified := udiff.Unified(a.Version, b.Version, a.text(a.Params, a.ResponseFormat), b.text(params, format))
	var changes []Change
	if a.Format != b.Format {
		changes = append(changes, Change{ChangeTemplateFormat, "format", a.Format, b.Format, fmt.Sprintf("the template language changed from %s to %s", a.Format, b.Format)})
	}
	for i := range max(len(a.Messages), len(b.Messages)) {
		path := fmt.Sprintf("messages[%d]", i)
		switch {
		case i >= len(a.Messages):
			changes = append(changes, Change{ChangeMessageAdded, path, "", b.Messages[i].Content, "a " + b.Messages[i].what() + " was added"})
		case i >= len(b.Messages):
			changes = append(changes, Change{ChangeMessageRemoved, path, a.Messages[i].Content, "", "a " + a.Messages[i].what() + " was removed"})
		default:
			changes = append(changes, diffMessage(path, a.Messages[i], b.Messages[i])...)
		}
	}
	changes = append(changes, diffPartials(a.Partials, b.Partials)...)
	changes = append(changes, diffParams(a.Params, b.Params)...)
	if !sameJSON(a.ResponseFormat, b.ResponseFormat) {
		changes = append(changes, Change{ChangeResponseFormat, "response_format", string(a.ResponseFormat), string(b.ResponseFormat), "the response format changed"})
	}
	return unified, changes
}

// text is a version as a person reads it.
func (v *Version) text(params, format json.RawMessage) string {
	var b strings.Builder
	if v.Format != formatMustache {
		fmt.Fprintf(&b, "[format] %s\n", v.Format)
	}
	for _, m := range v.Messages {
		if m.Placeholder != "" {
			fmt.Fprintf(&b, "[placeholder] %s\n", m.Placeholder)
			continue
		}
		fmt.Fprintf(&b, "[%s]\n%s", m.Role, m.Content)
		if !strings.HasSuffix(m.Content, "\n") {
			b.WriteByte('\n')
		}
	}
	for _, p := range v.Partials {
		fmt.Fprintf(&b, "[partial] %s@%s %s\n", p.Name, p.Version, short(p.Hash))
	}
	for _, part := range []struct {
		name string
		json json.RawMessage
	}{{"params", params}, {"response_format", format}} {
		var indented bytes.Buffer
		if len(part.json) > 0 && json.Indent(&indented, part.json, "", "  ") == nil {
			fmt.Fprintf(&b, "[%s]\n%s\n", part.name, indented.String())
		}
	}
	return b.String()
}

// what says what stands at a message's place.
func (m TemplateMessage) what() string {
	if m.Placeholder != "" {
		return "placeholder"
	}
	return m.Role + " message"
}

func diffMessage(path string, a, b TemplateMessage) []Change {
	if a.Placeholder != b.Placeholder {
		return []Change{{ChangePlaceholder, path, cmp.Or(a.Placeholder, a.Content), cmp.Or(b.Placeholder, b.Content), fmt.Sprintf("a %s became a %s", a.what(), b.what())}}
	}
	var changes []Change
	if a.Role != b.Role {
		changes = append(changes, Change{ChangeRole, path, a.Role, b.Role, fmt.Sprintf("the role changed from %s to %s", a.Role, b.Role)})
	}
	if a.Content != b.Content {
		changes = append(changes, Change{ChangeMessage, path, a.Content, b.Content, "the " + b.Role + " message changed"})
	}
	return changes
}

// diffPartials reports, by name, which partial is another one now.
func diffPartials(a, b []PartialRef) []Change {
	before, after := map[string]PartialRef{}, map[string]PartialRef{}
	names := map[string]bool{}
	for _, p := range a {
		before[p.Name], names[p.Name] = p, true
	}
	for _, p := range b {
		after[p.Name], names[p.Name] = p, true
	}
	var changes []Change
	for _, name := range sortedKeys(names) {
		x, y := before[name], after[name]
		if x == y {
			continue
		}
		text := fmt.Sprintf("partial %s changed from %s to %s", name, x.Version, y.Version)
		switch {
		case x.Name == "":
			text = fmt.Sprintf("partial %s@%s is included now", name, y.Version)
		case y.Name == "":
			text = fmt.Sprintf("partial %s@%s is no longer included", name, x.Version)
		case x.Hash == y.Hash:
			text += " with the same content"
		}
		changes = append(changes, Change{ChangePartial, name, x.Version, y.Version, text})
	}
	return changes
}

func diffParams(a, b json.RawMessage) []Change {
	before, after := object(a), object(b)
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var changes []Change
	for _, name := range sortedKeys(names) {
		x, had := before[name]
		y, has := after[name]
		path := "params." + name
		switch {
		case !had:
			changes = append(changes, Change{ChangeParamAdded, path, "", string(y), fmt.Sprintf("%s is set to %s now", name, y)})
		case !has:
			changes = append(changes, Change{ChangeParamRemoved, path, string(x), "", fmt.Sprintf("%s is no longer set (was %s)", name, x)})
		case !sameJSON(x, y):
			changes = append(changes, Change{ChangeParam, path, string(x), string(y), fmt.Sprintf("%s changed from %s to %s", name, x, y)})
		}
	}
	return changes
}

// sameJSON tells whether two texts are the same value, however they are written.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	x, errX := CanonicalJSON(a)
	y, errY := CanonicalJSON(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func object(text json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if len(text) == 0 || json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m
}
