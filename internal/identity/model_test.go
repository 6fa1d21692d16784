// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spanloop/spanloop/internal/genai"
)

func model(change func(*genai.Call)) Identity {
	c := chat("You help.")
	c.ResponseModel, c.SystemFingerprint = "m-2026", "fp_1"
	c.Params = []genai.Param{param("max_tokens", "512"), param("temperature", "0.2")}
	if change != nil {
		change(c)
	}
	return resolver(nil).Resolve(traceID(1), at(1, 1), c)
}

// Each part of the model identity changes it, and the parts are told apart.
func TestModelIdentity(t *testing.T) {
	base := model(nil)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, base.ModelHash)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, base.ParamsHash)
	for name, change := range map[string]func(*genai.Call){
		"provider":    func(c *genai.Call) { c.Provider = "azure.ai.openai" },
		"requested":   func(c *genai.Call) { c.RequestModel = "n" },
		"answering":   func(c *genai.Call) { c.ResponseModel = "m-2027" },
		"fingerprint": func(c *genai.Call) { c.SystemFingerprint = "fp_2" },
		"no answer":   func(c *genai.Call) { c.ResponseModel = "" },
		"moved":       func(c *genai.Call) { c.RequestModel, c.ResponseModel = c.ResponseModel, c.RequestModel },
	} {
		got := model(change)
		assert.NotEqual(t, base.ModelHash, got.ModelHash, name)
		assert.Equal(t, base.ParamsHash, got.ParamsHash, name)
		assert.NotEqual(t, base.VariantID, got.VariantID, name)
	}
}

func TestParamsHash(t *testing.T) {
	base := model(nil)
	same := map[string][]genai.Param{
		"written otherwise": {param("max_tokens", "512"), param("temperature", "2e-1")},
		"no JSON beside":    {param("max_tokens", "512"), param("odd", "{oops"), param("temperature", "0.2")},
	}
	for name, params := range same {
		assert.Equal(t, base.ParamsHash, model(func(c *genai.Call) { c.Params = params }).ParamsHash, name)
	}
	other := map[string][]genai.Param{
		"a value":     {param("max_tokens", "512"), param("temperature", "0.3")},
		"a type":      {param("max_tokens", `"512"`), param("temperature", "0.2")},
		"one fewer":   {param("max_tokens", "512")},
		"another key": {param("max_tokens", "512"), param("top_p", "0.2")},
	}
	for name, params := range other {
		got := model(func(c *genai.Call) { c.Params = params })
		assert.NotEqual(t, base.ParamsHash, got.ParamsHash, name)
		assert.NotEqual(t, base.ModelHash, got.ModelHash, name)
		assert.NotEqual(t, base.VariantID, got.VariantID, name)
	}
	none := model(func(c *genai.Call) { c.Params = nil })
	assert.Empty(t, none.ParamsHash)
	nobody := model(func(c *genai.Call) { c.Provider, c.RequestModel, c.ResponseModel = "", "", "" })
	assert.Empty(t, nobody.ModelHash, "parameters alone are no model")
}

// The variant is one over prompt, tools, model and parameters: the same for the
// same four, whatever else differs between calls.
func TestVariant(t *testing.T) {
	r := resolver(load(t, registryFiles))
	call := func(system, tools string) *genai.Call { return withTools(chat(system), tools) }
	base := r.Resolve(traceID(1), at(1, 1), call("You help Anna, politely.", "["+weatherTool+"]"))
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, base.VariantID)
	again := r.Resolve(traceID(2), at(5, 5), call("You help Bert, politely.", "[ "+weatherTool+" ]"))
	assert.Equal(t, base.VariantID, again.VariantID, "another trace, time, variable, spelling of the tools")
	named := withPrompt(call("", "["+weatherTool+"]"), genai.PromptReference{Name: "support", Version: "v1"})
	assert.Equal(t, base.VariantID, r.Resolve(traceID(1), at(1, 1), named).VariantID, "by name or by text")
	assert.NotEqual(t, base.VariantID, r.Resolve(traceID(1), at(1, 1), call(quick, "["+weatherTool+"]")).VariantID, "another prompt")
	assert.NotEqual(t, base.VariantID, r.Resolve(traceID(1), at(1, 1), chat("You help Anna, politely.")).VariantID, "no tools")
	assert.Empty(t, r.Resolve(traceID(1), at(1, 1), toolRun("x")).VariantID)
	assert.Empty(t, r.Resolve(traceID(1), at(1, 1), &genai.Call{Kind: genai.KindAgent, RequestModel: "m"}).VariantID)
	embeddings := r.Resolve(traceID(1), at(1, 1), &genai.Call{Kind: genai.KindEmbeddings, RequestModel: "e"})
	assert.NotEmpty(t, embeddings.VariantID)
	assert.Equal(t, ReasonNotACall, embeddings.UnresolvedReason, "embeddings send no prompt")
}
