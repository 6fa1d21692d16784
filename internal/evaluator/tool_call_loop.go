// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:      "tool_call_loop",
		Summary:   "how often the conversation has made the same tool call with equal arguments, the answer included",
		Params:    []Param{{"repeats", "number of equal calls that fail (default 3)"}},
		Range:     "1..",
		Direction: LowerIsBetter,
	},
	revision: 1,
	build:    buildToolCallLoop,
})

func buildToolCallLoop(raw json.RawMessage) (check, error) {
	params := struct {
		Repeats int `json:"repeats"`
	}{Repeats: 3}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Repeats < 2 {
		return nil, fmt.Errorf("repeats: %d is less than 2", params.Repeats)
	}
	return func(in *Input) (Result, bool, error) { return toolCallLoop(in, params.Repeats) }, nil
}

func toolCallLoop(in *Input, repeats int) (Result, bool, error) {
	calls := in.toolCalls()
	if len(calls) == 0 {
		return Result{}, false, nil
	}
	counts := map[string]int{}
	history, err := in.Call.Input.List()
	if err == nil {
		past := &genai.Call{Output: genai.NewMessages(history)}
		for _, call := range past.ToolCalls() {
			counts[callKey(call)]++
		}
	}
	most, name := 0, ""
	for _, call := range calls {
		key := callKey(call)
		counts[key]++
		if counts[key] > most {
			most, name = counts[key], call.Name
		}
	}
	result := Result{Value: genai.Some(float64(most)), Label: LabelPass}
	if most >= repeats {
		result.Label = LabelFail
		result.Explanation = fmt.Sprintf("%s was called %d times with equal arguments", name, most)
	}
	return result, true, nil
}

// callKey is equal for calls of the same tool with arguments that are equal as
// JSON (RFC 8785).
func callKey(call genai.ToolCall) string {
	if canonical, err := jcs.Transform([]byte(call.Arguments)); err == nil {
		return call.Name + "\x00" + string(canonical)
	}
	return call.Name + "\x00" + call.Arguments
}
