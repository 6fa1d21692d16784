// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:      "tool_known",
		Summary:   "share of the answer's tool calls that name a tool that was offered",
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    noParams(toolKnown),
})

func toolKnown(in *Input) (Result, bool, error) {
	calls := in.toolCalls()
	if len(calls) == 0 {
		return Result{}, false, nil
	}
	set := toolsetOf(in.Call)
	if set == nil {
		return Result{Label: LabelUnknown, Explanation: "no tool definitions on the span"}, true, nil
	}
	known := 0
	var strangers []string
	for _, call := range calls {
		if set.known[call.Name] {
			known++
		} else {
			strangers = append(strangers, call.Name)
		}
	}
	result := Result{Value: genai.Some(float64(known) / float64(len(calls))), Label: LabelPass}
	if known < len(calls) {
		result.Label, result.Explanation = LabelFail, "not offered: "+strings.Join(strangers, ", ")
	}
	return result, true, nil
}
