// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, spans ...traffictest.Span) *query.DB {
	t.Helper()
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, spans...)
	db, err := query.Open(t.Context(), query.Options{Dataset: dir, Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func load(t testing.TB, db *query.DB, a Arm, o Options) ([]Call, Extent) {
	t.Helper()
	calls, extent, err := Load(t.Context(), db.SQL(), a, o)
	require.NoError(t, err)
	return calls, extent
}

func chat(id string, minute int) traffictest.Span {
	return traffictest.Span{Trace: "t", ID: id, Session: "s", Prompt: "p", Version: "v1", Environment: "production", Model: "m",
		Start: noon.Add(time.Duration(minute) * time.Minute), Duration: 2 * time.Second}
}

func TestLoadReadsACall(t *testing.T) {
	full := chat("full", 0)
	full.Input, full.Output, full.Tools = "Where is parcel 7?", "I'm sorry, but I can't help with that.", []string{"track", "refund"}
	full.OutputTokens, full.FinishReason, full.Variables = 12, "stop", map[string]string{"tier": "gold", "it's": "odd"}
	later := traffictest.Rated("helpful", "2", 0.25)
	later.Probability = 0.5
	failed := traffictest.Rated("broken", "1", 0)
	failed.Value, failed.ErrorType = genai.Opt[float64]{}, "timeout"
	full.Scores = []evaluator.Score{traffictest.Pass("tool_known", "1", true), later, failed}
	empty := chat("empty", 1)
	empty.Error = "rate_limit"
	tool := chat("tool", 2)
	tool.Operation, tool.ToolName, tool.Error, tool.Model = "execute_tool", "track", "timeout", ""

	calls, extent := load(t, open(t, full, empty, tool), Arm{Prompt: "p", Version: "v1"}, Options{Keys: []string{"environment", "var:tier", "var:it's", "attr:none"}})
	require.Len(t, calls, 2)
	assert.Equal(t, Extent{Calls: 2, Clusters: 1, First: noon, Last: noon.Add(time.Minute), SampledOneIn: 1}, extent)
	c := calls[0]
	id, trace := traffictest.SpanID("full"), traffictest.TraceID("t")
	assert.Equal(t, [2]string{trace.String(), id.String()}, [2]string{c.TraceID, c.SpanID})
	assert.Equal(t, noon, c.Start)
	assert.Equal(t, [2]float64{2e9, 12}, [2]float64{c.DurationNS, c.OutputTokens})
	assert.Equal(t, []string{"production", "gold", "odd", ""}, c.Keys)
	assert.Equal(t, []string{"track", "refund"}, c.Tools)
	assert.Equal(t, 1, c.FailedTools, "the execution that failed is the call's that asked for it")
	assert.Equal(t, 1.0, c.Refused)
	assert.Equal(t, stats.TextFeatures("Where is parcel 7?", InputDimension), c.Input)
	assert.NotZero(t, c.InputHash)
	assert.NotZero(t, c.OutputHash)
	assert.Equal(t, "m", c.Identity.ResponseModel)
	assert.Equal(t, Score{Value: 0.25, HasNumeric: true, Version: "2", Kind: "judge", Direction: higher, RangeLow: 0, RangeHigh: 1, Probability: 0.5}, c.Scores["helpful"])
	assert.True(t, c.Scores["broken"].EvaluationFailed)
	assert.True(t, math.IsNaN(c.Scores["broken"].Number()), "a failed evaluation is unscored, not 0")

	c = calls[1]
	assert.True(t, c.Failed)
	assert.Equal(t, "rate_limit", c.ErrorType)
	for name, v := range map[string]float64{"tokens": c.OutputTokens, "cost": c.CostUSD, "first": c.TimeToFirstTokenNS, "refused": c.Refused, "chars": c.OutputStyle.Chars} {
		assert.True(t, math.IsNaN(v), name)
	}
	assert.Nil(t, c.Input)
	assert.Zero(t, c.OutputHash)
	assert.Equal(t, calls[0].Cluster, c.Cluster)
}

// Of several scores of one name on one call the latest counts, whatever its
// evaluator's version; of two at one moment always the same, in whatever order
// they came.
func TestTheLatestScoreCounts(t *testing.T) {
	early, late := traffictest.Rated("helpful", "1", 0.1), traffictest.Rated("helpful", "2", 0.9)
	got := map[string]bool{}
	for _, scores := range [][]evaluator.Score{{early, late}, {late, early}} {
		span := chat("a", 0)
		span.Scores = scores
		calls, _ := load(t, open(t, span), Arm{Prompt: "p"}, Options{})
		got[calls[0].Scores["helpful"].Version] = true
	}
	assert.Len(t, got, 1)
}

func TestArmsAreBounded(t *testing.T) {
	var spans []traffictest.Span
	for i := range 10 {
		s := chat(fmt.Sprint(i), i)
		s.Version = []string{"v1", "v2"}[i%2]
		s.Environment = []string{"production", "staging"}[i/5]
		spans = append(spans, s)
	}
	db := open(t, spans...)
	for name, c := range map[string]struct {
		arm  Arm
		want int
	}{
		"all":         {Arm{}, 10},
		"version":     {Arm{Prompt: "p", Version: "v2"}, 5},
		"environment": {Arm{Prompt: "p", Environment: "staging"}, 5},
		"window":      {Arm{Prompt: "p", From: noon.Add(2 * time.Minute), Until: noon.Add(4 * time.Minute)}, 2},
		"nobody":      {Arm{Prompt: "nobody"}, 0},
		"hostile":     {Arm{Prompt: "p' OR 1=1 --"}, 0},
	} {
		calls, extent := load(t, db, c.arm, Options{})
		assert.Len(t, calls, c.want, name)
		assert.Equal(t, c.want, extent.Calls, name)
	}
	seen, err := SeenVersions(t.Context(), db.SQL(), Arm{Prompt: "p"})
	require.NoError(t, err)
	require.Len(t, seen, 2)
	assert.Equal(t, Seen{Name: "v1", Calls: 5, First: noon, Last: noon.Add(8 * time.Minute)}, Seen{seen[0].Name, seen[0].Calls, seen[0].First.UTC(), seen[0].Last.UTC()})
	prompts, err := SeenPrompts(t.Context(), db.SQL(), Arm{})
	require.NoError(t, err)
	assert.Equal(t, "p", prompts[0].Name)
	environments, err := SeenEnvironments(t.Context(), db.SQL(), Arm{Prompt: "p"})
	require.NoError(t, err)
	assert.Equal(t, []string{"production", "staging"}, []string{environments[0].Name, environments[1].Name})
	latest, err := LatestVersion(t.Context(), db.SQL(), Arm{Prompt: "p"})
	require.NoError(t, err)
	assert.Equal(t, "v2", latest)
	versions, err := Versions(t.Context(), db.SQL(), "p")
	require.NoError(t, err)
	assert.Equal(t, []string{"v1 (5 calls)", "v2 (5 calls)"}, versions)
}

func TestUnknownKeys(t *testing.T) {
	db := open(t, chat("a", 0))
	for _, key := range []string{"", "nowhere", "input_messages", "name; DROP TABLE spans", "1) --"} {
		_, _, err := Load(t.Context(), db.SQL(), Arm{Prompt: "p"}, Options{Keys: []string{key}})
		require.ErrorIs(t, err, ErrUnknownKey, key)
	}
	for _, key := range append(Keys(), "var:'; DROP TABLE spans --", "attr:\x00") {
		_, _, err := Load(t.Context(), db.SQL(), Arm{Prompt: "p"}, Options{Keys: []string{key}})
		require.NoError(t, err, key)
	}
}

// Samples hold whole clusters, and a smaller one is part of a larger one.
func TestSamplesAreWholeAndNested(t *testing.T) {
	var spans []traffictest.Span
	for i := range 300 {
		s := chat(fmt.Sprint(i), i)
		s.Session, s.Trace = fmt.Sprint("session ", i/3), fmt.Sprint("trace ", i)
		spans = append(spans, s)
	}
	db := open(t, spans...)
	held := func(most int) (map[uint64]int, Extent) {
		calls, extent := load(t, db, Arm{Prompt: "p"}, Options{MaxCalls: most})
		clusters := map[uint64]int{}
		for _, c := range calls {
			clusters[c.Cluster]++
		}
		return clusters, extent
	}
	all, _ := held(0)
	assert.Len(t, all, 100)
	half, extent := held(200)
	assert.Equal(t, 2, extent.SampledOneIn)
	quarter, extent := held(100)
	assert.Equal(t, 4, extent.SampledOneIn)
	assert.InDelta(t, 50, len(half), 20)
	assert.Less(t, len(quarter), len(half))
	for cluster, n := range quarter {
		assert.Equal(t, 3, n, "whole")
		assert.Contains(t, half, cluster, "nested")
	}
	assert.Equal(t, 100, extent.Clusters, "the extent is that before sampling")
}

func TestToolAccuracy(t *testing.T) {
	pass := Score{Label: "pass", Probability: 0.5}
	fail := Score{Label: "fail", Probability: 0.25}
	for name, c := range map[string]struct {
		call        Call
		scored      bool
		value, prob float64
	}{
		"no tool calls":           {Call{}, true, math.NaN(), 1},
		"unchecked":               {Call{Tools: []string{"a"}}, true, math.NaN(), 1},
		"unchecked, none is":      {Call{Tools: []string{"a"}}, false, 1, 1},
		"failed, none is checked": {Call{Tools: []string{"a"}, FailedTools: 1}, false, 0, 1},
		"passed":                  {Call{Tools: []string{"a"}, Scores: map[string]Score{"tool_known": pass}}, true, 1, 0.5},
		"one failed":              {Call{Tools: []string{"a"}, Scores: map[string]Score{"tool_known": pass, "tool_args_schema": fail}}, true, 0, 0.25},
		"passed, then failed":     {Call{Tools: []string{"a"}, FailedTools: 1, Scores: map[string]Score{"tool_known": pass}}, true, 0, 0.5},
	} {
		value, probability := c.call.ToolAccuracy(c.scored)
		assert.Equal(t, math.IsNaN(c.value), math.IsNaN(value), name)
		if !math.IsNaN(c.value) {
			assert.Equal(t, c.value, value, name)
		}
		assert.Equal(t, c.prob, probability, name)
	}
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string][2]float64{"0..1": {0, 1}, "-1.5..5": {-1.5, 5}, "0..": {0, math.NaN()}, "..1": {math.NaN(), 1}, "0..inf": {0, math.NaN()}, "NaN..2": {math.NaN(), 2}, "": {math.NaN(), math.NaN()}, "a..b": {math.NaN(), math.NaN()}} {
		low, high := parseRange(text)
		assert.Equal(t, fmt.Sprint(want), fmt.Sprint([2]float64{low, high}), text)
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("0..1")
	f.Add("-1e9..x")
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		low, high := parseRange(text)
		if !strings.Contains(text, "..") && (!math.IsNaN(low) || !math.IsNaN(high)) {
			t.Fatalf("%q: %v %v", text, low, high)
		}
	})
}

func TestStyle(t *testing.T) {
	s := StyleOf("Sure.\n\n- one\n- two\n\n```go\nx := 1\n```\nDone [Yes].")
	assert.Equal(t, [7]float64{7, 1, 1, 0, 1, 1, 1}, [7]float64{s.Lines, s.Fence, s.Bullets, s.JSON, s.Tag, s.EndsPunctuated, s.Capitalised})
	assert.Equal(t, 1.0, StyleOf(` {"a": [1]} `).JSON)
	assert.Equal(t, 0.0, StyleOf(`{"a": `).JSON)
	assert.InDelta(t, 0.5, StyleOf("a1").DigitShare, 1e-12)
	assert.Equal(t, 2.0, StyleOf("日本").Chars)
	assert.True(t, math.IsNaN(StyleOf(" \n ").Chars))
	assert.Equal(t, float64(1<<20), StyleOf(strings.Repeat("x", 1<<20)).Chars, "long texts are counted whole")
}

func FuzzStyle(f *testing.F) {
	f.Add("Hello [Yes] (A) 1. two")
	f.Add("\xff\xfe((((")
	f.Fuzz(func(t *testing.T, text string) {
		s := StyleOf(text)
		if strings.TrimSpace(text) != "" && (s.DigitShare < 0 || s.DigitShare > 1 || s.Chars < 1) {
			t.Fatalf("%+v", s)
		}
	})
}
