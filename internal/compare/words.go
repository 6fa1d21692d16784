// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// amount prints a value of the metric with its unit.
func (m *Metric) amount(v float64) string { return m.Kind.Amount(v, m.Unit) }

// change prints an effect.
func (m *Metric) change(v float64) string { return m.Kind.Change(v) }

// interval prints the bounds of an effect.
func (m *Metric) interval() string { return m.Kind.Interval(float64(m.Low), float64(m.High)) }

// margin prints what difference matters.
func (m *Metric) margin() string { return m.Kind.Margin(float64(m.Margin)) }

// details say what goes with the verdict: whether the margin is exceeded, when it
// was reached, or how much is missing.
func (m *Metric) details() string {
	var parts []string
	if m.ByMargin {
		parts = append(parts, "beyond the margin")
	}
	if m.DecidedAt != nil {
		parts = append(parts, fmt.Sprintf("decided %s, %s sessions", stamp(m.DecidedAt.Time), report.Group(int64(m.DecidedAt.Clusters))))
	}
	if m.MoreClusters > 0 {
		parts = append(parts, fmt.Sprintf("about %s more sessions", report.Group(int64(m.MoreClusters))))
	}
	return strings.Join(parts, "; ")
}

// style is a verdict's style.
func (v Verdict) style() report.Style {
	switch v {
	case Better:
		return report.Good
	case Worse:
		return report.Bad
	case Changed, NotComparable:
		return report.Strong
	case NotEnoughData, NoChange:
		return report.Muted
	}
	return report.Plain
}

// headline says what was compared.
func (r *Report) headline() string {
	text := fmt.Sprintf("compare %s@%s -> %s@%s", r.Prompt, r.VersionA, r.Prompt, r.VersionB)
	if r.Environment != "" {
		text += " in " + r.Environment
	}
	return text
}

// basis says on what the comparison rests.
func (r *Report) basis() string {
	parts := []string{fmt.Sprintf("%s vs %s sessions (%s vs %s calls)", report.Group(int64(r.A.Clusters)), report.Group(int64(r.B.Clusters)), report.Group(int64(r.A.Calls)), report.Group(int64(r.B.Calls)))}
	if !r.From.IsZero() && !r.Until.IsZero() {
		parts = append(parts, lasting(r.Until.Sub(r.From))+" overlap")
	}
	if r.Strata.Count > 0 {
		parts = append(parts, fmt.Sprintf("mix-adjusted (%d strata, %.0f%% overlap)", r.Strata.Count, 100*float64(r.Strata.OverlapB)))
	}
	if one := max(r.A.SampledOneIn, r.B.SampledOneIn); one > 1 {
		parts = append(parts, fmt.Sprintf("sampled: up to 1 session in %d", one))
	}
	return strings.Join(parts, ", ")
}

// lasting prints a length of time in its largest units.
func lasting(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// mixNotes say where the raw difference is due to a different mix of inputs:
// where it is a quarter of the margin or more.
func (r *Report) mixNotes() []string {
	var notes []string
	for i := range r.Metrics {
		m := &r.Metrics[i]
		mix := float64(m.MixEffect)
		if m.Kind == KindRatio {
			mix = math.Log(mix)
		}
		if !m.Decides || math.IsNaN(mix) || math.Abs(mix) < m.marginScale/4 {
			continue
		}
		notes = append(notes, fmt.Sprintf("mix effect: %s differs by %s unadjusted, of which %s is the mix of inputs", m.Name, m.change(float64(m.Raw)), m.change(float64(m.MixEffect))))
	}
	return notes
}

// number is a cell of a number of the report; null when there is none.
func number(n traffic.Number) report.Cell {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return report.Cell{}
	}
	return report.Cell{Text: report.Digits(v), Value: v}
}
