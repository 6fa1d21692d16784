// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
)

const (
	kmeansRounds  = 12
	kmeansFitUnit = 4000
)

// KMeans assigns unit vectors to at most k groups by spherical k-means (Dhillon
// and Modha 2001) with k-means++ starts: vectors of the same direction come
// together. Empty vectors get a group of their own, the last. Centres are fitted
// on at most 4000 vectors, evenly spaced. It returns each vector's group and the
// number of groups; groups are numbered in order of first appearance.
func KMeans(vectors [][]Feature, dimension, k int, random *rand.Rand) ([]int, int) {
	fit := fittingSample(vectors)
	assigned := make([]int, len(vectors))
	if k > 1 && len(fit) >= k {
		centres := startCentres(fit, dimension, k, random)
		for range kmeansRounds {
			if !refine(centres, fit, dimension) {
				break
			}
		}
		for i, v := range vectors {
			assigned[i], _ = nearest(centres, v)
		}
	}
	return renumber(vectors, assigned)
}

func fittingSample(vectors [][]Feature) [][]Feature {
	var full [][]Feature
	for _, v := range vectors {
		if len(v) > 0 {
			full = append(full, v)
		}
	}
	if len(full) <= kmeansFitUnit {
		return full
	}
	sample := make([][]Feature, kmeansFitUnit)
	for i := range sample {
		sample[i] = full[i*len(full)/kmeansFitUnit]
	}
	return sample
}

// startCentres picks centres with probability proportional to the squared
// distance from those already picked.
func startCentres(fit [][]Feature, dimension, k int, random *rand.Rand) [][]float32 {
	centres := [][]float32{dense(fit[random.IntN(len(fit))], dimension)}
	distance := make([]float64, len(fit))
	for len(centres) < k {
		total := 0.0
		for i, v := range fit {
			_, similarity := nearest(centres, v)
			distance[i] = max(0, 1-similarity/length(v))
			if distance[i] < 1e-6 {
				distance[i] = 0
			}
			total += distance[i]
		}
		if total == 0 {
			break
		}
		target, chosen := random.Float64()*total, len(fit)-1
		for i, d := range distance {
			if target -= d; target < 0 && d > 0 {
				chosen = i
				break
			}
		}
		centres = append(centres, dense(fit[chosen], dimension))
	}
	return centres
}

// refine moves each centre to the direction of its members' sum and reports
// whether anything moved.
func refine(centres [][]float32, fit [][]Feature, dimension int) bool {
	sums := make([][]float32, len(centres))
	for i := range sums {
		sums[i] = make([]float32, dimension)
	}
	for _, v := range fit {
		c, _ := nearest(centres, v)
		AddFeatures(sums[c], v)
	}
	moved := false
	for c, total := range sums {
		if !scaleToOne(total) {
			continue
		}
		for i := range total {
			if math.Abs(float64(total[i]-centres[c][i])) > 1e-4 {
				moved = true
			}
		}
		centres[c] = total
	}
	return moved
}

// nearest is the centre with the largest product with v; the first on ties.
func nearest(centres [][]float32, v []Feature) (int, float64) {
	best, similarity := 0, math.Inf(-1)
	for c, centre := range centres {
		var product float64
		for _, f := range v {
			product += float64(f.Value) * float64(centre[f.Index])
		}
		if product > similarity {
			best, similarity = c, product
		}
	}
	return best, similarity
}

func dense(v []Feature, dimension int) []float32 {
	d := make([]float32, dimension)
	AddFeatures(d, v)
	scaleToOne(d)
	return d
}

func length(v []Feature) float64 {
	square := 0.0
	for _, f := range v {
		square += float64(f.Value) * float64(f.Value)
	}
	return math.Sqrt(square)
}

func scaleToOne(d []float32) bool {
	square := 0.0
	for _, v := range d {
		square += float64(v) * float64(v)
	}
	if square == 0 {
		return false
	}
	scale := float32(1 / math.Sqrt(square))
	for i := range d {
		d[i] *= scale
	}
	return true
}

func renumber(vectors [][]Feature, assigned []int) ([]int, int) {
	index := map[int]int{}
	for i := range assigned {
		group := assigned[i]
		if len(vectors[i]) == 0 {
			group = -1
		}
		n, seen := index[group]
		if !seen {
			n = len(index)
			index[group] = n
		}
		assigned[i] = n
	}
	return assigned, len(index)
}

// StrataCount is the number of input strata for so many units: one per twenty,
// at most ten.
func StrataCount(units int) int { return max(1, min(10, units/20)) }
