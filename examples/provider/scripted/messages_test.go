// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type wantBlock struct {
	Type  string          `json:"type"`
	Text  *string         `json:"text"`
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

type wantMessages struct {
	ID           string      `json:"id"`
	Type         string      `json:"type"`
	Role         string      `json:"role"`
	Model        string      `json:"model"`
	Content      []wantBlock `json:"content"`
	StopReason   *string     `json:"stop_reason"`
	StopSequence *string     `json:"stop_sequence"`
	Usage        struct {
		InputTokens         int    `json:"input_tokens"`
		CacheCreationTokens int    `json:"cache_creation_input_tokens"`
		CacheReadTokens     int    `json:"cache_read_input_tokens"`
		OutputTokens        int    `json:"output_tokens"`
		ServiceTier         string `json:"service_tier"`
	} `json:"usage"`
}

func messagesText(extra string) string {
	return `{"model":"example-large","max_tokens":300,"system":[{"type":"text","text":"` + copyID + `"}],"messages":[{"role":"user","content":"Where is my order A-48213?"}],` +
		`"tools":[{"name":"lookup_order","description":"d","input_schema":{"type":"object"}}]` + extra + `}`
}

func TestMessages(t *testing.T) {
	status, text := post(t, Options{Seed: 3}, "/v1/messages", messagesText(""))
	require.Equal(t, 200, status, text)
	var got wantMessages
	strict(t, text, &got)
	assert.Regexp(t, `^msg_01\w{22}$`, got.ID)
	assert.Equal(t, "message", got.Type)
	assert.Equal(t, "tool_use", *got.StopReason)
	assert.Positive(t, got.Usage.InputTokens)
	assert.Positive(t, got.Usage.OutputTokens)
	use := got.Content[len(got.Content)-1]
	assert.Equal(t, "tool_use", use.Type)
	assert.Regexp(t, `^toolu_01\w{22}$`, use.ID)
	assert.JSONEq(t, `{"order_id":"A-48213"}`, string(use.Input))
}

func TestMessagesToolResult(t *testing.T) {
	turns := func(result string) string {
		return `{"model":"example-large","max_tokens":300,"messages":[{"role":"user","content":"Where is A-48213?"},
			{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"lookup_order","input":{}}]},
			{"role":"user","content":[` + result + `]}],"tools":[{"name":"lookup_order","input_schema":{}}]}`
	}
	_, text := post(t, Options{}, "/v1/messages", turns(`{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"{\"status\":\"being packed\"}"}]}`))
	var got wantMessages
	strict(t, text, &got)
	assert.Equal(t, "end_turn", *got.StopReason)
	assert.Contains(t, *got.Content[0].Text, "being packed")
	status, _ := post(t, Options{}, "/v1/messages", turns(`{"type":"tool_result","tool_use_id":"t2","content":"x"}`))
	assert.Equal(t, 400, status)
}

func TestMessagesErrors(t *testing.T) {
	tests := []struct {
		name, body, kind string
		status           int
	}{
		{"no JSON", `[`, "invalid_request_error", 400},
		{"no max_tokens", `{"model":"example-large","messages":[{"role":"user","content":"x"}]}`, "invalid_request_error", 400},
		{"no messages", `{"model":"example-large","max_tokens":5}`, "invalid_request_error", 400},
		{"role", `{"model":"example-large","max_tokens":5,"messages":[{"role":"system","content":"x"}]}`, "invalid_request_error", 400},
		{"block", `{"model":"example-large","max_tokens":5,"messages":[{"role":"user","content":[{"type":"song"}]}]}`, "invalid_request_error", 400},
		{"temperature", `{"model":"example-large","max_tokens":5,"temperature":2,"messages":[{"role":"user","content":"x"}]}`, "invalid_request_error", 400},
		{"tool choice", `{"model":"example-large","max_tokens":5,"tool_choice":{"type":"tool","name":"x"},"messages":[{"role":"user","content":"x"}]}`, "invalid_request_error", 400},
		{"model", `{"model":"other","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`, "not_found_error", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := post(t, Options{}, "/v1/messages", tt.body)
			assert.Equal(t, tt.status, status)
			var got struct {
				Type  string
				Error struct{ Type, Message string }
			}
			strict(t, text, &got)
			assert.Equal(t, "error", got.Type)
			assert.Equal(t, tt.kind, got.Error.Type)
			assert.NotEmpty(t, got.Error.Message)
		})
	}
}

func TestMessagesNeedsItsVersionHeader(t *testing.T) {
	s, err := NewServer(Options{})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/messages", strings.NewReader(messagesText(""))))
	assert.Equal(t, 400, w.Code)
}

func TestMessagesStream(t *testing.T) {
	for seed := range uint64(12) {
		_, text := post(t, Options{Seed: seed}, "/v1/messages", messagesText(""))
		_, stream := post(t, Options{Seed: seed}, "/v1/messages", messagesText(`,"stream":true`))
		var whole wantMessages
		strict(t, text, &whole)
		var blocks []wantBlock
		var kinds []string
		for _, frame := range strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
			name, data, ok := strings.Cut(frame, "\ndata: ")
			require.True(t, ok, frame)
			var event struct {
				Type         string
				Index        int
				Message      *wantMessages
				ContentBlock *wantBlock `json:"content_block"`
				Delta        struct {
					Type, Text   string
					PartialJSON  string  `json:"partial_json"`
					StopReason   string  `json:"stop_reason"`
					StopSequence *string `json:"stop_sequence"`
				}
				Usage map[string]int
			}
			strict(t, data, &event)
			require.Equal(t, "event: "+event.Type, name)
			if len(kinds) == 0 || kinds[len(kinds)-1] != event.Type {
				kinds = append(kinds, event.Type)
			}
			switch event.Type {
			case "message_start":
				require.Equal(t, whole.ID, event.Message.ID)
				require.Empty(t, event.Message.Content)
			case "content_block_start":
				event.ContentBlock.Input = nil
				blocks = append(blocks, *event.ContentBlock)
			case "content_block_delta":
				b := &blocks[event.Index]
				if event.Delta.Type == "text_delta" {
					joined := *b.Text + event.Delta.Text
					b.Text = &joined
				}
				b.Input = append(b.Input, event.Delta.PartialJSON...)
			case "message_delta":
				require.Equal(t, *whole.StopReason, event.Delta.StopReason)
				require.Equal(t, whole.Usage.OutputTokens, event.Usage["output_tokens"])
			}
		}
		require.Equal(t, "message_stop", kinds[len(kinds)-1])
		require.Contains(t, kinds, "ping")
		require.Len(t, blocks, len(whole.Content))
		for i, b := range blocks {
			want := whole.Content[i]
			require.Equal(t, want.ID, b.ID)
			if want.Text != nil {
				require.Equal(t, *want.Text, *b.Text)
				continue
			}
			require.JSONEq(t, string(want.Input), string(b.Input))
		}
	}
}

func FuzzMessagesRequest(f *testing.F) {
	f.Add(messagesText(""))
	f.Add(messagesText(`,"stream":true,"tool_choice":{"type":"any"}`))
	f.Fuzz(func(t *testing.T, body string) {
		status, text := post(t, Options{}, "/v1/messages", body)
		if status != 200 && !json.Valid([]byte(text)) {
			t.Fatalf("status %d, no JSON: %s", status, text)
		}
	})
}
