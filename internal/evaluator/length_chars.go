// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

var _ = register(measure("length_chars", "characters (Unicode code points) of the answer's text", Neutral,
	func(in *Input) (float64, bool) {
		text := in.output()
		return float64(runeCount(text)), in.isInference() && text != ""
	}))
