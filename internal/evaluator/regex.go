// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

var _ = register(definition{
	info: Info{
		Name:    "regex",
		Summary: "whether the answer matches a regular expression (RE2 syntax, linear time)",
		Params: []Param{
			{"pattern", "the expression; it may match anywhere in the text"},
			{"not", "pass when it does not match (default false)"},
		},
		Range:       "0..1",
		Direction:   HigherIsBetter,
		NeedsParams: true,
	},
	revision: 1,
	build:    buildRegex,
})

func buildRegex(raw json.RawMessage) (check, error) {
	var params struct {
		Pattern string `json:"pattern"`
		Not     bool   `json:"not"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Pattern == "" {
		return nil, errors.New("pattern: an expression is expected")
	}
	expression, err := regexp.Compile(params.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	why := "the pattern does not match"
	if params.Not {
		why = "the pattern matches"
	}
	return onText(func(text string) (bool, string) {
		return expression.MatchString(text) != params.Not, why
	}), nil
}
