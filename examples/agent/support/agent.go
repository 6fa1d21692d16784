// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// AgentName is gen_ai.agent.name.
const AgentName = "shop-support"

// maxSteps bounds the model calls of one turn.
const maxSteps = 6

// Agent answers customers with the help of a model and the shop's tools.
type Agent struct {
	Client *Client
	Model  string
	Shop   Shop
	Tracer trace.Tracer
	// ToolTime is how long a tool call takes beside its own work; nil means no
	// longer than that.
	ToolTime func(ctx context.Context)
}

// Conversation is one customer's session with the agent. It is not safe for
// concurrent use.
type Conversation struct {
	agent    *Agent
	id       string
	clock    *Clock
	prompt   Prompt
	tools    []Tool
	history  []chatMessage
	calls    int
	toolRuns int
	trace    trace.TraceID
}

// Start begins a session.
func (a *Agent) Start(id string, clock *Clock, prompt Prompt, tools []Tool) *Conversation {
	c := &Conversation{agent: a, id: id, clock: clock, prompt: prompt, tools: tools}
	c.history = []chatMessage{{Role: "system", Content: &c.prompt.Text}}
	return c
}

// Calls is the number of model calls and of tool calls so far.
func (c *Conversation) Calls() (models, tools int) { return c.calls, c.toolRuns }

// Trace is the trace of the newest question.
func (c *Conversation) Trace() trace.TraceID { return c.trace }

// usage adds up over the model calls of a turn.
type usage struct{ input, output int64 }

// Ask sends one message of the customer and returns the agent's answer. The turn
// is one trace: an invoke_agent span with a child for each model and tool call.
func (c *Conversation) Ask(ctx context.Context, question string) (string, error) {
	ctx, span := c.start(ctx, "invoke_agent "+AgentName, trace.SpanKindInternal,
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.provider.name", provider),
		attribute.String("gen_ai.agent.name", AgentName),
		attribute.String("gen_ai.conversation.id", c.id),
		attribute.String("gen_ai.request.model", c.agent.Model))
	c.trace = span.SpanContext().TraceID()
	asked := chatMessage{Role: "user", Content: &question}
	c.history = append(c.history, asked)
	answer, used, err := c.turn(ctx)
	span.SetAttributes(
		attribute.String("gen_ai.input.messages", messagesJSON([]chatMessage{asked})),
		attribute.Int64("gen_ai.usage.input_tokens", used.input),
		attribute.Int64("gen_ai.usage.output_tokens", used.output))
	if err == nil {
		span.SetAttributes(attribute.String("gen_ai.output.messages", messagesJSON([]chatMessage{{Role: "assistant", Content: &answer}})))
	}
	c.end(span, err)
	return answer, err
}

// turn lets the model call tools until it answers in words.
func (c *Conversation) turn(ctx context.Context) (string, usage, error) {
	var used usage
	for range maxSteps {
		response, err := c.chat(ctx)
		if err != nil {
			return "", used, err
		}
		used.input += response.Usage.PromptTokens
		used.output += response.Usage.CompletionTokens
		reply := response.Choices[0].Message
		reply.Role = "assistant"
		c.history = append(c.history, reply)
		if len(reply.ToolCalls) == 0 {
			return text(reply.Content), used, nil
		}
		for _, call := range reply.ToolCalls {
			result := c.callTool(ctx, call)
			c.history = append(c.history, chatMessage{Role: "tool", ToolCallID: call.ID, Content: &result})
		}
	}
	return "A colleague will take over from here.", used, nil
}

// chat makes one model call.
func (c *Conversation) chat(ctx context.Context) (*chatResponse, error) {
	request := chatRequest{Model: c.agent.Model, Messages: c.history, Temperature: c.prompt.Temperature, MaxTokens: c.prompt.MaxTokens}
	for _, t := range c.tools {
		request.Tools = append(request.Tools, t.wire())
	}
	if len(c.tools) > 0 {
		one := false
		request.ParallelToolCalls = &one
	}
	body := []byte(encode(request))
	attributes, err := c.attributes(body)
	if err != nil {
		return nil, err
	}
	ctx, span := c.start(ctx, "chat "+c.agent.Model, trace.SpanKindClient, attributes...)
	c.calls++
	response, err := c.agent.Client.complete(ctx, body)
	if err == nil {
		span.SetAttributes(response.attributes()...)
	}
	c.end(span, err)
	return response, err
}

// callTool executes one tool call; what the model gets to see is its result also
// when the call fails.
func (c *Conversation) callTool(ctx context.Context, call chatCall) string {
	name := call.Function.Name
	attributes := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", name),
		attribute.String("gen_ai.tool.type", "function"),
		attribute.String("gen_ai.tool.call.id", call.ID),
		attribute.String("gen_ai.tool.call.arguments", call.Function.Arguments),
	}
	for _, t := range c.tools {
		if t.Name == name {
			attributes = append(attributes, attribute.String("gen_ai.tool.description", t.Description))
		}
	}
	ctx, span := c.start(ctx, "execute_tool "+name, trace.SpanKindInternal, attributes...)
	if c.agent.ToolTime != nil {
		c.agent.ToolTime(ctx)
	}
	result, err := c.agent.Shop.Call(name, call.Function.Arguments)
	c.toolRuns++
	span.SetAttributes(attribute.String("gen_ai.tool.call.result", result))
	c.end(span, err)
	return result
}

func (c *Conversation) start(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return c.agent.Tracer.Start(ctx, name, trace.WithTimestamp(c.clock.Now()), trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
}

func (c *Conversation) end(span trace.Span, err error) {
	if err != nil {
		span.SetAttributes(attribute.String("error.type", errorType(err)))
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(c.clock.Now()))
}

// errorType is the value of error.type.
func errorType(err error) string {
	var failed *ProviderError
	switch {
	case errors.As(err, &failed):
		return failed.Type
	case errors.Is(err, errBadArguments):
		return errBadArguments.Error()
	}
	return "_OTHER"
}

// Note asks for a one-line hand-over note about the session, with a prompt that
// lives in the code: a trace with one model call.
func (c *Conversation) Note(ctx context.Context) (string, error) {
	note := &Conversation{agent: c.agent, id: c.id, clock: c.clock, prompt: HandOverPrompt()}
	var transcript string
	for _, m := range c.history[1:] {
		if m.Role == "user" || m.Role == "assistant" && m.Content != nil && *m.Content != "" {
			transcript += m.Role + ": " + text(m.Content) + "\n"
		}
	}
	note.history = []chatMessage{{Role: "system", Content: &note.prompt.Text}, {Role: "user", Content: &transcript}}
	response, err := note.chat(ctx)
	c.calls++
	if err != nil {
		return "", err
	}
	return text(response.Choices[0].Message.Content), nil
}

// Skip lets time pass in the conversation without waiting.
func (c *Conversation) Skip(d time.Duration) { c.clock.Skip(d) }

// wire is the definition as the API takes it.
func (t Tool) wire() json.RawMessage {
	return json.RawMessage(encode(struct {
		Type     string       `json:"type"`
		Function functionTool `json:"function"`
	}{"function", functionTool(t)}))
}

type functionTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}
