// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

// cluster sums up one session.
type cluster struct{ n, sum float64 }

// mean is the mean over calls with its standard error from sessions: calls of one
// session are not independent.
func mean(calls []call, include func(call) bool, value func(call) float64) (m, se float64) {
	sessions := map[string]*cluster{}
	for _, c := range calls {
		if !include(c) {
			continue
		}
		s := sessions[c.session]
		if s == nil {
			s = &cluster{}
			sessions[c.session] = s
		}
		s.n++
		s.sum += value(c)
	}
	var n, sum, squares float64
	for _, s := range sessions {
		n += s.n
		sum += s.sum
	}
	m = sum / n
	for _, s := range sessions {
		squares += (s.sum - m*s.n) * (s.sum - m*s.n)
	}
	k := float64(len(sessions))
	return m, math.Sqrt(k/(k-1)*squares) / n
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func valid(c call) float64     { return truth(c.valid) }
func refused(c call) float64   { return truth(c.refused) }
func logTokens(c call) float64 { return math.Log(float64(c.outputTokens)) }
func searched(c call) float64  { return truth(len(c.called) > 0 && c.called[0] == "search_docs") }

// effect is one planted difference and the least z that its test must reach.
type effect struct {
	name   string
	before func(call) bool
	after  func(call) bool
	value  func(call) float64
	// sign is -1 when the value must fall; least is a bound on |z|.
	sign, least float64
}

func days(from, to int) func(call) bool {
	return func(c call) bool {
		return !c.start.Before(firstDay.AddDate(0, 0, from-1)) && c.start.Before(firstDay.AddDate(0, 0, to))
	}
}

func all(conditions ...func(call) bool) func(call) bool {
	return func(c call) bool {
		for _, holds := range conditions {
			if !holds(c) {
				return false
			}
		}
		return true
	}
}

func version(v string) func(call) bool { return func(c call) bool { return c.version == v } }
func checked(c call) bool              { return c.checked }

// The least z are what the statistics of compare (boundary 3.2 for peeking at
// any time) and drift (Holm over about 30 channels: 3.2; with over-dispersion
// from 8 blocks: 5) need.
var effects = []effect{
	{"canary: arguments worse", all(version("v3.1"), days(3, 14), checked), all(version("v3.2"), checked), valid, -1, 3.3},
	{"canary: answers shorter", all(version("v3.1"), days(3, 14)), version("v3.2"), logTokens, -1, 8},
	{"day 8: more searches", all(version("v3.1"), days(1, 7)), all(version("v3.1"), days(8, 10)), searched, 1, 5},
	{"day 11: longer answers", all(version("v3.1"), days(8, 10)), all(version("v3.1"), days(11, 14)), logTokens, 1, 5},
	{"day 11: more refusals", all(version("v3.1"), days(1, 10)), all(version("v3.1"), days(11, 14)), refused, 1, 3.3},
	{"day 11: arguments worse", all(version("v3.1"), days(1, 10), checked), all(version("v3.1"), days(11, 14), checked), valid, -1, 2},
}

// TestPlantedEffectsAreDetectable simulates the whole scenario. With
// SPANLOOP_SEEDS=n it does so for n seeds and prints the smallest z of each
// effect: the figures in examples/README.md.
func TestPlantedEffectsAreDetectable(t *testing.T) {
	seeds := 1
	if n, err := strconv.Atoi(os.Getenv("SPANLOOP_SEEDS")); err == nil {
		seeds = n
	}
	least := map[string]float64{}
	for seed := range seeds {
		calls, result := simulate(t, Config{Sessions: 2400, Seed: uint64(seed + 1), From: firstDay, Days: 14})
		require.Greater(t, result.ByVersion["v3.2"], int64(140))
		for _, e := range effects {
			before, se1 := mean(calls, e.before, e.value)
			after, se2 := mean(calls, e.after, e.value)
			z := (after - before) / math.Hypot(se1, se2)
			assert.Greater(t, e.sign*z, e.least, "%s, seed %d: %.3f to %.3f", e.name, seed+1, before, after)
			if seed == 0 || e.sign*z < least[e.name] {
				least[e.name] = e.sign * z
			}
		}
	}
	if seeds > 1 {
		for _, e := range effects {
			fmt.Printf("%-26s smallest |z| over %d seeds: %.1f\n", e.name, seeds, least[e.name])
		}
	}
}

// TestSteadyTrafficHasNoEffect guards against a difference between days that
// nobody planted: with the incidents left out, the days are alike.
func TestSteadyTrafficHasNoEffect(t *testing.T) {
	calls, _ := simulate(t, Config{Sessions: 1200, Seed: 3, From: firstDay, Days: 14, Steady: true})
	for _, e := range effects[2:] {
		before, se1 := mean(calls, e.before, e.value)
		after, se2 := mean(calls, e.after, e.value)
		assert.Less(t, math.Abs((after-before)/math.Hypot(se1, se2)), 3.5, "%s: %.3f to %.3f", e.name, before, after)
	}
}

// TestRatesOfTheScenario pins the sizes that examples/README.md states.
func TestRatesOfTheScenario(t *testing.T) {
	calls, result := simulate(t, Config{Sessions: 2400, Seed: 2, From: firstDay, Days: 14})
	rate := func(value func(call) float64, conditions ...func(call) bool) float64 {
		m, _ := mean(calls, all(conditions...), value)
		return m
	}
	assert.InDelta(t, 0.96, rate(valid, version("v3.1"), days(1, 10), checked), 0.02)
	assert.InDelta(t, 0.78, rate(valid, version("v3.2"), days(3, 10), checked), 0.08)
	assert.InDelta(t, 0.93, rate(valid, version("v3.1"), days(11, 14), checked), 0.03)
	assert.InDelta(t, 0.006, rate(refused, version("v3.1"), days(1, 10)), 0.005)
	assert.InDelta(t, 0.03, rate(refused, version("v3.1"), days(11, 14)), 0.015)
	assert.InDelta(t, 2400*12/14*0.1, result.ByVersion["v3.2"], 60)
	assert.InDelta(t, 8000, result.ModelCalls, 500)
}

func TestPlan(t *testing.T) {
	snapshot, _ := registry.Load(registryDir)
	config := Config{Sessions: 1400, Seed: 5, From: firstDay, Days: 14}
	one, err := Plan(config, snapshot)
	require.NoError(t, err)
	two, err := Plan(config, snapshot)
	require.NoError(t, err)
	require.Equal(t, one, two)
	perDay := map[string]int{}
	ids := map[string]bool{}
	for i, s := range one {
		require.False(t, ids[s.ID])
		ids[s.ID] = true
		perDay[s.Start.Format("02")]++
		require.Len(t, s.Think, len(s.Questions)-1)
		require.LessOrEqual(t, len(s.Questions), 3)
		require.Equal(t, !s.Start.Before(firstDay.AddDate(0, 0, 7)), s.Broad)
		if i > 0 {
			require.False(t, s.Start.Before(one[i-1].Start))
		}
	}
	for day, n := range perDay {
		assert.InDelta(t, 100, n, 1, day)
	}
	assert.Len(t, perDay, 14)
	for _, wrong := range []Config{{Sessions: 0, Days: 1}, {Sessions: 1, Days: 0}} {
		_, err := Plan(wrong, snapshot)
		assert.Error(t, err)
	}
}
