// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

var _ = register(definition{
	info: Info{
		Name:      "error",
		Summary:   "1 when the call failed, with the error type as the label; 0 and the label ok when it did not",
		Range:     "0..1",
		Direction: LowerIsBetter,
	},
	revision: 1,
	build: noParams(func(in *Input) (Result, bool, error) {
		if in.Call.ErrorType == "" {
			return Result{Value: zero, Label: "ok"}, true, nil
		}
		return Result{Value: one, Label: in.Call.ErrorType}, true, nil
	}),
})
