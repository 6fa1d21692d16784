// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:      "is_json",
		Summary:   "whether the answer is valid JSON; applies to calls that asked for JSON",
		Params:    []Param{{"always", "apply to every answer with text (default false)"}},
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    buildIsJSON,
})

func buildIsJSON(raw json.RawMessage) (check, any, error) {
	var params struct {
		Always bool `json:"always"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	valid := onText(func(text string) (bool, string) { return isJSON(text), "the answer is not valid JSON" })
	return func(in *Input) (Result, bool, error) {
		if !params.Always && !asksForJSON(in.Call) {
			return Result{}, false, nil
		}
		return valid(in)
	}, params, nil
}

// isJSON tries the quick check first; JSON that nests deeper than that one goes
// is left to the standard library, which does not recurse.
func isJSON(text string) bool {
	return genai.ValidJSON(text) || json.Valid([]byte(text))
}

// jsonParams are the request parameters that ask for JSON.
var jsonParams = [...]string{"output.type", "response_format", "responseMimeType", "structured_output_schema"}

// asksForJSON tells whether the request asked for JSON: gen_ai.output.type, or a
// response format that names it.
func asksForJSON(call *genai.Call) bool {
	for _, name := range jsonParams {
		if value, ok := call.Param(name); ok && strings.Contains(string(firstBytes(value, 4096)), "json") {
			return true
		}
	}
	return false
}

func firstBytes(text []byte, limit int) []byte { return text[:min(len(text), limit)] }
