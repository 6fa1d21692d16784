// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"slices"
	"strings"
)

var _ = register(definition{
	info: Info{
		Name:      "finish_reason",
		Summary:   "why the model stopped, in the provider's words, as the label; with allowed reasons also 1 or 0",
		Params:    []Param{{"allowed", "reasons that pass: 1 when each choice ended with one of them, else 0"}},
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    buildFinishReason,
})

// maxReasons bounds how many finish reasons a label names.
const maxReasons = 8

func buildFinishReason(raw json.RawMessage) (check, any, error) {
	var params struct {
		Allowed []string `json:"allowed,omitempty"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	slices.Sort(params.Allowed)
	params.Allowed = slices.Compact(params.Allowed)
	return func(in *Input) (Result, bool, error) {
		reasons := in.Call.FinishReasons
		if len(reasons) == 0 {
			return Result{}, false, nil
		}
		result := Result{Label: reasonsLabel(reasons)}
		if len(params.Allowed) == 0 {
			return result, true, nil
		}
		result.Value = one
		for _, reason := range reasons {
			if !slices.Contains(params.Allowed, reason) {
				result.Value = zero
			}
		}
		return result, true, nil
	}, params, nil
}

// reasonsLabel names the different reasons of the choices in order.
func reasonsLabel(reasons []string) string {
	if len(reasons) == 1 {
		return reasons[0]
	}
	var different []string
	for _, reason := range reasons {
		if len(different) < maxReasons && !slices.Contains(different, reason) {
			different = append(different, reason)
		}
	}
	return strings.Join(different, ",")
}
