// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// bothModes analyses calls with the windows before and after number k, and by
// searching, which TestGolden and TestRunOnDataset do under the race detector too.
func bothModes(t *testing.T, calls []traffic.Call, k int, check func(t *testing.T, r *Report)) {
	t.Helper()
	for name, o := range map[string]Options{ModeWindows: splitAt(k), ModeAutomatic: searched(0.05)} {
		t.Run(name, func(t *testing.T) {
			if name == ModeAutomatic {
				race.Skip(t)
			}
			r := analysed(slices.Clone(calls), o)
			require.Equal(t, name, r.Mode)
			check(t, r)
		})
	}
}

func TestPlantedChangesAreAttributed(t *testing.T) {
	const n, k = 300, 160
	cases := []struct {
		name    string
		change  func(*world)
		kind    string
		names   []string
		before  string
		after   string
		detail  string
		channel string
	}{
		{
			name: "responding model, with its fingerprint", kind: CauseRecorded, names: []string{"responding model"}, before: "large-1", after: "large-2",
			change: func(w *world) { w.model, w.fingerprint, w.longer = "large-2", "fp-2", 0.5 }, channel: "output_length",
		},
		{
			name: "fingerprint alone", kind: CauseRecorded, names: []string{"system fingerprint"}, before: "fp-1", after: "fp-2",
			change: func(w *world) { w.fingerprint, w.longer = "fp-2", 0.5 }, channel: "output_tokens",
		},
		{
			name: "request model, with what answers", kind: CauseRecorded, names: []string{"request model"}, before: "large", after: "small",
			change: func(w *world) { w.request, w.model, w.longer = "small", "small-1", -0.5 }, channel: "output_length",
		},
		{
			name: "tool description", kind: CauseRecorded, names: []string{"tool search"}, before: "v1", after: "v2",
			change: func(w *world) { w.tool, w.search = "v2", 0.7 }, channel: "tool:search",
		},
		{
			name: "parameters", kind: CauseRecorded, names: []string{"parameters"}, detail: "temperature 0.7 to 0",
			change: func(w *world) { w.params, w.longer = `{"temperature":0}`, 0.4 }, channel: "output_length",
		},
		{
			name: "release of the application", kind: CauseRecorded, names: []string{"service version"}, before: "1.0", after: "1.1",
			change: func(w *world) { w.serviceVersion, w.fails = "1.1", 0.25 }, channel: "error_rate",
		},
		{
			name: "two at the same moment", kind: CauseAmbiguous, names: []string{"responding model", "tool search"},
			change: func(w *world) { w.model, w.tool, w.longer = "large-2", "v2", 0.5 }, channel: "output_length",
		},
		{
			name: "nothing recorded", kind: CauseSilent,
			change: func(w *world) { w.longer = 0.5 }, channel: "output_length",
		},
		{
			name: "hidden context", kind: CauseSilent,
			change: func(w *world) { w.hidden = 100 }, channel: hiddenName,
		},
	}
	for _, tc := range cases[:race.Fewer(len(cases), 2)] {
		t.Run(tc.name, func(t *testing.T) {
			bothModes(t, makeTraffic(11, n, 1, turning(k, tc.change)), k, func(t *testing.T, r *Report) {
				require.Equal(t, Drift, r.Verdict, r.Reason)
				require.Equal(t, 1, r.ExitCode)
				require.Len(t, r.Changes, 1)
				c := r.Changes[0]
				require.Contains(t, movedNames(c.Channels), tc.channel)
				require.Equal(t, tc.kind, c.Cause.Kind, c.Cause.Text)
				var names []string
				for _, d := range c.Cause.Dimensions {
					names = append(names, d.Name)
				}
				require.ElementsMatch(t, tc.names, names)
				if tc.before != "" {
					require.Equal(t, tc.before, c.Cause.Dimensions[0].Before)
					require.Equal(t, tc.after, c.Cause.Dimensions[0].After)
				}
				if tc.detail != "" {
					require.Equal(t, tc.detail, c.Cause.Dimensions[0].Detail)
				}
				truth := day.Add(k * time.Hour)
				require.LessOrEqual(t, c.At.Sub(truth).Abs(), 15*time.Hour)
				// The interval is one of 90%.
				slack := 12 * time.Hour
				require.False(t, truth.Before(c.From.Add(-slack)) || truth.After(c.Until.Add(slack)), "%s not in %s to %s", truth, c.From, c.Until)
				if tc.kind == CauseRecorded {
					require.Equal(t, truth, c.At, "a recorded switch dates the change to the call")
					require.Equal(t, ByCause, c.DatedBy)
				}
				require.False(t, r.Inputs.Drifted)
				require.Empty(t, r.Evaluators)
				for _, e := range c.Examples {
					require.Equal(t, e.Side == "after", !e.Start.Before(c.At), "example %+v", e)
				}
				require.NotEmpty(t, c.Examples)
			})
		})
	}
}

func TestTwoChangesInOneWindow(t *testing.T) {
	race.Skip(t)
	calls := makeTraffic(5, 700, 1, func(i int) world {
		w := usual()
		if i >= 350 {
			w.tool, w.search = "v2", 0.65
		}
		if i >= 500 {
			w.model, w.longer = "large-2", 0.5
		}
		return w
	})
	bothModes(t, calls, 300, func(t *testing.T, r *Report) {
		require.Len(t, r.Changes, 2)
		require.Equal(t, "tool search", r.Changes[0].Cause.Dimensions[0].Name)
		require.Equal(t, day.Add(350*time.Hour), r.Changes[0].At)
		require.Equal(t, "responding model", r.Changes[1].Cause.Dimensions[0].Name)
		require.Equal(t, day.Add(500*time.Hour), r.Changes[1].At)
		explained := map[string]int{}
		for _, i := range r.Identities {
			explained[i.Name] = i.Change
		}
		require.Equal(t, map[string]int{"responding model": 2, "tool search": 1, "toolset": 0}, explained)
	})
}

func TestChangeOfInputsOnly(t *testing.T) {
	// Refunds are answered longer: the raw length moves, given the input it
	// does not.
	calls := makeTraffic(7, 600, 1, turning(300, func(w *world) { w.refunds = 0.75 }))
	bothModes(t, calls, 300, func(t *testing.T, r *Report) {
		require.Equal(t, InputDriftOnly, r.Verdict, r.Reason)
		require.Zero(t, r.ExitCode)
		require.True(t, r.Inputs.Drifted)
		require.Contains(t, movedNames(r.Inputs.Channels), "input_length")
		require.Empty(t, r.Changes)
	})
	r := analysed(calls, splitAt(300))
	i := slices.IndexFunc(r.Behaviour.Channels, func(c Channel) bool { return c.Name == "output_length" })
	require.Greater(t, float64(r.Behaviour.Channels[i].Raw), 1.08, "without regard to the inputs")
	require.InDelta(t, 1, float64(r.Behaviour.Channels[i].Effect), 0.06, "given the inputs")
}

func TestInputsAndModelChange(t *testing.T) {
	calls := makeTraffic(8, 600, 1, turning(300, func(w *world) { w.refunds, w.model, w.longer = 0.7, "large-2", 0.5 }))
	bothModes(t, calls, 300, func(t *testing.T, r *Report) {
		require.Equal(t, Drift, r.Verdict)
		require.True(t, r.Inputs.Drifted)
		require.Equal(t, "responding model", r.Changes[0].Cause.Dimensions[0].Name)
		require.Contains(t, r.Reason, "inputs changed too")
	})
}

func TestEvaluatorChanges(t *testing.T) {
	t.Run("version", func(t *testing.T) {
		calls := makeTraffic(9, 400, 1, turning(200, func(w *world) { w.judge, w.bias = "j2", -0.3 }))
		bothModes(t, calls, 200, func(t *testing.T, r *Report) {
			require.Equal(t, EvaluatorChanged, r.Verdict, r.Reason)
			require.Equal(t, 1, r.ExitCode)
			require.Equal(t, []EvaluatorChange{{Name: "helpful", Reason: "its version changed", Before: []string{"j1"}, After: []string{"j2"}}}, r.Evaluators)
			require.Empty(t, r.Changes, "the judge's change is no change of behaviour")
		})
	})
	t.Run("with a change of behaviour", func(t *testing.T) {
		calls := makeTraffic(9, 400, 1, turning(200, func(w *world) { w.judge, w.bias, w.model, w.longer = "j2", -0.3, "large-2", 0.6 }))
		bothModes(t, calls, 200, func(t *testing.T, r *Report) {
			require.Equal(t, Drift, r.Verdict)
			require.Contains(t, r.Reason, "helpful")
			require.NotContains(t, movedNames(r.Behaviour.Channels), "score:helpful")
		})
	})
	t.Run("judgement of the same version", func(t *testing.T) {
		calls := makeTraffic(9, 400, 1, turning(200, func(w *world) { w.bias = -0.3 }))
		r := analysed(calls, splitAt(200))
		require.Equal(t, Drift, r.Verdict, "worse answers and a stricter judge look alike without identical calls")
		require.Equal(t, []string{"score:helpful"}, movedNames(r.Changes[0].Channels))
	})
}

func TestNothingChanges(t *testing.T) {
	race.Skip(t)
	alarms, draws, inputs := map[string]int{}, 30, 0
	for draw := range draws {
		perSession := 1 + 3*(draw%2)
		calls := makeTraffic(uint64(1000+draw), 160*perSession, perSession, steady)
		for mode, o := range map[string]Options{ModeWindows: splitAt(80 * perSession), ModeAutomatic: searched(0.05)} {
			r := analysed(slices.Clone(calls), o)
			if r.ExitCode != 0 {
				alarms[mode]++
			}
			if mode == ModeWindows && r.Inputs.Drifted {
				inputs++
			}
		}
	}
	// Of 30 draws at 5% more than 5 alarm once in three hundred runs.
	require.LessOrEqual(t, alarms[ModeWindows], 5)
	require.LessOrEqual(t, alarms[ModeAutomatic], 5)
	require.LessOrEqual(t, inputs, 5)
}

func TestUsualWander(t *testing.T) {
	race.Skip(t)
	// Lengths swing slowly all the time: a window that happens to lie in a
	// trough is no drift.
	calls := makeTraffic(12, 900, 1, func(i int) world {
		w := usual()
		w.wave = 0.8
		return w
	})
	r := analysed(calls, splitAt(820))
	i := slices.IndexFunc(r.Behaviour.Channels, func(c Channel) bool { return c.Name == "output_length" })
	require.Greater(t, float64(r.Behaviour.Channels[i].Wander), 1.5)
	require.Equal(t, NoDrift, r.Verdict, r.Reason)
}

func TestNotEnoughData(t *testing.T) {
	for _, tc := range []struct {
		name string
		n, k int
		o    func(k int) Options
		want string
	}{
		{"few in all", 40, 20, func(int) Options { return searched(0.05) }, "40 sessions"},
		{"few before", 200, 24, splitAt, "24 and 176"},
		{"few after", 200, 190, splitAt, "190 and 10"},
		{"nothing before", 200, 0, splitAt, "0 and 200"},
		{"a change with little after it", 200, 185, func(int) Options { return searched(0.05) }, "something may have changed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := analysed(makeTraffic(3, tc.n, 1, turning(tc.k, func(w *world) { w.longer = 1.5 })), tc.o(tc.k))
			require.Equal(t, NotEnoughData, r.Verdict, r.Reason)
			require.Equal(t, 3, r.ExitCode)
			require.Contains(t, r.Reason, tc.want)
			var out bytes.Buffer
			require.NoError(t, r.WriteText(&out, textOptions, false))
			require.NoError(t, r.WriteHTML(&out))
			require.NoError(t, r.WriteCSV(&out, textOptions))
		})
	}
}

func TestInputsWithoutOverlap(t *testing.T) {
	calls := makeTraffic(4, 400, 1, func(i int) world {
		w := usual()
		w.refunds = float64(i / 200)
		return w
	})
	for i := range calls {
		calls[i].Keys = []string{fmt.Sprint(i / 200)}
	}
	r := analysed(calls, splitAt(200))
	require.Equal(t, CannotTell, r.Verdict, r.Reason)
	require.Equal(t, 3, r.ExitCode)
	require.Contains(t, r.Reason, "only 0%")
	for _, c := range r.Behaviour.Channels {
		require.Equal(t, NotTested, c.Verdict)
	}
}

// TestMissingValues covers values that are missing everywhere, on one side, or
// no numbers.
func TestMissingValues(t *testing.T) {
	calls := makeTraffic(16, 300, 1, steady)
	for i := range calls {
		calls[i].InputTokens = math.NaN()
		calls[i].DurationNS = math.Inf(1)
		calls[i].Output, calls[i].OutputStyle = nil, traffic.StyleOf("")
		calls[i].Scores = map[string]traffic.Score{"broken": {Value: math.NaN(), EvaluationFailed: true}}
		if i >= 150 {
			calls[i].CostUSD = 0.01 + float64(i)*1e-5
		}
	}
	r := analysed(calls, splitAt(150))
	require.Equal(t, NoDrift, r.Verdict, r.Reason)
	byName := map[string]Channel{}
	for _, c := range r.Behaviour.Channels {
		byName[c.Name] = c
	}
	require.NotContains(t, byName, "output_text")
	require.NotContains(t, byName, hiddenName)
	require.Equal(t, TooFew, byName["cost"].Verdict)
	require.Equal(t, "recorded on one side only", byName["cost"].Note)
	encoded, err := json.Marshal(r)
	require.NoError(t, err, "NaN must not reach the JSON")
	var back Report
	require.NoError(t, json.Unmarshal(encoded, &back))
	require.True(t, math.IsNaN(float64(back.Strata.Overlap)) || float64(back.Strata.Overlap) > 0.9)
}

// TestConstantMixIsNoCause has two services that always differ: they explain
// much of the variation, but not what changed.
func TestConstantMixIsNoCause(t *testing.T) {
	race.Skip(t)
	random := seeded(2)
	calls := makeTraffic(2, 600, 1, func(i int) world {
		w := usual()
		if random.Float64() < 0.5 {
			w.service, w.longer = "batch", 1
		}
		if i >= 300 {
			w.longer += 0.5
		}
		return w
	})
	r := analysed(calls, splitAt(300))
	require.Equal(t, Drift, r.Verdict)
	require.Equal(t, CauseSilent, r.Changes[0].Cause.Kind, r.Changes[0].Cause.Text)
	require.Contains(t, r.Changes[0].Cause.Text, "silent: no recorded dimension explains it")
}

// TestUnrelatedSwitchIsNoCause has a dimension that switches well before the
// behaviour does.
func TestUnrelatedSwitchIsNoCause(t *testing.T) {
	race.Skip(t)
	calls := makeTraffic(2, 600, 1, func(i int) world {
		w := usual()
		if i >= 200 {
			w.sdk = "otel 1.1"
		}
		if i >= 400 {
			w.model, w.longer = "large-2", 0.5
		}
		return w
	})
	bothModes(t, calls, 300, func(t *testing.T, r *Report) {
		require.Len(t, r.Changes, 1)
		require.Equal(t, CauseRecorded, r.Changes[0].Cause.Kind)
		require.Equal(t, "responding model", r.Changes[0].Cause.Dimensions[0].Name)
	})
}

func TestDeterministic(t *testing.T) {
	race.Skip(t)
	calls := makeTraffic(5, 400, 2, turning(220, func(w *world) { w.longer = 0.4 }))
	var first []byte
	for range 2 {
		encoded, err := json.Marshal(analysed(slices.Clone(calls), searched(0.05)))
		require.NoError(t, err)
		if first != nil {
			require.Equal(t, string(first), string(encoded))
		}
		first = encoded
	}
}

func TestOptions(t *testing.T) {
	at := func(d int) time.Time { return day.AddDate(0, 0, d) }
	for _, tc := range []struct {
		name string
		o    Options
		err  string
	}{
		{"no prompt", Options{}, "a prompt is needed"},
		{"alpha", Options{Prompt: "p", Alpha: 0.7}, "alpha"},
		{"alpha is no number", Options{Prompt: "p", Alpha: math.NaN()}, "alpha"},
		{"baseline without an end", Options{Prompt: "p", BaselineSince: at(1)}, "needs its end"},
		{"baseline backwards", Options{Prompt: "p", BaselineSince: at(2), BaselineUntil: at(1)}, "ends before it begins"},
		{"overlapping windows", Options{Prompt: "p", BaselineUntil: at(3), Since: at(2)}, "before the baseline ends"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Run(t.Context(), nil, tc.o)
			require.ErrorIs(t, err, ErrOptions)
			require.ErrorContains(t, err, tc.err)
		})
	}
	o := Options{Prompt: "p", BaselineSince: at(1), Since: at(3)}
	require.NoError(t, o.complete())
	require.Equal(t, at(3), o.BaselineUntil)
	o = Options{Prompt: "p", BaselineUntil: at(3)}
	require.NoError(t, o.complete())
	require.Equal(t, at(3), o.Since)
}

// TestGapBetweenWindows leaves what lies between the windows out of the test.
func TestGapBetweenWindows(t *testing.T) {
	calls := makeTraffic(5, 600, 1, func(i int) world {
		w := usual()
		if i >= 200 && i < 400 {
			w.longer = 2
		}
		return w
	})
	o := Options{Prompt: "p", Version: "v", Alpha: 0.05, BaselineUntil: day.Add(200 * time.Hour), Since: day.Add(400 * time.Hour)}
	r := analysed(calls, o)
	require.Equal(t, NoDrift, r.Verdict, r.Reason)
	require.Equal(t, 200, r.Baseline.Clusters)
	require.Equal(t, 200, r.Current.Clusters)
}

// TestSessionsStayWhole puts a session that crosses the border on the side of
// its first call.
func TestSessionsStayWhole(t *testing.T) {
	calls := makeTraffic(5, 300, 3, steady)
	r := analysed(calls, splitAt(151))
	require.Equal(t, 51, r.Baseline.Clusters)
	require.Equal(t, 49, r.Current.Clusters)
	require.Equal(t, 153, r.Baseline.Calls)
}

func TestHolmOverChannels(t *testing.T) {
	calls := makeTraffic(21, 240, 1, turning(120, func(w *world) { w.longer = 0.6 }))
	r := analysed(calls, splitAt(120))
	var p []float64
	for _, c := range r.Behaviour.Channels {
		if c.Verdict != TooFew {
			p = append(p, float64(c.P))
		}
	}
	adjusted := stats.Holm(p)
	i := 0
	for _, c := range r.Behaviour.Channels {
		if c.Verdict == TooFew {
			continue
		}
		require.InDelta(t, adjusted[i], float64(c.PAdjusted), 1e-12, c.Name)
		require.Equal(t, adjusted[i] <= 0.05 && c.strength >= 1, c.Verdict == Moved, c.Name)
		i++
	}
}
