// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

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
	own         []float64
	ownTotal    float64
	sizeA       float64
	sizeB       float64
	accumulated []float64
}

// NewEmbeddingStatistic prepares vectors of the given dimension; a unit without
// features counts as its stratum's mean.
func NewEmbeddingStatistic(vectors [][]Feature, dimension int, a Assignment) *EmbeddingStatistic {
	e := &EmbeddingStatistic{
		vectors: make([][]Feature, len(vectors)), own: make([]float64, len(vectors)),
		offset: make([]float64, dimension), accumulated: make([]float64, dimension),
	}
	for _, members := range strataMembers(a.Stratum) {
		e.addStratum(members, vectors, dimension, a)
	}
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
	meanFeatures := sparse(mean)
	for i, m := range mean {
		e.offset[i] += float64(ones) * m
	}
	for _, unit := range members {
		v := vectors[unit]
		if len(v) == 0 {
			v = meanFeatures
		}
		e.vectors[unit] = v
		own := square
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

func sparse(dense []float64) []Feature {
	var features []Feature
	for i, v := range dense {
		if v != 0 {
			features = append(features, Feature{int32(i), float32(v)})
		}
	}
	return features
}

// Value is the statistic for the chosen units as arm 1. Centred vectors sum to 0
// over both arms, so arm 0's sum is minus arm 1's.
func (e *EmbeddingStatistic) Value(chosen []int32) float64 {
	a, b := e.sizeA, e.sizeB
	if a < 2 || b < 2 {
		return 0
	}
	clear(e.accumulated)
	own := 0.0
	for _, unit := range chosen {
		for _, f := range e.vectors[unit] {
			e.accumulated[f.Index] += float64(f.Value)
		}
		own += e.own[unit]
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
// all. Units of even and odd index are each scored by the other half.
func Separation(vectors [][]Feature, dimension int, a Assignment) float64 {
	direction := [2][]float64{make([]float64, dimension), make([]float64, dimension)}
	for half := range direction {
		var sums [2][]float64
		var counts [2]float64
		sums[0], sums[1] = make([]float64, dimension), make([]float64, dimension)
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
			return 0.5
		}
		for k := range direction[half] {
			direction[half][k] = sums[1][k]/counts[1] - sums[0][k]/counts[0]
		}
	}
	scores, stratum := make([]float64, len(vectors)), make([]int, len(vectors))
	for i, v := range vectors {
		stratum[i] = a.Stratum[i]*2 + i%2
		scores[i] = math.NaN()
		if len(v) == 0 {
			continue
		}
		scores[i] = 0
		for _, f := range v {
			scores[i] += float64(f.Value) * direction[i%2][f.Index]
		}
	}
	return NewRankStatistic(scores, Assignment{Arm: a.Arm, Stratum: stratum}).Superiority
}
