// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/spanloop/spanloop/internal/identity"
)

// message is one message of a prompt, its variables not filled in.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ownAnswer is a prompt in our own shape.
type ownAnswer struct {
	Schema         string          `json:"schema"`
	Name           string          `json:"name"`
	Version        string          `json:"version"`
	Label          string          `json:"label,omitempty"`
	Format         string          `json:"format"`
	Messages       []message       `json:"messages"`
	Variables      []string        `json:"variables"`
	Params         json.RawMessage `json:"params"`
	ResponseFormat json.RawMessage `json:"response_format"`
	// Attributes are to be set on the span of the call.
	Attributes map[string]string `json:"attributes"`
}

func (a *api) own(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(http.StatusBadRequest, "the query is not well formed").write(w)
		return
	}
	at := a.now()
	if text := query.Get("at"); text != "" {
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			refuse(http.StatusBadRequest, "at: not a time like 2026-01-31T12:00:00Z").write(w)
			return
		}
	}
	c, refused := a.choose(r.PathValue("name"), query, at)
	if refused != nil {
		refused.write(w)
		return
	}
	answer(w, r, c.own())
}

func (c chosen) messages() []message {
	var out []message
	for _, m := range c.version.Resolved() {
		out = append(out, message(m))
	}
	return out
}

func (c chosen) own() ownAnswer {
	variables := c.version.Variables()
	if variables == nil {
		variables = []string{}
	}
	return ownAnswer{
		Schema: "spanloop.prompt/1", Name: c.prompt.Name, Version: c.version.Version, Label: c.label, Format: c.version.Format,
		Messages: c.messages(), Variables: variables,
		Params: c.version.Params, ResponseFormat: c.version.ResponseFormat, Attributes: c.attributes(),
	}
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
