// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// Kind says how a metric is estimated.
type Kind = traffic.Kind

// Kinds of metrics.
const (
	KindBinary   = traffic.KindBinary
	KindMean     = traffic.KindMean
	KindRatio    = traffic.KindRatio
	KindCategory = traffic.KindCategory
)

// Directions of a metric.
const (
	higher  = evaluator.HigherIsBetter
	lower   = evaluator.LowerIsBetter
	neutral = evaluator.Neutral
)

// metric is one thing to compare.
type metric struct {
	traffic.Metric
	decides bool
}

// chooseMetrics lists what can be compared and marks what decides.
func chooseMetrics(frame *traffic.Frame, o Options) ([]metric, error) {
	var metrics []metric
	for _, m := range traffic.Metrics(frame) {
		metrics = append(metrics, metric{Metric: m})
	}
	for name, margin := range o.Margins {
		if err := setMargin(metrics, name, margin); err != nil {
			return nil, err
		}
	}
	if err := markDecisions(metrics, o.Metrics); err != nil {
		return nil, err
	}
	for _, m := range metrics {
		if m.decides && m.Kind == KindCategory && o.Look != stats.LookOnce {
			return nil, fmt.Errorf("%w exists for the category %s: with it, --look once is needed", errOneLook, m.Name)
		}
	}
	return metrics, nil
}

func find(metrics []metric, name string) *metric {
	for i := range metrics {
		if metrics[i].Name == name || metrics[i].Name == "score:"+name {
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
	m.Margin = margin
	if m.Kind == KindRatio {
		m.Margin = math.Log1p(margin)
	}
	return nil
}

func missingMetric(metrics []metric, name string) error {
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
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
		if slices.Contains([]string{"tool_call_accuracy", "error_rate", "latency"}, metrics[i].Name) {
			metrics[i].decides = true
			left--
		}
	}
	left = min(left, 2)
	for i := range metrics {
		name, isScore := strings.CutPrefix(metrics[i].Name, "score:")
		if left > 0 && isScore && metrics[i].Direction != neutral && metrics[i].Kind != KindCategory && !slices.Contains(traffic.Covered, name) {
			metrics[i].decides = true
			left--
		}
	}
	return nil
}
