// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// at makes a candidate of a trace, a version and a time.
func at(trace pcommon.TraceID, version string, end time.Time) *candidate {
	span := ptrace.NewSpan()
	span.SetTraceID(trace)
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	return &candidate{span: span, prompt: "p", version: version, at: pcommon.NewTimestampFromTime(testStart)}
}

// traceIDs of the kinds that senders make: random, counted, and with random
// bits at one end only.
var traceKinds = map[string]func(random *rand.Rand, i uint64) pcommon.TraceID{
	"random": func(random *rand.Rand, _ uint64) (id pcommon.TraceID) {
		binary.BigEndian.PutUint64(id[:8], random.Uint64())
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		return id
	},
	"counted": func(_ *rand.Rand, i uint64) pcommon.TraceID { return traceID(i + 1) },
	"random head": func(random *rand.Rand, _ uint64) (id pcommon.TraceID) {
		binary.BigEndian.PutUint64(id[:8], random.Uint64())
		return id
	},
	"random tail":                 func(random *rand.Rand, _ uint64) pcommon.TraceID { return traceID(random.Uint64()) },
	"already sampled by its tail": func(random *rand.Rand, _ uint64) pcommon.TraceID { return traceID(random.Uint64() >> 5) },
}

// The share of traces that are chosen is the rate, within the error of counting.
func TestRate(t *testing.T) {
	const n = 20_000
	for kind, make := range traceKinds {
		for _, rate := range []float64{0, 0.01, 0.1, 0.5, 0.9, 1} {
			s := newSampler(SampleConfig{Rate: rate})
			random := rand.New(rand.NewPCG(11, 13))
			chosen := 0
			for i := range uint64(n) {
				if yes, p := s.sample(at(make(random, i), "1", testStart)); yes {
					chosen++
					assert.InDelta(t, rate, p, 0)
				}
			}
			share, sigma := float64(chosen)/n, math.Sqrt(rate*(1-rate)/n)
			assert.InDelta(t, rate, share, 4*sigma, "%s ids at rate %v", kind, rate)
		}
	}
}

// All calls of a trace, in every collector and under every rule with this rate,
// meet the same decision; what is chosen at one rate is chosen at every higher.
func TestDecisionsAreAlikeWithinATrace(t *testing.T) {
	rates := []float64{0.05, 0.2, 0.7, 0.95}
	samplers := make([][2]*sampler, len(rates))
	for i, rate := range rates {
		samplers[i] = [2]*sampler{newSampler(SampleConfig{Rate: rate}), newSampler(SampleConfig{Rate: rate})}
	}
	for n := range uint64(2000) {
		before := false
		for i := range rates {
			a, _ := samplers[i][0].sample(at(traceID(n+1), "1", testStart))
			b, _ := samplers[i][1].sample(at(traceID(n+1), "2", testStart.Add(time.Hour)))
			assert.Equal(t, a, b)
			assert.True(t, a || !before, "chosen at a lower rate")
			before = a
		}
	}
}

// Spans without a trace id are sampled by their own id.
func TestWithoutTraceID(t *testing.T) {
	s := newSampler(SampleConfig{Rate: 0.5, Floor: 1})
	chosen := 0
	for i := range uint64(1000) {
		c := at(pcommon.TraceID{}, "1", testStart)
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], i+1)
		c.span.SetSpanID(id)
		if yes, _ := s.sample(c); yes {
			chosen++
		}
	}
	assert.InDelta(t, 500, chosen, 64)
}

// The floor chooses the first traces of each version and minute, whatever the
// rate, and keeps to a trace once it has chosen it.
func TestFloor(t *testing.T) {
	s := newSampler(SampleConfig{Rate: 0, Floor: 2})
	sample := func(trace uint64, version string, offset time.Duration) bool {
		yes, p := s.sample(at(traceID(trace), version, testStart.Add(offset)))
		if yes {
			assert.InDelta(t, 1, p, 0)
		}
		return yes
	}
	assert.True(t, sample(1, "a", 0))
	assert.True(t, sample(1, "a", time.Second), "a second call of a trace counts no second time")
	assert.True(t, sample(2, "a", time.Second))
	assert.False(t, sample(3, "a", 2*time.Second), "the floor is reached")
	assert.True(t, sample(1, "a", 3*time.Second), "the trace was chosen")
	assert.True(t, sample(1, "b", 3*time.Second), "with all its calls")
	assert.True(t, sample(4, "b", 4*time.Second), "another version has a floor of its own")
	assert.True(t, sample(5, "a", time.Minute), "another minute")
	assert.True(t, sample(2, "a", 90*time.Second), "a trace goes on into the next minute")
	assert.True(t, sample(6, "a", -10*time.Minute), "a minute of the past, out of order")
	assert.True(t, sample(7, "a", 24*365*200*time.Hour), "a clock that is wrong")
	assert.False(t, sample(8, "a", 2*time.Second), "stops nobody else's minute from counting on")
	assert.True(t, sample(9, "a", time.Minute+time.Second))
	assert.False(t, sample(10, "a", time.Minute+2*time.Second))

	off := newSampler(SampleConfig{Rate: 1, Floor: 2})
	off.sample(at(traceID(1), "a", testStart))
	assert.Empty(t, off.counts.young, "a rate of one needs no floor")
}

func TestFloorIsBounded(t *testing.T) {
	s := newSampler(SampleConfig{Rate: 0.01, Floor: 1000})
	for i := range uint64(3 * maxKept) {
		s.sample(at(traceID(i+1), fmt.Sprint(i), testStart))
	}
	assert.LessOrEqual(t, len(s.counts.young)+len(s.counts.old), 2*maxCounted)
	assert.LessOrEqual(t, len(s.kept.young)+len(s.kept.old), 2*maxKept)
}

func TestTimeOfSpansWithoutEnd(t *testing.T) {
	c := at(traceID(1), "1", testStart)
	assert.Equal(t, testStart, spanTime(c))
	c.span.SetEndTimestamp(0)
	c.span.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart.Add(time.Hour)))
	assert.Equal(t, testStart.Add(time.Hour), spanTime(c))
	c.span.SetStartTimestamp(0)
	assert.Equal(t, testStart, spanTime(c), "now")
}

// Weights of one over the recorded probability make up for the sampling: means
// and totals of versions with different rates, floors and values are those of
// all their calls, on average over many streams.
func TestWeightsAreUnbiased(t *testing.T) {
	const streams, callsPerStream = 300, 300
	random := rand.New(rand.NewPCG(5, 17))
	for _, config := range []SampleConfig{{Rate: 0.1}, {Rate: 0.1, Floor: 5}, {Rate: 0.02, Floor: 20}, {Rate: 0.5, Floor: 1}} {
		var total, weight, squares float64
		var truth float64
		for range streams {
			s := newSampler(config)
			var estimate, actual float64
			for i := range callsPerStream {
				// The first calls of each minute differ from later ones, so that
				// a floor without weights would be seen.
				end := testStart.Add(time.Duration(i) * time.Second)
				value := 1 + 3*float64(end.Second())/60
				actual += value
				chosen, p := s.sample(at(traceKinds["random"](random, 0), "1", end))
				if chosen {
					estimate += value / p
					weight += 1 / p
				}
			}
			truth = actual
			total += estimate
			squares += (estimate - actual) * (estimate - actual)
		}
		mean := total / streams
		standardError := math.Sqrt(squares / streams / streams)
		assert.InDelta(t, truth, mean, 4*standardError, "%+v", config)
		assert.InDelta(t, callsPerStream, weight/streams, 0.1*callsPerStream, "%+v: sum of weights", config)
	}
}

// The score carries the probability that held for its trace.
func TestProbabilityIsRecorded(t *testing.T) {
	td := calls(500, func(i int, s ptrace.Span) { s.SetTraceID(traceID(uint64(i + 1))) })
	spans := scored(t, "rules: [{name: a, sample: {rate: 0.2, floor: 10}, evaluators: [error]}]", td)
	byProbability := map[float64]int{}
	for i := range spans.Len() {
		list := scoresOf(spans.At(i))
		want := "a=sampled_out"
		if len(list) == 1 {
			want = "a=scored"
			byProbability[list[0].Probability]++
		}
		assert.Equal(t, []any{want}, decisionsOf(spans.At(i)))
	}
	assert.Equal(t, 10, byProbability[1])
	assert.InDelta(t, 98, byProbability[0.2], 36)
	assert.Len(t, byProbability, 2)
}
