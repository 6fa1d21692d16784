// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
)

// Unit is one cluster within one arm: what tests permute and intervals count.
type Unit struct {
	Arm, Stratum int
	// Calls are indexes into the frame's calls, in time order.
	Calls []int
	Start time.Time
}

// Frame is a set of calls of two arms, grouped into units and strata.
type Frame struct {
	Calls []Call
	Units []Unit
	// UnitOf is the unit of each call.
	UnitOf []int
	// Strata is the number of strata; Inputs the number of groups of alike
	// inputs among them; TimeBlocks the number of time blocks.
	Strata, Inputs, TimeBlocks int
	Seed                       uint64
}

// NewFrame groups calls, which must be in time order, by cluster and arm. All
// units are in one stratum.
func NewFrame(calls []Call) *Frame {
	f := &Frame{Calls: calls, UnitOf: make([]int, len(calls)), Strata: 1, Inputs: 1, TimeBlocks: 1}
	type key struct {
		cluster uint64
		arm     int
	}
	index := map[key]int{}
	seed := stats.NewSeed()
	for i := range calls {
		c := &calls[i]
		k := key{c.Cluster, c.Arm}
		u, ok := index[k]
		if !ok {
			u = len(f.Units)
			index[k] = u
			f.Units = append(f.Units, Unit{Arm: c.Arm, Start: c.Start})
		}
		f.Units[u].Calls = append(f.Units[u].Calls, i)
		f.UnitOf[i] = u
		seed.Text(c.TraceID)
		seed.Text(c.SpanID)
		seed.Number(float64(c.Start.UnixMicro()))
	}
	f.Seed = seed.Value()
	return f
}

// Members lists the units of each stratum.
func (f *Frame) Members() [][]int {
	members := make([][]int, f.Strata)
	for i, u := range f.Units {
		members[u.Stratum] = append(members[u.Stratum], i)
	}
	return members
}

// Clusters counts the units of each arm.
func (f *Frame) Clusters() (counts [2]int) {
	for _, u := range f.Units {
		counts[u.Arm]++
	}
	return counts
}

// Assignment is the frame's arms and strata for the permutation tests.
func (f *Frame) Assignment() stats.Assignment {
	a := stats.Assignment{Arm: make([]bool, len(f.Units)), Stratum: make([]int, len(f.Units))}
	for i, u := range f.Units {
		a.Arm[i], a.Stratum[i] = u.Arm == 1, u.Stratum
	}
	return a
}

// Stratify puts units into strata by the values of the declared keys, groups of
// alike inputs and, if asked, blocks of time. Nothing of what the model answered
// goes into it, nor anything that can depend on an answer: of a unit's inputs
// only the first counts, since what a user writes next follows from what the
// model said. When more than a tenth of the smaller arm would be alone in its
// strata, inputs are grouped more coarsely.
func (f *Frame) Stratify(byTime bool) {
	f.TimeBlocks = 1
	if byTime {
		f.TimeBlocks = 6
	}
	counts := f.Clusters()
	smaller := 0
	if counts[1] < counts[0] {
		smaller = 1
	}
	k := stats.StrataCount(2 * counts[smaller] / f.TimeBlocks)
	vectors := f.inputVectors()
	base := f.baseStrata()
	for ; ; k /= 2 {
		groups, inputs := stats.KMeans(vectors, InputDimension, k, stats.Random(f.Seed, 1))
		f.Inputs = inputs
		f.combine(base, groups)
		if k <= 1 || f.alone(smaller) <= 0.1 {
			return
		}
	}
}

// GroupInputs puts units into strata as Stratify does, without regard to arms:
// for one series over time.
func (f *Frame) GroupInputs() {
	f.TimeBlocks = 1
	groups, inputs := stats.KMeans(f.inputVectors(), InputDimension, stats.StrataCount(len(f.Units)), stats.Random(f.Seed, 1))
	f.Inputs = inputs
	f.combine(f.baseStrata(), groups)
}

func (f *Frame) inputVectors() [][]stats.Feature {
	vectors := make([][]stats.Feature, len(f.Units))
	for i, u := range f.Units {
		for _, c := range u.Calls {
			if len(f.Calls[c].Input) > 0 {
				vectors[i] = f.Calls[c].Input
				break
			}
		}
	}
	return vectors
}

// Texts are the units' mean features of a text; nil for units without any.
func (f *Frame) Texts(dimension int, text func(*Call) []stats.Feature) [][]stats.Feature {
	vectors := make([][]stats.Feature, len(f.Units))
	for i, u := range f.Units {
		var texts [][]stats.Feature
		for _, c := range u.Calls {
			if features := text(&f.Calls[c]); len(features) > 0 {
				texts = append(texts, features)
			}
		}
		if len(texts) > 0 {
			vectors[i] = stats.MeanFeatures(texts, dimension)
		}
	}
	return vectors
}

// maxKeyValues is how many values of the declared keys are told apart: the most
// frequent; the others are one.
const maxKeyValues = 20

// baseStrata are the strata by keys and time.
func (f *Frame) baseStrata() []string {
	order := make([]int, len(f.Units))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return f.Units[a].Start.Compare(f.Units[b].Start) })
	base, counts := make([]string, len(f.Units)), map[string]int{}
	for i, u := range f.Units {
		base[i] = strings.Join(f.Calls[u.Calls[0]].Keys, separator)
		counts[base[i]]++
	}
	kept := ByCount(counts)
	kept = kept[:min(maxKeyValues, len(kept))]
	for i := range base {
		if !slices.Contains(kept, base[i]) {
			base[i] = stats.OtherCategory
		}
	}
	for position, i := range order {
		base[i] += separator + string(rune('0'+position*f.TimeBlocks/len(order)))
	}
	return base
}

func (f *Frame) combine(base []string, groups []int) {
	index := map[string]int{}
	for i := range f.Units {
		key := base[i] + separator + string(rune('0'+groups[i]))
		n, ok := index[key]
		if !ok {
			n = len(index)
			index[key] = n
		}
		f.Units[i].Stratum = n
	}
	f.Strata = max(1, len(index))
}

// Alone is the share of an arm's units in strata without two units of each arm.
func (f *Frame) alone(arm int) float64 {
	counts := make([][2]int, f.Strata)
	for _, u := range f.Units {
		counts[u.Stratum][u.Arm]++
	}
	lost, all := 0, 0
	for _, c := range counts {
		all += c[arm]
		if c[0] < 2 || c[1] < 2 {
			lost += c[arm]
		}
	}
	if all == 0 {
		return 1
	}
	return float64(lost) / float64(all)
}

// Alone is the share of an arm's units in strata without two units of each arm:
// those that an adjusted comparison cannot use.
func (f *Frame) Alone(arm int) float64 { return f.alone(arm) }

// Sums accumulates a metric over the frame's units; value returns NaN for calls
// without one.
func (f *Frame) Sums(stratified bool, value func(*Call) (value, weight float64)) []stats.Unit {
	a := stats.NewAccumulator()
	for i := range f.Calls {
		u := f.UnitOf[i]
		v, w := value(&f.Calls[i])
		stratum := 0
		if stratified {
			stratum = f.Units[u].Stratum
		}
		a.Add(uint64(u), f.Units[u].Arm, stratum, v, w)
	}
	return a.Units()
}

// Means are the units' means of a value, NaN for units without any.
func (f *Frame) Means(value func(*Call) float64) []float64 {
	means := make([]float64, len(f.Units))
	for i, u := range f.Units {
		total, n := 0.0, 0
		for _, c := range u.Calls {
			if v := value(&f.Calls[c]); stats.Finite(v) {
				total, n = total+v, n+1
			}
		}
		means[i] = math.NaN()
		if n > 0 {
			means[i] = total / float64(n)
		}
	}
	return means
}

// Number is a number of a report; NaN and infinities are null in JSON.
type Number float64

// MarshalJSON prints the number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !stats.Finite(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON prints.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}
