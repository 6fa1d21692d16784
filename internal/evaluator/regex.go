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

func buildRegex(raw json.RawMessage) (check, any, error) {
	var params struct {
		Pattern string `json:"pattern"`
		Not     bool   `json:"not"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if params.Pattern == "" {
		return nil, nil, errors.New("pattern: an expression is expected")
	}
	expression, size, err := compilePattern(params.Pattern)
	if err != nil {
		return nil, nil, fmt.Errorf("pattern: %w", err)
	}
	why := "the pattern does not match"
	if params.Not {
		why = "the pattern matches"
	}
	run := onText(func(text string) (bool, string) {
		return expression.MatchString(text) != params.Not, why
	})
	return func(in *Input) (Result, bool, error) {
		if in.isInference() && mulCost(uint64(len(in.output())), size) > maxRegexWork {
			return Result{Label: LabelUnknown, Explanation: "the answer is too large for this pattern"}, true, nil
		}
		return run(in)
	}, params, nil
}

// maxRegexWork bounds one match, in pattern instructions times bytes: about a
// second at worst. A pattern of twenty-five instructions reads answers of 5 MB.
const maxRegexWork uint64 = 1 << 27
