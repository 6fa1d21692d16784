// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

var _ = register(definition{
	info: Info{
		Name: "tool_call_loop",
		Summary: "how often the conversation has made the answer's most repeated tool call with equal arguments, the answer included; " +
			"fails from three times on",
		Params:    []Param{{"repeats", "number of equal calls that fails, at least 2 (default 3)"}},
		Range:     "1..",
		Direction: LowerIsBetter,
	},
	revision: 1,
	build:    buildToolCallLoop,
})

func buildToolCallLoop(raw json.RawMessage) (check, any, error) {
	params := struct {
		Repeats int `json:"repeats"`
	}{Repeats: 3}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if params.Repeats < 2 {
		return nil, nil, fmt.Errorf("repeats: %d is less than 2", params.Repeats)
	}
	return onToolCalls(func(in *Input, calls []genai.ToolCall) Result {
		return toolCallLoop(in, calls, params.Repeats)
	}), params, nil
}

func toolCallLoop(in *Input, calls []genai.ToolCall, repeats int) Result {
	past, err := in.pastCalls()
	if err != nil {
		return Result{Label: LabelUnknown, Explanation: "the history on the span cannot be read"}
	}
	most, name := 1, calls[0].Name
	if len(calls)+len(past) > 1 {
		most, name = mostRepeated(calls, past)
	}
	result := Result{Value: genai.Some(float64(most)), Label: LabelPass}
	if most >= repeats {
		result.Label = LabelFail
		result.Explanation = fmt.Sprintf("%s was called %d times with equal arguments", clip(name, maxName), most)
	}
	return result
}

// mostRepeated counts how often each call of the answer occurs in answer and
// history.
func mostRepeated(calls, past []genai.ToolCall) (most int, name string) {
	counts := make(map[string]int, len(calls))
	named := make(map[string]bool, len(calls))
	for i := range calls {
		named[calls[i].Name] = true
		counts[callKey(&calls[i])]++
	}
	for i := range past {
		if !named[past[i].Name] {
			continue
		}
		if key := callKey(&past[i]); counts[key] > 0 {
			counts[key]++
		}
	}
	for i := range calls {
		if n := counts[callKey(&calls[i])]; n > most {
			most, name = n, calls[i].Name
		}
	}
	return most, name
}

// maxCanonical bounds the arguments that are brought into canonical form, in
// bytes; larger ones are compared as they are.
const maxCanonical = 64 << 10

// callKey is equal for calls of the same tool with arguments that are equal as
// JSON (RFC 8785).
func callKey(call *genai.ToolCall) string {
	arguments := argumentsOf(call)
	if len(arguments) <= maxCanonical && strings.ContainsAny(arguments, "{[") && genai.ValidJSON(arguments) {
		if canonical, err := registry.CanonicalJSON([]byte(arguments)); err == nil {
			return call.Name + "\x00" + string(canonical)
		}
	}
	return call.Name + "\x00" + arguments
}
