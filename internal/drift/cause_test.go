// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

func TestMergeNamesTheWidest(t *testing.T) {
	c := func(name, family string) candidate {
		return candidate{dimension: dimension{name: name, family: family}}
	}
	for _, tc := range []struct {
		name string
		tied []candidate
		want []string
	}{
		{"model and fingerprint", []candidate{c("system fingerprint", familyModel), c("responding model", familyModel)}, []string{"responding model"}},
		{"provider brings all", []candidate{c("responding model", familyModel), c("provider", familyModel), c("server", familyModel)}, []string{"provider"}},
		{"a tool before its set", []candidate{c("toolset", familyTools), c("tool search", familyTools)}, []string{"tool search"}},
		{"the set alone", []candidate{c("toolset", familyTools)}, []string{"toolset"}},
		{"two tools", []candidate{c("tool a", familyTools), c("tool b", familyTools), c("toolset", familyTools)}, []string{"tool a", "tool b"}},
		{"two families", []candidate{c("responding model", familyModel), c("SDK", familyClient)}, []string{"responding model", "SDK"}},
		{"nothing", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, k := range merge(tc.tied) {
				got = append(got, k.name)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestSufficient(t *testing.T) {
	c := func(name string, criterion, withTime float64) candidate {
		return candidate{dimension: dimension{name: name}, criterion: criterion, withTime: withTime}
	}
	for _, tc := range []struct {
		name   string
		ranked []candidate
		want   []string
	}{
		{"as good as time", []candidate{c("a", 100, 110)}, []string{"a"}},
		{"a little worse than time", []candidate{c("a", 105, 110)}, []string{"a"}},
		{"clearly worse than time", []candidate{c("a", 107, 110)}, nil},
		{"better, but time explains the rest", []candidate{c("a", 50, 30)}, nil},
		{"two alike", []candidate{c("a", 90, 100), c("b", 95, 100)}, []string{"a", "b"}},
		{"the second clearly worse", []candidate{c("a", 90, 100), c("b", 97, 100)}, []string{"a"}},
		{"the better one does not suffice", []candidate{c("a", 50, 30), c("b", 97, 100)}, []string{"b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, k := range sufficient(tc.ranked, 100) {
				got = append(got, k.name)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestCauseText(t *testing.T) {
	seen := time.Date(2026, 11, 9, 0, 5, 0, 0, time.UTC)
	cause := Cause{Dimensions: []CauseDimension{{Name: "tool search", Before: "v1", After: "v2", FirstSeen: seen, Detail: "the description of the tool was broadened"}}}
	cause.name()
	require.Equal(t, CauseRecorded, cause.Kind)
	require.Equal(t, "tool search v1 to v2 (the description of the tool was broadened), first seen 2026-11-09 00:05", cause.Text)
	cause.Dimensions = append(cause.Dimensions, CauseDimension{Name: paramsName, Before: "a", After: "b", Detail: "temperature 0.7 to 0"})
	cause.name()
	require.Equal(t, CauseAmbiguous, cause.Kind)
	require.Contains(t, cause.Text, "; or parameters: temperature 0.7 to 0 (changed together)")
}

func TestParamsDetail(t *testing.T) {
	frame := func(before, after string) *traffic.Frame {
		return traffic.NewFrame([]traffic.Call{
			{Cluster: 1, Arm: 0, Identity: traffic.Identity{Params: before}}, {Cluster: 2, Arm: 1, Identity: traffic.Identity{Params: after}},
		})
	}
	require.Equal(t, `temperature 0.7 to 0, top_p (unset) to 0.9`, paramsDetail(frame(`{"gen_ai.request.temperature":0.7,"seed":1}`, `{"gen_ai.request.temperature":0,"gen_ai.request.top_p":0.9,"seed":1}`)))
	require.Empty(t, paramsDetail(frame(`{"temperature":0.7`, `{}`)), "cut off")
	require.Empty(t, paramsDetail(frame("", `{}`)))
}

func TestHiddenContext(t *testing.T) {
	residuals := func(calls []traffic.Call) []float64 {
		f := traffic.NewFrame(calls)
		c := hiddenContext(f)
		return c.values(f)
	}
	t.Run("a step although every input is new", func(t *testing.T) {
		values := residuals(makeTraffic(1, 400, 1, turning(200, func(w *world) { w.hidden = 30 })))
		before, _, _ := stats.MeanVariance(values[:200])
		after, _, _ := stats.MeanVariance(values[200:])
		require.InDelta(t, 30, after-before, 3)
	})
	t.Run("equal inputs tell exactly", func(t *testing.T) {
		calls := makeTraffic(1, 100, 1, steady)
		for _, c := range calls {
			c.InputTokens += 7
			c.Cluster += 1000
			calls = append(calls, c)
		}
		for i, v := range residuals(calls) {
			require.InDelta(t, math.Copysign(3.5, float64(i)-99.5), v, 1e-9)
		}
	})
	t.Run("tokens that have nothing to do with the text", func(t *testing.T) {
		random := seeded(1)
		calls := makeTraffic(1, 200, 1, steady)
		for i := range calls {
			calls[i].InputTokens = 100 + 2000*random.Float64()
		}
		for _, v := range residuals(calls) {
			require.True(t, math.IsNaN(v), "no fit, no residual")
		}
	})
	t.Run("no tokens at all", func(t *testing.T) {
		calls := makeTraffic(1, 200, 1, steady)
		for i := range calls {
			calls[i].InputTokens = math.NaN()
		}
		for _, v := range residuals(calls) {
			require.True(t, math.IsNaN(v))
		}
	})
}
