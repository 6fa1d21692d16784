// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// Input is one call under evaluation. What several evaluators need is worked
// out once, so one Input serves all evaluators of a span, one after the other:
// it is not safe for use by several goroutines.
type Input struct {
	Call *genai.Call
	// DurationNS is the span's duration in nanoseconds, 0 when it is not known.
	DurationNS int64

	calls    []genai.ToolCall
	gotCalls bool
	choices  []string
	single   [1]string
	joined   string
	gotText  bool
	// unreadable is set by texts when the answer cannot be read.
	unreadable bool
}

// NewInput returns the input for a span that was read into a call.
func NewInput(span ptrace.Span, call *genai.Call) *Input {
	in := new(Input)
	in.Reset(span, call)
	return in
}

// Reset makes the input one for another span.
func (in *Input) Reset(span ptrace.Span, call *genai.Call) {
	*in = Input{Call: call}
	if end, start := span.EndTimestamp(), span.StartTimestamp(); start > 0 && end > start {
		in.DurationNS = int64(end - start)
	}
}

// toolCalls are the tool calls of the answer.
func (in *Input) toolCalls() []genai.ToolCall {
	if !in.gotCalls {
		in.calls, in.gotCalls = in.Call.ToolCalls(), true
	}
	return in.calls
}

// onToolCalls builds a check of the answer's tool calls.
func onToolCalls(run func(in *Input, calls []genai.ToolCall) Result) check {
	return func(in *Input) (Result, bool, error) {
		if calls := in.toolCalls(); len(calls) > 0 {
			return run(in, calls), true, nil
		}
		if in.isInference() {
			in.texts()
		}
		return unreadable, in.unreadable, nil
	}
}

// pastCalls are the tool calls in the history.
func (in *Input) pastCalls() ([]genai.ToolCall, error) {
	if text := in.Call.Input.Unread(); text != "" && !strings.Contains(text, genai.PartToolCall) {
		// The history is in the OpenTelemetry shape and nobody has read it yet:
		// without that word there is no call in it.
		return nil, nil
	}
	history, err := in.Call.Input.List()
	if err != nil {
		return nil, err
	}
	past := genai.Call{Output: genai.NewMessages(history)}
	return past.ToolCalls(), nil
}

// texts are the texts of the answer's choices; choices without text are left
// out.
func (in *Input) texts() []string {
	if in.gotText {
		return in.choices
	}
	in.gotText = true
	list, err := in.Call.Output.List()
	if err != nil {
		in.unreadable = true
		return nil
	}
	in.choices = in.single[:0]
	for i := range list {
		if text := list[i].Text(); text != "" {
			in.choices = append(in.choices, text)
		}
	}
	in.joined = strings.Join(in.choices, "\n")
	return in.choices
}

// output is the text of the answer; several choices are joined by newlines.
func (in *Input) output() string {
	in.texts()
	return in.joined
}

// isInference tells model calls that generate from others.
func (in *Input) isInference() bool { return in.Call.Kind == genai.KindInference }
