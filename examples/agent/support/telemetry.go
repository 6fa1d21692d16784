// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/spanloop/spanloop/internal/wire"
)

// Scope and schema of the spans. The schema is that of the GenAI semantic
// conventions since they have a repository of their own.
const (
	ScopeName = "github.com/spanloop/spanloop/examples/agent"
	SchemaURL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
)

// provider is gen_ai.provider.name: the flavour of the API that is called.
const provider = "openai"

// Shapes of the semantic conventions' JSON attributes.
type (
	message struct {
		Role         string `json:"role"`
		Parts        []any  `json:"parts"`
		FinishReason string `json:"finish_reason,omitempty"`
	}
	textPart struct {
		Type    string `json:"type"`
		Content string `json:"content"`
	}
	callPart struct {
		Type      string `json:"type"`
		ID        string `json:"id"`
		Name      string `json:"name"`
		Arguments any    `json:"arguments"`
	}
	resultPart struct {
		Type     string `json:"type"`
		ID       string `json:"id"`
		Response string `json:"response"`
	}
)

// toMessage is a chat message in the shape of the conventions.
func (m chatMessage) toMessage() message {
	out := message{Role: m.Role, Parts: []any{}}
	if m.Role == "tool" {
		out.Parts = append(out.Parts, resultPart{"tool_call_response", m.ToolCallID, text(m.Content)})
		return out
	}
	if m.Content != nil {
		out.Parts = append(out.Parts, textPart{"text", *m.Content})
	}
	for _, c := range m.ToolCalls {
		out.Parts = append(out.Parts, callPart{"tool_call", c.ID, c.Function.Name, arguments(c.Function.Arguments)})
	}
	return out
}

// arguments keeps the model's own JSON where it is an object, and its text where
// it is not.
func arguments(raw string) any {
	if json.Valid([]byte(raw)) && raw != "" && raw[0] == '{' {
		return json.RawMessage(raw)
	}
	return raw
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func messagesJSON(messages []chatMessage) string {
	out := make([]message, len(messages))
	for i, m := range messages {
		out[i] = m.toMessage()
	}
	return encode(out)
}

// finishReasons are the conventions' words for the API's.
var finishReasons = map[string]string{"tool_calls": "tool_call", "function_call": "tool_call"}

func (r *chatResponse) outputJSON() string {
	out := make([]message, len(r.Choices))
	for i, c := range r.Choices {
		c.Message.Role = "assistant"
		out[i] = c.Message.toMessage()
		out[i].FinishReason = c.FinishReason
		if word, ok := finishReasons[c.FinishReason]; ok {
			out[i].FinishReason = word
		}
	}
	return encode(out)
}

// serverAttributes are the address that the provider is called at.
func serverAttributes(baseURL string) []attribute.KeyValue {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	out := []attribute.KeyValue{attribute.String("server.address", host)}
	if n, err := strconv.Atoi(port); err == nil {
		out = append(out, attribute.Int("server.port", n))
	}
	return out
}

// attributes say which prompt the call was made from, in the way that the
// application uses.
func (p Prompt) attributes() []attribute.KeyValue {
	switch p.Naming {
	case NameVersion:
		out := []attribute.KeyValue{attribute.String("gen_ai.prompt.name", p.Name), attribute.String("gen_ai.prompt.version", p.Version)}
		for _, v := range p.Variables {
			out = append(out, attribute.String("gen_ai.prompt.variable."+v.Name, v.Value))
		}
		return out
	case NameLabel:
		return []attribute.KeyValue{attribute.String("gen_ai.prompt.name", p.Name), attribute.String("gen_ai.prompt.version", Environment)}
	}
	return nil
}

// attributes describe a model call before it is made. The capture writes the
// messages, tools and parameters in the shape of the conventions, and beside them
// what the conventions have no place for and the hash that proves a replay.
func (c *Conversation) attributes(body []byte) ([]attribute.KeyValue, error) {
	captured, err := wire.Capture(wire.OpenAIChat, body)
	if err != nil {
		return nil, fmt.Errorf("capture the request: %w", err)
	}
	out := append(captured.KeyValues(),
		attribute.String("gen_ai.conversation.id", c.id),
		attribute.String("gen_ai.output.type", "text"),
		attribute.String("openai.api.type", "chat_completions"))
	out = append(out, c.prompt.attributes()...)
	return append(out, serverAttributes(c.agent.Client.BaseURL)...), nil
}

// attributes describe the model's answer.
func (r *chatResponse) attributes() []attribute.KeyValue {
	reasons := make([]string, len(r.Choices))
	for i, c := range r.Choices {
		reasons[i] = c.FinishReason
	}
	out := []attribute.KeyValue{
		attribute.String("gen_ai.response.id", r.ID),
		attribute.String("gen_ai.response.model", r.Model),
		attribute.StringSlice("gen_ai.response.finish_reasons", reasons),
		attribute.Int64("gen_ai.usage.input_tokens", r.Usage.PromptTokens),
		attribute.Int64("gen_ai.usage.output_tokens", r.Usage.CompletionTokens),
		attribute.Int64("gen_ai.usage.cache_read.input_tokens", r.Usage.PromptDetails.CachedTokens),
		attribute.String("gen_ai.output.messages", r.outputJSON()),
	}
	for key, value := range map[string]string{
		"openai.response.system_fingerprint": r.SystemFingerprint,
		"openai.response.service_tier":       r.ServiceTier,
	} {
		if value != "" {
			out = append(out, attribute.String(key, value))
		}
	}
	return out
}
