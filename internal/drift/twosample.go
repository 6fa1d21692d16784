// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// minClusters is the number of sessions or traces that a side needs, and
// minChannel those with a value that a channel needs.
const (
	minClusters = 25
	minChannel  = 20
)

// maxDraws bounds the relabelings.
const maxDraws = 20000

func draws(channels int, alpha float64) int { return min(maxDraws, stats.Draws(channels, alpha)) }

// test is one channel between two sides.
type test struct {
	c      *channel
	result Channel
	// statistic is permuted; scores are a number per unit in which a wander
	// can be measured, within the strata of halves.
	statistic stats.Statistic
	scores    []float64
	present   []bool
	halves    stats.Assignment
	wander    stats.Wander
}

// family says how channels are tested together.
type family struct {
	alpha      float64
	stratified bool
	// estimate leaves the tests out.
	estimate bool
}

// test tests channels as one family: permutation within the strata when
// stratified, the usual wander, Holm at alpha, and the margin.
func (fam family) test(f *traffic.Frame, channels []channel) Group {
	a := f.Assignment()
	if !fam.stratified {
		clear(a.Stratum)
	}
	group := Group{Channels: []Channel{}}
	var tests []*test
	var statistics []stats.Statistic
	for i := range channels {
		t := newTest(f, &channels[i], a, fam.stratified)
		switch {
		case t == nil:
			continue
		case t.statistic == nil:
			group.Channels = append(group.Channels, t.result)
			continue
		}
		tests, statistics = append(tests, t), append(statistics, t.statistic)
	}
	if fam.estimate {
		for _, t := range tests {
			t.result.Verdict = NotTested
			group.Channels = append(group.Channels, t.result)
		}
	} else {
		fam.decide(f, a, tests, statistics, &group)
	}
	sortByStrength(group.Channels)
	slices.SortStableFunc(group.Channels, func(a, b Channel) int { return rankOf(a.Verdict) - rankOf(b.Verdict) })
	return group
}

func (fam family) decide(f *traffic.Frame, a stats.Assignment, tests []*test, statistics []stats.Statistic, group *Group) {
	stream := uint64(11)
	if fam.stratified {
		stream = 12
	}
	count := draws(len(tests), fam.alpha)
	p := stats.Permutation(a, statistics, count, stats.Random(f.Seed, stream))
	for i, t := range tests {
		p[i] = t.wandering(p[i], f)
	}
	for i, adjusted := range stats.Holm(p) {
		tests[i].decide(p[i], adjusted, fam.alpha)
		tests[i].result.least = p[i] <= 1/float64(count+1)
		group.Drifted = group.Drifted || tests[i].result.Verdict == Moved
		group.Channels = append(group.Channels, tests[i].result)
	}
}

func rankOf(v Verdict) int {
	return slices.Index([]Verdict{Moved, BelowMargin, NoChange, NotTested, TooFew}, v)
}

// newTest measures a channel; nil when no call has a value.
func newTest(f *traffic.Frame, c *channel, a stats.Assignment, stratified bool) *test {
	t := &test{c: c, halves: a}
	nan := traffic.Number(math.NaN())
	t.result = Channel{Name: c.Name, Kind: c.Kind, Unit: c.Unit, Direction: c.Direction, Effect: nan, Low: nan, High: nan, Raw: nan,
		P: nan, PAdjusted: nan, Wander: 1, Margin: traffic.Number(c.Margin), Verdict: TooFew}
	t.result.Before.Estimate, t.result.After.Estimate = nan, nan
	switch c.Kind {
	case traffic.KindText:
		t.texts(f, a)
	case traffic.KindCategory:
		t.categories(f, a)
	default:
		t.numbers(f, a, stratified)
	}
	before, after := t.result.Before.Clusters, t.result.After.Clusters
	switch {
	case before+after == 0:
		return nil
	case (before == 0) != (after == 0):
		t.result.Note = "recorded on one side only"
	}
	if min(before, after) < minChannel {
		t.statistic = nil
	}
	return t
}

// maxTexts is how many units of a side have their text compared.
const maxTexts = 2000

// thin leaves at most maxTexts units of each side their text, evenly spaced.
func thin(f *traffic.Frame, vectors [][]stats.Feature) {
	var filled [2][]int
	for i, u := range f.Units {
		if len(vectors[i]) > 0 {
			filled[u.Arm] = append(filled[u.Arm], i)
		}
	}
	for _, units := range filled {
		for position, unit := range units {
			// Kept are those at which the scaled position steps.
			if n := len(units); n > maxTexts && position > 0 && position*maxTexts/n == (position-1)*maxTexts/n {
				vectors[unit] = nil
			}
		}
	}
}

// measureWander compares the baseline's own blocks of the current window's size.
func (t *test) measureWander(f *traffic.Frame) {
	t.wander = stats.Wander{Phi: 1}
	if t.scores == nil {
		return
	}
	var baseline []float64
	current := 0
	for i, u := range f.Units {
		switch {
		case !t.present[i]:
		case u.Arm == 0:
			baseline = append(baseline, t.scores[i])
		default:
			current++
		}
	}
	t.wander = stats.MeasureWander(baseline, current)
	t.result.Wander = traffic.Number(math.Sqrt(t.wander.Phi))
}

// wandering is the p-value when the baseline wanders more than chance lets it:
// both tests have to reject.
func (t *test) wandering(p float64, f *traffic.Frame) float64 {
	t.measureWander(f)
	if t.wander.Phi <= 1 {
		return p
	}
	return max(p, t.wander.P(stats.PermutationZ(t.scores, t.halves)))
}

func (t *test) decide(p, adjusted, alpha float64) {
	t.result.P, t.result.PAdjusted = traffic.Number(p), traffic.Number(adjusted)
	switch {
	case adjusted > alpha:
		t.result.Verdict = NoChange
	case t.result.strength < 1:
		t.result.Verdict = BelowMargin
	default:
		t.result.Verdict = Moved
	}
}
