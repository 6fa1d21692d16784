// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// minBlocks and minBlockUnits bound what an over-dispersion can be measured on.
const (
	minBlocks     = 8
	minBlockUnits = 10
)

// Wander is how much more a metric's block means vary over time, while nothing
// is known to have changed, than independent units would let them.
type Wander struct {
	// Phi multiplies the variance; 1 when blocks vary no more than chance.
	Phi float64
	// Blocks and Size are the number of blocks and the units in each; Blocks
	// is 0 when the reference is too short to tell.
	Blocks, Size int
}

// MeasureWander cuts reference values in time order (NaN is missing) into blocks
// of the current window's size, or into eight when it is too short for that. Phi
// is the ratio of between-block to within-block mean squares; it counts only
// when an F test at 5% says that it is no chance.
func MeasureWander(reference []float64, current int) Wander {
	var values []float64
	for _, v := range reference {
		if finite(v) {
			values = append(values, v)
		}
	}
	size := min(current, len(values)/minBlocks)
	if size < minBlockUnits {
		return Wander{Phi: 1}
	}
	blocks := len(values) / size
	values = values[len(values)-blocks*size:]
	means, within := make([]float64, blocks), 0.0
	for b := range means {
		mean, variance, _ := MeanVariance(values[b*size : (b+1)*size])
		means[b] = mean
		within += variance / float64(blocks)
	}
	_, between, _ := MeanVariance(means)
	w := Wander{Phi: 1, Blocks: blocks, Size: size}
	if within <= 0 {
		return w
	}
	ratio := between * float64(size) / within
	if FTail(ratio, float64(blocks-1), float64(blocks*(size-1))) < 0.05 {
		w.Phi = max(1, ratio)
	}
	return w
}

// P is the two-sided p-value of z (a difference over its standard error) once
// the wander is allowed for: t with blocks-1 degrees of freedom after dividing
// by sqrt(Phi); the normal one when there is no wander.
func (w Wander) P(z float64) float64 {
	if w.Phi <= 1 || w.Blocks == 0 {
		return NormalTwoSided(z)
	}
	return StudentTwoSided(z/math.Sqrt(w.Phi), float64(w.Blocks-1))
}
