// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/stats"
)

// callsOf makes one call a cluster, the arms in turn.
func callsOf(n int, edit func(i int, c *Call)) []Call {
	calls := make([]Call, n)
	for i := range calls {
		calls[i] = Call{TraceID: fmt.Sprint(i), SpanID: fmt.Sprint(i), Cluster: uint64(i), Arm: i % 2, Start: noon.Add(time.Duration(i) * time.Second)}
		edit(i, &calls[i])
	}
	return calls
}

func TestUnitsAreClustersWithinArms(t *testing.T) {
	f := NewFrame(callsOf(12, func(i int, c *Call) { c.Cluster = uint64(i / 4) }))
	assert.Len(t, f.Units, 6)
	assert.Equal(t, [2]int{3, 3}, f.Clusters())
	sums := f.Sums(false, func(c *Call) (float64, float64) {
		if c.Start.Equal(noon) {
			return math.NaN(), 1
		}
		return 2, 3
	})
	assert.Equal(t, stats.Unit{Arm: 1, N: 6, Sum: 12, SumSquares: 24, Rows: 2}, sums[0])
	means := f.Means(func(c *Call) float64 {
		if c.Arm == 0 {
			return math.NaN()
		}
		return float64(c.Cluster)
	})
	assert.True(t, math.IsNaN(means[0]))
	assert.Equal(t, 2.0, means[5])
}

func TestStrataSeparateKindsOfInput(t *testing.T) {
	texts := []string{"where is my parcel now", "refund the charge on my card", "reset the password of my account"}
	f := NewFrame(callsOf(600, func(i int, c *Call) { c.Input = stats.TextFeatures(texts[i%3], InputDimension) }))
	f.Stratify(false)
	assert.Equal(t, 3, f.Strata)
	for i, u := range f.Units {
		assert.Equal(t, f.Units[i%3].Stratum, u.Stratum)
	}
	assert.Zero(t, f.Alone(1))
	f.Stratify(true)
	assert.Equal(t, 6, f.TimeBlocks)
	assert.Equal(t, 18, f.Strata)
}

// What a user writes after an answer follows from the answer, and is no ground
// on which to call two sessions alike.
func TestOnlyTheFirstInputOfASessionCounts(t *testing.T) {
	texts := []string{"where is my parcel now", "refund the charge on my card"}
	make_ := func(second func(i int) string) *Frame {
		calls := callsOf(400, func(i int, c *Call) {
			c.Cluster, c.Arm = uint64(i/2), i/2%2
			text := texts[i/4%2]
			if i%2 == 1 {
				text = second(i)
			}
			c.Input = stats.TextFeatures(text, InputDimension)
		})
		f := NewFrame(calls)
		f.Stratify(false)
		return f
	}
	a := make_(func(int) string { return "thanks" })
	b := make_(func(i int) string { return []string{"thanks", "that is wrong you did not help"}[i/2%2] })
	require.Equal(t, 2, a.Strata)
	assert.Equal(t, a.Assignment(), b.Assignment())
}

func TestStrataByKeys(t *testing.T) {
	f := NewFrame(callsOf(400, func(i int, c *Call) { c.Keys = []string{fmt.Sprint("tenant ", i/2%4)} }))
	f.Stratify(false)
	assert.Equal(t, 4, f.Strata)

	// A key with a value of its own for every session: the most frequent are
	// told apart, the others are one stratum.
	f = NewFrame(callsOf(1000, func(i int, c *Call) {
		c.Keys = []string{fmt.Sprint("user ", i)}
		if i < 500 {
			c.Keys = []string{"everybody"}
		}
	}))
	f.Stratify(false)
	assert.LessOrEqual(t, f.Strata, maxKeyValues+1)
	assert.Less(t, f.Alone(1), 0.05)
}

func TestInputsAreGroupedMoreCoarselyForFewSessions(t *testing.T) {
	random := stats.Random(1, 1)
	f := NewFrame(callsOf(1000, func(i int, c *Call) {
		c.Arm = 0
		if i%25 == 0 {
			c.Arm = 1
		}
		c.Input = stats.TextFeatures(fmt.Sprint("words ", random.IntN(50), random.IntN(50)), InputDimension)
	}))
	f.Stratify(false)
	assert.LessOrEqual(t, f.Alone(1), 0.1)
	empty := NewFrame(nil)
	empty.Stratify(true)
	assert.Equal(t, 1, empty.Strata)
	assert.Equal(t, 1.0, empty.Alone(0))
}

func TestSeedsFollowTheData(t *testing.T) {
	seed := func(n int) uint64 { return NewFrame(callsOf(n, func(int, *Call) {})).Seed }
	assert.Equal(t, seed(10), seed(10))
	assert.NotEqual(t, seed(10), seed(11))
}

func TestNumbersInJSON(t *testing.T) {
	type body struct{ A, B, C Number }
	encoded, err := json.Marshal(body{1.5, Number(math.NaN()), Number(math.Inf(-1))})
	require.NoError(t, err)
	assert.JSONEq(t, `{"A":1.5,"B":null,"C":null}`, string(encoded))
	var back body
	require.NoError(t, json.Unmarshal(encoded, &back))
	assert.Equal(t, Number(1.5), back.A)
	assert.True(t, math.IsNaN(float64(back.B)))
}

func TestMetricsOfScores(t *testing.T) {
	scores := func(s Score) func(int, *Call) {
		return func(i int, c *Call) {
			s.Probability = 1
			if s.HasNumeric {
				s.Value = float64(i % 3)
			}
			c.Scores = map[string]Score{"x": s}
		}
	}
	nan := math.NaN()
	for name, c := range map[string]struct {
		score     Score
		kind      Kind
		margin    float64
		direction string
	}{
		"labels":            {Score{Label: "blue", Value: nan, RangeLow: nan, RangeHigh: nan}, KindCategory, 0.05, neutral},
		"pass and fail":     {Score{Label: "pass", Value: nan, Direction: higher, RangeLow: nan, RangeHigh: nan}, KindBinary, 0.05, higher},
		"a range":           {Score{HasNumeric: true, Direction: lower, RangeLow: 0, RangeHigh: 10}, KindMean, 0.5, lower},
		"a judge's range":   {Score{HasNumeric: true, Kind: "judge", Direction: higher, RangeLow: 0, RangeHigh: 10}, KindMean, 0.3, higher},
		"without a range":   {Score{HasNumeric: true, RangeLow: nan, RangeHigh: nan}, KindMean, 0, neutral},
		"a range that is 0": {Score{HasNumeric: true, RangeLow: 1, RangeHigh: 1}, KindMean, 0, neutral},
	} {
		var found *Metric
		metrics := Metrics(NewFrame(callsOf(30, scores(c.score))))
		for i := range metrics {
			if metrics[i].Name == "score:x" {
				found = &metrics[i]
			}
		}
		require.NotNil(t, found, name)
		assert.Equal(t, c.kind, found.Kind, name)
		assert.InDelta(t, c.margin, found.Margin, 1e-12, name)
		assert.Equal(t, c.direction, found.Direction, name)
	}
	assert.Contains(t, BuiltInNames(), "tool_call_accuracy")
}
