// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var _ = register(definition{
	info: Info{
		Name:    "contains",
		Summary: "whether the answer contains texts",
		Params: []Param{
			{"all", "texts that must all occur"},
			{"any", "texts of which one must occur"},
			{"none", "texts that must not occur"},
			{"ignore_case", "compare without case (default false)"},
		},
		Range:       "0..1",
		Direction:   HigherIsBetter,
		NeedsParams: true,
	},
	revision: 1,
	build:    buildContains,
})

// wanted are the parameters of contains.
type wanted struct {
	All        []string `json:"all,omitempty"`
	Any        []string `json:"any,omitempty"`
	None       []string `json:"none,omitempty"`
	IgnoreCase bool     `json:"ignore_case"`
}

func buildContains(raw json.RawMessage) (check, any, error) {
	var params wanted
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if len(params.All)+len(params.Any)+len(params.None) == 0 {
		return nil, nil, errors.New("one of all, any and none is expected")
	}
	for _, list := range [...]*[]string{&params.All, &params.Any, &params.None} {
		for i, text := range *list {
			if text == "" {
				return nil, nil, errors.New("an empty text is contained in every answer; remove it")
			}
			(*list)[i] = params.fold(text)
		}
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return onText(params.pass), params, nil
}

func (w wanted) fold(text string) string {
	if w.IgnoreCase {
		return strings.ToLower(text)
	}
	return text
}

func (w wanted) pass(text string) (bool, string) {
	text = w.fold(text)
	for _, want := range w.All {
		if !strings.Contains(text, want) {
			return false, fmt.Sprintf("%q is missing", want)
		}
	}
	for _, bad := range w.None {
		if strings.Contains(text, bad) {
			return false, fmt.Sprintf("%q occurs", bad)
		}
	}
	for _, want := range w.Any {
		if strings.Contains(text, want) {
			return true, ""
		}
	}
	return len(w.Any) == 0, "none of the texts occurs"
}
