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
	// rare says that an outcome is too rare for the normal approximation, rareP
	// is then the exact p-value.
	rare  bool
	rareP float64
	// incomparable is why the metric cannot be compared.
	incomparable string
	// constant says that every value is the same.
	constant bool
	// path is what earlier looks decided.
	path path
}

// newEstimate works a metric out over the frame.
func newEstimate(frame *traffic.Frame, m *metric) *estimate {
	e := &estimate{m: m, rareP: 1, incomparable: versionGate(m.Versions)}
	if m.Kind == KindCategory {
		if m.Weighted && e.incomparable == "" {
			e.incomparable = "sampled with unequal probabilities, which the test of categories cannot allow for"
		}
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
	both := slices.Concat(e.values[0], e.values[1])
	e.constant = len(both) > 0 && slices.Min(both) == slices.Max(both)
	if m.Margin == 0 {
		_, variance, _ := stats.MeanVariance(both)
		m.Margin = unboundedMargin * math.Sqrt(variance)
	}
	if m.Kind == KindBinary {
		e.testRare(frame)
	}
	return e
}

// unboundedMargin is the margin of a score without a range, in standard
// deviations.
const unboundedMargin = 0.1

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

// isRare tells from the ones and the number of values of both arms.
func isRare(ones, all int) bool { return min(ones, all-ones) < rareLimit }

// testRare tests a binary metric exactly when one outcome hardly occurs: by
// Fisher's test where there are neither clusters nor strata to mind, else by
// permutation of clusters within strata.
func (e *estimate) testRare(frame *traffic.Frame) {
	var ones [2]int
	for g, values := range e.values {
		for _, v := range values {
			if v > 0.5 {
				ones[g]++
			}
		}
	}
	if e.rare = isRare(ones[0]+ones[1], len(e.values[0])+len(e.values[1])); !e.rare {
		return
	}
	single := e.adjusted.Strata == 1 && e.raw.A.Clusters == e.raw.A.Rows && e.raw.B.Clusters == e.raw.B.Rows
	switch {
	case ones[0]+ones[1] == 0 || ones[0]+ones[1] == len(e.values[0])+len(e.values[1]):
		// Nothing differs.
	case e.m.Weighted:
		// Unequally sampled calls are not exchangeable: nothing exact holds.
	case single:
		e.rareP = stats.FisherExact(ones[0], len(e.values[0])-ones[0], ones[1], len(e.values[1])-ones[1])
	default:
		means := frame.Means(func(c *traffic.Call) float64 { v, _ := e.m.Value(c); return v })
		a, units := frame.Assignment().Only(func(unit int) bool { return stats.Finite(means[unit]) })
		kept := make([]float64, len(units))
		for i, unit := range units {
			kept[i] = means[unit]
		}
		e.rareP = stats.Permutation(a, []stats.Statistic{stats.NewMeanStatistic(kept, a)}, permutations, stats.Random(frame.Seed, 2))[0]
	}
}

// permutations is how many relabelings a test draws.
const permutations = 1999

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
	a, units := frame.Assignment().Only(func(unit int) bool { return len(values[unit]) > 0 })
	kept := make([][]string, len(units))
	for i, unit := range units {
		kept[i] = values[unit]
	}
	e.category = stats.NewCategoryStatistic(kept, a)
	e.categoryP = stats.Permutation(a, []stats.Statistic{e.category}, permutations, stats.Random(frame.Seed, 3))[0]
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
	switch {
	case e.m.Kind == KindCategory:
		return e.categoryP
	case !e.usable() || e.rare && o.Look != stats.LookOnce:
		return 1
	case e.rare:
		return e.rareP
	}
	return stats.LookP(o.Look, e.z(), e.adjusted.DF, e.adjusted.EffectiveClusters(), e.horizon(o))
}

// z is the difference over its standard error, that under equal proportions for
// a share.
func (e *estimate) z() float64 {
	se := e.adjusted.SE
	if e.m.Kind == KindBinary {
		se = e.adjusted.NullSE
	}
	if e.adjusted.Value == 0 {
		return 0
	}
	return e.adjusted.Value / se
}

// excludes tells at a sequential look whether the p-value is at most the error
// rate of the multiplier k, without computing it.
func (e *estimate) excludes(k float64) bool { return !e.rare && e.usable() && math.Abs(e.z()) >= k }

// multiplier is the factor on the standard error at error rate alpha.
func (e *estimate) multiplier(alpha float64, o Options) float64 {
	return stats.Multiplier(o.Look, alpha, e.adjusted.DF, e.adjusted.EffectiveClusters(), e.horizon(o))
}

// interval is the interval of the difference (of logarithms for KindRatio) of k
// standard errors to either side.
func (e *estimate) interval(k float64) (low, high float64) {
	d := e.adjusted
	if e.m.Kind == KindBinary {
		a, b := d.A.Effective, d.B.Effective
		if e.rare {
			// So few say nothing about how they come together: count sessions.
			a, b = min(a, float64(d.A.Clusters)), min(b, float64(d.B.Clusters))
		}
		return stats.Newcombe(clamp(d.A.Mean), a, clamp(d.B.Mean), b, k)
	}
	if d.SE == 0 && e.m.High > e.m.Low {
		return e.unvaried(k)
	}
	return d.Value - k*d.SE, d.Value + k*d.SE
}

// unvaried is the interval of a bounded score that was the same on every call of
// an arm, where a variance says nothing: in as large a share of sessions as may
// have gone unseen (Wilson's bound), the score may be anything in its range. The
// arms' bounds are put together as Newcombe's are.
func (e *estimate) unvaried(k float64) (low, high float64) {
	d := e.adjusted
	_, unseenA := stats.Wilson(0, float64(d.A.Clusters), k)
	_, unseenB := stats.Wilson(0, float64(d.B.Clusters), k)
	low = d.Value - math.Hypot(unseenB*(d.B.Mean-e.m.Low), unseenA*(e.m.High-d.A.Mean))
	high = d.Value + math.Hypot(unseenB*(e.m.High-d.B.Mean), unseenA*(d.A.Mean-e.m.Low))
	return low, high
}

func clamp(p float64) float64 { return max(0, min(1, p)) }

// moreClusters is about how many more clusters of B would decide, at the present
// split: as many as show an effect of the margin's size with 80% power. Where so
// many are there already, the estimate lies between no effect and the margin;
// then it is how many bring the interval, if the estimate stays, to either side.
func (e *estimate) moreClusters(alpha float64, low, high float64, o Options) int {
	d := e.adjusted
	if e.m.Kind == KindCategory || e.m.Margin == 0 || d.A.Clusters == 0 || d.B.Clusters == 0 {
		return 0
	}
	quantile := plannedQuantile(alpha, o)
	size := stats.SampleSize{VarianceA: d.A.Variance, VarianceB: d.B.Variance, Ratio: float64(d.A.Clusters) / float64(d.B.Clusters),
		Effect: e.m.Margin, Quantile: quantile}
	if e.m.Kind == KindBinary {
		// A share of exactly 0 or 1 has no variance yet.
		for _, v := range []*float64{&size.VarianceA, &size.VarianceB} {
			*v = max(*v, 0.01)
		}
	}
	have := float64(d.B.Clusters)
	need := size.Clusters()
	switch {
	case e.rare:
		// The interval of what hardly occurs shrinks with the sessions, not
		// with their root.
		need = math.Ceil(have * max(1, 1.1*max(-low, high)/e.m.Margin))
	case need <= have:
		room := max(math.Abs(d.Value), e.m.Margin-math.Abs(d.Value))
		factor := (high - low) / 2 / room * (1 + stats.NormalQuantile(0.8)/quantile)
		need = math.Ceil(have * max(1, factor*factor))
	}
	if !stats.Finite(need) || need > 1e9 {
		return 0
	}
	return max(1, stats.BurnIn-d.B.Clusters, int(need)-d.B.Clusters)
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
