// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/genai"
)

// limits are the thresholds that every measure takes.
var limits = []Param{{"min", "fail below this value"}, {"max", "fail above this value"}}

// measure registers an evaluator whose value is a number of the call.
func measure(name, summary, direction string, value func(*Input) (float64, bool)) struct{} {
	return register(definition{
		info:     Info{Name: name, Summary: summary, Params: limits, Range: "0..", Direction: direction},
		revision: 1,
		build:    func(raw json.RawMessage) (check, error) { return buildMeasure(raw, value) },
	})
}

var (
	_ = measure("length_chars", "characters of the answer's text", Neutral, func(in *Input) (float64, bool) {
		return float64(utf8.RuneCountInString(in.output())), in.isInference() && in.output() != ""
	})
	_ = measure("length_words", "words of the answer's text", Neutral, func(in *Input) (float64, bool) {
		return float64(wordCount(in.output())), in.isInference() && in.output() != ""
	})
	_ = measure("latency_ms", "duration of the call in milliseconds", LowerIsBetter, func(in *Input) (float64, bool) {
		return float64(in.DurationNS) / 1e6, in.DurationNS > 0
	})
	_ = measure("input_tokens", "tokens of the input, cached ones included", Neutral, func(in *Input) (float64, bool) {
		return float64(in.Call.Usage.InputTokens.Value), in.Call.Usage.InputTokens.Set
	})
	_ = measure("output_tokens", "tokens of the answer, reasoning included", Neutral, func(in *Input) (float64, bool) {
		return float64(in.Call.Usage.OutputTokens.Value), in.Call.Usage.OutputTokens.Set
	})
)

func wordCount(text string) int {
	n := 0
	for range strings.FieldsSeq(text) {
		n++
	}
	return n
}

func buildMeasure(raw json.RawMessage, value func(*Input) (float64, bool)) (check, error) {
	var params struct {
		Min *float64 `json:"min"`
		Max *float64 `json:"max"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Min != nil && params.Max != nil && *params.Min > *params.Max {
		return nil, errors.New("min is above max")
	}
	return func(in *Input) (Result, bool, error) {
		v, ok := value(in)
		if !ok {
			return Result{}, false, nil
		}
		return bounded(v, params.Min, params.Max), true, nil
	}, nil
}

// bounded labels a value by its limits; without limits it has no label.
func bounded(v float64, low, high *float64) Result {
	result := Result{Value: genai.Some(v)}
	if low == nil && high == nil {
		return result
	}
	result.Label = LabelPass
	if low != nil && v < *low {
		result.Label, result.Explanation = LabelFail, fmt.Sprintf("%g is below %g", v, *low)
	}
	if high != nil && v > *high {
		result.Label, result.Explanation = LabelFail, fmt.Sprintf("%g is above %g", v, *high)
	}
	return result
}
