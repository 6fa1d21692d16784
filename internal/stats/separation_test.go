// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPermutationZ compares the exact permutation variance with that of many
// relabelings.
func TestPermutationZ(t *testing.T) {
	random := Random(1, 1)
	a := Assignment{}
	var values []float64
	for i := range 90 {
		a.Arm = append(a.Arm, random.IntN(3) == 0)
		a.Stratum = append(a.Stratum, i%3)
		values = append(values, random.ExpFloat64()+float64(i%3))
	}
	// A stratum with one arm only takes no part.
	for range 5 {
		a.Arm, a.Stratum, values = append(a.Arm, true), append(a.Stratum, 3), append(values, 100)
	}
	for name, scores := range map[string][]float64{
		"ranks": NewRankStatistic(values, a).Scores(), "means": NewMeanStatistic(values, a).Scores(),
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShuffler(a, Random(2, 2))
			var sums []float64
			var chosen []int32
			for range 20000 {
				chosen = sh.draw(chosen)
				total := 0.0
				for _, unit := range chosen {
					total += scores[unit]
				}
				sums = append(sums, total)
			}
			mean, variance, _ := MeanVariance(sums)
			require.InDelta(t, 0, mean, 0.1)
			observed := 0.0
			for i := range 90 {
				if a.Arm[i] {
					observed += scores[i]
				}
			}
			require.InDelta(t, observed/math.Sqrt(variance), PermutationZ(scores, a), 0.02)
		})
	}
	require.Zero(t, PermutationZ(make([]float64, len(a.Arm)), a), "no variation")
}

func TestPrincipalScores(t *testing.T) {
	random := Random(3, 1)
	const n, dimension = 200, 64
	vectors, stratum, hidden := make([][]Feature, n), make([]int, n), make([]float64, n)
	for i := range vectors {
		stratum[i] = i % 2
		hidden[i] = random.NormFloat64()
		vectors[i] = []Feature{{3, float32(2 * hidden[i])}, {10, float32(random.NormFloat64())}, {20, float32(50 * stratum[i])}}
	}
	vectors[7] = nil
	scores := PrincipalScores(vectors, dimension, 2, stratum, Random(4, 1))
	require.Len(t, scores, 2)
	require.True(t, math.IsNaN(scores[0][7]))
	var xy, xx, yy float64
	for i := range n {
		if i == 7 {
			continue
		}
		xy += hidden[i] * scores[0][i]
		xx += hidden[i] * hidden[i]
		yy += scores[0][i] * scores[0][i]
	}
	require.Greater(t, math.Abs(xy)/math.Sqrt(xx*yy), 0.99, "the direction of most variation, not that between strata")
	for _, column := range PrincipalScores(make([][]Feature, 5), dimension, 2, make([]int, 5), Random(5, 1)) {
		for _, v := range column {
			require.True(t, math.IsNaN(v))
		}
	}
}

func TestSeparationRank(t *testing.T) {
	random := Random(6, 1)
	vectors := make([][]Feature, 300)
	a := Assignment{Arm: make([]bool, 300), Stratum: make([]int, 300)}
	for i := range vectors {
		a.Arm[i] = i >= 150
		shift := 0.0
		if a.Arm[i] {
			shift = 1
		}
		vectors[i] = []Feature{{int32(random.IntN(5)), 1}, {9, float32(random.NormFloat64() + shift)}}
	}
	r, halves := SeparationRank(vectors, 16, a)
	require.InDelta(t, 0.76, r.Superiority, 0.06, "P(N(1,1) > N(0,1)) is 0.76")
	require.Greater(t, PermutationZ(r.Scores(), halves), 5.0)
	for i := range a.Arm {
		a.Arm[i] = random.IntN(2) == 0
	}
	require.InDelta(t, 0.5, Separation(vectors, 16, a), 0.1)
	require.InDelta(t, 0.5, Separation(vectors, 16, Assignment{Arm: make([]bool, 300), Stratum: make([]int, 300)}), 1e-9, "one arm only")
}
