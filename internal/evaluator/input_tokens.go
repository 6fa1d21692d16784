// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import "github.com/spanloop/spanloop/internal/genai"

var _ = register(measure("input_tokens", "tokens of the input, cached ones included", Neutral,
	func(in *Input) (float64, bool) { return tokens(in.Call.Usage.InputTokens) }))

// tokens is a count of tokens; a negative one is no count.
func tokens(n genai.Opt[int64]) (float64, bool) { return float64(n.Value), n.Set && n.Value >= 0 }
