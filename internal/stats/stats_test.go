// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
)

func unitsOf(a, b []float64) []Unit {
	acc := NewAccumulator()
	for arm, values := range [][]float64{a, b} {
		for i, v := range values {
			acc.Add(uint64(i), arm, 0, v, 1)
		}
	}
	return acc.Units()
}

func TestDiffOfHardlyAnything(t *testing.T) {
	ones, many := []float64{1}, []float64{1, 2, 3, 4}
	for name, c := range map[string]struct {
		a, b []float64
	}{
		"nothing": {nil, nil}, "empty arm": {many, nil}, "other arm empty": {nil, many},
		"one cluster": {many, ones}, "only values that are none": {many, []float64{math.NaN(), math.Inf(1)}},
	} {
		d := Diff(unitsOf(c.a, c.b), true)
		assert.Zero(t, d.Strata, name)
		assert.True(t, math.IsNaN(d.Value) && math.IsNaN(d.SE), name)
		assert.Equal(t, 1.0, d.Design, name)
	}
}

func TestDiffOfExtremes(t *testing.T) {
	same := slices.Repeat([]float64{3}, 30)
	d := Diff(unitsOf(same, same), false)
	assert.Equal(t, 0.0, d.Value)
	assert.Equal(t, 0.0, d.SE)

	ones, zeros := slices.Repeat([]float64{1}, 30), slices.Repeat([]float64{0}, 30)
	d = Diff(unitsOf(ones, ones), true)
	assert.Equal(t, [3]float64{1, 1, 0}, [3]float64{d.A.Mean, d.B.Mean, d.NullSE})
	d = Diff(unitsOf(ones, zeros), true)
	assert.Equal(t, -1.0, d.Value)
	assert.Greater(t, d.NullSE, 0.0, "the pooled share varies")

	huge := []float64{1e300, -1e300, 1e300, 2e300}
	d = Diff(unitsOf(huge, same), false)
	assert.False(t, d.SE <= 0, "no certainty from an overflow: %v", d.SE)
	assert.Equal(t, 1.0, LookP(LookAnytime, d.Value/d.SE, d.DF, 10, 10))
}

// A constant added to all values, and one they are multiplied by, do to the
// difference what they should.
func TestDiffIsEquivariant(t *testing.T) {
	random := Random(3, 3)
	var a, b, movedA, movedB []float64
	for range 50 {
		x, y := random.NormFloat64(), random.NormFloat64()+0.2
		a, b = append(a, x), append(b, y)
		movedA, movedB = append(movedA, 3*x+100), append(movedB, 3*y+100)
	}
	d, moved := Diff(unitsOf(a, b), false), Diff(unitsOf(movedA, movedB), false)
	assert.InDelta(t, 3*d.Value, moved.Value, 1e-9)
	assert.InDelta(t, 3*d.SE, moved.SE, 1e-9)
	swapped := Diff(unitsOf(b, a), false)
	assert.InDelta(t, -d.Value, swapped.Value, 1e-12)
	assert.InDelta(t, d.SE, swapped.SE, 1e-12)
}

func TestDiffDropsStrataWithoutCounterparts(t *testing.T) {
	acc := NewAccumulator()
	for i := range 40 {
		acc.Add(uint64(i), i%2, 0, float64(i%2), 1)
		acc.Add(uint64(100+i), 1, 1, 50, 1)
	}
	d := Diff(acc.Units(), false)
	assert.Equal(t, 1, d.Strata)
	assert.Equal(t, 1.0, d.Value, "what has no counterpart does not count")
	assert.Equal(t, [2]float64{0, 2.0 / 3}, [2]float64{d.DroppedA, d.DroppedB})
}

func TestAccumulatorFoldsManyClusters(t *testing.T) {
	exact, folded := NewAccumulator(), NewAccumulator()
	folded.limit = 2000
	random := Random(5, 5)
	for i := range 30000 {
		v := random.NormFloat64() + 0.05*float64(i%2)
		cluster := uint64(i / 3)
		exact.Add(cluster, i%2, 0, v, 1)
		folded.Add(cluster, i%2, 0, v, 1)
	}
	assert.False(t, exact.Folded())
	require.True(t, folded.Folded())
	assert.LessOrEqual(t, len(folded.Units()), 2*foldedBuckets)
	a, b := Diff(exact.Units(), false), Diff(folded.Units(), false)
	assert.InDelta(t, a.Value, b.Value, 1e-12)
	assert.InEpsilon(t, a.SE, b.SE, 0.1, "the same spread, estimated from fewer groups")
	assert.Equal(t, a.A.Rows, b.A.Rows)
}

func TestEffectiveClusters(t *testing.T) {
	assert.Equal(t, 200.0, EffectiveClusters(100, 100))
	assert.InDelta(t, 72, EffectiveClusters(180, 20), 1e-12)
	assert.Zero(t, EffectiveClusters(0, 50))
}

// The boundaries that drift.md's table of multipliers and sample sizes gives.
func TestPublishedNumbers(t *testing.T) {
	for _, m := range []float64{150, 400, 1000, 3000} {
		k := AnytimeMultiplier(m, 0.05)
		assert.True(t, k > 3.02 && k < 3.21, "m=%v k=%v", m, k)
	}
	assert.InDelta(t, 2.326, HorizonMultiplier(400, 400, 0.05), 5e-4)
	assert.Equal(t, AnytimeMultiplier(500, 0.01), HorizonMultiplier(500, 400, 0.05), "past the horizon")
	assert.True(t, math.IsInf(AnytimeMultiplier(0, 0.05), 1))
	pass := SampleSize{VarianceA: 0.1275, VarianceB: 0.1275, Ratio: 1, Effect: 0.05, Quantile: 1.96}
	assert.InDelta(t, 800, pass.Clusters(), 3)
	pass.Quantile = 2.33
	assert.InDelta(t, 1020, pass.Clusters(), 10)
	assert.True(t, math.IsInf(SampleSize{Ratio: 1}.Clusters(), 1))
}

func TestHolmLevelsAgreeWithHolm(t *testing.T) {
	random := Random(31, 1)
	for range 300 {
		p := make([]float64, 1+random.IntN(5))
		for i := range p {
			p[i] = math.Pow(random.Float64(), 4)
		}
		adjusted, levels := Holm(p), HolmLevels(p, 0.05)
		for i := range p {
			assert.Equal(t, adjusted[i] <= 0.05, p[i] <= levels[i], "%v", p)
		}
	}
	assert.Empty(t, Holm(nil))
	assert.Empty(t, BenjaminiHochberg(nil))
}

func TestHomogeneityMergesRareCategories(t *testing.T) {
	h := ChiSquareHomogeneity([]float64{50, 1, 1, 0}, []float64{48, 0, 1, 0})
	assert.Equal(t, 2, h.Merged)
	assert.True(t, h.SmallExpected)
	// One category that the first sample lacks is no certain change.
	assert.Greater(t, ChiSquareHomogeneity([]float64{500, 0}, []float64{499, 1}).P, 0.05)
	for _, empty := range [][2][]float64{{nil, nil}, {{0, 0}, {3, 4}}, {{7}, {9}}} {
		assert.Equal(t, 1.0, ChiSquareHomogeneity(empty[0], empty[1]).P)
	}
	assert.InDelta(t, 0.3, TotalVariation([]float64{5, 5}, []float64{16, 4}), 1e-12)
}

// The test is of homogeneity and not of fit to the first sample, which alarms on
// 22% of unchanged data sets.
func TestHomogeneityKeepsItsLevel(t *testing.T) {
	const runs = 3000
	random := Random(37, 1)
	alarms := 0
	for range runs {
		counts := [2][]float64{make([]float64, 3), make([]float64, 3)}
		for g := range counts {
			for range 100 {
				counts[g][random.IntN(3)]++
			}
		}
		if ChiSquareHomogeneity(counts[0], counts[1]).P <= 0.05 {
			alarms++
		}
	}
	assert.LessOrEqual(t, float64(alarms)/runs, above(0.05, runs))
}

func TestCategoryStatistic(t *testing.T) {
	var a Assignment
	var values [][]string
	for i := range 200 {
		arm := i%2 == 1
		name := "stop"
		if arm && i%8 == 1 {
			name = "length"
		}
		a.Arm, a.Stratum, values = append(a.Arm, arm), append(a.Stratum, 0), append(values, []string{name, name})
	}
	values[0] = []string{"once seen"}
	c := NewCategoryStatistic(values, a)
	assert.Equal(t, []string{"stop", "length", OtherCategory}, c.Names)
	excess := c.Excess(a, 1)
	assert.InDelta(t, 0.25, c.Distance, 0.011)
	assert.Greater(t, c.Expected, 0.0, "chance alone gives a distance")
	assert.InDelta(t, c.Distance-c.Expected, excess, 1e-12)
	assert.Equal(t, [2]int{100, 100}, c.Units)
	p := Permutation(a, []Statistic{c}, 499, Random(1, 1))
	assert.Equal(t, 0.002, p[0])
}

// Values that are missing in one arm are no change of what is there.
func TestOnlyTestsWhatIsThere(t *testing.T) {
	var a Assignment
	values := make([][]string, 200)
	for i := range values {
		a.Arm, a.Stratum = append(a.Arm, i%2 == 1), append(a.Stratum, 0)
		if i%2 == 0 || i%4 == 1 {
			values[i] = []string{[]string{"x", "y"}[i/2%2*i%2]}
		}
	}
	kept, units := a.Only(func(i int) bool { return len(values[i]) > 0 })
	require.Len(t, units, 150)
	some := make([][]string, len(units))
	for i, u := range units {
		some[i] = []string{"x"}
		assert.Equal(t, a.Arm[u], kept.Arm[i])
	}
	assert.Equal(t, 1.0, Permutation(kept, []Statistic{NewCategoryStatistic(some, kept)}, 99, Random(1, 1))[0])
}

func TestPermutationWithoutCounterparts(t *testing.T) {
	a := Assignment{Arm: []bool{true, true, false}, Stratum: []int{0, 0, 1}}
	values := []float64{1, 2, 300}
	p := Permutation(a, []Statistic{NewRankStatistic(values, a), NewMeanStatistic(values, a)}, 99, Random(1, 1))
	assert.Equal(t, []float64{1, 1}, p, "no stratum holds both arms")
	assert.Equal(t, 0.5, NewRankStatistic(values, a).Superiority)
	assert.GreaterOrEqual(t, Draws(20, 0.05), 1199)
	assert.Equal(t, 999, Draws(1, 0.05))
}

func TestMidranksOfMissingValues(t *testing.T) {
	ranks, n := Midranks([]float64{2, math.NaN(), 1, 2})
	assert.Equal(t, 3, n)
	assert.Equal(t, []float64{2.5, 1, 2.5}, []float64{ranks[0], ranks[2], ranks[3]})
	assert.True(t, math.IsNaN(ranks[1]))
	assert.True(t, math.IsNaN(Quantile(nil, 0.5)))
}

func topics(n int) [][]Feature {
	random := Random(41, 1)
	words := [][]string{strings.Fields("refund money card charge bank"), strings.Fields("parcel delivery courier late street"), strings.Fields("password login account reset email")}
	vectors := make([][]Feature, n)
	for i := range vectors {
		var text []string
		for range 8 {
			text = append(text, words[i%3][random.IntN(5)])
		}
		vectors[i] = TextFeatures(strings.Join(text, " "), 512)
	}
	return vectors
}

func TestKMeansFindsTopicsAndIsDeterministic(t *testing.T) {
	vectors := topics(300)
	vectors[7] = nil
	groups, n := KMeans(slices.Clone(vectors), 512, 3, Random(9, 1))
	again, _ := KMeans(slices.Clone(vectors), 512, 3, Random(9, 1))
	assert.Equal(t, groups, again)
	assert.Equal(t, 4, n, "texts without words are a group of their own")
	assert.Equal(t, 0, groups[0], "numbered by first appearance")
	for i := range vectors {
		if i != 7 {
			assert.Equal(t, groups[i%3], groups[i], "text %d", i)
			assert.NotEqual(t, groups[7], groups[i])
		}
	}
	_, n = KMeans(vectors[:2], 512, 10, Random(9, 1))
	assert.Equal(t, 1, n, "too few to group")
	same := slices.Repeat([][]Feature{vectors[0]}, 50)
	_, n = KMeans(same, 512, 5, Random(9, 1))
	assert.Equal(t, 1, n, "equal texts are one group")
	assert.Equal(t, [3]int{1, 2, 10}, [3]int{StrataCount(0), StrataCount(40), StrataCount(100000)})
}

func TestTextFeatures(t *testing.T) {
	assert.Nil(t, TextFeatures(" \n\t", 512))
	f := TextFeatures("Hello, hello WORLD 42", 512)
	assert.Equal(t, f, TextFeatures("hello,  Hello\nworld 42", 512), "case and white space do not matter")
	assert.NotEqual(t, f, TextFeatures("world 42 hello, hello", 512), "the order of words does")
	square := 0.0
	for i, x := range f {
		square += float64(x.Value) * float64(x.Value)
		assert.True(t, i == 0 || f[i-1].Index < x.Index, "sorted")
	}
	assert.InDelta(t, 1, square, 1e-6)
	assert.NotEmpty(t, TextFeatures("日本語 \xff\xfe", 64))
	assert.LessOrEqual(t, len(TextFeatures(strings.Repeat("word ", 100000), 1024)), 2)
	mean := MeanFeatures([][]Feature{{{0, 1}}, {{0, 1}, {3, 1}}}, 4)
	assert.Equal(t, []Feature{{0, 1}, {3, 0.5}}, mean)
}

func TestEmbeddingSeparatesTexts(t *testing.T) {
	vectors := topics(120)
	var a Assignment
	for i := range vectors {
		a.Arm, a.Stratum = append(a.Arm, i%3 == 0), append(a.Stratum, 0)
	}
	e := NewEmbeddingStatistic(vectors, 512, a)
	assert.Equal(t, 0.01, Permutation(a, []Statistic{e}, 99, Random(1, 1))[0])
	assert.Greater(t, Separation(vectors, 512, a), 0.95)
	// Within strata that explain the texts nothing is left to tell.
	var strata Assignment
	for i := range vectors {
		strata.Arm, strata.Stratum = append(strata.Arm, i%2 == 0), append(strata.Stratum, i%3)
	}
	e = NewEmbeddingStatistic(vectors, 512, strata)
	assert.Greater(t, Permutation(strata, []Statistic{e}, 99, Random(1, 1))[0], 0.05)
	assert.InDelta(t, 0.5, Separation(vectors, 512, strata), 0.15)
}

func TestScan(t *testing.T) {
	const n = 300
	random := Random(43, 1)
	channel := func(step float64, at int) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = random.NormFloat64()
			if i >= at {
				values[i] += step
			}
		}
		return values
	}
	found := Scan([][]float64{channel(0, n), channel(2, 180), slices.Repeat([]float64{1}, n)}, 0.05, 199, Random(1, 1))
	assert.LessOrEqual(t, found.P, 0.01)
	assert.InDelta(t, 180, found.Index, 6)
	assert.Equal(t, []int{1}, found.Channels)
	assert.True(t, found.Low <= 180 && found.High >= 180 && found.High-found.Low < 60, "%+v", found)

	runs := race.Fewer(200, 10)
	alarms := 0
	for run := range runs {
		if Scan([][]float64{channel(0, n), channel(0, n), channel(0, n)}, 0.05, 99, Random(uint64(run), 1)).P <= 0.05 {
			alarms++
		}
	}
	assert.LessOrEqual(t, float64(alarms)/float64(runs), above(0.05, runs))
	assert.Equal(t, 1.0, Scan(nil, 0.05, 99, Random(1, 1)).P)
	assert.Equal(t, 1.0, Scan([][]float64{{1, 2, 3}}, 0.05, 99, Random(1, 1)).P)
}

func TestScanOfLongStreamsWorksOnBins(t *testing.T) {
	values := make([]float64, 9001)
	random := Random(47, 1)
	for i := range values {
		values[i] = random.NormFloat64()
		if i >= 6000 {
			values[i]++
		}
	}
	found := Scan([][]float64{values}, 0.05, 99, Random(1, 1))
	assert.Equal(t, 0.01, found.P)
	assert.InDelta(t, 6000, found.Index, 60)
	assert.True(t, found.High < len(values))
}

func TestAttribute(t *testing.T) {
	const n = 400
	random := Random(53, 1)
	metric, model, tools := make([]float64, n), make([]string, n), make([]string, n)
	for i := range metric {
		model[i] = fmt.Sprint("model ", i/200)
		tools[i] = fmt.Sprint("tools ", i/60%2)
		metric[i] = random.NormFloat64() + float64(i/200)
	}
	metric[3] = math.NaN()
	explanations := []Explanation{{Name: "nothing"}, {Name: "tools", Values: tools}, {Name: "model", Values: model}}
	ranked, tied := Attribute(metric, explanations)
	assert.Equal(t, "model", ranked[0].Name)
	assert.Equal(t, 1, tied)
	explanations = append(explanations, Explanation{Name: "same as model", Values: model})
	_, tied = Attribute(metric, explanations)
	assert.Equal(t, 2, tied, "what changed together cannot be told apart")
	ranked, tied = Attribute(slices.Repeat([]float64{math.NaN()}, n), explanations)
	assert.Len(t, ranked, 4)
	assert.Equal(t, 4, tied)
}

func TestWander(t *testing.T) {
	random := Random(59, 1)
	quiet, wandering := make([]float64, 1000), make([]float64, 1000)
	for i := range quiet {
		quiet[i] = random.NormFloat64()
		wandering[i] = random.NormFloat64() + 1.5*math.Sin(float64(i)/50)
	}
	assert.Equal(t, 1.0, MeasureWander(quiet, 100).Phi)
	w := MeasureWander(wandering, 100)
	assert.Greater(t, w.Phi, 3.0)
	assert.Equal(t, 10, w.Blocks)
	assert.Greater(t, w.P(3), NormalTwoSided(3))
	assert.Equal(t, Wander{Phi: 1}, MeasureWander(quiet[:40], 100), "too short to tell")
	assert.Equal(t, 1.0, MeasureWander(slices.Repeat([]float64{2}, 500), 50).Phi)
}

func TestSeedsTellDataApart(t *testing.T) {
	value := func(texts ...string) uint64 {
		s := NewSeed()
		for _, text := range texts {
			s.Text(text)
		}
		s.Number(1.5)
		return s.Value()
	}
	assert.Equal(t, value("a", "b"), value("a", "b"))
	assert.NotEqual(t, value("a", "b"), value("ab"))
	assert.NotEqual(t, value("a", "b"), value("b", "a"))
	assert.Equal(t, Random(1, 2).Uint64(), Random(1, 2).Uint64())
	assert.NotEqual(t, Random(1, 2).Uint64(), Random(1, 3).Uint64())
}

func FuzzTextFeatures(f *testing.F) {
	f.Add("Hello, world", 512)
	f.Add("\xff\xfe 日本", 1)
	f.Fuzz(func(t *testing.T, text string, dimension int) {
		if dimension < 1 || dimension > 1<<16 {
			return
		}
		for _, x := range TextFeatures(text, dimension) {
			if x.Index < 0 || int(x.Index) >= dimension || !Finite(float64(x.Value)) {
				t.Fatalf("feature %+v of dimension %d", x, dimension)
			}
		}
	})
}
