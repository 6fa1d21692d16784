// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spanloop/spanloop/internal/race"
)

// The simulations below have fixed seeds: they give the same rates everywhere.
// A rate is compared with its nominal value plus three standard errors of its
// own estimate, so that a correct procedure would fail one of 700 seeds.

// above is the rate that a procedure with a true rate of p stays below in all
// but 0.1% of simulations of so many runs.
func above(p float64, runs int) float64 { return p + 3*math.Sqrt(p*(1-p)/float64(runs)) }

// sessions draws rows in sessions of 1 to 8 rows whose outcomes are alike within
// a session: a share icc of the variance lies between sessions.
type sessions struct {
	random *rand.Rand
	icc    float64
}

// binary draws one session's passes with the pass rate p.
func (s sessions) binary(p float64) (sum, n float64) {
	n = float64(1 + s.random.IntN(8))
	// With probability icc the whole session takes one draw: the correlation
	// of two of its rows is then icc.
	if s.random.Float64() < s.icc {
		if s.random.Float64() < p {
			return n, n
		}
		return 0, n
	}
	for range int(n) {
		if s.random.Float64() < p {
			sum++
		}
	}
	return sum, n
}

// normal draws one session's sums of values and of squares.
func (s sessions) normal(mean float64) (sum, squares, n float64) {
	n = float64(1 + s.random.IntN(8))
	level := math.Sqrt(s.icc) * s.random.NormFloat64()
	for range int(n) {
		v := mean + level + math.Sqrt(1-s.icc)*s.random.NormFloat64()
		sum, squares = sum+v, squares+v*v
	}
	return sum, squares, n
}

func (s sessions) binaryUnit(arm, stratum int, p float64) Unit {
	sum, n := s.binary(p)
	return Unit{Arm: arm, Stratum: stratum, N: n, Sum: sum, SumSquares: sum, Rows: int(n)}
}

func (s sessions) normalUnit(arm, stratum int, mean float64) Unit {
	sum, squares, n := s.normal(mean)
	return Unit{Arm: arm, Stratum: stratum, N: n, Sum: sum, SumSquares: squares, Rows: int(n)}
}

// Nothing changed, rows come in sessions (ICC 0.3): the clustered test alarms at
// its nominal rate, the test that counts rows many times as often.
func TestFalsePositivesWithSessions(t *testing.T) {
	const runs = 2000
	for name, c := range map[string]struct {
		a, b   int
		binary bool
		p      float64
	}{
		"shares, 100 and 100 sessions": {100, 100, true, 0.8},
		"shares, canary of 40 in 400":  {360, 40, true, 0.9},
		"means, 100 and 100 sessions":  {100, 100, false, 0},
		"means, canary of 30 in 300":   {270, 30, false, 0},
	} {
		s := sessions{Random(7, uint64(c.a)), 0.3}
		alarms, naive := 0, 0
		for range runs {
			units := make([]Unit, 0, c.a+c.b)
			for i := range c.a + c.b {
				arm := 0
				if i >= c.a {
					arm = 1
				}
				if c.binary {
					units = append(units, s.binaryUnit(arm, 0, c.p))
				} else {
					units = append(units, s.normalUnit(arm, 0, 0))
				}
			}
			d := Diff(units, c.binary)
			se := d.SE
			if c.binary {
				se = d.NullSE
			}
			if StudentTwoSided(d.Value/se, d.DF) <= 0.05 {
				alarms++
			}
			if rowZ(units) > 1.96 {
				naive++
			}
		}
		t.Logf("%s: false alarms %.3f, counting rows %.3f", name, float64(alarms)/runs, float64(naive)/runs)
		assert.LessOrEqual(t, float64(alarms)/runs, above(0.05, runs), name)
		assert.Greater(t, float64(alarms)/runs, 0.015, "%s: the test must not be useless either", name)
		assert.Greater(t, float64(naive)/runs, 0.1, "%s: counting rows, for comparison", name)
	}
}

// rowZ is the z value of a test that takes rows for independent.
func rowZ(units []Unit) float64 {
	var n, sum, squares [2]float64
	for _, u := range units {
		n[u.Arm] += u.N
		sum[u.Arm] += u.Sum
		squares[u.Arm] += u.SumSquares
	}
	difference, variance := 0.0, 0.0
	for g := range n {
		mean := sum[g] / n[g]
		variance += (squares[g]/n[g] - mean*mean) / n[g]
		difference += mean * float64(2*g-1)
	}
	return math.Abs(difference) / math.Sqrt(variance)
}

// Intervals hold the true difference as often as they say.
func TestCoverage(t *testing.T) {
	const runs = 1500
	s := sessions{Random(11, 1), 0.3}
	missedMean, missedShare := 0, 0
	for range runs {
		var means, shares []Unit
		for i := range 160 {
			arm := i % 2
			means = append(means, s.normalUnit(arm, 0, 0.3*float64(arm)))
			shares = append(shares, s.binaryUnit(arm, 0, 0.9-0.1*float64(arm)))
		}
		d := Diff(means, false)
		k := Multiplier(LookOnce, 0.05, d.DF, 0, 0)
		if math.Abs(d.Value-0.3) > k*d.SE {
			missedMean++
		}
		d = Diff(shares, true)
		low, high := Newcombe(d.A.Mean, d.A.Effective, d.B.Mean, d.B.Effective, Multiplier(LookOnce, 0.05, d.DF, 0, 0))
		if low > -0.1 || high < -0.1 {
			missedShare++
		}
	}
	t.Logf("95%% intervals miss: means %.3f, shares %.3f", float64(missedMean)/runs, float64(missedShare)/runs)
	assert.LessOrEqual(t, float64(missedMean)/runs, above(0.05, runs))
	assert.LessOrEqual(t, float64(missedShare)/runs, above(0.05, runs))
}

// Power against a planted difference, with the sample size that the formula
// asks for.
func TestPowerIsThatOfTheSampleSize(t *testing.T) {
	const runs, effect = 600, 0.25
	s := sessions{Random(13, 1), 0.3}
	var pilot []Unit
	for i := range 4000 {
		pilot = append(pilot, s.normalUnit(i%2, 0, 0))
	}
	d := Diff(pilot, false)
	need := int(SampleSize{VarianceA: d.A.Variance, VarianceB: d.B.Variance, Ratio: 1, Effect: effect, Quantile: NormalQuantile(0.975)}.Clusters())
	found, wrong := 0, 0
	for range runs {
		var units []Unit
		for i := range 2 * need {
			units = append(units, s.normalUnit(i%2, 0, effect*float64(i%2)))
		}
		d := Diff(units, false)
		if StudentTwoSided(d.Value/d.SE, d.DF) <= 0.05 {
			found++
			if d.Value < 0 {
				wrong++
			}
		}
	}
	assert.InDelta(t, 0.8, float64(found)/runs, 0.05, "need %d clusters an arm", need)
	assert.Zero(t, wrong, "in the wrong direction")
}

// Looking again and again does not raise the error rate of the sequential
// boundaries; it ruins that of the one-look interval.
func TestPeeking(t *testing.T) {
	race.Skip(t)
	const runs, total = 250, 600
	for name, c := range map[string]struct {
		share, p float64
	}{
		"half and half":       {0.5, 0.9},
		"a canary of a tenth": {0.1, 0.9},
	} {
		s := sessions{Random(17, uint64(100*c.share)), 0.3}
		crossed := map[Look]int{}
		for range runs {
			for look, hit := range peek(s, total, c.share, c.p) {
				if hit {
					crossed[look]++
				}
			}
		}
		t.Logf("%s: once %.3f, anytime %.3f, horizon %.3f", name, float64(crossed[LookOnce])/runs, float64(crossed[LookAnytime])/runs, float64(crossed[LookHorizon])/runs)
		assert.LessOrEqual(t, float64(crossed[LookAnytime])/runs, above(0.05, runs), "%s, anytime", name)
		assert.LessOrEqual(t, float64(crossed[LookHorizon])/runs, above(0.05, runs), "%s, horizon", name)
		assert.Greater(t, float64(crossed[LookOnce])/runs, 0.11, "%s, once, for comparison", name)
	}
}

// peek draws sessions one by one, looks after every fifth, and tells which
// boundaries were ever crossed.
func peek(s sessions, total int, share, p float64) map[Look]bool {
	crossed := map[Look]bool{}
	var units []Unit
	horizon := 4 * share * (1 - share) * float64(total)
	for i := range total {
		arm := 0
		if s.random.Float64() < share {
			arm = 1
		}
		units = append(units, s.binaryUnit(arm, 0, p))
		if i%5 != 0 {
			continue
		}
		d := Diff(units, true)
		if min(d.A.Clusters, d.B.Clusters) < BurnIn || d.NullSE == 0 {
			continue
		}
		z, m := d.Value/d.NullSE, d.EffectiveClusters()
		for _, look := range []Look{LookOnce, LookAnytime, LookHorizon} {
			crossed[look] = crossed[look] || math.Abs(z) > Multiplier(look, 0.05, d.DF, m, horizon)
		}
	}
	return crossed
}

// An always-valid p-value is at most alpha exactly where the interval at alpha
// excludes zero.
func TestLookPAgreesWithTheInterval(t *testing.T) {
	for _, look := range []Look{LookOnce, LookAnytime, LookHorizon} {
		previous := 1.1
		for z := 0.0; z < 9; z += 0.25 {
			p := LookP(look, z, 60, 300, 500)
			assert.LessOrEqual(t, p, previous, "%s: p falls as z grows", look)
			previous = p
			for _, alpha := range []float64{0.2, 0.05, 0.01, 1e-4} {
				k := Multiplier(look, alpha, 60, 300, 500)
				if math.Abs(z-k) > 1e-6 {
					assert.Equal(t, z > k, p < alpha, "%s z=%v alpha=%v p=%v", look, z, alpha, p)
				}
			}
		}
		assert.Equal(t, 1.0, LookP(look, math.NaN(), 60, 300, 500))
		assert.Zero(t, math.Round(1e12*LookP(look, math.Inf(1), 60, 300, 500)))
	}
}

// Only the mix of two kinds of input changed. Unadjusted, that is a difference;
// within strata it is none, and a true difference is still found.
func TestMixShiftIsNoDifference(t *testing.T) {
	const runs = 1000
	s := sessions{Random(19, 1), 0.1}
	raw, adjusted, found := 0, 0, 0
	for range runs {
		var pooled, strata, changed []Unit
		for i := range 400 {
			arm := i % 2
			hard := s.random.Float64() < []float64{0.2, 0.5}[arm]
			stratum, p := 0, 0.95
			if hard {
				stratum, p = 1, 0.6
			}
			u := s.binaryUnit(arm, stratum, p)
			strata = append(strata, u)
			u.Stratum = 0
			pooled = append(pooled, u)
			changed = append(changed, s.binaryUnit(arm, stratum, p-0.12*float64(arm)))
		}
		for n, units := range [][]Unit{pooled, strata, changed} {
			d := Diff(units, true)
			if StudentTwoSided(d.Value/d.NullSE, d.DF) <= 0.05 {
				*[]*int{&raw, &adjusted, &found}[n]++
			}
		}
	}
	t.Logf("mix only: unadjusted %.3f, adjusted %.3f; a true difference besides: %.3f", float64(raw)/runs, float64(adjusted)/runs, float64(found)/runs)
	assert.Greater(t, float64(raw)/runs, 0.5, "unadjusted, for comparison")
	assert.LessOrEqual(t, float64(adjusted)/runs, above(0.05, runs))
	assert.Greater(t, float64(found)/runs, 0.85, "a true difference of 12 points")
}

// Failing rows are scored always, passing ones with probability 0.2: with the
// inverse probabilities as weights the estimate is that of all rows.
func TestUnequalSamplingIsWeighted(t *testing.T) {
	random := Random(23, 1)
	weighted, plain := NewAccumulator(), NewAccumulator()
	var all, passed float64
	for i := range 40000 {
		value := 0.0
		if random.Float64() < 0.9 {
			value = 1
		}
		all, passed = all+1, passed+value
		probability := 1.0
		if value == 1 {
			probability = 0.2
		}
		if random.Float64() >= probability {
			continue
		}
		for arm := range 2 {
			weighted.Add(uint64(i), arm, 0, value, 1/probability)
			plain.Add(uint64(i), arm, 0, value, 1)
		}
	}
	d := Diff(weighted.Units(), true)
	assert.InDelta(t, passed/all, d.A.Mean, 4*math.Sqrt(d.A.Variance/float64(d.A.Clusters)))
	assert.Less(t, Diff(plain.Units(), true).A.Mean, 0.75, "unweighted, for comparison")

	// Weights that have nothing to do with the value cost information: with
	// half of the rows at 1 and half at 9 the variance is 41/25 times as large
	// (Kish 1965).
	unequal := NewAccumulator()
	for i := range 20000 {
		unequal.Add(uint64(i), i%2, 0, random.NormFloat64(), float64(1+8*random.IntN(2)))
	}
	assert.InDelta(t, 41.0/25, Diff(unequal.Units(), false).Design, 0.06, "(1+81)/2 / ((1+9)/2)^2")
}

// Relabeling within strata: the p-value of a permutation test is at most alpha
// in a share alpha of data sets without a change, whatever the strata's levels.
func TestPermutationWithinStrataIsExact(t *testing.T) {
	const runs = 800
	random := Random(29, 1)
	alarms := [3]int{}
	for run := range runs {
		var a Assignment
		var values []float64
		var names [][]string
		for range 60 {
			stratum := random.IntN(3)
			arm := random.Float64() < []float64{0.2, 0.5, 0.8}[stratum]
			a.Arm, a.Stratum = append(a.Arm, arm), append(a.Stratum, stratum)
			values = append(values, math.Round(3*(random.NormFloat64()+2*float64(stratum))))
			names = append(names, []string{string(rune('a' + random.IntN(2+stratum)))})
		}
		p := Permutation(a, []Statistic{NewRankStatistic(values, a), NewMeanStatistic(values, a), NewCategoryStatistic(names, a)}, 199, Random(uint64(run), 2))
		for i := range p {
			assert.GreaterOrEqual(t, p[i], 1.0/200, "never zero")
			if p[i] <= 0.05 {
				alarms[i]++
			}
		}
	}
	for i, n := range alarms {
		assert.LessOrEqual(t, float64(n)/runs, above(0.05, runs), "statistic %d", i)
		assert.Greater(t, float64(n)/runs, 0.02, "statistic %d", i)
	}
}
