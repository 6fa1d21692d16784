// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	_ = register(definition{
		info: Info{
			Name:        "contains",
			Summary:     "whether the answer contains texts",
			Params:      []Param{{"all", "texts that must all occur"}, {"any", "texts of which one must occur"}, {"none", "texts that must not occur"}, {"ignore_case", "compare without case (default false)"}},
			Range:       "0..1",
			Direction:   HigherIsBetter,
			NeedsParams: true,
		},
		revision: 1,
		build:    buildContains,
	})
	_ = register(definition{
		info: Info{
			Name:        "regex",
			Summary:     "whether the answer matches a regular expression (RE2)",
			Params:      []Param{{"pattern", "the expression"}, {"not", "pass when it does not match (default false)"}},
			Range:       "0..1",
			Direction:   HigherIsBetter,
			NeedsParams: true,
		},
		revision: 1,
		build:    buildRegex,
	})
	_ = register(definition{
		info: Info{
			Name:        "equals",
			Summary:     "whether the answer, without surrounding space, equals a text",
			Params:      []Param{{"value", "the text"}, {"ignore_case", "compare without case (default false)"}},
			Range:       "0..1",
			Direction:   HigherIsBetter,
			NeedsParams: true,
		},
		revision: 1,
		build:    buildEquals,
	})
)

// onText builds a check of the answer's text.
func onText(pass func(text string) (bool, string)) check {
	return func(in *Input) (Result, bool, error) {
		if !in.isInference() || in.output() == "" {
			return Result{}, false, nil
		}
		ok, why := pass(in.output())
		return passFail(ok, why), true, nil
	}
}

func buildContains(raw json.RawMessage) (check, error) {
	var params struct {
		All        []string `json:"all"`
		Any        []string `json:"any"`
		None       []string `json:"none"`
		IgnoreCase bool     `json:"ignore_case"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if len(params.All)+len(params.Any)+len(params.None) == 0 {
		return nil, errors.New("one of all, any and none is expected")
	}
	fold := func(text string) string { return text }
	if params.IgnoreCase {
		fold = strings.ToLower
	}
	return onText(func(text string) (bool, string) {
		text = fold(text)
		for _, want := range params.All {
			if !strings.Contains(text, fold(want)) {
				return false, fmt.Sprintf("%q is missing", want)
			}
		}
		for _, bad := range params.None {
			if strings.Contains(text, fold(bad)) {
				return false, fmt.Sprintf("%q occurs", bad)
			}
		}
		for _, want := range params.Any {
			if strings.Contains(text, fold(want)) {
				return true, ""
			}
		}
		return len(params.Any) == 0, "none of the texts occurs"
	}), nil
}

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
	return onText(func(text string) (bool, string) {
		if expression.MatchString(text) != params.Not {
			return true, ""
		}
		if params.Not {
			return false, "the pattern matches"
		}
		return false, "the pattern does not match"
	}), nil
}

func buildEquals(raw json.RawMessage) (check, error) {
	var params struct {
		Value      *string `json:"value"`
		IgnoreCase bool    `json:"ignore_case"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Value == nil {
		return nil, errors.New("value: a text is expected")
	}
	want := strings.TrimSpace(*params.Value)
	return onText(func(text string) (bool, string) {
		text = strings.TrimSpace(text)
		if text == want || params.IgnoreCase && strings.EqualFold(text, want) {
			return true, ""
		}
		return false, "the answer differs"
	}), nil
}
