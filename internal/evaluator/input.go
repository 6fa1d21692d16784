// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// Input is one call under evaluation. What several evaluators need is worked
// out once.
type Input struct {
	Call *genai.Call
	// DurationNS is the span's duration in nanoseconds.
	DurationNS int64

	calls    []genai.ToolCall
	gotCalls bool
	text     string
	gotText  bool
}

// NewInput returns the input for a span that was read into a call.
func NewInput(span ptrace.Span, call *genai.Call) *Input {
	in := &Input{Call: call}
	if end, start := span.EndTimestamp(), span.StartTimestamp(); end > start {
		in.DurationNS = int64(end - start)
	}
	return in
}

// toolCalls are the tool calls of the answer.
func (in *Input) toolCalls() []genai.ToolCall {
	if !in.gotCalls {
		in.calls, in.gotCalls = in.Call.ToolCalls(), true
	}
	return in.calls
}

// output is the text of the answer.
func (in *Input) output() string {
	if !in.gotText {
		in.text, in.gotText = in.Call.OutputText(), true
	}
	return in.text
}

// isInference tells model calls that generate from others.
func (in *Input) isInference() bool { return in.Call.Kind == genai.KindInference }
