// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spanloop/spanloop/internal/genai"
)

// thresholdParams are the thresholds that every measure takes.
var thresholdParams = []Param{{"min", "fail below this value"}, {"max", "fail above this value"}}

// thresholds turn a value into pass or fail.
type thresholds struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

func (t thresholds) validate() error {
	if t.Min != nil && t.Max != nil && *t.Min > *t.Max {
		return errors.New("min is above max")
	}
	return nil
}

// label marks a value as pass or fail; without thresholds it has no label.
func (t thresholds) label(v float64) Result {
	result := Result{Value: genai.Some(v)}
	if t.Min == nil && t.Max == nil {
		return result
	}
	result.Label = LabelPass
	if t.Min != nil && v < *t.Min {
		result.Label, result.Explanation = LabelFail, fmt.Sprintf("%g is below %g", v, *t.Min)
	}
	if t.Max != nil && v > *t.Max {
		result.Label, result.Explanation = LabelFail, fmt.Sprintf("%g is above %g", v, *t.Max)
	}
	return result
}

// measure defines an evaluator whose value is a number of the call; value
// returns false when the call does not say it.
func measure(name, summary, direction string, value func(*Input) (float64, bool)) definition {
	return definition{
		info:     Info{Name: name, Summary: summary, Params: thresholdParams, Range: "0..", Direction: direction},
		revision: 1,
		build: func(raw json.RawMessage) (check, any, error) {
			var params thresholds
			if err := decode(raw, &params); err != nil {
				return nil, nil, err
			}
			if err := params.validate(); err != nil {
				return nil, nil, err
			}
			return func(in *Input) (Result, bool, error) {
				v, ok := value(in)
				if !ok {
					return Result{}, false, nil
				}
				return params.label(v), true, nil
			}, params, nil
		},
	}
}

// clip cuts text to a number of characters, with an ellipsis in place of the
// last.
func clip(text string, runes int) string {
	if len(text) <= runes {
		return text
	}
	n, last := 0, 0
	for at := range text {
		if n == runes-1 {
			last = at
		}
		if n == runes {
			return text[:last] + "…"
		}
		n++
	}
	return text
}
