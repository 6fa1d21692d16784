// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/tidwall/gjson"
)

var (
	_ = register(definition{
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
	_ = register(definition{
		info: Info{
			Name:        "json_schema",
			Summary:     "whether the answer is JSON that fits a schema",
			Params:      []Param{{"schema", "the JSON schema (draft-07 unless it names another)"}},
			Range:       "0..1",
			Direction:   HigherIsBetter,
			NeedsParams: true,
		},
		revision: 1,
		build:    buildJSONSchema,
	})
)

func buildIsJSON(raw json.RawMessage) (check, error) {
	var params struct {
		Always bool `json:"always"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	return func(in *Input) (Result, bool, error) {
		if !in.isInference() || in.output() == "" || !params.Always && !asksForJSON(in) {
			return Result{}, false, nil
		}
		if gjson.Valid(in.output()) {
			return passFail(true, ""), true, nil
		}
		return passFail(false, "the answer is not valid JSON"), true, nil
	}, nil
}

// asksForJSON tells whether the request asked for JSON: gen_ai.output.type, or a
// response format that names it.
func asksForJSON(in *Input) bool {
	for _, name := range []string{"output.type", "response_format", "structured_output_schema"} {
		if value, ok := in.Call.Param(name); ok && strings.Contains(string(value), "json") {
			return true
		}
	}
	return in.Call.OutputType == "json"
}

func buildJSONSchema(raw json.RawMessage) (check, error) {
	var params struct {
		Schema json.RawMessage `json:"schema"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if len(params.Schema) == 0 {
		return nil, errors.New("schema: a JSON schema is expected")
	}
	text := string(params.Schema)
	if inner := gjson.Parse(text); inner.Type == gjson.String {
		text = inner.Str
	}
	compiled, err := compileSchema(text)
	if err != nil {
		return nil, err
	}
	return func(in *Input) (Result, bool, error) {
		if !in.isInference() || in.output() == "" {
			return Result{}, false, nil
		}
		fits, why := validateJSON(compiled, in.output())
		return passFail(fits, why), true, nil
	}, nil
}
