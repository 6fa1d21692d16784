// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"

	"github.com/spanloop/spanloop/internal/genai"
)

var zero, one = genai.Some(0.0), genai.Some(1.0)

// unreadable is the result for an answer that is cut off or otherwise no JSON.
var unreadable = Result{Label: LabelUnknown, Explanation: "the answer on the span cannot be read"}

// onText builds a check of the answer's text. An answer of several choices
// scores the share of choices that pass.
func onText(pass func(text string) (bool, string)) check {
	return func(in *Input) (Result, bool, error) {
		if !in.isInference() {
			return Result{}, false, nil
		}
		texts := in.texts()
		if in.unreadable {
			return unreadable, true, nil
		}
		if len(texts) == 0 {
			return Result{}, false, nil
		}
		passed, why := 0, ""
		for i, text := range texts {
			ok, reason := pass(text)
			switch {
			case ok:
				passed++
			case why == "" && len(texts) > 1:
				why = fmt.Sprintf("choice %d: %s", i+1, reason)
			case why == "":
				why = reason
			}
		}
		result := Result{Value: genai.Some(float64(passed) / float64(len(texts))), Label: LabelPass}
		if passed < len(texts) {
			result.Label, result.Explanation = LabelFail, why
		}
		return result, true, nil
	}
}
