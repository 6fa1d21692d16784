// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// scored makes runs with one score each.
func scored(name, span, direction string, control, treatment []float64) []Run {
	var runs []Run
	for arm, values := range map[string][]float64{ArmControl: control, ArmTreatment: treatment} {
		for _, v := range values {
			runs = append(runs, Run{Arm: arm, Scores: []evaluator.Score{{Name: name, Range: span, Direction: direction, Value: genai.Some(v)}}})
		}
	}
	return runs
}

func measureOne(t *testing.T, span, direction string, control, treatment []float64) Measure {
	t.Helper()
	list := measureScores(nil, scored("s", span, direction, control, treatment), true)
	require.Len(t, list, 1)
	return list[0]
}

func repeat(n int, values ...float64) []float64 {
	var list []float64
	for range n {
		list = append(list, values...)
	}
	return list
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name               string
		span, direction    string
		control, treatment []float64
		want               string
	}{
		{"all failed, all pass", "0..1", evaluator.HigherIsBetter, repeat(5, 0), repeat(5, 1), Better},
		{"all pass, all fail", "0..1", evaluator.HigherIsBetter, repeat(5, 1), repeat(5, 0), Worse},
		{"fewer refusals", "0..1", evaluator.LowerIsBetter, repeat(5, 1), repeat(5, 0), Better},
		{"more refusals", "0..1", evaluator.LowerIsBetter, repeat(5, 0), repeat(5, 1), Worse},
		{"three runs prove nothing", "0..1", evaluator.HigherIsBetter, repeat(3, 0), repeat(3, 1), NotEnoughRuns},
		{"a difference within the noise", "0..1", evaluator.HigherIsBetter, repeat(3, 0, 1), repeat(2, 0, 1, 1), NotEnoughRuns},
		{"the same in every run", "0..1", evaluator.HigherIsBetter, repeat(5, 1), repeat(5, 1), Equal},
		{"one run an arm", "0..1", evaluator.HigherIsBetter, []float64{0}, []float64{1}, NotEnoughRuns},
		{"no run of an arm", "0..1", evaluator.HigherIsBetter, repeat(5, 0), nil, NotEnoughRuns},
		{"longer", "0..", evaluator.Neutral, repeat(3, 10, 11), repeat(3, 20, 21), Differs},
		{"slower", "0..", evaluator.LowerIsBetter, repeat(3, 10, 11), repeat(3, 20, 21), Worse},
	} {
		m := measureOne(t, c.span, c.direction, c.control, c.treatment)
		assert.Equal(t, c.want, m.Verdict, c.name)
		assert.Equal(t, c.span == "0..1", m.Quality, c.name)
	}
}

func TestIntervalsOfTheLiterature(t *testing.T) {
	// Newcombe (1998), table II, (a): 56/70 against 48/80.
	m := measureOne(t, "0..1", evaluator.HigherIsBetter, append(repeat(48, 1), repeat(32, 0)...), append(repeat(56, 1), repeat(14, 0)...))
	assert.InDelta(t, 0.2, *m.Difference, 1e-12)
	assert.InDelta(t, 0.0524, *m.Low, 5e-5)
	assert.InDelta(t, 0.3339, *m.High, 5e-5)

	// Welch's t interval of {1,2,3,4} against {2,4,6,9}: df 4.18, by hand.
	m = measureOne(t, "0..", evaluator.Neutral, []float64{1, 2, 3, 4}, []float64{2, 4, 6, 9})
	assert.InDelta(t, 2.75, *m.Difference, 1e-12)
	half := (*m.High - *m.Low) / 2
	assert.InDelta(t, 2.75, (*m.High+*m.Low)/2, 1e-9)
	assert.InDelta(t, 4.43, half, 0.05)
	assert.Nil(t, measureOne(t, "0..", evaluator.Neutral, repeat(4, 1), repeat(4, 2)).Low, "without variance there is no interval")
}

func TestPermutationIsExact(t *testing.T) {
	// 5 against 5, all different: 2 of the 252 relabelings are as large.
	p, attainable := permutation(repeat(5, 0), repeat(5, 1))
	assert.InDelta(t, 2.0/252, p, 1e-12)
	assert.InDelta(t, 2.0/252, attainable, 1e-12)
	p, attainable = permutation(repeat(3, 0), repeat(3, 1))
	assert.InDelta(t, 0.1, p, 1e-12)
	assert.InDelta(t, 0.1, attainable, 1e-12, "three runs could never show it")
	p, _ = permutation(repeat(4, 1), repeat(4, 1))
	assert.InDelta(t, 1, p, 0)
	p, _ = permutation(repeat(30, 0), repeat(30, 1))
	assert.Less(t, p, 0.001, "large samples are drawn")
}

func TestScoresThatDoNotVaryCostNothing(t *testing.T) {
	var runs []Run
	for i := range 10 {
		arm, value := ArmControl, 0.0
		if i%2 == 1 {
			arm, value = ArmTreatment, 1
		}
		run := Run{Arm: arm, Scores: []evaluator.Score{{Name: "varies", Range: "0..1", Direction: evaluator.HigherIsBetter, Value: genai.Some(value)}}}
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			run.Scores = append(run.Scores, evaluator.Score{Name: name, Range: "0..1", Direction: evaluator.HigherIsBetter, Value: genai.Some(1.0)})
		}
		runs = append(runs, run)
	}
	list := measureScores(nil, runs, true)
	require.Len(t, list, 9)
	for _, m := range list {
		if m.Name == "varies" {
			assert.Equal(t, Better, m.Verdict)
			assert.InDelta(t, 2.0/252, *m.P, 1e-12, "Tarone: eight scores that cannot differ are not counted")
		} else {
			assert.Equal(t, Equal, m.Verdict)
		}
	}
}

func TestMeasureReportsBothArmsAndTheRecorded(t *testing.T) {
	recorded := []evaluator.Score{{Name: "s", Value: genai.Some(0.0)}, {Name: "unscored"}}
	list := measureScores(recorded, scored("s", "0..1", evaluator.HigherIsBetter, []float64{0, 1, 1, 1}, nil), false)
	require.Len(t, list, 1)
	assert.InDelta(t, 0, *list[0].Recorded, 0)
	assert.InDelta(t, 0.75, list[0].Control.Mean, 1e-12)
	assert.InDelta(t, 0.5, list[0].Control.SD, 1e-12)
	assert.Nil(t, list[0].Treatment)
	assert.Empty(t, list[0].Verdict)
}

func TestRunsNeeded(t *testing.T) {
	m := measureOne(t, "0..1", evaluator.HigherIsBetter, repeat(2, 0, 1), repeat(1, 0, 1, 1, 1))
	assert.Equal(t, NotEnoughRuns, m.Verdict)
	assert.Greater(t, m.RunsNeeded, 20)
	assert.Less(t, m.RunsNeeded, 200)
	assert.Zero(t, measureOne(t, "0..1", evaluator.HigherIsBetter, repeat(5, 0), repeat(5, 1)).RunsNeeded)
}

// alarms is the share of simulated replays whose outcome is better or worse.
// Each run has three quality scores and a number.
func alarms(t *testing.T, replays, n int, p, change float64) float64 {
	t.Helper()
	random := rand.New(rand.NewPCG(7, uint64(n)))
	decided := 0
	for range replays {
		var runs []Run
		for i := range 2 * n {
			run := Run{Arm: ArmControl}
			pass := p
			if i >= n {
				run.Arm, pass = ArmTreatment, p+change
			}
			for k, name := range []string{"a", "b", "c"} {
				if k > 0 {
					pass = p
				}
				value := 0.0
				if random.Float64() < pass {
					value = 1
				}
				run.Scores = append(run.Scores, evaluator.Score{Name: name, Range: "0..1", Direction: evaluator.HigherIsBetter, Value: genai.Some(value)})
			}
			runs = append(runs, run)
		}
		for _, m := range measureScores(nil, runs, true) {
			if m.Verdict == Better || m.Verdict == Worse {
				decided++
				break
			}
		}
	}
	return float64(decided) / float64(replays)
}

func TestUnchangedReplaysSeldomDiffer(t *testing.T) {
	for _, n := range []int{5, 8} {
		rate := alarms(t, 600, n, 0.7, 0)
		assert.LessOrEqual(t, rate, 0.05+1.96*math.Sqrt(0.05*0.95/600), "type I error at n = %d", n)
	}
}

func TestLargeChangesAreSeen(t *testing.T) {
	assert.GreaterOrEqual(t, alarms(t, 150, 9, 0.1, 0.85), 0.8, "power at n = 9")
	assert.GreaterOrEqual(t, alarms(t, 60, 20, 0.25, 0.5), 0.7, "power at n = 20, as docs/replay.md says")
	assert.Equal(t, Better, measureOne(t, "0..1", evaluator.HigherIsBetter, repeat(5, 0), []float64{1, 1, 1, 1, 0}).Verdict, "four runs of five")
	assert.Equal(t, NotEnoughRuns, measureOne(t, "0..1", evaluator.HigherIsBetter, repeat(5, 0), []float64{1, 1, 1, 0, 0}).Verdict, "three runs of five")
}
