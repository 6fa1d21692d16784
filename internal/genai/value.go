// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// text reads the first non-empty string of a field. A number is printed; any
// other type is a problem.
func (r *reading) text(f field) string {
	text, _ := r.textFrom(f)
	return text
}

// textFrom reads like text and also names the attribute.
func (r *reading) textFrom(f field) (text, key string) {
	r.each(f, func(m *match) bool {
		var ok bool
		text, ok = scalar(m.value)
		if !ok {
			r.problem(m.key, ReasonWrongType)
		}
		text = strings.TrimSpace(unquotedScalar(text))
		key = m.key
		return text != ""
	})
	return text, key
}

// strictText reads like text but takes strings only: a model or tool name that
// is a number is a problem.
func (r *reading) strictText(f field) (text string) {
	r.each(f, func(m *match) bool {
		if m.value.Type() != pcommon.ValueTypeStr {
			if m.value.Type() != pcommon.ValueTypeEmpty {
				r.problem(m.key, ReasonWrongType)
			}
			return false
		}
		text = unquotedScalar(m.value.Str())
		return text != ""
	})
	return text
}

// json reads the first value of a field as JSON text.
func (r *reading) json(f field) (text string) {
	r.each(f, func(m *match) bool {
		text = jsonText(m.value)
		return text != ""
	})
	return text
}

// scalar prints a scalar value; integers that came as doubles print without
// decimals.
func scalar(v pcommon.Value) (string, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str(), true
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10), true
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'f', -1, 64), true
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool()), true
	case pcommon.ValueTypeEmpty:
		return "", true
	}
	return "", false
}

// unquotedScalar unwraps a JSON-quoted scalar ("\"7\"").
func unquotedScalar(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' && ValidJSON(text) {
		return gjson.Parse(text).Str
	}
	return text
}

// integer reads the first value of a field that is a whole number.
func (r *reading) integer(f field) (result Opt[int64]) {
	r.each(f, func(m *match) bool {
		n, ok := wholeNumber(m.value)
		if !ok {
			if m.value.Type() != pcommon.ValueTypeEmpty {
				r.problem(m.key, ReasonWrongType)
			}
			return false
		}
		result = Some(n)
		return true
	})
	return result
}

func wholeNumber(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), v.Int() >= 0
	case pcommon.ValueTypeDouble:
		f := v.Double()
		return int64(f), f >= 0 && f < 1<<53 && f == math.Trunc(f)
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64)
		return n, err == nil && n >= 0
	}
	return 0, false
}

// number reads the first value of a field that is a finite number.
func (r *reading) number(f field) (result Opt[float64]) {
	r.each(f, func(m *match) bool {
		value, ok := finite(m.value)
		if !ok && m.target.field == fCost {
			value, ok = costTotal(m.value)
		}
		if !ok {
			if m.value.Type() != pcommon.ValueTypeEmpty {
				r.problem(m.key, ReasonWrongType)
			}
			return false
		}
		result = Some(value)
		return true
	})
	return result
}

func finite(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeDouble:
		return v.Double(), !math.IsNaN(v.Double()) && !math.IsInf(v.Double(), 0)
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return 1, true
		}
		return 0, true
	case pcommon.ValueTypeStr:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// costTotal reads cost details (Langfuse, MLflow): the total, else the sum of
// the parts.
func costTotal(v pcommon.Value) (float64, bool) {
	text := jsonText(v)
	if !looksClosed(text) || !ValidJSON(text) {
		return 0, false
	}
	object := gjson.Parse(text)
	if total, ok := finiteJSON(firstOf(object, "total", "total_cost")); ok {
		return total, true
	}
	sum, any := 0.0, false
	object.ForEach(func(_, value gjson.Result) bool {
		if number, ok := finiteJSON(value); ok {
			sum, any = sum+number, true
		}
		return true
	})
	return sum, any && !math.IsInf(sum, 0)
}

// finiteJSON returns a JSON number; 1e999 is none.
func finiteJSON(value gjson.Result) (float64, bool) {
	return value.Num, value.Type == gjson.Number && !math.IsInf(value.Num, 0) && !math.IsNaN(value.Num)
}

// document returns the JSON value of an attribute that should hold JSON; false
// and a problem when it does not.
func (r *reading) document(m *match) (gjson.Result, bool) {
	text := unquoted(strings.TrimSpace(jsonText(m.value)))
	if text == "" {
		return gjson.Result{}, false
	}
	if text[0] != '[' && text[0] != '{' {
		return gjson.Result{Type: gjson.String, Str: unquotedScalar(text), Raw: text}, true
	}
	if !ValidJSON(text) {
		r.problem(m.key, malformedReason(text))
		return gjson.Result{}, false
	}
	return gjson.Parse(text), true
}

// malformedReason tells text that was cut off from text that never was JSON.
func malformedReason(text string) string {
	if !looksClosed(text) && text != "" && (text[0] == '[' || text[0] == '{') {
		return ReasonTruncated
	}
	return ReasonMalformedJSON
}
