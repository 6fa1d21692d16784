// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
)

// message is one message of a prompt, or the place of some that the application has.
type message struct {
	Role        string `json:"role,omitempty"`
	Content     string `json:"content"`
	Placeholder string `json:"placeholder,omitempty"`
}

// variable is a name that a template reads, with what the prompt declares of it.
type variable struct {
	Name        string  `json:"name"`
	Type        string  `json:"type"`
	Default     *string `json:"default,omitempty"`
	Description string  `json:"description,omitempty"`
}

// partial is a template that the messages include by name.
type partial struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Content string `json:"content"`
}

// head is what every answer with a version begins with.
type head struct {
	Schema  string `json:"schema"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Label is the label that was asked for; empty of a version.
	Label string `json:"label,omitempty"`
}

// ownAnswer is a prompt in our own shape.
type ownAnswer struct {
	head
	TemplateFormat string     `json:"template_format"`
	Messages       []message  `json:"messages"`
	Variables      []variable `json:"variables"`
	// Partials are those that the messages still include by name.
	Partials []partial `json:"partials"`
	request
}

// request is what of the version goes to the provider and onto the span.
type request struct {
	Params         json.RawMessage `json:"params,omitempty"`
	ResponseFormat json.RawMessage `json:"response_format,omitempty"`
	// Attributes are to be set on the span of the call.
	Attributes map[string]string `json:"attributes"`
}

func (a *api) own(w http.ResponseWriter, r *http.Request) {
	query, refused := readQuery(r, "version", "label", "key", "at")
	if refused != nil {
		refused.write(w)
		return
	}
	wanted := wish{name: r.PathValue("name"), version: query.Get("version"), label: query.Get("label")}
	if wanted.at, refused = readTime("at", query.Get("at"), a.now()); refused != nil {
		refused.write(w)
		return
	}
	if wanted.key, refused = readKey(r, query.Get("key")); refused != nil {
		refused.write(w)
		return
	}
	c, refused := a.choose(wanted, (*registry.Prompt).Version)
	if refused != nil {
		refused.write(w)
		return
	}
	messages, err := c.version.Resolved()
	if err != nil {
		refuse(http.StatusUnprocessableEntity, "%v; /v1/render renders it", err).write(w)
		return
	}
	answer(w, r, ownAnswer{
		head: c.head("spanloop.prompt/1"), TemplateFormat: c.version.Format, Messages: messagesOf(messages),
		Variables: c.variables(), Partials: c.partials(), request: c.request(),
	})
}

func (c chosen) head(schema string) head {
	return head{Schema: schema, Name: c.prompt.Name, Version: c.version.Version, Label: c.label}
}

func (c chosen) request() request {
	return request{c.version.Params, c.version.ResponseFormat, c.attributes()}
}

func messagesOf(in []registry.TemplateMessage) []message {
	out := make([]message, len(in))
	for i, m := range in {
		out[i] = message(m)
	}
	return out
}

func (c chosen) variables() []variable {
	out := []variable{}
	for _, name := range c.version.Variables() {
		spec := c.prompt.Variables[name]
		switch {
		case slices.Contains(c.version.Placeholders(), name):
			spec.Type = "messages"
		case spec.Type == "":
			spec.Type = "string"
		}
		out = append(out, variable{name, spec.Type, spec.Default, spec.Description})
	}
	return out
}

// partials are empty where Resolved has put them in.
func (c chosen) partials() []partial {
	out := []partial{}
	if c.version.IsMustache() {
		return out
	}
	for _, ref := range c.version.Partials {
		if v := c.snapshot.Partial(ref.Name).Version(ref.Version); v != nil {
			out = append(out, partial{ref.Name, ref.Version, v.Content})
		}
	}
	return out
}

func (c chosen) attributes() map[string]string {
	out := map[string]string{
		identity.AttrPromptName: c.prompt.Name, identity.AttrPromptVersion: c.version.Version, identity.AttrPromptHash: c.version.Hash,
	}
	if c.label != "" {
		out[identity.AttrPromptLabel] = c.label
	}
	return out
}
