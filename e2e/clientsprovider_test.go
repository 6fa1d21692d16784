// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && clients

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the provider serves: every agent asks it twice, once for the tool call and
// once, with the tool's result, for the answer.
const (
	clientAsked    = "example-large"
	clientAnswered = "example-large-2026-09-03"
	clientFinal    = "It arrives on Friday."
)

// clientProvider answers OpenAI's chat completions and responses, and Anthropic's
// messages, whole and streamed. Only the form of the answers depends on the
// request, so that what the spans should say is known.
type clientProvider struct {
	*httptest.Server
	served atomic.Int64
}

func newClientProvider(t *testing.T) *clientProvider {
	t.Helper()
	p := &clientProvider{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", p.answer(`"role":"tool"`, chatAnswer))
	mux.HandleFunc("POST /v1/responses", p.answer(`"function_call_output"`, responsesAnswer))
	mux.HandleFunc("POST /v1/messages", p.answer(`"tool_result"`, messagesAnswer))
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// fields are one JSON object of an answer.
type fields = map[string]any

// clientAnswer forms an answer: the whole one, and the events of a stream.
type clientAnswer func(id string, final bool) (whole any, events []fields)

// answer reads a request and writes the answer in the form that it asks for; a
// request that holds the mark carries a tool's result.
func (p *clientProvider) answer(mark string, form clientAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request fields
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		compact, _ := json.Marshal(request)
		whole, events := form(fmt.Sprintf("%04d", p.served.Add(1)), strings.Contains(string(compact), mark))
		if request["stream"] != true {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(whole)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range events {
			writeEvent(w, event)
		}
		if mark == `"role":"tool"` {
			fmt.Fprint(w, "data: [DONE]\n\n")
		}
	}
}

func writeEvent(w io.Writer, event fields) {
	if name, ok := event["type"]; ok {
		fmt.Fprintf(w, "event: %s\n", name)
	}
	encoded, _ := json.Marshal(event)
	fmt.Fprintf(w, "data: %s\n\n", encoded)
}

// Tokens of the two answers, as the conventions count them.
var clientTokens = map[bool]struct{ input, output, cached int }{
	false: {100, 20, 40},
	true:  {140, 30, 60},
}

func chatAnswer(id string, final bool) (whole any, events []fields) {
	call := fields{"index": 0, "id": "call_" + id, "type": "function", "function": fields{"name": "lookup_order", "arguments": `{"order_id":"A-12345"}`}}
	message, finish := fields{"role": "assistant", "content": nil, "tool_calls": []any{call}}, "tool_calls"
	if final {
		message, finish = fields{"role": "assistant", "content": clientFinal}, "stop"
	}
	tokens := clientTokens[final]
	usage := fields{
		"prompt_tokens": tokens.input, "completion_tokens": tokens.output, "total_tokens": tokens.input + tokens.output,
		"prompt_tokens_details": fields{"cached_tokens": tokens.cached}, "completion_tokens_details": fields{"reasoning_tokens": 5},
	}
	frame := func(object string, choices []any) fields {
		return fields{
			"id": "chatcmpl-" + id, "object": object, "created": 1_790_000_000, "model": clientAnswered,
			"system_fingerprint": "fp_client", "choices": choices,
		}
	}
	answer := frame("chat.completion", []any{fields{"index": 0, "message": message, "finish_reason": finish}})
	answer["usage"] = usage
	last := frame("chat.completion.chunk", []any{})
	last["usage"] = usage
	return answer, []fields{
		frame("chat.completion.chunk", []any{fields{"index": 0, "delta": message, "finish_reason": nil}}),
		frame("chat.completion.chunk", []any{fields{"index": 0, "delta": fields{}, "finish_reason": finish}}),
		last,
	}
}

func responsesAnswer(id string, final bool) (whole any, events []fields) {
	item := fields{"type": "function_call", "id": "fc_" + id, "call_id": "call_" + id, "name": "lookup_order", "arguments": `{"order_id":"A-12345"}`, "status": "completed"}
	text := fields{"type": "output_text", "text": clientFinal, "annotations": []any{}}
	if final {
		item = fields{"type": "message", "id": "msg_" + id, "role": "assistant", "status": "completed", "content": []any{text}}
	}
	tokens := clientTokens[final]
	answer := func(status string, output []any) fields {
		return fields{
			"id": "resp_" + id, "object": "response", "created_at": 1_790_000_000, "status": status, "model": clientAnswered,
			"output": output, "error": nil, "incomplete_details": nil, "instructions": nil, "metadata": fields{},
			"parallel_tool_calls": true, "tool_choice": "auto", "tools": []any{}, "temperature": 1, "top_p": 1,
			"usage": fields{
				"input_tokens": tokens.input, "output_tokens": tokens.output, "total_tokens": tokens.input + tokens.output,
				"input_tokens_details": fields{"cached_tokens": tokens.cached}, "output_tokens_details": fields{"reasoning_tokens": 5},
			},
		}
	}
	done := answer("completed", []any{item})
	opened := maps.Clone(item)
	opened["status"], opened["content"], opened["arguments"] = "in_progress", []any{}, ""
	begun := answer("in_progress", []any{})
	begun["usage"] = nil
	events = []fields{
		{"type": "response.created", "response": begun},
		{"type": "response.output_item.added", "output_index": 0, "item": opened},
	}
	at := func(event fields) {
		event["item_id"], event["output_index"] = item["id"], 0
		events = append(events, event)
	}
	if final {
		at(fields{"type": "response.content_part.added", "content_index": 0, "part": fields{"type": "output_text", "text": "", "annotations": []any{}}})
		at(fields{"type": "response.output_text.delta", "content_index": 0, "delta": clientFinal, "logprobs": []any{}})
		at(fields{"type": "response.output_text.done", "content_index": 0, "text": clientFinal, "logprobs": []any{}})
		at(fields{"type": "response.content_part.done", "content_index": 0, "part": text})
	} else {
		at(fields{"type": "response.function_call_arguments.delta", "delta": item["arguments"]})
		at(fields{"type": "response.function_call_arguments.done", "arguments": item["arguments"], "name": item["name"]})
	}
	events = append(events, fields{"type": "response.output_item.done", "output_index": 0, "item": item}, fields{"type": "response.completed", "response": done})
	for i := range events {
		events[i]["sequence_number"] = i
	}
	return done, events
}

func messagesAnswer(id string, final bool) (whole any, events []fields) {
	block, empty, delta, stop := fields{"type": "tool_use", "id": "toolu_" + id, "name": "lookup_order", "input": fields{"order_id": "A-12345"}},
		fields{"type": "tool_use", "id": "toolu_" + id, "name": "lookup_order", "input": fields{}},
		fields{"type": "input_json_delta", "partial_json": `{"order_id":"A-12345"}`}, "tool_use"
	if final {
		block, empty = fields{"type": "text", "text": clientFinal}, fields{"type": "text", "text": ""}
		delta, stop = fields{"type": "text_delta", "text": clientFinal}, "end_turn"
	}
	tokens := clientTokens[final]
	// Anthropic counts cached tokens apart.
	usage := fields{
		"input_tokens": tokens.input - tokens.cached - 10, "cache_read_input_tokens": tokens.cached,
		"cache_creation_input_tokens": 10, "output_tokens": tokens.output,
	}
	message := func(content []any, reason any) fields {
		return fields{
			"id": "msg_" + id, "type": "message", "role": "assistant", "model": clientAnswered, "content": content,
			"stop_reason": reason, "stop_sequence": nil, "usage": usage,
		}
	}
	begun := message([]any{}, nil)
	begun["usage"] = maps.Clone(usage)
	begun["usage"].(fields)["output_tokens"] = 1
	return message([]any{block}, stop), []fields{
		{"type": "message_start", "message": begun},
		{"type": "content_block_start", "index": 0, "content_block": empty},
		{"type": "content_block_delta", "index": 0, "delta": delta},
		{"type": "content_block_stop", "index": 0},
		{"type": "message_delta", "delta": fields{"stop_reason": stop, "stop_sequence": nil}, "usage": fields{"output_tokens": tokens.output}},
		{"type": "message_stop"},
	}
}

// The provider's streams and whole answers say the same.
func TestClientProvider(t *testing.T) {
	p := newClientProvider(t)
	for path, word := range map[string]string{"/v1/chat/completions": "tool_calls", "/v1/responses": "function_call", "/v1/messages": "tool_use"} {
		for _, body := range []string{`{}`, `{"stream":true}`} {
			answer, err := http.Post(p.URL+path, "application/json", strings.NewReader(body))
			require.NoError(t, err)
			read, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Contains(t, string(read), word)
		}
	}
}
