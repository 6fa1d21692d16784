// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"net/http"
	"time"
)

type chatResponse struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	Choices           []chatChoice `json:"choices"`
	Usage             *chatUsage   `json:"usage,omitempty"`
	ServiceTier       string       `json:"service_tier"`
	SystemFingerprint string       `json:"system_fingerprint"`
}

type chatChoice struct {
	Index        int         `json:"index"`
	Message      *chatAnswer `json:"message,omitempty"`
	Delta        *chatDelta  `json:"delta,omitempty"`
	Logprobs     any         `json:"logprobs"`
	FinishReason *string     `json:"finish_reason"`
}

type chatAnswer struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"`
	ToolCalls   []chatCall `json:"tool_calls,omitempty"`
	Refusal     *string    `json:"refusal"`
	Annotations []any      `json:"annotations"`
}

type chatDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []chatCall `json:"tool_calls,omitempty"`
}

type chatCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatUsage struct {
	PromptTokens     int            `json:"prompt_tokens"`
	CompletionTokens int            `json:"completion_tokens"`
	TotalTokens      int            `json:"total_tokens"`
	PromptDetails    map[string]int `json:"prompt_tokens_details"`
	OutputDetails    map[string]int `json:"completion_tokens_details"`
}

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	var body chatBody
	if !readJSON(w, r, &body, chatBadJSON) {
		return
	}
	req, bad := body.request()
	if bad != nil {
		chatError(w, http.StatusBadRequest, "invalid_request_error", bad.message, bad.param, bad.code)
		return
	}
	model, ok := s.modelFor(req.Model)
	if !ok {
		chatError(w, http.StatusNotFound, "invalid_request_error", "The model `"+req.Model+"` does not exist or you do not have access to it.", "", "model_not_found")
		return
	}
	answers, rng, took := s.answers(req, model)
	out := chatResponse{
		ID: "chatcmpl-" + token(rng, 29), Object: "chat.completion", Created: time.Now().Unix(), Model: model.ID,
		ServiceTier: "default", SystemFingerprint: model.Fingerprint,
	}
	if req.Stream {
		out.Object = "chat.completion.chunk"
		out.stream(w, r, req, answers, took)
		return
	}
	for i := range answers {
		out.Choices = append(out.Choices, chatChoice{Index: i, Message: answers[i].chatMessage(), FinishReason: answers[i].chatFinish()})
	}
	out.Usage = usageOf(req, answers)
	if wait(r.Context(), took) != nil {
		return
	}
	w.Header().Set("X-Request-Id", "req_"+token(rng, 24))
	writeJSON(w, http.StatusOK, out)
}

func usageOf(req *request, answers []answer) *chatUsage {
	u := &chatUsage{
		PromptTokens:  req.promptTokens,
		PromptDetails: map[string]int{"cached_tokens": 0, "audio_tokens": 0},
		OutputDetails: map[string]int{"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
	}
	for _, a := range answers {
		u.CompletionTokens += a.Tokens
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}

func (a *answer) chatMessage() *chatAnswer {
	m := &chatAnswer{Role: roleAssistant, Annotations: []any{}}
	if a.Text != "" || len(a.Calls) == 0 {
		m.Content = &a.Text
	}
	for _, c := range a.Calls {
		m.ToolCalls = append(m.ToolCalls, chatCall{ID: "call_" + c.ID, Type: "function", Function: chatFunction{Name: c.Name, Arguments: c.Arguments}})
	}
	return m
}

func (a *answer) chatFinish() *string {
	reason := "stop"
	switch {
	case a.Cut:
		reason = "length"
	case len(a.Calls) > 0:
		reason = "tool_calls"
	}
	return &reason
}

// textEvents is into how many events a text is cut.
const textEvents = 4

// stream sends the answers as chunks, one choice after the other.
func (c chatResponse) stream(w http.ResponseWriter, r *http.Request, req *request, answers []answer, took time.Duration) {
	var chunks []chatResponse
	add := func(choices []chatChoice) {
		chunk := c
		chunk.Choices = choices
		chunks = append(chunks, chunk)
	}
	for i := range answers {
		for _, d := range answers[i].deltas() {
			add([]chatChoice{{Index: i, Delta: &d}})
		}
		add([]chatChoice{{Index: i, Delta: &chatDelta{}, FinishReason: answers[i].chatFinish()}})
	}
	if req.StreamUsage {
		add([]chatChoice{})
		chunks[len(chunks)-1].Usage = usageOf(req, answers)
	}
	events := newEventStream(w, r, took, len(chunks))
	for i := range chunks {
		events.data(chunks[i])
	}
	events.raw("data: [DONE]\n\n")
}

func (a *answer) deltas() []chatDelta {
	empty := ""
	out := []chatDelta{{Role: roleAssistant, Content: &empty}}
	if a.Text != "" {
		for _, piece := range pieces(a.Text, textEvents) {
			out = append(out, chatDelta{Content: &piece})
		}
	}
	for i, c := range a.Calls {
		out = append(out, chatDelta{ToolCalls: []chatCall{{Index: &i, ID: "call_" + c.ID, Type: "function", Function: chatFunction{Name: c.Name}}}})
		for _, piece := range halves(c.Arguments) {
			out = append(out, chatDelta{ToolCalls: []chatCall{{Index: &i, Function: chatFunction{Arguments: piece}}}})
		}
	}
	return out
}
