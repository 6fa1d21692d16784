// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// Kind says how a metric is estimated.
type Kind string

// Kinds of metrics.
const (
	// KindBinary is a share of calls: difference in points, score interval.
	KindBinary Kind = "binary"
	// KindMean is a bounded or unbounded mean: difference of means.
	KindMean Kind = "mean"
	// KindRatio is heavy-tailed and positive: ratio of geometric means.
	KindRatio Kind = "ratio"
	// KindCategory has no order: distance of the shares.
	KindCategory Kind = "category"
	// KindRank has an order and no unit worth a margin: the probability that a
	// value of one arm exceeds one of the other.
	KindRank Kind = "rank"
	// KindText is hashed text: how well it tells the arms apart.
	KindText Kind = "text"
)

// Directions of a metric.
const (
	higher  = evaluator.HigherIsBetter
	lower   = evaluator.LowerIsBetter
	neutral = evaluator.Neutral
)

// Metric is one thing that calls are measured by.
type Metric struct {
	Name, Unit string
	Kind       Kind
	Direction  string
	// Margin is what matters: a difference, or ln of a ratio for KindRatio.
	Margin float64
	// Value is the call's value (NaN for none; the logarithm for KindRatio)
	// and weight, the inverse of the probability with which it was sampled.
	Value func(*Call) (value, weight float64)
	// Category is the value of a KindCategory metric; empty for none.
	Category func(*Call) string
	// Scale turns a raw value into the printed unit.
	Scale float64
	// Low and High are the range of a score, NaN when open.
	Low, High float64
	// Versions are the evaluator's versions per arm, the most frequent first.
	Versions [2][]string
	// Weighted says that calls have unequal weights.
	Weighted bool
}

func plain(f func(*Call) float64) func(*Call) (float64, float64) {
	return func(c *Call) (float64, float64) { return f(c), 1 }
}

func logOf(f func(*Call) float64) func(*Call) (float64, float64) {
	return func(c *Call) (float64, float64) {
		if v := f(c); v > 0 {
			return math.Log(v), 1
		}
		return math.NaN(), 1
	}
}

// unfailed leaves out calls that failed: an early error is no fast answer.
func unfailed(f func(*Call) float64) func(*Call) float64 {
	return func(c *Call) float64 {
		if c.Failed {
			return math.NaN()
		}
		return f(c)
	}
}

func failed(c *Call) float64 {
	if c.Failed {
		return 1
	}
	return 0
}

const (
	marginPoints = 0.05
	marginCost   = 0.05
	marginRatio  = 0.10
)

// builtIn are the metrics of every call.
func builtIn(toolScores bool) []Metric {
	ratio := func(name, unit, direction string, scale, margin float64, f func(*Call) float64) Metric {
		return Metric{Name: name, Unit: unit, Kind: KindRatio, Direction: direction, Margin: math.Log1p(margin), Value: logOf(f), Scale: scale}
	}
	return []Metric{
		{Name: "tool_call_accuracy", Kind: KindBinary, Direction: higher, Margin: marginPoints, Value: func(c *Call) (float64, float64) {
			v, p := c.ToolAccuracy(toolScores)
			return v, 1 / p
		}},
		{Name: "error_rate", Kind: KindBinary, Direction: lower, Margin: marginPoints, Value: plain(failed)},
		ratio("latency", "ms", lower, 1e-6, marginRatio, unfailed(func(c *Call) float64 { return c.DurationNS })),
		ratio("time_to_first_token", "ms", lower, 1e-6, marginRatio, unfailed(func(c *Call) float64 { return c.TimeToFirstTokenNS })),
		ratio("input_tokens", "tokens", neutral, 1, marginRatio, func(c *Call) float64 { return c.InputTokens }),
		ratio("output_tokens", "tokens", neutral, 1, marginRatio, unfailed(func(c *Call) float64 { return c.OutputTokens })),
		ratio("cost", "USD", lower, 1, marginCost, func(c *Call) float64 { return c.CostUSD }),
		ratio("output_length", "characters", neutral, 1, marginRatio, unfailed(func(c *Call) float64 { return c.OutputStyle.Chars })),
		{Name: "refusal_rate", Kind: KindBinary, Direction: lower, Margin: marginPoints, Value: plain(func(c *Call) float64 { return c.Refused })},
		{Name: "finish_reason", Kind: KindCategory, Direction: neutral, Margin: 0.05, Category: func(c *Call) string { return c.FinishReason }},
	}
}

// Covered are scores that say what a built-in metric says.
var Covered = []string{"tool_args_schema", "tool_known", "tool_call_loop", "latency_ms", "cost_usd", "input_tokens", "output_tokens",
	"length_chars", "finish_reason", "refusal", "error"}

// Metrics lists what the calls can be measured by: the built-in metrics that
// some call has, then one per score name, judges and people first.
func Metrics(frame *Frame) []Metric {
	scores := scoreMetrics(frame)
	toolScores := false
	for _, m := range scores {
		toolScores = toolScores || slices.Contains(ToolEvaluators, strings.TrimPrefix(m.Name, "score:"))
	}
	var metrics []Metric
	for _, m := range append(builtIn(toolScores), scores...) {
		if m.Name == "tool_call_accuracy" {
			m.Versions = toolVersionsOf(scores)
			m.Weighted = slices.ContainsFunc(scores, func(s Metric) bool {
				return s.Weighted && slices.Contains(ToolEvaluators, strings.TrimPrefix(s.Name, "score:"))
			})
		}
		if m.present(frame) {
			metrics = append(metrics, m)
		}
	}
	return metrics
}

func (m *Metric) present(frame *Frame) bool {
	for i := range frame.Calls {
		if m.Category != nil {
			if m.Category(&frame.Calls[i]) != "" {
				return true
			}
			continue
		}
		if v, _ := m.Value(&frame.Calls[i]); !math.IsNaN(v) {
			return true
		}
	}
	return false
}

// BuiltInNames are the names of the metrics that every call can have.
func BuiltInNames() []string {
	var names []string
	for _, m := range builtIn(false) {
		names = append(names, m.Name)
	}
	return names
}
