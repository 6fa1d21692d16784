// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
)

var _ = register(definition{
	info: Info{
		Name:        "json_schema",
		Summary:     "whether the answer is JSON that fits a schema",
		Params:      []Param{{"schema", "the JSON schema, as a map or as JSON text (draft-07 unless it names another draft)"}},
		Range:       "0..1",
		Direction:   HigherIsBetter,
		NeedsParams: true,
	},
	revision: 1,
	build:    buildJSONSchema,
})

func buildJSONSchema(raw json.RawMessage) (check, any, error) {
	var params struct {
		Schema json.RawMessage `json:"schema"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if len(params.Schema) == 0 || string(params.Schema) == "null" {
		return nil, nil, errors.New("schema: a JSON schema is expected")
	}
	text := string(params.Schema)
	if params.Schema[0] == '"' {
		if err := json.Unmarshal(params.Schema, &text); err != nil {
			return nil, nil, fmt.Errorf("schema: %w", err)
		}
	}
	s, err := compileSchema(text)
	if err != nil {
		return nil, nil, err
	}
	params.Schema = json.RawMessage(text)
	return func(in *Input) (Result, bool, error) { return fitsSchema(in, s) }, params, nil
}

// fitsSchema checks each choice. What cannot be checked has no score.
func fitsSchema(in *Input, s *schema) (Result, bool, error) {
	var trouble error
	work := maxWork
	result, applies, _ := onText(func(text string) (bool, string) {
		fits, why, err := s.validate(text, &work)
		if err != nil {
			trouble = err
		}
		return fits, why
	})(in)
	if trouble != nil {
		return Result{Label: LabelUnknown, Explanation: "the answer cannot be checked: " + trouble.Error()}, true, nil
	}
	return result, applies, nil
}
