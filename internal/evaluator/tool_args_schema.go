// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name: "tool_args_schema",
		Summary: "share of the answer's tool calls whose arguments fit the JSON schema of the definition that was offered; " +
			"unknown, without a value, when no schema is there",
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    noParams(onToolCalls(toolArgsSchema)),
})

// maxCallsTold is how many invalid calls an explanation names.
const maxCallsTold = 4

// argsTally counts the checked calls.
type argsTally struct {
	checked, valid int
	faults         []string
	// unchecked is why the first call that was not checked was not.
	unchecked string
}

// toolArgsSchema checks the arguments of each tool call. Calls that cannot be
// checked are not counted; when none can the label is unknown.
func toolArgsSchema(in *Input, calls []genai.ToolCall) Result {
	set, why := toolsetOf(in.Call)
	if set == nil {
		return Result{Label: LabelUnknown, Explanation: why}
	}
	var tally argsTally
	work := maxWork
	for i := range calls {
		tally.add(i+1, &calls[i], set.tools[calls[i].Name], &work)
	}
	if tally.checked == 0 {
		return Result{Label: LabelUnknown, Explanation: tally.unchecked}
	}
	result := Result{Value: genai.Some(float64(tally.valid) / float64(tally.checked)), Label: LabelPass}
	if invalid := tally.checked - tally.valid; invalid > 0 {
		result.Label, result.Explanation = LabelFail, strings.Join(tally.faults, "; ")
		if more := invalid - len(tally.faults); more > 0 {
			result.Explanation += fmt.Sprintf("; and %d more calls", more)
		}
	}
	return result
}

// add checks one call, whose definition is nil when it was not offered.
func (t *argsTally) add(number int, call *genai.ToolCall, definition *tool, work *uint64) {
	skip := func(why string) {
		if t.unchecked == "" {
			t.unchecked = clip(call.Name, maxName) + ": " + why
		}
	}
	if definition == nil {
		skip("no definition of this tool on the span")
		return
	}
	s, err := definition.schema()
	switch {
	case err != nil:
		skip(err.Error())
		return
	case s == nil:
		skip("the definition has no schema")
		return
	}
	fits, why, err := s.validate(argumentsOf(call), work)
	if err != nil {
		skip("the arguments cannot be checked: " + err.Error())
		return
	}
	t.checked++
	if fits {
		t.valid++
	} else if len(t.faults) < maxCallsTold {
		t.faults = append(t.faults, fmt.Sprintf("call %d, %s: %s", number, clip(call.Name, maxName), why))
	}
}

// argumentsOf returns the arguments of a call; none are an empty object.
func argumentsOf(call *genai.ToolCall) string {
	if text := strings.TrimSpace(call.Arguments); text != "" && text != "null" {
		return text
	}
	return "{}"
}
