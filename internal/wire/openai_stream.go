// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// openAIStream assembles chat.completion.chunk events.
type openAIStream struct {
	head    *jsondoc.Value
	choices []*openAIChoice
	usage   *jsondoc.Value
}

type openAIChoice struct {
	role                        string
	content, reasoning, refusal strings.Builder
	hasContent                  bool
	calls                       []*openAICall
	finish                      string
}

type openAICall struct {
	id, kind, name string
	arguments      strings.Builder
}

func newOpenAIStream() *openAIStream { return &openAIStream{head: jsondoc.NewObject()} }

func (s *openAIStream) event(chunk *jsondoc.Value) (bool, error) {
	if failure := errorMember(chunk.Member("error")); failure != nil {
		if failure.Type == "" {
			failure.Type = "stream_error"
		}
		return true, failure
	}
	for _, name := range []string{"id", "created", "model", "system_fingerprint", "service_tier"} {
		if v := chunk.Member(name); v != nil && v.Kind() != jsondoc.Null {
			s.head.Put(name, v)
		}
	}
	if usage := chunk.Member("usage"); usage.Is(jsondoc.Object) {
		s.usage = usage
	}
	for _, item := range chunk.Member("choices").Items() {
		choice, err := s.choice(item.Member("index"))
		if err != nil {
			return false, err
		}
		if err := choice.delta(item.Member("delta")); err != nil {
			return false, err
		}
		if finish := item.Member("finish_reason").Str(); finish != "" {
			choice.finish = finish
		}
	}
	return false, nil
}

func (s *openAIStream) choice(v *jsondoc.Value) (*openAIChoice, error) {
	i, err := indexOf(v)
	if err != nil {
		return nil, err
	}
	for len(s.choices) <= i {
		s.choices = append(s.choices, &openAIChoice{})
	}
	return s.choices[i], nil
}

// indexOf reads the index of a choice, a block or a tool call; absent is 0.
func indexOf(v *jsondoc.Value) (int, error) {
	if v == nil {
		return 0, nil
	}
	i, err := strconv.Atoi(v.Text())
	if err != nil || i < 0 || i >= maxIndex {
		return 0, fmt.Errorf("%w: index %.20q", errStream, v.Text())
	}
	return i, nil
}

func (c *openAIChoice) delta(delta *jsondoc.Value) error {
	if role := delta.Member("role").Str(); role != "" {
		c.role = role
	}
	if content := delta.Member("content"); content.Is(jsondoc.String) {
		c.hasContent = true
		c.content.WriteString(content.Str())
	}
	c.reasoning.WriteString(delta.Member("reasoning_content").Str())
	c.refusal.WriteString(delta.Member("refusal").Str())
	for _, item := range delta.Member("tool_calls").Items() {
		call, err := c.call(item)
		if err != nil {
			return err
		}
		function := item.Member("function")
		if kind := item.Member("type").Str(); kind != "" {
			call.kind = kind
		}
		if call.name == "" {
			call.name = function.Member("name").Str()
		}
		call.arguments.WriteString(function.Member("arguments").Str())
	}
	return nil
}

// call finds the tool call that a delta continues. Some servers give all calls
// index 0, or none: another id then begins another call.
func (c *openAIChoice) call(item *jsondoc.Value) (*openAICall, error) {
	id := item.Member("id").Str()
	i, err := indexOf(item.Member("index"))
	if err != nil {
		return nil, err
	}
	if item.Member("index") == nil && len(c.calls) > 0 {
		i = len(c.calls) - 1
	}
	if i < len(c.calls) && id != "" && c.calls[i].id != "" && c.calls[i].id != id {
		i = len(c.calls)
	}
	if i >= maxIndex {
		return nil, fmt.Errorf("%w: more than %d tool calls", errStream, maxIndex)
	}
	for len(c.calls) <= i {
		c.calls = append(c.calls, &openAICall{kind: "function"})
	}
	if id != "" {
		c.calls[i].id = id
	}
	return c.calls[i], nil
}

func (s *openAIStream) document() (*jsondoc.Value, bool) {
	choices, complete := jsondoc.NewArray(), len(s.choices) > 0
	for i, c := range s.choices {
		complete = complete && c.finish != ""
		finish := jsondoc.NewNull()
		if c.finish != "" {
			finish = jsondoc.NewString(c.finish)
		}
		choices.Append(jsondoc.NewObject().Put("index", jsondoc.NewInt(int64(i))).
			Put("message", c.message()).Put("finish_reason", finish))
	}
	out := jsondoc.NewObject()
	for _, m := range s.head.Members() {
		out.Put(m.Name, m.Value)
	}
	out.Put("object", jsondoc.NewString("chat.completion")).Put("choices", choices)
	if s.usage != nil {
		out.Put("usage", s.usage)
	}
	return out, complete
}

func (c *openAIChoice) message() *jsondoc.Value {
	role := c.role
	if role == "" {
		role = "assistant"
	}
	content := jsondoc.NewNull()
	if c.hasContent {
		content = jsondoc.NewString(c.content.String())
	}
	m := jsondoc.NewObject().Put("role", jsondoc.NewString(role)).Put("content", content)
	if c.reasoning.Len() > 0 {
		m.Put("reasoning_content", jsondoc.NewString(c.reasoning.String()))
	}
	if c.refusal.Len() > 0 {
		m.Put("refusal", jsondoc.NewString(c.refusal.String()))
	}
	if len(c.calls) > 0 {
		calls := jsondoc.NewArray()
		for _, call := range c.calls {
			function := jsondoc.NewObject().Put("name", jsondoc.NewString(call.name)).
				Put("arguments", jsondoc.NewString(call.arguments.String()))
			calls.Append(jsondoc.NewObject().Put("id", jsondoc.NewString(call.id)).
				Put("type", jsondoc.NewString(call.kind)).Put("function", function))
		}
		m.Put("tool_calls", calls)
	}
	return m
}
