// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

var _ = register(measure("output_tokens", "tokens of the answer, reasoning included", Neutral,
	func(in *Input) (float64, bool) { return tokens(in.Call.Usage.OutputTokens) }))
