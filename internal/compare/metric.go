// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/traffic"
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
)

// Directions of a metric.
const (
	higher  = evaluator.HigherIsBetter
	lower   = evaluator.LowerIsBetter
	neutral = evaluator.Neutral
)

// metric is one thing to compare.
type metric struct {
	name, unit string
	kind       Kind
	direction  string
	// margin is what matters: a difference, or ln of a ratio for KindRatio.
	margin float64
	// value is the call's value (NaN for none; the logarithm for KindRatio)
	// and weight, the inverse of the probability with which it was sampled.
	value func(*traffic.Call) (value, weight float64)
	// category is the value of a KindCategory metric; empty for none.
	category func(*traffic.Call) string
	// scale turns a raw value into the printed unit.
	scale float64
	// low and high are the range of a score, NaN when open.
	low, high float64
	decides   bool
	// versions are the evaluator's versions per arm.
	versions [2][]string
	// weighted says that calls have unequal weights.
	weighted bool
}

func plain(f func(*traffic.Call) float64) func(*traffic.Call) (float64, float64) {
	return func(c *traffic.Call) (float64, float64) { return f(c), 1 }
}

func logOf(f func(*traffic.Call) float64) func(*traffic.Call) (float64, float64) {
	return func(c *traffic.Call) (float64, float64) {
		if v := f(c); v > 0 {
			return math.Log(v), 1
		}
		return math.NaN(), 1
	}
}

// unfailed leaves out calls that failed: an early error is no fast answer.
func unfailed(f func(*traffic.Call) float64) func(*traffic.Call) float64 {
	return func(c *traffic.Call) float64 {
		if c.Failed {
			return math.NaN()
		}
		return f(c)
	}
}

func failed(c *traffic.Call) float64 {
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
func builtIn(toolScores bool) []metric {
	ratio := func(name, unit, direction string, scale, margin float64, f func(*traffic.Call) float64) metric {
		return metric{name: name, unit: unit, kind: KindRatio, direction: direction, margin: math.Log1p(margin), value: logOf(f), scale: scale}
	}
	return []metric{
		{name: "tool_call_accuracy", kind: KindBinary, direction: higher, margin: marginPoints, value: func(c *traffic.Call) (float64, float64) {
			v, p := c.ToolAccuracy(toolScores)
			return v, 1 / p
		}},
		{name: "error_rate", kind: KindBinary, direction: lower, margin: marginPoints, value: plain(failed)},
		ratio("latency", "ms", lower, 1e-6, marginRatio, unfailed(func(c *traffic.Call) float64 { return c.DurationNS })),
		ratio("time_to_first_token", "ms", lower, 1e-6, marginRatio, unfailed(func(c *traffic.Call) float64 { return c.TimeToFirstTokenNS })),
		ratio("input_tokens", "tokens", neutral, 1, marginRatio, func(c *traffic.Call) float64 { return c.InputTokens }),
		ratio("output_tokens", "tokens", neutral, 1, marginRatio, unfailed(func(c *traffic.Call) float64 { return c.OutputTokens })),
		ratio("cost", "USD", lower, 1, marginCost, func(c *traffic.Call) float64 { return c.CostUSD }),
		ratio("output_length", "characters", neutral, 1, marginRatio, unfailed(func(c *traffic.Call) float64 { return c.OutputStyle.Chars })),
		{name: "refusal_rate", kind: KindBinary, direction: lower, margin: marginPoints, value: plain(func(c *traffic.Call) float64 { return c.Refused })},
		{name: "finish_reason", kind: KindCategory, direction: neutral, margin: 0.05, category: func(c *traffic.Call) string { return c.FinishReason }},
	}
}

// covered are scores that say what a built-in metric says.
var covered = []string{"tool_args_schema", "tool_known", "tool_call_loop", "latency_ms", "cost_usd", "input_tokens", "output_tokens",
	"length_chars", "finish_reason", "refusal", "error"}

// chooseMetrics lists what can be compared: built-in metrics that some call has,
// then one per score name; and marks those that decide.
func chooseMetrics(frame *traffic.Frame, o Options) ([]metric, error) {
	scores := scoreMetrics(frame)
	toolScores := false
	for _, m := range scores {
		toolScores = toolScores || slices.Contains(traffic.ToolEvaluators, strings.TrimPrefix(m.name, "score:"))
	}
	var metrics []metric
	for _, m := range append(builtIn(toolScores), scores...) {
		if m.name == "tool_call_accuracy" {
			m.versions = toolVersionsOf(scores)
		}
		if m.present(frame) {
			metrics = append(metrics, m)
		}
	}
	for name, margin := range o.Margins {
		if err := setMargin(metrics, name, margin); err != nil {
			return nil, err
		}
	}
	return metrics, markDecisions(metrics, o.Metrics)
}

func (m *metric) present(frame *traffic.Frame) bool {
	for i := range frame.Calls {
		if m.category != nil {
			if m.category(&frame.Calls[i]) != "" {
				return true
			}
			continue
		}
		if v, _ := m.value(&frame.Calls[i]); !math.IsNaN(v) {
			return true
		}
	}
	return false
}

func find(metrics []metric, name string) *metric {
	for i := range metrics {
		if metrics[i].name == name || metrics[i].name == "score:"+name {
			return &metrics[i]
		}
	}
	return nil
}

func setMargin(metrics []metric, name string, margin float64) error {
	m := find(metrics, name)
	if m == nil {
		return missingMetric(metrics, name)
	}
	if !(margin > 0) || math.IsInf(margin, 0) {
		return fmt.Errorf("%w: margin of %s must be above 0", ErrOptions, name)
	}
	m.margin = margin
	if m.kind == KindRatio {
		m.margin = math.Log1p(margin)
	}
	return nil
}

func missingMetric(metrics []metric, name string) error {
	var names []string
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return fmt.Errorf("%w %q in these calls; there are %s", errNoMetric, name, strings.Join(names, ", "))
}

// markDecisions marks the metrics asked for, or by default tool-call accuracy,
// errors, latency and the first two scores with a direction that no built-in
// metric covers, judges and people first.
func markDecisions(metrics []metric, asked []string) error {
	for _, name := range asked {
		m := find(metrics, name)
		if m == nil {
			return missingMetric(metrics, name)
		}
		m.decides = true
	}
	if len(asked) > 0 {
		return nil
	}
	left := maxDecision
	for i := range metrics {
		if slices.Contains([]string{"tool_call_accuracy", "error_rate", "latency"}, metrics[i].name) {
			metrics[i].decides = true
			left--
		}
	}
	left = min(left, 2)
	for i := range metrics {
		name, isScore := strings.CutPrefix(metrics[i].name, "score:")
		if left > 0 && isScore && metrics[i].direction != neutral && metrics[i].kind != KindCategory && !slices.Contains(covered, name) {
			metrics[i].decides = true
			left--
		}
	}
	return nil
}
