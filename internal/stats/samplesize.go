// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// SampleSize asks how many clusters the second arm needs.
type SampleSize struct {
	// VarianceA and VarianceB are variances of one cluster's contribution,
	// design effect included.
	VarianceA, VarianceB float64
	// Ratio is clusters of A per cluster of B.
	Ratio float64
	// Effect is the difference to be seen (or the margin).
	Effect float64
	// Quantile is the multiplier of the planned interval.
	Quantile float64
	// Equivalence asks for the interval to lie within the margin (90% power)
	// and not for an effect to be seen (80% power).
	Equivalence bool
}

// Clusters is the number of clusters arm B needs; +Inf when it cannot be said.
func (s SampleSize) Clusters() float64 {
	power := 0.8
	if s.Equivalence {
		power = 0.9
	}
	if s.Effect == 0 || s.Ratio <= 0 || !finite(s.VarianceA) || !finite(s.VarianceB) {
		return math.Inf(1)
	}
	k := s.Quantile + NormalQuantile(power)
	return math.Ceil(k * k * (s.VarianceA/s.Ratio + s.VarianceB) / (s.Effect * s.Effect))
}
