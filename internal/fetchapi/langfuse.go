// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// langfuseAnswer is a prompt in the shape of Langfuse's API.
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

type chatMessage struct {
	Type string `json:"type"`
	message
}

func (a *api) langfuse(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(http.StatusBadRequest, "the query is not well formed").write(w)
		return
	}
	c, refused := a.choose(r.PathValue("name"), query, a.now())
	if refused != nil {
		refused.write(w)
		return
	}
	number, err := strconv.Atoi(c.version.Version)
	if err != nil || number < 1 || strconv.Itoa(number) != c.version.Version {
		refuse(http.StatusUnprocessableEntity, fmt.Sprintf("version %q of %q is no whole number, which Langfuse's clients need; fetch it from /v1/prompts", c.version.Version, c.prompt.Name)).write(w)
		return
	}
	if c.version.Format != "mustache" {
		refuse(http.StatusUnprocessableEntity, fmt.Sprintf("%q is written as %s, which Langfuse's clients cannot compile; fetch it from /v1/prompts", c.prompt.Name, c.version.Format)).write(w)
		return
	}
	answer(w, r, c.langfuse(number, a.labels(c)))
}

func (c chosen) langfuse(number int, labels []string) langfuseAnswer {
	out := langfuseAnswer{Name: c.prompt.Name, Version: number, Config: c.version.Params, Labels: labels, Tags: c.prompt.Tags, Type: "chat"}
	if out.Config == nil {
		out.Config = json.RawMessage("{}")
	}
	if out.Tags == nil {
		out.Tags = []string{}
	}
	if c.version.Message != "" {
		out.CommitMessage = &c.version.Message
	}
	if c.version.IsText() {
		out.Type, out.Prompt = "text", c.messages()[0].Content
		return out
	}
	chat := []chatMessage{}
	for _, m := range c.messages() {
		chat = append(chat, chatMessage{"chatmessage", m})
	}
	out.Prompt = chat
	return out
}

// labels are the environments that serve a version now, and latest.
func (a *api) labels(c chosen) []string {
	labels := []string{}
	snapshot := a.snapshot()
	for _, label := range append(snapshot.Environments(c.prompt.Name), "latest") {
		release, ok := snapshot.LiveAt(c.prompt.Name, label, a.now())
		if ok && !slices.Contains(labels, label) && slices.Contains(versionsOf(release), c.version.Version) {
			labels = append(labels, label)
		}
	}
	return labels
}
