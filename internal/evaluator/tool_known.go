// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name: "tool_known",
		Summary: "share of the answer's tool calls that name a tool that was offered; " +
			"unknown, without a value, when the span does not say what was",
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    noParams(onToolCalls(toolKnown)),
})

func toolKnown(in *Input, calls []genai.ToolCall) Result {
	set, why := toolsetOf(in.Call)
	if set == nil {
		return Result{Label: LabelUnknown, Explanation: why}
	}
	known := 0
	var strangers []string
	for i := range calls {
		name := calls[i].Name
		if set.tools[name] != nil {
			known++
			continue
		}
		if name == "" {
			name = "(no name)"
		}
		if len(strangers) <= maxNames && !slices.Contains(strangers, name) {
			strangers = append(strangers, name)
		}
	}
	if len(strangers) > 0 && set.nameless {
		return Result{Label: LabelUnknown, Explanation: "a tool without a name was offered"}
	}
	result := Result{Value: genai.Some(float64(known) / float64(len(calls))), Label: LabelPass}
	if known < len(calls) {
		result.Label, result.Explanation = LabelFail, "not offered: "+namesText(strangers)
	}
	return result
}
