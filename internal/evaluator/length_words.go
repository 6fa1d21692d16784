// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

var _ = register(measure("length_words", "words of the answer's text: what stands between white space", Neutral,
	func(in *Input) (float64, bool) {
		text := in.output()
		return float64(wordCount(text)), in.isInference() && text != ""
	}))
