// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "slices"

// minExpected is the smallest expected count for which the chi-square
// distribution is trusted (Cochran 1954); pooled categories below it are merged.
const minExpected = 5

// Homogeneity is a comparison of two samples of a category.
type Homogeneity struct {
	ChiSquare float64
	DF        int
	P         float64
	// SmallExpected says that an expected count is below 5, so that P is only
	// an approximation and a permutation test is called for.
	SmallExpected bool
	// Merged is the number of categories that went into "other".
	Merged int
}

// ChiSquareHomogeneity tests whether two samples of categories come from one
// distribution. Both samples are random: it is the test of homogeneity, not of
// fit to the first sample as if its shares were known.
func ChiSquareHomogeneity(a, b []float64) Homogeneity {
	a, b, merged := mergeRare(a, b)
	result := Homogeneity{Merged: merged, P: 1}
	totalA, totalB := sum(a), sum(b)
	total := totalA + totalB
	if totalA == 0 || totalB == 0 || len(a) < 2 {
		return result
	}
	for i := range a {
		pooled := a[i] + b[i]
		expectedA, expectedB := pooled*totalA/total, pooled*totalB/total
		if expectedA < minExpected || expectedB < minExpected {
			result.SmallExpected = true
		}
		result.ChiSquare += (a[i]-expectedA)*(a[i]-expectedA)/expectedA + (b[i]-expectedB)*(b[i]-expectedB)/expectedB
	}
	result.DF = len(a) - 1
	result.P = ChiSquareTail(result.ChiSquare, float64(result.DF))
	return result
}

// mergeRare puts the categories that were seen less than 5 times into one and
// drops those never seen.
func mergeRare(a, b []float64) (keptA, keptB []float64, merged int) {
	var otherA, otherB float64
	for i := range a {
		pooled := a[i] + b[i]
		switch {
		case pooled == 0:
		case pooled < minExpected:
			otherA, otherB, merged = otherA+a[i], otherB+b[i], merged+1
		default:
			keptA, keptB = append(keptA, a[i]), append(keptB, b[i])
		}
	}
	if merged > 0 {
		keptA, keptB = append(keptA, otherA), append(keptB, otherB)
	}
	return slices.Clip(keptA), slices.Clip(keptB), merged
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// TotalVariation is half the sum of the absolute differences between two
// distributions given as counts: the share that would have to move.
func TotalVariation(a, b []float64) float64 {
	totalA, totalB := sum(a), sum(b)
	if totalA == 0 || totalB == 0 {
		return 0
	}
	distance := 0.0
	for i := range a {
		distance += abs(a[i]/totalA - b[i]/totalB)
	}
	return distance / 2
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
