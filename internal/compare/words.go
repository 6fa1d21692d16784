// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// none stands for a number that there is not.
const none = "-"

// amount prints a value of the metric with its unit.
func (m *Metric) amount(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case m.Kind == KindBinary:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	case m.Unit == "ms":
		return milliseconds(v)
	case m.Unit == "USD":
		return "$" + digits(v)
	}
	return digits(v)
}

func milliseconds(v float64) string {
	if v >= 1000 {
		return digits(v/1000) + " s"
	}
	return digits(v) + " ms"
}

// digits prints three significant digits, without an exponent where numbers are
// of ordinary size.
func digits(v float64) string {
	size := math.Abs(v)
	if size >= 999.5 && size < 1e9 {
		return group(int64(math.Round(v)))
	}
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if size >= 1e-4 && size < 999.5 || v == 0 {
		rounded, _ := strconv.ParseFloat(text, 64)
		text = strconv.FormatFloat(rounded, 'f', -1, 64)
	}
	return text
}

// group separates thousands.
func group(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// change prints an effect.
func (m *Metric) change(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case m.Kind == KindBinary:
		return fmt.Sprintf("%+.1f pp", 100*v)
	case m.Kind == KindRatio:
		return "x" + ratio(v)
	case m.Kind == KindCategory:
		return fmt.Sprintf("%.1f%% moved", 100*v)
	case v >= 0:
		return "+" + digits(v)
	}
	return digits(v)
}

func ratio(v float64) string {
	switch {
	case v < 0.1 || v >= 100:
		return digits(v)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// interval prints the bounds of an effect.
func (m *Metric) interval() string {
	low, high := float64(m.Low), float64(m.High)
	if math.IsNaN(low) || math.IsNaN(high) {
		return none
	}
	switch m.Kind {
	case KindBinary:
		return fmt.Sprintf("[%+.1f, %+.1f]", 100*low, 100*high)
	case KindRatio:
		return fmt.Sprintf("[%s, %s]", ratio(low), ratio(high))
	}
	return fmt.Sprintf("[%s, %s]", m.change(low), m.change(high))
}

// margin prints what difference matters.
func (m *Metric) margin() string {
	v := float64(m.Margin)
	switch m.Kind {
	case KindBinary, KindCategory:
		return digits(100*v) + " pp"
	case KindRatio:
		return digits(100*v) + "%"
	}
	return digits(v)
}

// verdict prints the verdict with what goes with it.
func (m *Metric) verdict() string {
	text := string(m.Verdict)
	if m.ByMargin {
		text += " by more than the margin"
	}
	if m.MoreClusters > 0 {
		text += fmt.Sprintf(" (about %s more sessions)", group(int64(m.MoreClusters)))
	}
	return text
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
	parts := []string{fmt.Sprintf("%s vs %s sessions (%s vs %s calls)", group(int64(r.A.Clusters)), group(int64(r.B.Clusters)), group(int64(r.A.Calls)), group(int64(r.B.Calls)))}
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
	return report.Cell{Text: digits(v), Value: v}
}
