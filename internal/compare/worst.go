// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// worstSpans lists the calls of B that did worst on the decision metrics. Each
// metric adds between 0 and 1 of badness: a failed check 1, a score its distance
// from the best end of its range, a heavy-tailed value half its distance above
// the median in standard deviations over 4. Wrong tool calls count double: they
// are what a replay can show best.
func worstSpans(frame *traffic.Frame, metrics []metric, limit int) []WorstSpan {
	scales := newBadness(frame, metrics)
	var worst []WorstSpan
	for i := range frame.Calls {
		c := &frame.Calls[i]
		if c.Arm != 1 {
			continue
		}
		total, reasons := 0.0, []string(nil)
		for _, b := range scales {
			if bad, reason := b.of(c); bad > 0 {
				total += bad
				reasons = append(reasons, reason)
			}
		}
		if total >= 0.5 {
			worst = append(worst, WorstSpan{c.TraceID, c.SpanID, c.Version, c.Start, traffic.Number(total), strings.Join(reasons, "; ")})
		}
	}
	slices.SortStableFunc(worst, func(a, b WorstSpan) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return strings.Compare(a.TraceID+a.SpanID, b.TraceID+b.SpanID)
	})
	return worst[:min(limit, len(worst))]
}

// badness measures how bad a call is on one metric.
type badness struct {
	m          *metric
	median, sd float64
}

func newBadness(frame *traffic.Frame, metrics []metric) []badness {
	var scales []badness
	for i := range metrics {
		m := &metrics[i]
		if !m.decides || m.Kind == KindCategory || m.Direction == neutral {
			continue
		}
		b := badness{m: m}
		if m.Kind == KindRatio || math.IsNaN(m.Low) || math.IsNaN(m.High) {
			var values []float64
			for j := range frame.Calls {
				if v, _ := m.Value(&frame.Calls[j]); stats.Finite(v) {
					values = append(values, v)
				}
			}
			slices.Sort(values)
			_, variance, _ := stats.MeanVariance(values)
			b.median, b.sd = stats.Quantile(values, 0.5), math.Sqrt(variance)
		}
		scales = append(scales, b)
	}
	return scales
}

func (b badness) of(c *traffic.Call) (float64, string) {
	v, _ := b.m.Value(c)
	if !stats.Finite(v) {
		return 0, ""
	}
	sign := 1.0
	if b.m.Direction == higher {
		sign = -1
	}
	switch {
	case b.m.Name == "tool_call_accuracy" && v == 0:
		return 2, "wrong tool call: " + toolFault(c)
	case b.m.Kind == KindBinary:
		bad := v
		if b.m.Direction == higher {
			bad = 1 - v
		}
		if bad > 0 && b.m.Name == "error_rate" {
			return bad, "failed: " + c.ErrorType
		}
		return bad, b.m.Name + " failed"
	case b.sd == 0 && b.m.High > b.m.Low:
		bad := (v - b.m.Low) / (b.m.High - b.m.Low)
		if b.m.Direction == higher {
			bad = 1 - bad
		}
		return clamp(bad), fmt.Sprintf("%s %.3g", b.m.Name, v)
	case b.sd > 0:
		if z := sign * (v - b.median) / b.sd; z > 2 {
			if b.m.Kind == KindRatio {
				return min(0.5, z/8), fmt.Sprintf("%s %.4g %s", b.m.Name, math.Exp(v)*b.m.Scale, b.m.Unit)
			}
			return min(0.5, z/8), fmt.Sprintf("%s %.3g", b.m.Name, v)
		}
	}
	return 0, ""
}

// toolFault says which checks of the tool calls failed.
func toolFault(c *traffic.Call) string {
	var faults []string
	for _, name := range traffic.ToolEvaluators {
		if c.Scores[name].Label == "fail" {
			faults = append(faults, name)
		}
	}
	if c.FailedTools > 0 {
		faults = append(faults, "tool execution failed")
	}
	return strings.Join(faults, ", ") + " (" + strings.Join(c.Tools[:min(3, len(c.Tools))], ", ") + ")"
}
