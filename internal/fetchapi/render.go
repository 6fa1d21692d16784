// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/spanloop/spanloop/internal/registry"
)

// renderRequest is the body of /v1/render.
type renderRequest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Label   string `json:"label"`
	Key     string `json:"key"`
	At      string `json:"at"`
	// Variables are texts; other values count as their JSON.
	Variables map[string]json.RawMessage `json:"variables"`
}

// renderAnswer is a prompt with its variables filled in.
type renderAnswer struct {
	head
	Messages []message `json:"messages"`
	// UnusedVariables were given and are not read by the version.
	UnusedVariables []string `json:"unused_variables"`
	request
}

func (a *api) render(w http.ResponseWriter, r *http.Request) {
	if _, refused := readQuery(r, "none"); refused != nil || r.URL.RawQuery != "" {
		refuse(http.StatusBadRequest, "parameters belong into the body").write(w)
		return
	}
	body, refused := readRender(r)
	if refused != nil {
		refused.write(w)
		return
	}
	out, refused := a.rendered(r, body)
	if refused != nil {
		refused.write(w)
		return
	}
	answer(w, r, out)
}

func readRender(r *http.Request) (renderRequest, *failure) {
	var body renderRequest
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&body)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return body, nil
		}
		err = errors.New("something follows the object")
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return body, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", tooLarge.Limit)
	}
	return body, refuse(http.StatusBadRequest, "the body is no JSON object {name, version or label, key, at, variables}: %v", err)
}

func (a *api) rendered(r *http.Request, body renderRequest) (*renderAnswer, *failure) {
	wanted := wish{name: body.Name, version: body.Version, label: body.Label}
	var refused *failure
	if wanted.at, refused = readTime("at", body.At, a.now()); refused != nil {
		return nil, refused
	}
	if wanted.key, refused = readKey(r, body.Key); refused != nil {
		return nil, refused
	}
	values, refused := texts(body.Variables)
	if refused != nil {
		return nil, refused
	}
	c, refused := a.choose(wanted, (*registry.Prompt).Version)
	if refused != nil {
		return nil, refused
	}
	messages, err := c.version.Render(values)
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "%q is not rendered: %v", c.prompt.Name, err)
	}
	out := &renderAnswer{head: c.head("spanloop.prompt.rendered/1"), Messages: []message{}, UnusedVariables: []string{}, request: c.request()}
	for _, m := range messages {
		out.Messages = append(out.Messages, message{Role: m.Role, Content: m.Content})
	}
	used := c.version.Variables()
	for name := range values {
		if !slices.Contains(used, name) {
			out.UnusedVariables = append(out.UnusedVariables, name)
		}
	}
	slices.Sort(out.UnusedVariables)
	return out, nil
}

func texts(variables map[string]json.RawMessage) (map[string]string, *failure) {
	out := make(map[string]string, len(variables))
	for name, value := range variables {
		value = bytes.TrimSpace(value)
		switch {
		case string(value) == "null":
			return nil, refuse(http.StatusBadRequest, "variables: %.100q is null; give a value or leave it out", name)
		case value[0] == '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, refuse(http.StatusBadRequest, "variables: %.100q cannot be read: %v", name, err)
			}
			out[name] = text
		default:
			out[name] = string(value)
		}
	}
	return out, nil
}
