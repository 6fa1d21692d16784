// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// langfuseAnswer is a prompt in the shape of Langfuse's API
// (https://api.reference.langfuse.com).
type langfuseAnswer struct {
	Name            string          `json:"name"`
	Version         int             `json:"version"`
	Type            string          `json:"type"`
	Prompt          any             `json:"prompt"`
	Config          json.RawMessage `json:"config"`
	Labels          []string        `json:"labels"`
	Tags            []string        `json:"tags"`
	CommitMessage   *string         `json:"commitMessage"`
	ResolutionGraph any             `json:"resolutionGraph"`
}

// chatMessage is a message, or a placeholder of that name.
type chatMessage struct {
	Type    string  `json:"type"`
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
	Name    string  `json:"name,omitempty"`
}

func (a *api) langfuse(w http.ResponseWriter, r *http.Request) {
	query, refused := readQuery(r)
	if refused != nil {
		refused.write(w)
		return
	}
	c, refused := a.chooseLangfuse(r, query.Get("version"), query.Get("label"))
	if refused != nil {
		refused.write(w)
		return
	}
	out, refused := c.langfuse(query.Get("resolve") != "false")
	if refused != nil {
		refused.write(w)
		return
	}
	out.Labels = c.labels(a.now())
	answer(w, r, out)
}

// chooseLangfuse takes a key from the label too: these clients have no other
// way to pass one, and cache by label.
func (a *api) chooseLangfuse(r *http.Request, version, label string) (chosen, *failure) {
	wanted := wish{name: r.PathValue("name"), version: version, label: label, at: a.now()}
	key, refused := readKey(r, "")
	if refused != nil {
		return chosen{}, refused
	}
	wanted.key = key
	if snapshot := a.snapshot(); snapshot != nil && !snapshot.HasEnvironment(wanted.name, label) {
		if before, after, ok := strings.Cut(label, "@"); ok && before != "" && after != "" {
			wanted.label, wanted.key = before, after
		}
	}
	return a.choose(wanted, (*registry.Prompt).Numbered)
}

func (c chosen) langfuse(resolve bool) (*langfuseAnswer, *failure) {
	number, err := strconv.Atoi(c.prompt.Number(c.version))
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "version %q of %q is no whole number (3 or v3), which Langfuse's clients need; fetch it from /v1/prompts", c.version.Version, c.prompt.Name)
	}
	if !c.version.IsMustache() {
		return nil, refuse(http.StatusUnprocessableEntity, "%q is written as %s, which Langfuse's clients cannot compile; fetch it from /v1/prompts", c.prompt.Name, c.version.Format)
	}
	messages := c.version.Messages
	if resolve {
		if messages, err = c.version.Resolved(); err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, "%v; /v1/render renders it", err)
		}
	}
	out := &langfuseAnswer{Name: c.prompt.Name, Version: number, Config: configOf(c.version), Tags: append([]string{}, c.prompt.Tags...)}
	if c.version.Message != "" {
		out.CommitMessage = &c.version.Message
	}
	if c.version.IsText() {
		out.Type, out.Prompt = "text", messages[0].Content
		return out, nil
	}
	chat := []chatMessage{}
	for _, m := range messages {
		if m.Placeholder != "" {
			chat = append(chat, chatMessage{Type: "placeholder", Name: m.Placeholder})
			continue
		}
		chat = append(chat, chatMessage{Type: "chatmessage", Role: m.Role, Content: &m.Content})
	}
	out.Type, out.Prompt = "chat", chat
	return out, nil
}

func configOf(v *registry.Version) json.RawMessage {
	if v.Params == nil {
		return json.RawMessage("{}")
	}
	return v.Params
}

// labels are the environments that serve a version at a time, and latest.
func (c chosen) labels(at time.Time) []string {
	labels := []string{}
	for _, label := range append(c.snapshot.Environments(c.prompt.Name), "latest") {
		release, ok := c.snapshot.LiveAt(c.prompt.Name, label, at)
		if ok && !slices.Contains(labels, label) && slices.ContainsFunc(release.Targets, func(t registry.Target) bool { return t.Version == c.version.Version }) {
			labels = append(labels, label)
		}
	}
	return labels
}

// langfuseProjects answers auth_check of the clients: there is one project.
func (a *api) langfuseProjects(w http.ResponseWriter, r *http.Request) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type project struct {
		named
		Organization named          `json:"organization"`
		Metadata     map[string]any `json:"metadata"`
	}
	spanloop := named{"spanloop", "spanloop"}
	answer(w, r, map[string]any{"data": []project{{spanloop, spanloop, map[string]any{}}}})
}
