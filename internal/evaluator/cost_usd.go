// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"fmt"
	"path"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:    "cost_usd",
		Summary: "cost of the call in US dollars: what the span states, else tokens at configured prices; without either there is no score",
		Params: append([]Param{
			{"prices", "list of {model, input, output, cache_read}: dollars per million tokens; model may hold * and ?"},
		}, limits...),
		Range:     "0..",
		Direction: LowerIsBetter,
	},
	revision: 1,
	build:    buildCost,
})

// price is in dollars per million tokens.
type price struct {
	Model     string   `json:"model"`
	Input     float64  `json:"input"`
	Output    float64  `json:"output"`
	CacheRead *float64 `json:"cache_read"`
}

func buildCost(raw json.RawMessage) (check, error) {
	var params struct {
		Prices []price  `json:"prices"`
		Min    *float64 `json:"min"`
		Max    *float64 `json:"max"`
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	for i, p := range params.Prices {
		if _, err := path.Match(p.Model, ""); err != nil || p.Model == "" || p.Input < 0 || p.Output < 0 {
			return nil, fmt.Errorf("prices[%d]: a model pattern and prices of zero or more are expected", i)
		}
	}
	return func(in *Input) (Result, bool, error) {
		v, ok := cost(in.Call, params.Prices)
		if !ok {
			return Result{}, false, nil
		}
		return bounded(v, params.Min, params.Max), true, nil
	}, nil
}

// cost returns the stated cost, else the first matching price times tokens.
// Cached input costs its own price, or the input's when none is given.
func cost(c *genai.Call, prices []price) (float64, bool) {
	if c.CostUSD.Set {
		return c.CostUSD.Value, true
	}
	if !c.Usage.InputTokens.Set || !c.Usage.OutputTokens.Set {
		return 0, false
	}
	for _, p := range prices {
		if !matchesModel(p.Model, c.ResponseModel) && !matchesModel(p.Model, c.RequestModel) {
			continue
		}
		cached := min(c.Usage.CacheReadTokens.Value, c.Usage.InputTokens.Value)
		cachePrice := p.Input
		if p.CacheRead != nil {
			cachePrice = *p.CacheRead
		}
		return (float64(c.Usage.InputTokens.Value-cached)*p.Input + float64(cached)*cachePrice +
			float64(c.Usage.OutputTokens.Value)*p.Output) / 1e6, true
	}
	return 0, false
}

func matchesModel(pattern, model string) bool {
	ok, err := path.Match(pattern, model)
	return err == nil && ok && model != ""
}
