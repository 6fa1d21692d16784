// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

var epoch = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// world says what the calls of simulated sessions look like.
type world struct {
	// sessions is their number, share that of arm B, calls the largest number
	// of calls of a session.
	sessions, calls int
	share           float64
	// icc is the correlation of a session's outcomes.
	icc float64
	// hard is the share of hard questions by arm, hardPass and easyPass the
	// pass rates of arm A.
	hard               [2]float64
	hardPass, easyPass float64
	// pass, latency and fail are what B adds to the pass rate, multiplies the
	// latency by and what its error rate is.
	pass, latency float64
	fail          [2]float64
	// edit changes each call.
	edit func(*traffic.Call, *rand.Rand)
}

func ordinary() world {
	return world{sessions: 400, calls: 5, share: 0.5, icc: 0.3, hardPass: 0.85, easyPass: 0.85, latency: 1}
}

var questions = [2][]string{
	{"where is my parcel", "when does my parcel arrive", "has the parcel shipped", "track the parcel please"},
	{"refund the double charge on my card", "dispute this charge and refund the fee", "my card was charged twice refund it", "reverse the charge on the card"},
}

// calls makes the calls, in time order.
func (w world) make(random *rand.Rand) []traffic.Call {
	var calls []traffic.Call
	for s := range w.sessions {
		arm := 0
		if random.Float64() < w.share {
			arm = 1
		}
		calls = append(calls, w.session(random, s, arm)...)
	}
	slices.SortStableFunc(calls, func(a, b traffic.Call) int { return a.Start.Compare(b.Start) })
	return calls
}

func (w world) session(random *rand.Rand, number, arm int) []traffic.Call {
	kind := 0
	if random.Float64() < w.hard[arm] {
		kind = 1
	}
	text := questions[kind][random.IntN(4)]
	pass := []float64{w.easyPass, w.hardPass}[kind] + w.pass*float64(arm)
	together, level := random.Float64() < w.icc, random.NormFloat64()
	common := random.Float64()
	var calls []traffic.Call
	for i := range 1 + random.IntN(w.calls) {
		c := emptyCall()
		c.TraceID, c.SpanID = fmt.Sprintf("%032x", number), fmt.Sprintf("%016x", 100*number+i)
		c.Cluster, c.Arm, c.Version = stats.HashText(c.TraceID), arm, []string{"v1", "v2"}[arm]
		c.Start = epoch.Add(time.Duration(number)*time.Minute + time.Duration(i)*time.Second)
		c.Input = stats.TextFeatures(text, traffic.InputDimension)
		noise := math.Sqrt(0.3)*level + math.Sqrt(0.7)*random.NormFloat64()
		c.DurationNS = 1e9 * math.Exp(0.6*noise)
		if arm == 1 {
			c.DurationNS *= w.latency
		}
		c.Failed = random.Float64() < w.fail[arm]
		draw := random.Float64()
		if together {
			draw = common
		}
		c.Scores = map[string]traffic.Score{"helpful": passOrFail(draw < pass)}
		if w.edit != nil {
			w.edit(&c, random)
		}
		calls = append(calls, c)
	}
	return calls
}

func emptyCall() traffic.Call {
	n := math.NaN()
	return traffic.Call{
		DurationNS: n, TimeToFirstTokenNS: n, CostUSD: n, InputTokens: n, OutputTokens: n, Refused: n,
		OutputStyle: traffic.StyleOf(""), InputStyle: traffic.StyleOf(""),
	}
}

func passOrFail(pass bool) traffic.Score {
	s := traffic.Score{Value: math.NaN(), Label: "fail", Version: "sha256:1", Kind: "judge", Direction: higher, RangeLow: 0, RangeHigh: 1, Probability: 1}
	if pass {
		s.Label = "pass"
	}
	return s
}

func options(look stats.Look) Options {
	return Options{Prompt: "support", A: "v1", B: "v2", Look: look}
}

// judged compares calls as Run does with what it loads.
func judged(t testing.TB, calls []traffic.Call, o Options) *Report {
	t.Helper()
	require.NoError(t, o.complete())
	r := newReport(o)
	require.NoError(t, r.judge(traffic.NewFrame(calls), o))
	return r
}

// on returns a metric of a report.
func on(t testing.TB, r *Report, name string) Metric {
	t.Helper()
	for _, m := range r.Metrics {
		if m.Name == name {
			return m
		}
	}
	require.Fail(t, "no metric "+name)
	return Metric{}
}
