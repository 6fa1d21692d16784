// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spanloop/spanloop/internal/race"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// above is what a rate of p stays below in all but 0.1% of simulations of so
// many runs. The seeds are fixed: the rates are the same everywhere.
func above(p float64, runs int) float64 { return p + 3*math.Sqrt(p*(1-p)/float64(runs)) }

// simulated are the rates, over many runs of a world, of overall verdicts, of
// one metric's verdicts and of its p-value being at most 0.05.
type simulated struct {
	overall, metric map[Verdict]float64
	significant     float64
}

func rates(t *testing.T, runs int, w world, metric string, looks ...Options) []simulated {
	t.Helper()
	results := make([]simulated, len(looks))
	for i := range results {
		results[i] = simulated{overall: map[Verdict]float64{}, metric: map[Verdict]float64{}}
	}
	for run := range runs {
		calls := w.make(stats.Random(uint64(run), 101))
		for i, o := range looks {
			r := judged(t, calls, o)
			m := on(t, r, metric)
			results[i].overall[r.Verdict] += 1 / float64(runs)
			results[i].metric[m.Verdict] += 1 / float64(runs)
			if m.P <= 0.05 {
				results[i].significant += 1 / float64(runs)
			}
		}
	}
	return results
}

// Both versions are the same: "better" and "worse" over all decision metrics
// together come up at most at the stated rate, with sessions of alike calls.
func TestNothingChanged(t *testing.T) {
	runs := race.Fewer(160, 4)
	for name, change := range map[string]func(*world){
		"half and half": func(*world) {},
		"a canary":      func(w *world) { w.sessions, w.share, w.easyPass, w.hardPass = 400, 0.1, 0.95, 0.95 },
		"two kinds":     func(w *world) { w.hard, w.hardPass = [2]float64{0.4, 0.4}, 0.5 },
	} {
		w := ordinary()
		w.sessions = 250
		change(&w)
		looks := []Options{options(stats.LookOnce), options(stats.LookAnytime)}
		for i, result := range rates(t, runs, w, "score:helpful", looks...) {
			wrong := result.overall[Better] + result.overall[Worse]
			t.Logf("%s, %s: better or worse %.3f; one metric's p at most 0.05: %.3f", name, looks[i].Look, wrong, result.significant)
			assert.LessOrEqual(t, wrong, above(0.05, runs), "%s, %s: %v", name, looks[i].Look, result.overall)
			assert.LessOrEqual(t, result.significant, above(0.05, runs), "%s, %s", name, looks[i].Look)
		}
	}
}

// With all earlier moments looked at again, planted differences are found, and
// none is found the wrong way round.
func TestPlantedDifferencesAreFound(t *testing.T) {
	race.Skip(t)
	const runs = 40
	w := ordinary()
	w.sessions, w.pass, w.latency = 800, -0.12, 0.7
	horizon := options(stats.LookHorizon)
	horizon.Horizon = 800
	looks := []Options{options(stats.LookOnce), options(stats.LookAnytime), horizon}
	helpful, latency := rates(t, runs, w, "score:helpful", looks...), rates(t, runs/4, w, "latency", looks...)
	for i, o := range looks {
		t.Logf("12 points, 400 sessions a version, %s: worse %.3f", o.Look, helpful[i].metric[Worse])
		assert.Greater(t, helpful[i].metric[Worse], 0.8, o.Look)
		assert.Zero(t, helpful[i].metric[Better]+helpful[i].metric[Equivalent], o.Look)
		assert.Greater(t, helpful[i].overall[Worse], 0.8, o.Look)
		assert.InDelta(t, 1, latency[i].metric[Better], 1e-9, o.Look)
	}
}

// Without a difference and with enough sessions the verdict is "equivalent", and
// it is wrong about a difference of the margin's size at most at the stated rate.
func TestEquivalence(t *testing.T) {
	race.Skip(t)
	const runs = 36
	w := ordinary()
	w.sessions, w.easyPass, w.hardPass = 3000, 0.95, 0.95
	helpful := rates(t, runs/6, w, "score:helpful", options(stats.LookOnce))[0].metric
	assert.Greater(t, helpful[Equivalent], 0.85)
	w.pass = -0.051
	helpful = rates(t, runs, w, "score:helpful", options(stats.LookOnce))[0].metric
	assert.LessOrEqual(t, helpful[Equivalent], above(0.05, runs))
	assert.Zero(t, helpful[Better])
}

// Only the kinds of questions differ between the versions' traffic.
func TestMixAloneIsNoFinding(t *testing.T) {
	race.Skip(t)
	const runs = 100
	w := ordinary()
	w.hard, w.easyPass, w.hardPass = [2]float64{0.2, 0.5}, 0.95, 0.6
	alarms, raw := 0, 0
	for run := range runs {
		r := judged(t, w.make(stats.Random(uint64(run), 103)), options(stats.LookOnce))
		if r.Verdict == Worse || r.Verdict == Better {
			alarms++
		}
		m := on(t, r, "score:helpful")
		if math.Abs(float64(m.Raw)) > 0.05 {
			raw++
		}
		assert.InDelta(t, float64(m.Raw-m.Effect), float64(m.MixEffect), 1e-12)
	}
	t.Logf("mix only: better or worse %.3f", float64(alarms)/runs)
	assert.LessOrEqual(t, float64(alarms)/runs, above(0.05, runs))
	assert.Greater(t, float64(raw)/runs, 0.8, "the unadjusted difference, for comparison")
}

// Failing calls are scored more often than passing ones, and twice as often in
// one version: weighted, that is no difference.
func TestUnequalSampling(t *testing.T) {
	race.Skip(t)
	const runs = 100
	w := ordinary()
	w.edit = func(c *traffic.Call, random *rand.Rand) {
		s := c.Scores["helpful"]
		s.Probability = 0.4
		if s.Label == "fail" {
			s.Probability = 0.8
		}
		if c.Arm == 1 {
			s.Probability /= 2
		}
		if random.Float64() >= s.Probability {
			c.Scores = nil
			return
		}
		c.Scores["helpful"] = s
	}
	alarms, total := 0, 0.0
	for run := range runs {
		r := judged(t, w.make(stats.Random(uint64(run), 107)), options(stats.LookOnce))
		m := on(t, r, "score:helpful")
		if m.Verdict == Worse || m.Verdict == Better {
			alarms++
		}
		total += float64(m.A.Estimate) / runs
	}
	assert.LessOrEqual(t, float64(alarms)/runs, above(0.05, runs))
	assert.InDelta(t, 0.85, total, 0.01, "the pass rate of all calls, not of those that were scored")
}
