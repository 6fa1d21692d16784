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

// settle turns estimates into results with verdicts: the decision metrics first,
// with their common error rate alpha, then the others, exploratory.
func (r *Report) settle(frame *traffic.Frame, estimates []*estimate, o Options, blocked bool) {
	counts := frame.Clusters()
	r.A.Clusters, r.B.Clusters = counts[0], counts[1]
	var deciding, exploring []*estimate
	for _, e := range estimates {
		if e.m.decides {
			deciding = append(deciding, e)
		} else {
			exploring = append(exploring, e)
		}
	}
	p := pValues(deciding, o)
	k := float64(max(1, len(deciding)))
	var adjusted, levels []float64
	if o.Look == stats.LookOnce {
		adjusted, levels = stats.Holm(p), stats.HolmLevels(p, o.Alpha)
	} else {
		for _, v := range p {
			adjusted, levels = append(adjusted, min(1, v*k)), append(levels, o.Alpha/k)
		}
	}
	for i, e := range deciding {
		if o.Look != stats.LookOnce && !blocked && e.m.Kind != KindCategory && e.incomparable == "" {
			e.follow(frame, levels[i], o)
		}
		r.Metrics = append(r.Metrics, e.result(levels[i], o.Alpha/k, p[i], adjusted[i], o, blocked))
	}
	p = pValues(exploring, o)
	for i, q := range stats.BenjaminiHochberg(p) {
		r.Metrics = append(r.Metrics, exploring[i].result(o.Alpha, o.Alpha, p[i], q, o, blocked))
	}
}

func pValues(estimates []*estimate, o Options) []float64 {
	p := make([]float64, len(estimates))
	for i, e := range estimates {
		p[i] = e.pValue(o)
	}
	return p
}

// result makes the report's row: level is for the interval that is shown and
// decides better or worse, narrow for the one that decides equivalence.
func (e *estimate) result(level, narrow, p, adjusted float64, o Options, blocked bool) Metric {
	m := Metric{Name: e.m.Name, Kind: e.m.Kind, Unit: e.m.Unit, Direction: e.m.Direction, Decides: e.m.decides,
		P: traffic.Number(p), PAdjusted: traffic.Number(adjusted), Level: traffic.Number(level), Note: e.note(o)}
	if e.incomparable == "" && len(e.m.Versions[0]) > 0 {
		m.EvaluatorVersion = strings.Join(e.m.Versions[0], ", ")
	}
	if e.m.Kind == KindCategory {
		e.categoryResult(&m, o, blocked)
		return m
	}
	low, high := math.NaN(), math.NaN()
	if e.adjusted.Strata > 0 {
		low, high = e.interval(e.multiplier(level, o))
	}
	e.fill(&m, low, high)
	switch {
	case e.incomparable != "" || blocked:
		m.Verdict = NotComparable
	default:
		m.Verdict = e.decided(&m, e.word(e.multiplier(level, o), e.multiplier(narrow, o), adjusted <= o.Alpha))
	}
	m.ByMargin = (m.Verdict == Better || m.Verdict == Worse || m.Verdict == Changed) && (low > e.m.Margin || high < -e.m.Margin)
	if m.Verdict == NotEnoughData {
		m.MoreClusters = e.moreClusters(narrow, low, high, o)
	}
	return m
}

// word applies the interval to the margin: that of k standard errors for a
// difference, that of narrow ones for equivalence. Within the margin a difference
// does not matter even where it is certain.
func (e *estimate) word(k, narrow float64, significant bool) Verdict {
	if !e.usable() {
		return NotEnoughData
	}
	low, high := e.interval(k)
	narrowLow, narrowHigh := e.interval(narrow)
	up, down := Better, Worse
	switch e.m.Direction {
	case lower:
		up, down = Worse, Better
	case neutral:
		up, down = Changed, Changed
	}
	switch {
	case narrowLow > -e.m.Margin && narrowHigh < e.m.Margin:
		return Equivalent
	case significant && low > 0:
		return up
	case significant && high < 0:
		return down
	case e.constant && e.m.Margin == 0:
		// Nothing varied, so nothing says what difference would matter.
		return NoChange
	}
	return NotEnoughData
}

func (e *estimate) note(o Options) string {
	var notes []string
	if e.incomparable != "" {
		notes = append(notes, e.incomparable)
	}
	if e.m.Weighted {
		notes = append(notes, "sampled calls weighted by 1/probability")
	}
	switch {
	case e.constant && e.m.Kind != KindBinary:
		notes = append(notes, "every value is the same")
	case e.rare && o.Look == stats.LookOnce:
		notes = append(notes, "outcome seen fewer than 5 times: exact test, interval over sessions")
	case e.rare:
		notes = append(notes, "outcome seen fewer than 5 times: only equivalence can be said yet")
	}
	return strings.Join(notes, "; ")
}

// fill sets the numbers of a metric in the units that are printed.
func (e *estimate) fill(m *Metric, low, high float64) {
	d := e.adjusted
	shown := func(x float64) traffic.Number {
		if e.m.Kind == KindRatio {
			return traffic.Number(math.Exp(x))
		}
		return traffic.Number(x)
	}
	m.Effect, m.Low, m.High, m.Raw = shown(d.Value), shown(low), shown(high), shown(e.raw.Value)
	m.MixEffect = shown(e.raw.Value - d.Value)
	m.Margin = shown(e.m.Margin)
	if e.m.Kind == KindRatio {
		m.Margin = traffic.Number(math.Expm1(e.m.Margin))
	}
	m.DesignEffect = traffic.Number(d.Design)
	m.marginScale, m.effectScale, m.lowScale, m.highScale = e.m.Margin, d.Value, low, high
	for g, arm := range []*ArmEstimate{&m.A, &m.B} {
		raw := []stats.ArmMean{e.raw.A, e.raw.B}[g]
		arm.Calls, arm.Clusters, arm.Missing = len(e.values[g]), raw.Clusters, e.total[g]-len(e.values[g])
		arm.Estimate = traffic.Number(math.NaN())
		arm.Adjusted = arm.Estimate
		if len(e.values[g]) > 0 && raw.Clusters > 0 {
			arm.Estimate = shown(raw.Mean)
			arm.Adjusted = shown([]stats.ArmMean{d.A, d.B}[g].Mean)
		}
		if d.Strata == 0 {
			arm.Adjusted = traffic.Number(math.NaN())
		}
		if e.m.Kind == KindRatio {
			arm.Estimate *= traffic.Number(e.m.Scale)
			arm.Adjusted *= traffic.Number(e.m.Scale)
			arm.P50 = shown(stats.Quantile(e.values[g], 0.5)) * traffic.Number(e.m.Scale)
			arm.P95 = shown(stats.Quantile(e.values[g], 0.95)) * traffic.Number(e.m.Scale)
		}
	}
}

func (e *estimate) categoryResult(m *Metric, o Options, blocked bool) {
	nan := traffic.Number(math.NaN())
	m.Effect, m.Low, m.High, m.Raw, m.MixEffect, m.DesignEffect = traffic.Number(e.excess), nan, nan, nan, nan, nan
	m.Margin = traffic.Number(e.m.Margin)
	m.marginScale, m.effectScale, m.lowScale, m.highScale = e.m.Margin, e.excess, math.NaN(), math.NaN()
	for g, arm := range []*ArmEstimate{&m.A, &m.B} {
		arm.Estimate, arm.Adjusted, arm.Calls, arm.Clusters, arm.Missing = nan, nan, len(e.values[g]), e.category.Units[g], e.total[g]-len(e.values[g])
	}
	for k, name := range e.category.Names {
		m.Categories = append(m.Categories, Category{name, traffic.Number(e.category.Shares[0][k]), traffic.Number(e.category.Shares[1][k])})
	}
	slices.SortStableFunc(m.Categories, func(a, b Category) int {
		x, y := math.Abs(float64(a.A-a.B)), math.Abs(float64(b.A-b.B))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	m.Categories = m.Categories[:min(5, len(m.Categories))]
	switch {
	case e.incomparable != "" || blocked:
		m.Verdict = NotComparable
	case !e.usable():
		m.Verdict = NotEnoughData
	case float64(m.PAdjusted) <= o.Alpha && e.excess >= e.m.Margin:
		m.Verdict = Changed
		if o.Look != stats.LookOnce {
			m.Note = "tested as if looked at once"
		}
	default:
		m.Verdict = NoChange
	}
}

// decide sums the decision metrics up. No winner is forced: one worse metric is
// a finding, one undecided metric leaves the whole undecided.
func (r *Report) decide(blocked bool) {
	by := map[Verdict][]string{}
	for _, m := range r.Metrics {
		if m.Decides {
			by[m.Verdict] = append(by[m.Verdict], m.Name)
		}
	}
	on := func(v Verdict) string { return strings.Join(by[v], ", ") }
	also := ""
	for _, v := range []Verdict{Better, Changed} {
		if len(by[v]) > 0 {
			also += "; " + string(v) + " on " + on(v)
		}
	}
	switch {
	case blocked:
		r.stopAtGate()
	case len(by[Worse]) > 0:
		r.Verdict, r.ExitCode, r.Reason = Worse, 1, "worse on "+on(Worse)+also
	case len(by) == 0:
		r.stop(NotEnoughData, "no metric to decide on has a value in both versions")
	case len(by[NotComparable]) > 0:
		r.stop(NotComparable, "not comparable on "+on(NotComparable)+also)
	case len(by[NotEnoughData]) > 0:
		r.stop(NotEnoughData, "undecided on "+on(NotEnoughData)+r.more()+also)
	case len(by[Better]) > 0:
		r.Verdict, r.Reason = Better, strings.TrimPrefix(also, "; ")+", nothing worse"
	case len(by[Changed]) > 0:
		r.Verdict, r.Reason = Changed, strings.TrimPrefix(also, "; ")+", of which neither direction is better"
	case len(by[Equivalent]) > 0:
		r.Verdict, r.Reason = Equivalent, "no difference beyond the margins on "+on(Equivalent)
	default:
		r.Verdict, r.Reason = NoChange, "no change seen on "+on(NoChange)
	}
}

func (r *Report) stopAtGate() {
	for _, g := range r.Gates {
		if g.Status == GateBlocks {
			r.stop(NotComparable, g.Text)
			return
		}
	}
}

func (r *Report) more() string {
	most := 0
	for _, m := range r.Metrics {
		if m.Decides && m.Verdict == NotEnoughData {
			most = max(most, m.MoreClusters)
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(" (about %d more sessions or traces of %s would decide)", most, r.VersionB)
}
