// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

var _ = register(measure("latency_ms", "duration of the call in milliseconds", LowerIsBetter,
	func(in *Input) (float64, bool) { return float64(in.DurationNS) / 1e6, in.DurationNS > 0 }))
