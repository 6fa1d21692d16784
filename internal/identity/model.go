// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// modelIdentity is the two hashes about the model.
type modelIdentity struct{ model, params string }

// appendModelKey joins what the hashes are over; equal keys have equal hashes.
func appendModelKey(key []byte, call *genai.Call) []byte {
	for _, part := range [...]string{call.Provider, call.RequestModel, call.ResponseModel, call.SystemFingerprint} {
		key = append(append(key, part...), 0)
	}
	for i := range call.Params {
		key = append(append(key, call.Params[i].Name...), 0)
		key = append(append(key, call.Params[i].Value...), 0)
	}
	return key
}

func newModelIdentity(call *genai.Call) modelIdentity {
	params := paramsJSON(call.Params)
	var m modelIdentity
	if params != nil {
		m.params = hashOf(params)
	}
	if call.Provider == "" && call.RequestModel == "" && call.ResponseModel == "" {
		return m
	}
	content := map[string]any{}
	for name, value := range map[string]string{
		"provider": call.Provider, "request_model": call.RequestModel,
		"response_model": call.ResponseModel, "system_fingerprint": call.SystemFingerprint,
	} {
		if value != "" {
			content[name] = value
		}
	}
	if params != nil {
		content["params"] = params
	}
	m.model = hashOf(content)
	return m
}

// paramsJSON leaves out what is no JSON, and is nil for no parameters.
func paramsJSON(params []genai.Param) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	for _, p := range params {
		if _, err := registry.CanonicalJSON(p.Value); err != nil {
			continue
		}
		if out == nil {
			out = make(map[string]json.RawMessage, len(params))
		}
		out[p.Name] = p.Value
	}
	return out
}
