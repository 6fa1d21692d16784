// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package compare

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// answer is one answer of a model under a prompt version, with a judge's score.
type answer struct {
	PromptID      string `json:"prompt_id"`
	ResponseModel string `json:"response_model"`
	PromptVersion string `json:"prompt_version"`
	Input, Output string
	Scores        map[string]*float64
}

// alpaca returns the answers by model and prompt version, then by question.
func alpaca(t *testing.T) map[string]map[string]answer {
	t.Helper()
	groups := map[string]map[string]answer{}
	for _, name := range []string{"gpt35.jsonl", "claude.jsonl"} {
		f, err := os.Open(filepath.Join(sharedtest.Dir(t), "driftdata", "alpaca_eval", name))
		require.NoError(t, err)
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var a answer
			require.NoError(t, json.Unmarshal(lines.Bytes(), &a))
			key := a.ResponseModel + " " + a.PromptVersion
			if groups[key] == nil {
				groups[key] = map[string]answer{}
			}
			groups[key][a.PromptID] = a
		}
		require.NoError(t, lines.Err())
	}
	return groups
}

// drawn are the answers of two groups to n questions each, no question twice.
func drawn(random *rand.Rand, a, b map[string]answer, n int) []traffic.Call {
	var questions []string
	for id := range a {
		if _, both := b[id]; both {
			questions = append(questions, id)
		}
	}
	slices.Sort(questions)
	random.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
	n = min(n, len(questions)/2)
	var calls []traffic.Call
	for i, id := range questions[:2*n] {
		one := a[id]
		if i%2 == 1 {
			one = b[id]
		}
		c := emptyCall()
		c.TraceID, c.SpanID, c.Arm, c.Version = id, id, i%2, []string{"v1", "v2"}[i%2]
		c.Cluster, c.Start = stats.HashText(id), epoch.Add(time.Duration(i)*time.Minute)
		c.Input, c.OutputStyle = stats.TextFeatures(one.Input, traffic.InputDimension), traffic.StyleOf(one.Output)
		if v := one.Scores["judge_pref"]; v != nil {
			c.Scores = map[string]traffic.Score{"judge": {Value: *v, HasNumeric: true, Version: "1", Kind: "judge", Direction: higher, RangeHigh: 1, Probability: 1}}
		}
		calls = append(calls, c)
	}
	return calls
}

// paired is the mean difference of a value on the same questions; NaN when no
// question has it under both.
func paired(a, b map[string]answer, value func(answer) float64) float64 {
	var differences []float64
	for id, one := range a {
		if other, both := b[id]; both {
			differences = append(differences, value(other)-value(one))
		}
	}
	mean, _, n := stats.MeanVariance(differences)
	if n == 0 {
		return math.NaN()
	}
	return mean
}

func judge(a answer) float64 {
	if v := a.Scores["judge_pref"]; v != nil {
		return *v
	}
	return math.NaN()
}

func length(a answer) float64 { return math.Log(float64(len(a.Output))) }

func alpacaOptions(look stats.Look) Options {
	o := options(look)
	o.Metrics = []string{"output_length"}
	return o
}

// Real answers of one model under one prompt version, split at random: nothing
// changed.
func TestConformanceAlpacaUnchanged(t *testing.T) {
	groups := alpaca(t)
	runs, alarms := 0, 0
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		group := groups[name]
		for draw := range 60 {
			calls := drawn(stats.Random(uint64(draw), 1), group, group, 190)
			o := alpacaOptions(stats.LookOnce)
			if calls[0].Scores != nil {
				o.Metrics = append(o.Metrics, "judge")
			}
			r := judged(t, calls, o)
			runs++
			if r.Verdict == Better || r.Verdict == Worse || r.Verdict == Changed {
				alarms++
			}
		}
	}
	fmt.Printf("compare, alpaca_eval, nothing changed: %d of %d comparisons alarm (%.1f %%)\n", alarms, runs, 100*float64(alarms)/float64(runs))
	assert.LessOrEqual(t, float64(alarms)/float64(runs), above(0.05, runs))
}

// Real prompt versions of one model, on disjoint questions: what is found has the
// direction that all questions, answered under both, show.
func TestConformanceAlpacaPromptVersions(t *testing.T) {
	groups := alpaca(t)
	for _, pair := range [][2]string{
		{"gpt-3.5-turbo-1106 base", "gpt-3.5-turbo-1106 concise"}, {"gpt-3.5-turbo-1106 base", "gpt-3.5-turbo-1106 verbose"},
		{"claude-2.1 base", "claude-2.1 concise"}, {"claude-2.1 base", "claude-2.1 verbose"},
	} {
		a, b := groups[pair[0]], groups[pair[1]]
		require.NotEmpty(t, a, pair[0])
		require.NotEmpty(t, b, pair[1])
		const runs = 60
		lengthFound, judgeFound, wrong := 0, 0, 0
		lengthTruth := paired(a, b, length)
		judgeTruth := paired(a, b, judge)
		for draw := range runs {
			o := alpacaOptions(stats.LookOnce)
			o.Metrics = append(o.Metrics, "judge")
			r := judged(t, drawn(stats.Random(uint64(draw), 2), a, b, 190), o)
			if m := on(t, r, "output_length"); m.Verdict == Changed {
				lengthFound++
				if (float64(m.Effect) > 1) != (lengthTruth > 0) {
					wrong++
				}
			}
			switch on(t, r, "score:judge").Verdict {
			case Better, Worse:
				judgeFound++
				if (on(t, r, "score:judge").Verdict == Better) != (judgeTruth > 0) {
					wrong++
				}
			}
		}
		fmt.Printf("compare, alpaca_eval, %s to %s: length (x%.2f) found in %d of %d, judge (%+.3f) in %d, in the wrong direction %d\n",
			pair[0], pair[1], math.Exp(lengthTruth), lengthFound, runs, judgeTruth, judgeFound, wrong)
		assert.LessOrEqual(t, wrong, 2, pair)
		if math.Abs(lengthTruth) > 0.25 {
			assert.GreaterOrEqual(t, lengthFound, runs*9/10, pair)
		}
	}
}
