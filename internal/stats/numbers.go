// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"slices"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Finite tells whether x is a number.
func Finite(x float64) bool { return finite(x) }

// Quantile is the p-quantile of sorted values by linear interpolation (type 7
// of Hyndman and Fan, the default of R and numpy); NaN without values.
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	h := p * float64(len(sorted)-1)
	low := int(math.Floor(h))
	if low >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (h-float64(low))*(sorted[low+1]-sorted[low])
}

// Median is the middle of values, which it leaves as they are.
func Median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return Quantile(sorted, 0.5)
}

// MeanVariance is the mean and the unbiased variance of the finite values; the
// variance is 0 below two values.
func MeanVariance(values []float64) (mean, variance float64, n int) {
	for _, v := range values {
		if !finite(v) {
			continue
		}
		n++
		delta := v - mean
		mean += delta / float64(n)
		variance += delta * (v - mean)
	}
	if n < 2 {
		return mean, 0, n
	}
	return mean, variance / float64(n-1), n
}

// Midranks are the ranks 1..n of values, ties sharing their mean rank; NaN
// stays NaN and takes no rank. It returns the number of ranked values.
func Midranks(values []float64) ([]float64, int) {
	order := make([]int, 0, len(values))
	ranks := make([]float64, len(values))
	for i, v := range values {
		ranks[i] = math.NaN()
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return a - b
	})
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			ranks[order[k]] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks, len(order)
}
