// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/traffic"
)

// stored is traffic of the prompt "p" in which version v answers from another
// model in the second half; version old and staging are beside it.
func stored(n int) []recorded {
	random := seeded(3)
	var calls []recorded
	add := func(version, environment string, i int, long bool) {
		length := 20 + random.IntN(10)
		model := "large-1"
		if long {
			length, model = 2*length, "large-2"
		}
		calls = append(calls, recorded{
			id: fmt.Sprint(version, environment, i), session: fmt.Sprint("s", version, environment, i), prompt: "p", version: version, environment: environment,
			start: day.Add(time.Duration(i) * time.Hour), latency: time.Second, provider: "acme", request: "large", response: model,
			input: words(random, "where is my order parcel street delivery", 8), output: words(random, "it will come soon thank you for asking", length),
			params: map[string]any{"temperature": 0.5}, inputTokens: 60, outputTokens: length, offered: []string{"search@v1"}, serviceVersion: "1.0",
			scores: map[string]float64{"valid": float64(min(1, random.IntN(20)))}, evaluator: "e1",
		})
	}
	for i := range n {
		add("v", "production", i, i >= n/2)
		add("v", "staging", i, false)
		add("old", "production", i-2*n, false)
	}
	return calls
}

func TestRunOnDataset(t *testing.T) {
	dir := t.TempDir()
	const n = 160
	writeCalls(t, dir, stored(n))
	db := openDataset(t, dir).SQL()
	run := func(o Options) *Report {
		r, err := Run(t.Context(), db, o)
		require.NoError(t, err)
		return r
	}
	t.Run("the version called last, searched", func(t *testing.T) {
		r := run(Options{Prompt: "p", Environment: "production"})
		require.Equal(t, "v", r.Version)
		require.Equal(t, Drift, r.Verdict, r.Reason)
		require.Len(t, r.Changes, 1)
		require.Equal(t, "responding model large-1 to large-2, first seen 2026-11-04 08:00", r.Changes[0].Cause.Text)
		require.Equal(t, n/2, r.Baseline.Calls)
		require.NotEmpty(t, r.Timeline)
	})
	t.Run("an environment where nothing changed", func(t *testing.T) {
		require.Equal(t, NoDrift, run(Options{Prompt: "p", Version: "v", Environment: "staging"}).Verdict)
	})
	t.Run("windows before the change", func(t *testing.T) {
		r := run(Options{Prompt: "p", Version: "v", Environment: "production", BaselineUntil: day.Add(40 * time.Hour), Until: day.Add(80 * time.Hour)})
		require.Equal(t, ModeWindows, r.Mode)
		require.Equal(t, NoDrift, r.Verdict, r.Reason)
		require.Equal(t, [2]int{40, 40}, [2]int{r.Baseline.Clusters, r.Current.Clusters})
	})
	t.Run("declared keys", func(t *testing.T) {
		r := run(Options{Prompt: "p", Version: "v", Keys: []string{"environment"}})
		require.Equal(t, Drift, r.Verdict)
		require.Greater(t, r.Strata.Count, r.Strata.Inputs)
		_, err := Run(t.Context(), db, Options{Prompt: "p", Keys: []string{"no such column"}})
		require.ErrorIs(t, err, ErrOptions)
		require.ErrorIs(t, err, traffic.ErrUnknownKey)
	})
	t.Run("a sample of the sessions", func(t *testing.T) {
		r := run(Options{Prompt: "p", Version: "v", Environment: "production", MaxCalls: 80})
		require.Equal(t, "sample", r.Gates[0].Name)
		require.Less(t, r.Baseline.Calls+r.Current.Calls, 120)
	})
	t.Run("a version without calls", func(t *testing.T) {
		r := run(Options{Prompt: "p", Version: "9"})
		require.Equal(t, NotEnoughData, r.Verdict)
		require.Contains(t, r.Reason, "seen: v")
	})
	t.Run("an unknown prompt", func(t *testing.T) {
		_, err := Run(t.Context(), db, Options{Prompt: "q"})
		require.ErrorIs(t, err, ErrNoPrompt)
	})
}

func TestRunOnEmptyDataset(t *testing.T) {
	dir := t.TempDir()
	writeCalls(t, dir, nil)
	_, err := Run(t.Context(), openDataset(t, dir).SQL(), Options{Prompt: "p"})
	require.ErrorIs(t, err, ErrNoPrompt)
}
