// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// paramNames maps parameter names of other dialects to OpenTelemetry's.
var paramNames = map[string]string{
	"maxOutputTokens": "max_tokens", "maxTokens": "max_tokens", "max_output_tokens": "max_tokens",
	"topP": "top_p", "topK": "top_k", "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
	"stopSequences": "stop_sequences", "stop": "stop_sequences", "n": "choice.count", "reasoning_effort": "reasoning.level",
}

// notParams are members of a request that are no parameters.
var notParams = map[string]bool{
	"model": true, "messages": true, "tools": true, "input": true, "system": true, "prompt": true, "functions": true,
	"maxRetries": true, "is_stream": true, "headers": true, "api_key": true, "extra_headers": true, "instructions": true,
}

// fillParams reads request parameters: the gen_ai.request.* attributes, else the
// JSON that a dialect keeps them in.
func (r *reading) fillParams(c *Call) {
	for _, e := range r.entries {
		if e.family.family == familyRequestParam {
			c.addParam(e.rest, appendValue(nil, e.value, 0))
		}
	}
	if len(c.Params) == 0 {
		for _, e := range r.entries {
			if e.family.family == familySetting {
				c.addParam(e.rest, appendValue(nil, e.value, 0))
			}
		}
	}
	if len(c.Params) == 0 {
		r.each(fParams, func(m *match) bool {
			object, ok := r.document(m)
			if !ok || !object.IsObject() {
				return false
			}
			if model := object.Get("model"); c.RequestModel == "" && model.Type == gjson.String {
				c.RequestModel = model.Str
			}
			object.ForEach(func(key, value gjson.Result) bool {
				c.addParam(key.Str, json.RawMessage(value.Raw))
				return true
			})
			return true
		})
	}
	slices.SortFunc(c.Params, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
}

// addParam adds a parameter unless its value says that it was not set.
func (c *Call) addParam(name string, value json.RawMessage) {
	switch string(value) {
	case "", "null", `""`, "[]", "{}", `"None"`, "-1":
		return
	}
	if notParams[name] {
		return
	}
	if mapped, ok := paramNames[name]; ok {
		name = mapped
	}
	for _, p := range c.Params {
		if p.Name == name {
			return
		}
	}
	c.Params = append(c.Params, Param{Name: name, Value: value})
}

// Param returns the JSON value of a parameter by its OpenTelemetry name.
func (c *Call) Param(name string) (json.RawMessage, bool) {
	for _, p := range c.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return nil, false
}

// ParamsJSON returns parameters as a JSON object; empty when there are none.
func ParamsJSON(params []Param) string {
	if len(params) == 0 {
		return ""
	}
	dst := []byte{'{'}
	for i, p := range params {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, p.Name), ':')
		dst = append(dst, p.Value...)
	}
	return string(append(dst, '}'))
}
