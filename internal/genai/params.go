// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// paramNames maps parameter names of other dialects and of the providers'
// requests to OpenTelemetry's.
var paramNames = map[string]string{
	"maxOutputTokens": "max_tokens", "maxTokens": "max_tokens", "max_output_tokens": "max_tokens", "max_completion_tokens": "max_tokens",
	"topP": "top_p", "topK": "top_k", "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
	"stopSequences": "stop_sequences", "stop": "stop_sequences", "n": "choice.count", "candidateCount": "choice.count",
	"reasoning_effort": "reasoning.level", "is_stream": "stream", "streaming": "stream", "toolChoice": "tool_choice",
}

// notParams are members of a request, or of what a dialect keeps beside it,
// that are no parameters: content, identifiers that differ from call to call,
// transport settings, and fields of an answer.
var notParams = map[string]bool{
	"model": true, "model_name": true, "model_id": true, "messages": true, "tools": true, "functions": true, "input": true,
	"inputs": true, "contents": true, "prompt": true, "prompts": true, "system": true, "instructions": true,
	"system_instruction": true, "systemInstruction": true, "config": true, "generation_config": true,
	"headers": true, "extra_headers": true, "extra_body": true, "extra_query": true, "api_key": true, "http_options": true,
	"httpOptions": true, "timeout": true, "maxRetries": true, "max_retries": true, "base_url": true, "endpoint": true,
	"user": true, "metadata": true, "safety_identifier": true, "prompt_cache_key": true, "previous_response_id": true,
	"previous_response.id": true, "stream_cursor": true, "conversation": true, "store": true, "background": true,
	"id": true, "object": true, "created": true, "created_at": true, "completed_at": true, "output": true, "status": true,
	"usage": true, "error": true, "incomplete_details": true, "billing": true, "provider": true, "system_fingerprint": true,
	"choices": true, "type": true,
	"context_window": true, "is_chat_model": true, "is_function_calling_model": true, "system_role": true, "class_name": true,
}

// requestParams are the parameters that are taken from a whole request body,
// which may hold anything that a framework passes to its client.
var requestParams = map[string]bool{
	"temperature": true, "top_p": true, "topP": true, "top_k": true, "topK": true, "min_p": true, "seed": true, "n": true,
	"candidateCount": true, "max_tokens": true, "maxTokens": true, "max_completion_tokens": true, "max_output_tokens": true,
	"maxOutputTokens": true, "stop": true, "stop_sequences": true, "stopSequences": true, "frequency_penalty": true,
	"frequencyPenalty": true, "presence_penalty": true, "presencePenalty": true, "repetition_penalty": true, "logit_bias": true,
	"logprobs": true, "top_logprobs": true, "response_format": true, "responseMimeType": true, "responseSchema": true,
	"tool_choice": true, "toolChoice": true, "parallel_tool_calls": true, "reasoning": true, "reasoning_effort": true,
	"thinking": true, "thinkingConfig": true, "verbosity": true, "text": true, "truncation": true, "service_tier": true,
	"modalities": true, "stream": true,
}

// fillParams reads request parameters: the attributes that hold one each, else
// the JSON that a dialect keeps them in. Wrapper spans have none.
func (r *reading) fillParams(c *Call) {
	same, remember := r.params.note(r)
	if same {
		c.Params = slices.Clip(r.params.params)
		r.sawParams()
	} else {
		r.fillSingleParams(c)
		if remember {
			r.params.keep(c.Params)
		}
	}
	if !hasSettings(c.Params) {
		for i := range r.entries {
			if e := &r.entries[i]; e.family.family == familySetting {
				c.addParam(e.rest, appendValue(nil, e.value, 0))
			}
		}
	}
	if !hasSettings(c.Params) {
		r.each(fParams, func(m *match) bool {
			object, ok := r.document(m)
			if !ok || !object.IsObject() {
				return false
			}
			if model := object.Get("model"); c.RequestModel == "" && model.Type == gjson.String {
				c.RequestModel = model.Str
			}
			c.addParams(object, nil)
			return true
		})
	}
	c.sortParams()
}

// fillSingleParams reads the attributes that hold one parameter each.
func (r *reading) fillSingleParams(c *Call) {
	for i := range r.entries {
		if e := &r.entries[i]; e.family.family == familyRequestParam {
			c.addParam(e.rest, appendValue(nil, e.value, 0))
		}
	}
	r.each(fParam, func(m *match) bool {
		value := appendValue(nil, m.value, 0)
		if m.value.Type() == pcommon.ValueTypeStr && looksClosed(m.value.Str()) && ValidJSON(m.value.Str()) {
			value = json.RawMessage(m.value.Str())
		}
		c.addParam(m.target.as, value)
		r.saw(m.target.dialect)
		return false
	})
	c.sortParams()
}

// sawParams notes the dialects of those attributes.
func (r *reading) sawParams() {
	r.each(fParam, func(m *match) bool {
		r.saw(m.target.dialect)
		return false
	})
}

// hasSettings tells whether there is a parameter beyond those that single
// attributes of any dialect hold.
func hasSettings(params []Param) bool {
	for i := range params {
		switch params[i].Name {
		case "stream", "tool_choice", "service_tier", "output.type":
		default:
			return true
		}
	}
	return false
}

// sortParams leaves a sorted list alone: it may be shared.
func (c *Call) sortParams() {
	byName := func(a, b Param) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(c.Params, byName) {
		slices.SortFunc(c.Params, byName)
	}
}

// addParams adds the members of a JSON object; only those in only when that is
// not nil.
func (c *Call) addParams(object gjson.Result, only map[string]bool) {
	object.ForEach(func(key, value gjson.Result) bool {
		if only == nil || only[key.Str] {
			c.addParam(key.Str, json.RawMessage(value.Raw))
		}
		return len(c.Params) < maxParams
	})
}

// addParam adds a parameter unless its value says that it was not set. The
// first of several values stays. Not streaming is the same as not set.
func (c *Call) addParam(name string, value json.RawMessage) {
	switch string(value) {
	case "", "null", `""`, "[]", "{}", `"None"`, `"Infinity"`, "-1":
		return
	}
	if notParams[name] || len(c.Params) >= maxParams {
		return
	}
	if mapped, ok := paramNames[name]; ok {
		name = mapped
	}
	if name == "stream" && string(value) != "true" {
		return
	}
	for i := range c.Params {
		if c.Params[i].Name == name {
			return
		}
	}
	c.Params = append(c.Params, Param{Name: name, Value: value})
}

// Param returns the JSON value of a parameter by its OpenTelemetry name.
func (c *Call) Param(name string) (json.RawMessage, bool) {
	for i := range c.Params {
		if c.Params[i].Name == name {
			return c.Params[i].Value, true
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
