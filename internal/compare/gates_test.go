// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

func gateNamed(r *Report, name string) (Gate, bool) {
	for _, g := range r.Gates {
		if g.Name == name {
			return g, true
		}
	}
	return Gate{}, false
}

func edited(w world, edit func(*traffic.Call, *rand.Rand)) world {
	w.edit = edit
	return w
}

func TestEvaluatorVersionsNeverMix(t *testing.T) {
	w := ordinary()
	differ := edited(w, func(c *traffic.Call, _ *rand.Rand) {
		s := c.Scores["helpful"]
		s.Version = []string{"sha256:1", "sha256:2"}[c.Arm]
		c.Scores["helpful"] = s
	})
	r := judged(t, differ.make(stats.Random(1, 1)), options(stats.LookOnce))
	m := on(t, r, "score:helpful")
	assert.Equal(t, NotComparable, m.Verdict)
	assert.Contains(t, m.Note, "evaluator versions differ: sha256:1 and sha256:2")
	assert.Equal(t, NotComparable, r.Verdict)
	assert.Equal(t, 3, r.ExitCode)

	several := edited(w, func(c *traffic.Call, random *rand.Rand) {
		s := c.Scores["helpful"]
		s.Version = []string{"sha256:1", "sha256:2"}[random.IntN(2)]
		c.Scores["helpful"] = s
	})
	m = on(t, judged(t, several.make(stats.Random(1, 1)), options(stats.LookOnce)), "score:helpful")
	assert.Equal(t, NotComparable, m.Verdict)
	assert.Contains(t, m.Note, "several evaluator versions")

	m = on(t, judged(t, w.make(stats.Random(1, 1)), options(stats.LookOnce)), "score:helpful")
	assert.Equal(t, "sha256:1", m.EvaluatorVersion)
}

// A metric of which one version is not comparable does not hide another that is
// worse.
func TestWorseCountsBesideWhatCannotBeCompared(t *testing.T) {
	w := ordinary()
	w.latency = 3
	w.edit = func(c *traffic.Call, _ *rand.Rand) {
		s := c.Scores["helpful"]
		s.Version = []string{"sha256:1", "sha256:2"}[c.Arm]
		c.Scores["helpful"] = s
	}
	r := judged(t, w.make(stats.Random(1, 1)), options(stats.LookAnytime))
	assert.Equal(t, Worse, r.Verdict)
	assert.Equal(t, 1, r.ExitCode)
}

func TestMissingScoresWarn(t *testing.T) {
	w := edited(ordinary(), func(c *traffic.Call, random *rand.Rand) {
		if c.Arm == 1 && random.Float64() < 0.3 {
			c.Scores = nil
		}
	})
	r := judged(t, w.make(stats.Random(1, 1)), options(stats.LookOnce))
	g, ok := gateNamed(r, "missing values")
	require.True(t, ok)
	assert.Equal(t, GateWarns, g.Status)
	assert.Contains(t, g.Text, "score:helpful is missing on 0.0% of v1's")
	assert.Greater(t, on(t, r, "score:helpful").B.Missing, 100)

	r = judged(t, ordinary().make(stats.Random(1, 1)), options(stats.LookOnce))
	_, ok = gateNamed(r, "missing values")
	assert.False(t, ok)
}

// Whole sessions without scores are few independent events, although they are
// many calls: the warning keeps its rate of 1%.
func TestMissingScoresWarnAtTheirRate(t *testing.T) {
	race.Skip(t)
	const runs = 150
	warned := 0
	for run := range runs {
		w := edited(ordinary(), func(c *traffic.Call, _ *rand.Rand) {
			if c.Cluster%10 == 0 {
				c.Scores = nil
			}
		})
		w.sessions = 150
		if _, ok := gateNamed(judged(t, w.make(stats.Random(uint64(run), 7)), options(stats.LookOnce)), "missing values"); ok {
			warned++
		}
	}
	assert.LessOrEqual(t, float64(warned)/runs, above(missingLevel, runs))
}

func TestSampleRatioWarns(t *testing.T) {
	o := options(stats.LookOnce)
	o.Split = 0.5
	w := ordinary()
	for share, status := range map[float64]string{0.5: GatePasses, 0.35: GateWarns} {
		w.share = share
		require.NoError(t, o.complete())
		r := newReport(o)
		frame := traffic.NewFrame(w.make(stats.Random(1, 1)))
		counts := frame.Clusters()
		r.A.usedClusters, r.B.usedClusters = counts[0], counts[1]
		require.NoError(t, r.judge(frame, o))
		g, ok := gateNamed(r, "sample ratio")
		require.True(t, ok)
		assert.Equal(t, status, g.Status, "share %v: %s", share, g.Text)
	}
}

func TestInputsWithoutCounterpartsBlock(t *testing.T) {
	o := options(stats.LookOnce)
	o.Keys = []string{"name"}
	keyed := edited(ordinary(), func(c *traffic.Call, _ *rand.Rand) { c.Keys = []string{[]string{"a", "b"}[c.Arm]} })
	r := judged(t, keyed.make(stats.Random(1, 1)), o)
	g, ok := gateNamed(r, "input overlap")
	require.True(t, ok)
	assert.Equal(t, GateBlocks, g.Status)
	assert.Equal(t, NotComparable, r.Verdict)
	assert.Equal(t, 3, r.ExitCode)
	for _, m := range r.Metrics {
		if m.Kind != KindCategory {
			assert.Equal(t, NotComparable, m.Verdict, m.Name)
		}
	}
}

func TestWhatElseDiffersWarns(t *testing.T) {
	for name, c := range map[string]struct {
		model  func(arm int, random *rand.Rand) string
		status string
		text   string
	}{
		"each its own":       {func(arm int, _ *rand.Rand) string { return []string{"m1", "m2"}[arm] }, GateWarns, "v1 used m1, v2 used m2"},
		"alike in both":      {func(_ int, random *rand.Rand) string { return []string{"m1", "m2"}[random.IntN(2)] }, GatePasses, "in like shares"},
		"other shares":       {func(arm int, random *rand.Rand) string { return []string{"m1", "m2"}[min(1, random.IntN(2+6*arm))] }, GateWarns, "in other shares"},
		"the same, no gate":  {func(int, *rand.Rand) string { return "m1" }, "", ""},
		"unknown, no gate":   {func(int, *rand.Rand) string { return "" }, "", ""},
		"hostile, no escape": {func(arm int, _ *rand.Rand) string { return []string{"\x1b[31m", "m2"}[arm] }, GateWarns, "v2 used m2"},
	} {
		w := edited(ordinary(), func(call *traffic.Call, random *rand.Rand) { call.Identity.ResponseModel = c.model(call.Arm, random) })
		r := judged(t, w.make(stats.Random(1, 1)), options(stats.LookOnce))
		g, ok := gateNamed(r, "response model")
		assert.Equal(t, c.status != "", ok, name)
		assert.Equal(t, c.status, g.Status, name)
		assert.Contains(t, g.Text, c.text, name)
	}
}

// The arms ran at other times of the window: a change over time is no difference
// between versions, since only alike times are compared.
func TestTimesThatDifferAreBlocked(t *testing.T) {
	w := ordinary()
	w.sessions = 1200
	w.edit = func(c *traffic.Call, random *rand.Rand) {
		late := c.Start.Sub(epoch) > 600*time.Minute
		if late {
			c.DurationNS *= 3
		}
		// Most of B's sessions are late ones.
		if c.Arm == 1 && !late && c.Cluster%4 != 0 {
			c.Arm, c.Version = 0, "v1"
		}
	}
	r := judged(t, w.make(stats.Random(3, 1)), options(stats.LookOnce))
	g, ok := gateNamed(r, "time")
	require.True(t, ok)
	assert.Equal(t, GateWarns, g.Status)
	assert.Equal(t, 6, r.Strata.TimeBlocks)
	m := on(t, r, "latency")
	assert.Greater(t, float64(m.Raw), 1.3, "unadjusted, for comparison")
	assert.NotEqual(t, Worse, m.Verdict)
}

func TestHardlyAnyData(t *testing.T) {
	for name, c := range map[string]struct {
		sessions int
		share    float64
	}{"one session": {1, 0.5}, "empty arm": {60, 0}, "one session of B": {60, 0.02}, "few": {30, 0.5}} {
		w := ordinary()
		w.sessions, w.share = c.sessions, c.share
		calls := w.make(stats.Random(5, 1))
		for _, look := range []stats.Look{stats.LookOnce, stats.LookAnytime} {
			r := judged(t, calls, options(look))
			assert.Equal(t, NotEnoughData, r.Verdict, name)
			assert.Equal(t, 3, r.ExitCode, name)
			for _, m := range r.Metrics {
				assert.Contains(t, []Verdict{NotEnoughData, NoChange}, m.Verdict, "%s: %s", name, m.Name)
			}
			encoded, err := json.Marshal(r)
			require.NoError(t, err, name)
			assert.NotContains(t, string(encoded), "NaN", name)
		}
	}
	r := newReport(options(stats.LookOnce))
	require.NoError(t, r.judge(traffic.NewFrame(nil), options(stats.LookOnce)))
	assert.Equal(t, NotEnoughData, r.Verdict)
}

func TestExtremeValues(t *testing.T) {
	score := func(value float64, low, high float64) func(*traffic.Call, *rand.Rand) {
		return func(c *traffic.Call, _ *rand.Rand) {
			c.Scores = map[string]traffic.Score{"helpful": {Value: value, HasNumeric: true, Version: "1", Direction: higher, RangeLow: low, RangeHigh: high, Probability: 1}}
		}
	}
	nan := math.NaN()
	for name, c := range map[string]struct {
		edit    func(*traffic.Call, *rand.Rand)
		verdict Verdict
	}{
		"every value the same, open range": {score(7, nan, nan), NoChange},
		"every value the same, in a range": {score(7, 0, 10), Equivalent},
		"all pass": {func(c *traffic.Call, _ *rand.Rand) {
			c.Scores = map[string]traffic.Score{"helpful": passOrFail(true)}
		}, Equivalent},
		"huge values": {func(c *traffic.Call, random *rand.Rand) {
			score(1e300*random.NormFloat64(), nan, nan)(c, random)
		}, NotEnoughData},
		"infinite values": {func(c *traffic.Call, random *rand.Rand) {
			score(math.Inf(1), nan, nan)(c, random)
			if random.IntN(2) == 0 {
				score(1, nan, nan)(c, random)
			}
		}, NoChange},
		"failed evaluations": {func(c *traffic.Call, _ *rand.Rand) {
			s := passOrFail(true)
			s.EvaluationFailed = c.Cluster%5 == 0
			c.Scores = map[string]traffic.Score{"helpful": s}
		}, Equivalent},
	} {
		w := edited(ordinary(), c.edit)
		w.sessions = 800
		r := judged(t, w.make(stats.Random(1, 1)), options(stats.LookAnytime))
		assert.Equal(t, c.verdict, on(t, r, "score:helpful").Verdict, name)
		encoded, err := json.Marshal(r)
		require.NoError(t, err, name)
		assert.NotRegexp(t, `NaN|Inf`, string(encoded), name)
	}
}

// Two failures in 400 sessions are no finding, ten in the sessions of one arm
// are, and sessions are what counts: ten failures of one session are not.
func TestRareOutcomes(t *testing.T) {
	failing := func(perArm int, within bool) world {
		left := perArm
		first := ""
		return edited(ordinary(), func(c *traffic.Call, _ *rand.Rand) {
			if c.Arm != 1 || left == 0 {
				return
			}
			if first == "" {
				first = c.TraceID
			}
			if !within || c.TraceID == first {
				c.Failed, left = true, left-1
			}
		})
	}
	for name, c := range map[string]struct {
		w       world
		verdict Verdict
	}{
		"two failures":                   {failing(2, false), Equivalent},
		"four failures of one session":   {failing(4, true), Equivalent},
		"forty failures over one arm":    {failing(40, false), Worse},
		"five and more, not significant": {failing(5, false), Equivalent},
	} {
		w := c.w
		w.sessions = 800
		m := on(t, judged(t, w.make(stats.Random(1, 1)), options(stats.LookOnce)), "error_rate")
		assert.Equal(t, c.verdict, m.Verdict, "%s: %+v", name, m)
	}
}
