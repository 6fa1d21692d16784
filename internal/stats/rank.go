// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// RankStatistic is van Elteren's stratified rank test: within each stratum the
// mid-ranks of the values, centred, over n+1; units without a value score 0.
type RankStatistic struct {
	score []float64
	// Superiority is P(value in arm 1 > value in arm 0), ties half, averaged
	// over strata with weights nA nB/(nA+nB); 0.5 without data.
	Superiority float64
	// Counts are the units with a value in arm 0 and 1, in strata with both.
	Counts [2]int
}

// NewRankStatistic ranks values (NaN is missing) within strata.
func NewRankStatistic(values []float64, a Assignment) *RankStatistic {
	r := &RankStatistic{score: make([]float64, len(values)), Superiority: 0.5}
	var weighted, weight float64
	for _, members := range strataMembers(a.Stratum) {
		column := make([]float64, len(members))
		for i, unit := range members {
			column[i] = values[unit]
		}
		ranks, n := Midranks(column)
		var counts [2]int
		var sums [2]float64
		for i, unit := range members {
			if math.IsNaN(ranks[i]) {
				continue
			}
			g := armIndex(a.Arm[unit])
			counts[g]++
			sums[g] += ranks[i]
			r.score[unit] = (ranks[i] - float64(n+1)/2) / float64(n+1)
		}
		if counts[0] == 0 || counts[1] == 0 {
			continue
		}
		nA, nB := float64(counts[0]), float64(counts[1])
		w := nA * nB / (nA + nB)
		weight += w
		weighted += w * ((sums[1]/nB-sums[0]/nA)/float64(n) + 0.5)
		r.Counts[0] += counts[0]
		r.Counts[1] += counts[1]
	}
	if weight > 0 {
		r.Superiority = weighted / weight
	}
	return r
}

// Scores are the units' centred scores, 0 for units without a value.
func (r *RankStatistic) Scores() []float64 { return r.score }

// Value is the absolute sum of the chosen units' scores. Scores are centred per
// stratum, so the sum has mean 0 under relabeling.
func (r *RankStatistic) Value(chosen []int32) float64 {
	total := 0.0
	for _, unit := range chosen {
		total += r.score[unit]
	}
	return abs(total)
}

func armIndex(one bool) int {
	if one {
		return 1
	}
	return 0
}

// strataMembers lists the units of every stratum.
func strataMembers(stratum []int) [][]int {
	strata := 0
	for _, s := range stratum {
		strata = max(strata, s+1)
	}
	members := make([][]int, strata)
	for i, s := range stratum {
		members[s] = append(members[s], i)
	}
	return members
}

// MeanStatistic is the absolute difference of stratum-centred means, for values
// whose size and not only order matters (binary outcomes).
type MeanStatistic struct{ score []float64 }

// NewMeanStatistic centres values (NaN is missing) within strata.
func NewMeanStatistic(values []float64, a Assignment) *MeanStatistic {
	m := &MeanStatistic{score: make([]float64, len(values))}
	for _, members := range strataMembers(a.Stratum) {
		total, n := 0.0, 0
		for _, unit := range members {
			if finite(values[unit]) {
				total, n = total+values[unit], n+1
			}
		}
		for _, unit := range members {
			if finite(values[unit]) {
				m.score[unit] = values[unit] - total/float64(n)
			}
		}
	}
	return m
}

// Scores are the units' centred values, 0 for units without one.
func (m *MeanStatistic) Scores() []float64 { return m.score }

// Value is the absolute sum of the chosen units' centred values.
func (m *MeanStatistic) Value(chosen []int32) float64 {
	total := 0.0
	for _, unit := range chosen {
		total += m.score[unit]
	}
	return abs(total)
}

// PermutationZ is the sum of arm 1's scores over its standard deviation when
// labels are exchangeable within strata (sampling without replacement); 0 when
// the scores do not vary.
func PermutationZ(scores []float64, a Assignment) float64 {
	total, variance := 0.0, 0.0
	for _, members := range strataMembers(a.Stratum) {
		ones, held, sum, squares := 0.0, 0.0, 0.0, 0.0
		for _, unit := range members {
			sum += scores[unit]
			squares += scores[unit] * scores[unit]
			if a.Arm[unit] {
				ones++
				held += scores[unit]
			}
		}
		n := float64(len(members))
		if n < 2 || ones == 0 || ones == n {
			continue
		}
		mean := sum / n
		total += held - ones*mean
		variance += ones * (n - ones) / (n * (n - 1)) * max(0, squares-n*mean*mean)
	}
	if variance <= 0 {
		return 0
	}
	return total / math.Sqrt(variance)
}
