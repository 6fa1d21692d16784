// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
)

// EmbeddingStatistic is the distance of the arms' mean feature vectors within
// strata: mean_BB + mean_AA - 2 mean_AB of the products of centred vectors,
// without the products of a vector with itself (an unbiased squared distance,
// the linear-kernel maximum mean discrepancy of Gretton et al. 2012).
type EmbeddingStatistic struct {
	vectors [][]Feature
	// offset is the sum over strata of arm 1's number of units times the
	// stratum's mean: constant under relabeling within strata, so that sums of
	// sparse vectors can be centred at once.
	offset []float64
	// own is each centred vector's squared length.
	own      []float64
	ownTotal float64
	sizeA    float64
	sizeB    float64
	// absent is, for a unit without features, its stratum's number from 1;
	// means are the strata's.
	absent      []int32
	means       [][]float64
	accumulated []float64
	counted     []float64
}

// NewEmbeddingStatistic prepares vectors of the given dimension; a unit without
// features counts as its stratum's mean.
func NewEmbeddingStatistic(vectors [][]Feature, dimension int, a Assignment) *EmbeddingStatistic {
	e := &EmbeddingStatistic{
		vectors: make([][]Feature, len(vectors)), own: make([]float64, len(vectors)),
		offset: make([]float64, dimension), accumulated: make([]float64, dimension), absent: make([]int32, len(vectors)),
	}
	for _, members := range strataMembers(a.Stratum) {
		e.addStratum(members, vectors, dimension, a)
	}
	e.counted = make([]float64, len(e.means))
	return e
}

func (e *EmbeddingStatistic) addStratum(members []int, vectors [][]Feature, dimension int, a Assignment) {
	mean, ones, filled := make([]float64, dimension), 0, 0
	for _, unit := range members {
		if a.Arm[unit] {
			ones++
		}
		if len(vectors[unit]) > 0 {
			filled++
		}
		for _, f := range vectors[unit] {
			mean[f.Index] += float64(f.Value)
		}
	}
	if ones == 0 || ones == len(members) || filled == 0 {
		return
	}
	square := 0.0
	for i := range mean {
		mean[i] /= float64(filled)
		square += mean[i] * mean[i]
	}
	e.means = append(e.means, mean)
	for i, m := range mean {
		e.offset[i] += float64(ones) * m
	}
	for _, unit := range members {
		v := vectors[unit]
		e.vectors[unit] = v
		own := square
		if len(v) == 0 {
			e.absent[unit], own = int32(len(e.means)), 0
		}
		for _, f := range v {
			own += float64(f.Value) * (float64(f.Value) - 2*mean[f.Index])
		}
		e.own[unit] = max(0, own)
		e.ownTotal += e.own[unit]
		if a.Arm[unit] {
			e.sizeB++
		} else {
			e.sizeA++
		}
	}
}

// Value is the statistic for the chosen units as arm 1. Centred vectors sum to 0
// over both arms, so arm 0's sum is minus arm 1's.
func (e *EmbeddingStatistic) Value(chosen []int32) float64 {
	a, b := e.sizeA, e.sizeB
	if a < 2 || b < 2 {
		return 0
	}
	clear(e.accumulated)
	clear(e.counted)
	own := 0.0
	for _, unit := range chosen {
		if stratum := e.absent[unit]; stratum > 0 {
			e.counted[stratum-1]++
			continue
		}
		for _, f := range e.vectors[unit] {
			e.accumulated[f.Index] += float64(f.Value)
		}
		own += e.own[unit]
	}
	for s, n := range e.counted {
		if n > 0 {
			for i, m := range e.means[s] {
				e.accumulated[i] += n * m
			}
		}
	}
	square := 0.0
	for i, v := range e.accumulated {
		d := v - e.offset[i]
		square += d * d
	}
	return (square-(e.ownTotal-own))/(a*(a-1)) + (square-own)/(b*(b-1)) + 2*square/(a*b)
}

// Separation is the cross-fitted area under the curve of the direction between
// the arms' means: how well a text tells which arm it is from, 0.5 being not at
// all.
func Separation(vectors [][]Feature, dimension int, a Assignment) float64 {
	r, _ := SeparationRank(vectors, dimension, a)
	return r.Superiority
}

// SeparationRank ranks units along the direction between the arms' means. Units
// of even and odd index are each scored by the direction that the other half
// shows, and ranked within the returned assignment's strata.
func SeparationRank(vectors [][]Feature, dimension int, a Assignment) (*RankStatistic, Assignment) {
	direction := directions(vectors, dimension, a)
	scores := make([]float64, len(vectors))
	halves := Assignment{Arm: a.Arm, Stratum: make([]int, len(vectors))}
	for i, v := range vectors {
		halves.Stratum[i] = a.Stratum[i]*2 + i%2
		scores[i] = math.NaN()
		if len(v) == 0 || direction[i%2] == nil {
			continue
		}
		scores[i] = 0
		for _, f := range v {
			scores[i] += float64(f.Value) * direction[i%2][f.Index]
		}
	}
	return NewRankStatistic(scores, halves), halves
}

// directions are the differences of the arms' means over the units of the other
// half; nil when an arm has none there.
func directions(vectors [][]Feature, dimension int, a Assignment) [2][]float64 {
	var direction [2][]float64
	for half := range direction {
		sums := [2][]float64{make([]float64, dimension), make([]float64, dimension)}
		var counts [2]float64
		for i, v := range vectors {
			if i%2 == half || len(v) == 0 {
				continue
			}
			g := armIndex(a.Arm[i])
			counts[g]++
			for _, f := range v {
				sums[g][f.Index] += float64(f.Value)
			}
		}
		if counts[0] == 0 || counts[1] == 0 {
			continue
		}
		direction[half] = make([]float64, dimension)
		for k := range direction[half] {
			direction[half][k] = sums[1][k]/counts[1] - sums[0][k]/counts[0]
		}
	}
	return direction
}

// powerRounds is the number of steps of subspace iteration.
const powerRounds = 15

// PrincipalScores are the units' coordinates along the directions in which their
// centred vectors vary most (principal components, by subspace iteration), each
// stratum centred by itself; NaN for units without features.
func PrincipalScores(vectors [][]Feature, dimension, directions int, stratum []int, random *rand.Rand) [][]float64 {
	means := stratumMeans(vectors, dimension, stratum)
	basis := make([][]float64, directions)
	for k := range basis {
		basis[k] = make([]float64, dimension)
		for i := range basis[k] {
			basis[k][i] = random.NormFloat64()
		}
	}
	scores := make([][]float64, directions)
	for k := range scores {
		scores[k] = make([]float64, len(vectors))
	}
	for round := range powerRounds + 1 {
		orthonormalise(basis)
		project(vectors, stratum, means, basis, scores)
		if round == powerRounds {
			break
		}
		for k := range basis {
			basis[k] = combine(vectors, stratum, means, scores[k], dimension)
		}
	}
	return scores
}

func stratumMeans(vectors [][]Feature, dimension int, stratum []int) [][]float64 {
	members := strataMembers(stratum)
	means := make([][]float64, len(members))
	for s, units := range members {
		means[s] = make([]float64, dimension)
		filled := 0.0
		for _, unit := range units {
			if len(vectors[unit]) > 0 {
				filled++
			}
			for _, f := range vectors[unit] {
				means[s][f.Index] += float64(f.Value)
			}
		}
		for i := range means[s] {
			means[s][i] /= max(1, filled)
		}
	}
	return means
}

// orthonormalise makes a basis orthonormal (Gram-Schmidt); a direction that is
// already covered becomes 0.
func orthonormalise(basis [][]float64) {
	for k, v := range basis {
		for _, u := range basis[:k] {
			d := dot(u, v)
			for i := range v {
				v[i] -= d * u[i]
			}
		}
		length := math.Sqrt(dot(v, v))
		for i := range v {
			if length > 1e-12 {
				v[i] /= length
			} else {
				v[i] = 0
			}
		}
	}
}

func dot(a, b []float64) float64 {
	total := 0.0
	for i := range a {
		total += a[i] * b[i]
	}
	return total
}

func project(vectors [][]Feature, stratum []int, means, basis, scores [][]float64) {
	for k, direction := range basis {
		offsets := make([]float64, len(means))
		for s := range means {
			offsets[s] = dot(means[s], direction)
		}
		for unit, v := range vectors {
			if len(v) == 0 {
				scores[k][unit] = math.NaN()
				continue
			}
			total := -offsets[stratum[unit]]
			for _, f := range v {
				total += float64(f.Value) * direction[f.Index]
			}
			scores[k][unit] = total
		}
	}
}

// combine sums the centred vectors by their scores.
func combine(vectors [][]Feature, stratum []int, means [][]float64, scores []float64, dimension int) []float64 {
	out, weights := make([]float64, dimension), make([]float64, len(means))
	for unit, v := range vectors {
		if len(v) == 0 {
			continue
		}
		weights[stratum[unit]] += scores[unit]
		for _, f := range v {
			out[f.Index] += scores[unit] * float64(f.Value)
		}
	}
	for s, w := range weights {
		for i := range out {
			out[i] -= w * means[s][i]
		}
	}
	return out
}
