// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"strings"
)

var _ = register(definition{
	info: Info{
		Name:    "equals",
		Summary: "whether the answer, without surrounding white space, equals a text",
		Params: []Param{
			{"value", "the text"},
			{"ignore_case", "compare without case (default false)"},
		},
		Range:       "0..1",
		Direction:   HigherIsBetter,
		NeedsParams: true,
	},
	revision: 1,
	build:    buildEquals,
})

func buildEquals(raw json.RawMessage) (check, any, error) {
	var params struct {
		Value      *string `json:"value"`
		IgnoreCase bool    `json:"ignore_case"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if params.Value == nil {
		return nil, nil, errors.New("value: a text is expected")
	}
	want := strings.TrimSpace(*params.Value)
	params.Value = &want
	return onText(func(text string) (bool, string) {
		text = strings.TrimSpace(text)
		return text == want || params.IgnoreCase && strings.EqualFold(text, want), "the answer differs"
	}), params, nil
}
