// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// seen counts what has a value.
func (t *test) seen(f *traffic.Frame, unit func(int) bool, call func(*traffic.Call) bool) {
	sides := [2]*Side{&t.result.Before, &t.result.After}
	t.present = make([]bool, len(f.Units))
	for i, u := range f.Units {
		if unit(i) {
			t.present[i] = true
			sides[u.Arm].Clusters++
		}
	}
	for i := range f.Calls {
		c := &f.Calls[i]
		if call(c) {
			sides[c.Arm].Calls++
		} else {
			sides[c.Arm].Missing++
		}
	}
}

func (t *test) numbers(f *traffic.Frame, a stats.Assignment, stratified bool) {
	c := t.c
	values := c.values(f)
	if c.Margin == 0 {
		_, variance, _ := stats.MeanVariance(values)
		c.Margin = 0.1 * math.Sqrt(variance)
		t.result.Margin = traffic.Number(c.Margin)
	}
	t.seen(f, func(i int) bool { return stats.Finite(values[i]) }, func(call *traffic.Call) bool { v, _ := c.Value(call); return stats.Finite(v) })
	if c.Kind == traffic.KindBinary || c.Kind == traffic.KindMean {
		m := stats.NewMeanStatistic(values, a)
		t.statistic, t.scores = m, m.Scores()
	} else {
		r := stats.NewRankStatistic(values, a)
		t.statistic, t.scores = r, r.Scores()
		t.result.Effect = traffic.Number(r.Superiority)
	}
	if constant(values) {
		t.scores = nil
	}
	if c.Kind == traffic.KindRank {
		t.result.Raw = traffic.Number(stats.NewRankStatistic(values, flat(a)).Superiority)
		t.result.Before.Estimate, t.result.After.Estimate = sideMeans(f, values)
		t.result.strength = math.Abs(float64(t.result.Effect)-0.5) / c.Margin
		return
	}
	t.differences(f, stratified)
}

func flat(a stats.Assignment) stats.Assignment {
	return stats.Assignment{Arm: a.Arm, Stratum: make([]int, len(a.Arm))}
}

func constant(values []float64) bool {
	_, variance, _ := stats.MeanVariance(values)
	return variance == 0
}

func sideMeans(f *traffic.Frame, values []float64) (before, after traffic.Number) {
	var sides [2][]float64
	for i, u := range f.Units {
		sides[u.Arm] = append(sides[u.Arm], values[i])
	}
	means := [2]traffic.Number{}
	for g := range sides {
		mean, _, n := stats.MeanVariance(sides[g])
		if n == 0 {
			mean = math.NaN()
		}
		means[g] = traffic.Number(mean)
	}
	return means[0], means[1]
}

// differences are the effects of shares, means and ratios with their intervals.
func (t *test) differences(f *traffic.Frame, stratified bool) {
	c, binary := t.c, t.c.Kind == traffic.KindBinary
	raw := stats.Diff(f.Sums(false, c.Value), binary)
	d := raw
	if stratified {
		d = stats.Diff(f.Sums(true, c.Value), binary)
	}
	shown := func(x float64) traffic.Number {
		if c.Kind == traffic.KindRatio {
			return traffic.Number(math.Exp(x))
		}
		return traffic.Number(x)
	}
	scale := traffic.Number(1)
	if c.Kind == traffic.KindRatio {
		scale = traffic.Number(c.Scale)
		t.result.Margin = traffic.Number(math.Expm1(c.Margin))
	}
	if raw.Strata > 0 {
		t.result.Before.Estimate, t.result.After.Estimate = shown(raw.A.Mean)*scale, shown(raw.B.Mean)*scale
	}
	t.result.Raw, t.result.Effect = shown(raw.Value), shown(d.Value)
	t.result.strength = math.Abs(d.Value) / c.Margin
	if math.IsNaN(t.result.strength) {
		t.result.strength = 0
	}
	t.measureWander(f)
	k := stats.StudentQuantile(0.975, d.DF) * math.Sqrt(t.wander.Phi)
	if t.wander.Phi > 1 {
		k = max(k, stats.StudentQuantile(0.975, float64(t.wander.Blocks-1))*math.Sqrt(t.wander.Phi))
	}
	low, high := d.Value-k*d.SE, d.Value+k*d.SE
	if binary && d.Strata > 0 {
		low, high = stats.Newcombe(unit(d.A.Mean), d.A.Effective, unit(d.B.Mean), d.B.Effective, k)
	}
	t.result.Low, t.result.High = shown(low), shown(high)
}

func unit(p float64) float64 { return max(0, min(1, p)) }

func (t *test) categories(f *traffic.Frame, a stats.Assignment) {
	values := t.c.categories(f)
	t.seen(f, func(i int) bool { return len(values[i]) > 0 }, func(call *traffic.Call) bool { return t.c.Category(call) != "" })
	s := stats.NewCategoryStatistic(values, a)
	t.statistic = s
	t.result.Effect = traffic.Number(s.Excess(a, f.Seed))
	t.result.Raw = traffic.Number(stats.NewCategoryStatistic(values, flat(a)).Excess(flat(a), f.Seed))
	t.result.strength = float64(t.result.Effect) / t.c.Margin
	for k, name := range s.Names {
		t.result.Categories = append(t.result.Categories, Category{name, traffic.Number(s.Shares[0][k]), traffic.Number(s.Shares[1][k])})
	}
	slices.SortStableFunc(t.result.Categories, func(x, y Category) int {
		p, q := math.Abs(float64(x.Before-x.After)), math.Abs(float64(y.Before-y.After))
		switch {
		case p > q:
			return -1
		case p < q:
			return 1
		}
		return 0
	})
	t.result.Categories = t.result.Categories[:min(5, len(t.result.Categories))]
	if len(s.Names) < 2 {
		return
	}
	mover := t.result.Categories[0].Name
	t.scores = stats.NewMeanStatistic(indicator(values, mover, s.Names), a).Scores()
}

// indicator is each unit's share of one category.
func indicator(values [][]string, name string, names []string) []float64 {
	shares := make([]float64, len(values))
	for i, unit := range values {
		if len(unit) == 0 {
			shares[i] = math.NaN()
			continue
		}
		for _, v := range unit {
			if v == name || name == stats.OtherCategory && !slices.Contains(names, v) {
				shares[i] += 1 / float64(len(unit))
			}
		}
	}
	return shares
}

func (t *test) texts(f *traffic.Frame, a stats.Assignment) {
	vectors := f.Texts(t.c.dimension, t.c.text)
	thin(f, vectors)
	t.seen(f, func(i int) bool { return len(vectors[i]) > 0 }, func(call *traffic.Call) bool { return len(t.c.text(call)) > 0 })
	t.statistic = stats.NewEmbeddingStatistic(vectors, t.c.dimension, a)
	rank, halves := stats.SeparationRank(vectors, t.c.dimension, a)
	t.scores, t.halves = rank.Scores(), halves
	t.result.Effect = traffic.Number(rank.Superiority)
	t.result.Raw = traffic.Number(stats.Separation(vectors, t.c.dimension, flat(a)))
	t.result.strength = (rank.Superiority - 0.5) / t.c.Margin
}
