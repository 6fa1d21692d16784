// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:    "cost_usd",
		Summary: "cost of the call in US dollars: what the span states, else its tokens at the configured prices; without either there is no score",
		Params: slices.Concat([]Param{{
			"prices", "list of {model, provider, input, output, cache_read, cache_write}: dollars per million tokens; " +
				"model and provider may hold * and ?, and the first that matches counts",
		}}, thresholdParams),
		Range:     "0..",
		Direction: LowerIsBetter,
	},
	revision: 1,
	build:    buildCost,
})

// price is in dollars per million tokens.
type price struct {
	Model      string   `json:"model"`
	Provider   string   `json:"provider,omitempty"`
	Input      *float64 `json:"input"`
	Output     *float64 `json:"output"`
	CacheRead  *float64 `json:"cache_read"`
	CacheWrite *float64 `json:"cache_write"`
}

// complete checks a price and fills in what it leaves out: cached input costs
// as much as other input.
func (p *price) complete() error {
	if p.Model == "" {
		return fmt.Errorf("model: a model name is expected; * stands for any")
	}
	if p.Input == nil || p.Output == nil {
		return fmt.Errorf("input and output: prices in dollars per million tokens are expected")
	}
	for _, v := range [...]*float64{p.Input, p.Output, p.CacheRead, p.CacheWrite} {
		if v != nil && *v < 0 {
			return fmt.Errorf("%g: a price is zero or more", *v)
		}
	}
	if p.CacheRead == nil {
		p.CacheRead = p.Input
	}
	if p.CacheWrite == nil {
		p.CacheWrite = p.Input
	}
	return nil
}

func buildCost(raw json.RawMessage) (check, any, error) {
	var params struct {
		Prices []price `json:"prices,omitempty"`
		thresholds
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, err
	}
	if err := params.validate(); err != nil {
		return nil, nil, err
	}
	for i := range params.Prices {
		if err := params.Prices[i].complete(); err != nil {
			return nil, nil, fmt.Errorf("prices[%d]: %w", i, err)
		}
	}
	return func(in *Input) (Result, bool, error) {
		v, ok := costOf(in.Call, params.Prices)
		if !ok {
			return Result{}, false, nil
		}
		return params.label(v), true, nil
	}, params, nil
}

// costOf returns the cost that the span states, else its tokens at the price of
// the model that answered, or of the one that was asked.
func costOf(c *genai.Call, prices []price) (float64, bool) {
	if c.CostUSD.Set {
		return c.CostUSD.Value, c.CostUSD.Value >= 0
	}
	input, hasInput := tokens(c.Usage.InputTokens)
	output, hasOutput := tokens(c.Usage.OutputTokens)
	p := priceOf(c, prices)
	if p == nil || !hasInput || !hasOutput {
		return 0, false
	}
	// Input includes what was read from and written to the cache.
	read := within(c.Usage.CacheReadTokens, input)
	written := within(c.Usage.CacheWriteTokens, input-read)
	total := (input-read-written)**p.Input + output**p.Output + read**p.CacheRead + written**p.CacheWrite
	return total / 1e6, true
}

func priceOf(c *genai.Call, prices []price) *price {
	for _, model := range [...]string{c.ResponseModel, c.RequestModel} {
		if model == "" {
			continue
		}
		for i := range prices {
			p := &prices[i]
			if Glob(p.Model, model) && (p.Provider == "" || Glob(p.Provider, c.Provider)) {
				return p
			}
		}
	}
	return nil
}

func within(n genai.Opt[int64], limit float64) float64 {
	count, ok := tokens(n)
	if !ok {
		return 0
	}
	return min(count, limit)
}
