// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// scanBins is the number of units above which a scan works on equal-count bins.
const scanBins = 2000

// ChangePoint is the result of a scan over units in time order.
type ChangePoint struct {
	// P is the permutation p-value of "something changed somewhere".
	P float64
	// Index is the first unit after the most likely change; Low and High
	// bound it (90%, within-segment bootstrap, widened by a quarter).
	Index, Low, High int
	// Channels are those that moved by themselves (family-wise at alpha).
	Channels []int
}

// Scan looks for one time at which channels changed. Each channel holds a value
// per unit in time order (NaN is missing), already residualised on input strata;
// it is ranked and standardised here, so that outliers do not decide. The
// statistic of a channel is max_t |S_t - t/n S_n| sqrt(n/(t(n-t))), over t in
// [max(10, n/20), n-same], divided by its mean under relabeling; the scan's is
// the largest over channels. Blocks of n/100 neighbours are permuted together,
// which keeps short-range dependence.
func Scan(channels [][]float64, alpha float64, draws int, random *rand.Rand) ChangePoint {
	none := ChangePoint{P: 1}
	if len(channels) == 0 {
		return none
	}
	n := len(channels[0])
	series, kept, per := prepareScan(channels, n)
	if len(series) == 0 {
		return none
	}
	s := newScanner(series)
	if s.first >= s.last {
		return none
	}
	observed := s.maxima(nil)
	null := s.null(draws, random)
	scaled, worst := scaleMaxima(observed, null)
	exceed := 0
	top := make([]float64, len(null))
	for i, draw := range worst {
		top[i] = draw
		if draw >= slices.Max(scaled)-1e-9 {
			exceed++
		}
	}
	slices.Sort(top)
	result := ChangePoint{P: float64(1+exceed) / float64(draws+1)}
	threshold := Quantile(top, 1-alpha)
	var moved []int
	for j, v := range scaled {
		if v > threshold {
			moved = append(moved, j)
			result.Channels = append(result.Channels, kept[j])
		}
	}
	if len(moved) == 0 {
		moved = []int{slices.Index(scaled, slices.Max(scaled))}
	}
	at := s.locate(series, moved)
	low, high := s.interval(series, moved, at, random)
	result.Index, result.Low, result.High = min(n-1, at*per), min(n-1, low*per), min(n-1, high*per)
	return result
}

// prepareScan ranks and standardises channels, binning long ones; constant
// channels are left out. per is the number of units per bin.
func prepareScan(channels [][]float64, n int) (series [][]float64, kept []int, per int) {
	per = (n + scanBins - 1) / scanBins
	for j, channel := range channels {
		ranks, ranked := Midranks(channel)
		if ranked < 20 {
			continue
		}
		for i, r := range ranks {
			if math.IsNaN(r) {
				ranks[i] = 0
			} else {
				ranks[i] = r/float64(ranked+1) - 0.5
			}
		}
		binned := bin(ranks, per)
		mean, variance, _ := MeanVariance(binned)
		if variance < 1e-12 {
			continue
		}
		for i := range binned {
			binned[i] = (binned[i] - mean) / math.Sqrt(variance)
		}
		series, kept = append(series, binned), append(kept, j)
	}
	return series, kept, per
}

func bin(values []float64, per int) []float64 {
	if per <= 1 {
		return values
	}
	var bins []float64
	for start := 0; start < len(values); start += per {
		end := min(start+per, len(values))
		bins = append(bins, sum(values[start:end])/float64(end-start))
	}
	return bins
}

type scanner struct {
	series      [][]float64
	n           int
	first, last int
	block       int
	// weight is sqrt(n/(t(n-t))) per t.
	weight []float64
	order  []int32
}

func newScanner(series [][]float64) *scanner {
	n := len(series[0])
	edge := max(10, n/20)
	s := &scanner{series: series, n: n, first: edge, last: n - edge, block: max(1, n/100), weight: make([]float64, n+1)}
	for t := 1; t < n; t++ {
		s.weight[t] = math.Sqrt(float64(n) / (float64(t) * float64(n-t)))
	}
	return s
}

// maxima are the channels' statistics when units stand in the given order; nil
// is as they are.
func (s *scanner) maxima(order []int32) []float64 {
	out := make([]float64, len(s.series))
	for j, series := range s.series {
		total, best := 0.0, 0.0
		for t := 1; t <= s.last; t++ {
			if order == nil {
				total += series[t-1]
			} else {
				total += series[order[t-1]]
			}
			if t >= s.first {
				best = max(best, math.Abs(total)*s.weight[t])
			}
		}
		out[j] = best
	}
	return out
}

// null draws the statistics under permutation of blocks.
func (s *scanner) null(draws int, random *rand.Rand) [][]float64 {
	blocks := make([]int, 0, s.n/s.block+1)
	for start := 0; start < s.n; start += s.block {
		blocks = append(blocks, start)
	}
	s.order = make([]int32, 0, s.n)
	null := make([][]float64, draws)
	for d := range null {
		random.Shuffle(len(blocks), func(a, b int) { blocks[a], blocks[b] = blocks[b], blocks[a] })
		s.order = s.order[:0]
		for _, start := range blocks {
			for i := start; i < min(start+s.block, s.n); i++ {
				s.order = append(s.order, int32(i))
			}
		}
		null[d] = s.maxima(s.order)
	}
	return null
}

// scaleMaxima divides each channel's statistic by its mean over the null draws
// and returns the largest of each draw.
func scaleMaxima(observed []float64, null [][]float64) (scaled, worst []float64) {
	mean := make([]float64, len(observed))
	for _, draw := range null {
		for j, v := range draw {
			mean[j] += v / float64(len(null))
		}
	}
	scaled = make([]float64, len(observed))
	for j, v := range observed {
		scaled[j] = v / mean[j]
	}
	worst = make([]float64, len(null))
	for d, draw := range null {
		for j, v := range draw {
			worst[d] = max(worst[d], v/mean[j])
		}
	}
	return scaled, worst
}

// locate is the time at which the moved channels' squared statistics sum to
// most.
func (s *scanner) locate(series [][]float64, moved []int) int {
	totals := make([]float64, len(moved))
	best, at := -1.0, s.first
	for t := 1; t <= s.last; t++ {
		square := 0.0
		for i, j := range moved {
			totals[i] += series[j][t-1]
			square += totals[i] * totals[i]
		}
		if v := square * s.weight[t] * s.weight[t]; t >= s.first && v > best {
			best, at = v, t
		}
	}
	return at
}

// interval resamples each side of the change and locates it again.
func (s *scanner) interval(series [][]float64, moved []int, at int, random *rand.Rand) (low, high int) {
	const draws = 200
	copies := make([][]float64, len(series))
	for _, j := range moved {
		copies[j] = make([]float64, s.n)
	}
	found := make([]float64, draws)
	for d := range found {
		for t := range s.n {
			from := random.IntN(at)
			if t >= at {
				from = at + random.IntN(s.n-at)
			}
			for _, j := range moved {
				copies[j][t] = series[j][from]
			}
		}
		for _, j := range moved {
			mean := sum(copies[j]) / float64(s.n)
			for t := range copies[j] {
				copies[j][t] -= mean
			}
		}
		found[d] = float64(s.locate(copies, moved))
	}
	slices.Sort(found)
	a, b := float64(at), 0.0
	b = a + 1.25*(Quantile(found, 0.95)-a)
	a -= 1.25 * (a - Quantile(found, 0.05))
	return max(0, int(math.Floor(min(a, float64(at))))), min(s.n-1, int(math.Ceil(max(b, float64(at)))))
}
