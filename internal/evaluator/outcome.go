// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var (
	_ = register(definition{
		info: Info{
			Name:      "finish_reason",
			Summary:   "why the model stopped, as a label; with allowed reasons 1 or 0",
			Params:    []Param{{"allowed", "reasons that pass"}},
			Range:     "0..1",
			Direction: HigherIsBetter,
		},
		revision: 1,
		build:    buildFinishReason,
	})
	_ = register(definition{
		info: Info{
			Name:      "error",
			Summary:   "1 when the call failed, with the error type as the label",
			Range:     "0..1",
			Direction: LowerIsBetter,
		},
		revision: 1,
		build: noParams(func(in *Input) (Result, bool, error) {
			if in.Call.ErrorType == "" {
				return Result{Value: someZero, Label: "ok"}, true, nil
			}
			return Result{Value: someOne, Label: in.Call.ErrorType}, true, nil
		}),
	})
	_ = register(definition{
		info: Info{
			Name:      "refusal",
			Summary:   "1 when the answer begins like a refusal (English patterns) or the provider says so",
			Range:     "0..1",
			Direction: LowerIsBetter,
		},
		revision: 1,
		build:    noParams(refusal),
	})
)

var someZero, someOne = passFail(false, "").Value, passFail(true, "").Value

func buildFinishReason(raw json.RawMessage) (check, error) {
	var params struct {
		Allowed []string `json:"allowed"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	return func(in *Input) (Result, bool, error) {
		reasons := in.Call.FinishReasons
		if len(reasons) == 0 {
			return Result{}, false, nil
		}
		result := Result{Label: strings.Join(slices.Compact(slices.Clone(reasons)), ",")}
		if len(params.Allowed) > 0 {
			result.Value = someOne
			for _, reason := range reasons {
				if !slices.Contains(params.Allowed, reason) {
					result.Value = someZero
				}
			}
		}
		return result, true, nil
	}, nil
}

// refusals match the beginning of an answer that declines. A change of the list
// needs a new revision of the evaluator.
var refusals = regexp.MustCompile(`(?i)^\W*(?:i['’]?m (?:very |really |so )?sorry|i am (?:very )?sorry|sorry|i apologi[sz]e|unfortunately|my apologies)?[^.!?\n]{0,80}?` +
	`\b(?:i (?:can(?:no|['’])t|cannot|am (?:not able|unable)|won['’]t|will not|must (?:decline|refuse)|do not feel comfortable|am not comfortable)|i['’]m (?:not able|unable|not comfortable)|as an ai(?: language model)?,? i (?:can|do|am))`)

// head is how much of an answer decides about a refusal, in bytes.
const head = 320

func refusal(in *Input) (Result, bool, error) {
	if !in.isInference() {
		return Result{}, false, nil
	}
	for _, reason := range in.Call.FinishReasons {
		if reason == "refusal" || reason == "content_filter" || reason == "content-filter" {
			return Result{Value: someOne, Label: "refused", Explanation: "finish reason " + reason}, true, nil
		}
	}
	text := in.output()
	if text == "" {
		return Result{}, false, nil
	}
	if refusals.MatchString(text[:min(len(text), head)]) {
		return Result{Value: someOne, Label: "refused"}, true, nil
	}
	return Result{Value: someZero, Label: "answered"}, true, nil
}
