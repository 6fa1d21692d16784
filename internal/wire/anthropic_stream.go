// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// anthropicStream assembles the events of a Messages stream.
type anthropicStream struct {
	message *jsondoc.Value
	usage   *jsondoc.Value
	blocks  []*anthropicBlock
	stopped bool
}

type anthropicBlock struct {
	start                      *jsondoc.Value
	text, thinking, input, sig strings.Builder
	citations                  []*jsondoc.Value
}

func newAnthropicStream() *anthropicStream {
	return &anthropicStream{message: jsondoc.NewObject(), usage: jsondoc.NewObject()}
}

func (s *anthropicStream) event(e *jsondoc.Value) (bool, error) {
	switch e.Member("type").Str() {
	case "message_start":
		if start := e.Member("message"); start.Is(jsondoc.Object) {
			s.message = start.Clone()
			s.addUsage(start.Member("usage"))
		}
	case "content_block_start":
		block, err := s.block(e)
		if err != nil {
			return false, err
		}
		if start := e.Member("content_block"); start.Is(jsondoc.Object) {
			block.start = start.Clone()
		}
	case "content_block_delta":
		block, err := s.block(e)
		if err != nil {
			return false, err
		}
		block.delta(e.Member("delta"))
	case "message_delta":
		for _, m := range e.Member("delta").Members() {
			s.message.Put(m.Name, m.Value)
		}
		s.addUsage(e.Member("usage"))
	case "message_stop":
		s.stopped = true
		return true, nil
	case "error":
		failure := errorMember(e.Member("error"))
		if failure == nil || failure.Type == "" {
			failure = &APIError{Type: "stream_error"}
		}
		return true, failure
	}
	return false, nil
}

// addUsage takes the latest counts: those of message_delta are cumulative.
func (s *anthropicStream) addUsage(usage *jsondoc.Value) {
	for _, m := range usage.Members() {
		if m.Value.Kind() != jsondoc.Null {
			s.usage.Put(m.Name, m.Value)
		}
	}
}

func (s *anthropicStream) block(e *jsondoc.Value) (*anthropicBlock, error) {
	i, err := indexOf(e.Member("index"))
	if err != nil {
		return nil, err
	}
	for len(s.blocks) <= i {
		s.blocks = append(s.blocks, &anthropicBlock{})
	}
	return s.blocks[i], nil
}

func (b *anthropicBlock) delta(delta *jsondoc.Value) {
	switch delta.Member("type").Str() {
	case "text_delta":
		b.text.WriteString(delta.Member("text").Str())
	case "thinking_delta":
		b.thinking.WriteString(delta.Member("thinking").Str())
	case "signature_delta":
		b.sig.WriteString(delta.Member("signature").Str())
	case "input_json_delta":
		b.input.WriteString(delta.Member("partial_json").Str())
	case "citations_delta":
		if citation := delta.Member("citation"); citation != nil && len(b.citations) < maxIndex {
			b.citations = append(b.citations, citation)
		}
	}
}

// finish returns the whole block.
func (b *anthropicBlock) finish() (*jsondoc.Value, error) {
	block := b.start
	if block == nil {
		block = jsondoc.NewObject().Put("type", jsondoc.NewString("text"))
	}
	extend := func(name string, more *strings.Builder) {
		if more.Len() > 0 {
			block.Put(name, jsondoc.NewString(block.Member(name).Str()+more.String()))
		}
	}
	extend("text", &b.text)
	extend("thinking", &b.thinking)
	extend("signature", &b.sig)
	if len(b.citations) > 0 {
		block.Put("citations", jsondoc.NewArray(b.citations...))
	}
	if b.input.Len() > 0 {
		input, err := jsondoc.ParseString(b.input.String())
		if err != nil {
			return block, fmt.Errorf("%w: tool input: %w", errStream, err)
		}
		block.Put("input", input)
	}
	return block, nil
}

func (s *anthropicStream) document() (*jsondoc.Value, bool) {
	content, complete := jsondoc.NewArray(), s.stopped
	for _, b := range s.blocks {
		block, err := b.finish()
		complete = complete && err == nil
		content.Append(block)
	}
	s.message.Put("content", content)
	if s.usage.Len() > 0 {
		s.message.Put("usage", s.usage)
	}
	return s.message, complete
}
