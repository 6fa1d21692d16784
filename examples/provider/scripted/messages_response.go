// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"net/http"
	"time"
)

type messagesResponse struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []messagesPart `json:"content"`
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"`
	Usage        messagesUsage  `json:"usage"`
}

type messagesPart struct {
	Type  string          `json:"type"`
	Text  *string         `json:"text,omitempty"`
	ID    string          `json:"id,omitempty"`
	Name  string          `json:"name,omitempty"`
	Input json.RawMessage `json:"input,omitempty"`
}

type messagesUsage struct {
	InputTokens         int    `json:"input_tokens"`
	CacheCreationTokens int    `json:"cache_creation_input_tokens"`
	CacheReadTokens     int    `json:"cache_read_input_tokens"`
	OutputTokens        int    `json:"output_tokens"`
	ServiceTier         string `json:"service_tier"`
}

func (s *Server) messages(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("anthropic-version") == "" {
		messagesError(w, http.StatusBadRequest, "invalid_request_error", "anthropic-version: header is required")
		return
	}
	var body messagesBody
	if !readJSON(w, r, &body, messagesBadJSON) {
		return
	}
	req, bad := body.request()
	if bad != nil {
		messagesError(w, http.StatusBadRequest, "invalid_request_error", bad.message)
		return
	}
	model, ok := s.modelFor(req.Model)
	if !ok {
		messagesError(w, http.StatusNotFound, "not_found_error", "model: "+req.Model)
		return
	}
	answers, rng, took := s.answers(req, model)
	a := answers[0]
	out := messagesResponse{
		ID: "msg_01" + token(rng, 22), Type: "message", Role: roleAssistant, Model: model.ID, Content: a.parts(),
		Usage: messagesUsage{InputTokens: req.promptTokens, OutputTokens: a.Tokens, ServiceTier: "standard"},
	}
	out.StopReason = a.stopReason()
	if a.StoppedAt != "" {
		out.StopSequence = &a.StoppedAt
	}
	w.Header().Set("Request-Id", "req_01"+token(rng, 22))
	if req.Stream {
		out.stream(w, r, took)
		return
	}
	if wait(r.Context(), took) == nil {
		writeJSON(w, http.StatusOK, out)
	}
}

func (a *answer) parts() []messagesPart {
	out := []messagesPart{}
	if a.Text != "" {
		out = append(out, messagesPart{Type: "text", Text: &a.Text})
	}
	for _, c := range a.Calls {
		input := json.RawMessage(c.Arguments)
		if !json.Valid(input) {
			input = json.RawMessage("{}")
		}
		out = append(out, messagesPart{Type: "tool_use", ID: "toolu_01" + c.ID[:22], Name: c.Name, Input: input})
	}
	return out
}

func (a *answer) stopReason() *string {
	reason := "end_turn"
	switch {
	case a.Cut:
		reason = "max_tokens"
	case len(a.Calls) > 0:
		reason = "tool_use"
	case a.StoppedAt != "":
		reason = "stop_sequence"
	case a.Refused:
		reason = "refusal"
	}
	return &reason
}

type messagesDelta struct {
	Type        string  `json:"type"`
	Text        *string `json:"text,omitempty"`
	PartialJSON *string `json:"partial_json,omitempty"`
}

type messagesEvent struct {
	Type         string            `json:"type"`
	Message      *messagesResponse `json:"message,omitempty"`
	Index        *int              `json:"index,omitempty"`
	ContentBlock *messagesPart     `json:"content_block,omitempty"`
	Delta        any               `json:"delta,omitempty"`
	Usage        any               `json:"usage,omitempty"`
}

// stream sends the message as events; its content blocks one after the other.
func (m messagesResponse) stream(w http.ResponseWriter, r *http.Request, took time.Duration) {
	start := m
	start.Content, start.StopReason, start.StopSequence = []messagesPart{}, nil, nil
	start.Usage.OutputTokens = 1
	list := []messagesEvent{{Type: "message_start", Message: &start}}
	for i := range m.Content {
		list = append(list, m.Content[i].events(i)...)
	}
	list = append(list,
		messagesEvent{
			Type:  "message_delta",
			Delta: map[string]any{"stop_reason": m.StopReason, "stop_sequence": m.StopSequence},
			Usage: map[string]int{"output_tokens": m.Usage.OutputTokens},
		},
		messagesEvent{Type: "message_stop"})
	events := newEventStream(w, r, took, len(list))
	for i := range list {
		events.named(list[i].Type, list[i])
		if i == 1 {
			events.raw("event: ping\ndata: {\"type\": \"ping\"}\n\n")
		}
	}
}

func (p messagesPart) events(index int) []messagesEvent {
	empty := ""
	open := messagesPart{Type: p.Type, ID: p.ID, Name: p.Name}
	var deltas []messagesDelta
	if p.Type == "text" {
		open.Text = &empty
		for _, piece := range pieces(*p.Text, textEvents) {
			deltas = append(deltas, messagesDelta{Type: "text_delta", Text: &piece})
		}
	} else {
		open.Input = json.RawMessage("{}")
		for _, piece := range append([]string{""}, halves(string(p.Input))...) {
			deltas = append(deltas, messagesDelta{Type: "input_json_delta", PartialJSON: &piece})
		}
	}
	out := []messagesEvent{{Type: "content_block_start", Index: &index, ContentBlock: &open}}
	for _, d := range deltas {
		out = append(out, messagesEvent{Type: "content_block_delta", Index: &index, Delta: d})
	}
	return append(out, messagesEvent{Type: "content_block_stop", Index: &index})
}
