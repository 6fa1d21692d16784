// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"slices"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// estimate is one metric before the decision.
type estimate struct {
	m             *metric
	raw, adjusted stats.Difference
	values        [2][]float64
	total         [2]int
	// category holds a KindCategory metric's statistic and p-value.
	category  *stats.CategoryStatistic
	excess    float64
	categoryP float64
	// rareP is the p-value when a binary outcome is too rare for the normal
	// approximation; NaN otherwise.
	rareP float64
	// incomparable is why the metric cannot be compared.
	incomparable string
}

// newEstimate works a metric out over the frame.
func newEstimate(frame *traffic.Frame, m *metric) *estimate {
	e := &estimate{m: m, rareP: math.NaN(), incomparable: versionGate(m.Versions)}
	if m.Kind == KindCategory {
		e.categories(frame)
		return e
	}
	for i := range frame.Calls {
		c := &frame.Calls[i]
		e.total[c.Arm]++
		if v, _ := m.Value(c); stats.Finite(v) {
			e.values[c.Arm] = append(e.values[c.Arm], v)
		}
	}
	for g := range e.values {
		slices.Sort(e.values[g])
	}
	e.raw = stats.Diff(frame.Sums(false, m.Value), m.Kind == KindBinary)
	e.adjusted = stats.Diff(frame.Sums(true, m.Value), m.Kind == KindBinary)
	if m.Margin == 0 {
		_, variance, _ := stats.MeanVariance(append(slices.Clone(e.values[0]), e.values[1]...))
		m.Margin = 0.1 * math.Sqrt(variance)
	}
	if m.Kind == KindBinary {
		e.rare(frame)
	}
	return e
}

// versionGate tells why scores of both arms must not be compared; empty when
// they can.
func versionGate(versions [2][]string) string {
	a, b := slices.Sorted(slices.Values(versions[0])), slices.Sorted(slices.Values(versions[1]))
	if len(a) == 0 || len(b) == 0 || slices.Equal(a, b) && len(a) == 1 {
		return ""
	}
	if !slices.Equal(a, b) {
		return "evaluator versions differ: " + list(a) + " and " + list(b)
	}
	if distinctNames(a) {
		return ""
	}
	return "several evaluator versions: " + list(a)
}

// distinctNames recognises one version each of several evaluators ("name
// version"), as behind tool-call accuracy.
func distinctNames(versions []string) bool {
	names := map[string]bool{}
	for _, v := range versions {
		name, found := firstWord(v)
		if !found || names[name] {
			return false
		}
		names[name] = true
	}
	return true
}

func firstWord(text string) (string, bool) {
	for i := range len(text) {
		if text[i] == ' ' {
			return text[:i], true
		}
	}
	return text, false
}

func list(values []string) string {
	text := ""
	for i, v := range values {
		if i == 3 {
			return text + ", …"
		}
		if i > 0 {
			text += ", "
		}
		text += v
	}
	return text
}

// rareLimit is the number of the rarer outcome below which the normal
// approximation is not used.
const rareLimit = 5

// rare tests a binary metric exactly when one outcome hardly occurs: by Fisher's
// test where calls are independent, by permutation of clusters otherwise.
func (e *estimate) rare(frame *traffic.Frame) {
	var ones, zeros [2]int
	for g, values := range e.values {
		for _, v := range values {
			if v > 0.5 {
				ones[g]++
			} else {
				zeros[g]++
			}
		}
	}
	if min(ones[0]+ones[1], zeros[0]+zeros[1]) >= rareLimit {
		return
	}
	if e.raw.Design <= 1.05 {
		e.rareP = stats.FisherExact(ones[0], zeros[0], ones[1], zeros[1])
		return
	}
	a := frame.Assignment()
	means := frame.Means(func(c *traffic.Call) float64 { v, _ := e.m.Value(c); return v })
	e.rareP = stats.Permutation(a, []stats.Statistic{stats.NewMeanStatistic(means, a)}, 1999, stats.Random(frame.Seed, 2))[0]
}

func (e *estimate) categories(frame *traffic.Frame) {
	values := make([][]string, len(frame.Units))
	for i := range frame.Calls {
		c := &frame.Calls[i]
		e.total[c.Arm]++
		if v := e.m.Category(c); v != "" {
			values[frame.UnitOf[i]] = append(values[frame.UnitOf[i]], v)
			e.values[c.Arm] = append(e.values[c.Arm], 0)
		}
	}
	a := frame.Assignment()
	e.category = stats.NewCategoryStatistic(values, a)
	e.categoryP = stats.Permutation(a, []stats.Statistic{e.category}, 1999, stats.Random(frame.Seed, 3))[0]
	e.excess = e.category.Excess(a, frame.Seed)
}

// usable says whether both arms have enough clusters for a verdict.
func (e *estimate) usable() bool {
	if e.m.Kind == KindCategory {
		return min(e.category.Units[0], e.category.Units[1]) >= stats.BurnIn
	}
	return e.adjusted.Strata > 0 && min(e.adjusted.A.Clusters, e.adjusted.B.Clusters) >= stats.BurnIn
}

// horizon turns the planned number of clusters into effective ones at the
// present split.
func (e *estimate) horizon(o Options) float64 {
	a, b := float64(e.adjusted.A.Clusters), float64(e.adjusted.B.Clusters)
	return 4 * a * b / ((a + b) * (a + b)) * float64(o.Horizon)
}

// pValue is the p-value at this look.
func (e *estimate) pValue(o Options) float64 {
	if e.m.Kind == KindCategory {
		return e.categoryP
	}
	if !e.usable() {
		return 1
	}
	if !math.IsNaN(e.rareP) {
		if o.Look == stats.LookOnce {
			return e.rareP
		}
		return 1
	}
	d, se := e.adjusted, e.adjusted.SE
	if e.m.Kind == KindBinary {
		se = d.NullSE
	}
	switch {
	case d.Value == 0:
		return 1
	case se == 0:
		return 0
	}
	return stats.LookP(o.Look, d.Value/se, d.DF, d.EffectiveClusters(), e.horizon(o))
}

// interval is the interval of the difference (of logarithms for KindRatio) at
// error rate alpha.
func (e *estimate) interval(alpha float64, o Options) (low, high float64) {
	d := e.adjusted
	k := stats.Multiplier(o.Look, alpha, d.DF, d.EffectiveClusters(), e.horizon(o))
	if e.m.Kind == KindBinary {
		return stats.Newcombe(clamp(d.A.Mean), d.A.Effective, clamp(d.B.Mean), d.B.Effective, k)
	}
	if width := e.m.High - e.m.Low; d.SE == 0 && width > 0 {
		// Without any variation the variance says nothing; as a share of its
		// range a bounded score varies no more than a binary one.
		low, high = stats.Newcombe(clamp((d.A.Mean-e.m.Low)/width), d.A.Effective, clamp((d.B.Mean-e.m.Low)/width), d.B.Effective, k)
		return low * width, high * width
	}
	return d.Value - k*d.SE, d.Value + k*d.SE
}

func clamp(p float64) float64 { return max(0, min(1, p)) }

// moreClusters is how many more clusters of B would show an effect of the
// margin's size, or show that there is none.
func (e *estimate) moreClusters(alpha float64, o Options) int {
	d := e.adjusted
	if e.m.Kind == KindCategory || e.m.Margin == 0 || d.A.Clusters == 0 || d.B.Clusters == 0 {
		return 0
	}
	size := stats.SampleSize{VarianceA: d.A.Variance, VarianceB: d.B.Variance, Ratio: float64(d.A.Clusters) / float64(d.B.Clusters),
		Effect: e.m.Margin, Quantile: plannedQuantile(alpha, o)}
	if e.m.Kind == KindBinary {
		// A share of exactly 0 or 1 has no variance yet.
		for _, v := range []*float64{&size.VarianceA, &size.VarianceB} {
			*v = max(*v, 0.01)
		}
	}
	need := size.Clusters()
	if need <= float64(d.B.Clusters) {
		size.Equivalence = true
		need = size.Clusters()
	}
	if !stats.Finite(need) {
		return 0
	}
	return max(1, stats.BurnIn-d.B.Clusters, int(min(need, 1e9))-d.B.Clusters)
}

func plannedQuantile(alpha float64, o Options) float64 {
	switch o.Look {
	case stats.LookAnytime:
		return stats.AnytimeMultiplier(400, alpha)
	case stats.LookHorizon:
		return stats.NormalQuantile(1 - 0.8*alpha/4)
	}
	return stats.NormalQuantile(1 - alpha/2)
}
