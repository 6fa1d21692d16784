// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "slices"

// Holm returns p-values adjusted by Holm's step-down procedure (1979): rejecting
// those at or below alpha keeps the probability of any false rejection at alpha,
// whatever the dependence.
func Holm(p []float64) []float64 {
	adjusted, order := make([]float64, len(p)), ascending(p)
	running := 0.0
	for i, index := range order {
		running = max(running, min(1, p[index]*float64(len(p)-i)))
		adjusted[index] = running
	}
	return adjusted
}

// BenjaminiHochberg returns p-values adjusted for the false discovery rate
// (Benjamini and Hochberg 1995).
func BenjaminiHochberg(p []float64) []float64 {
	adjusted, order := make([]float64, len(p)), ascending(p)
	running := 1.0
	for i := len(order) - 1; i >= 0; i-- {
		index := order[i]
		running = min(running, p[index]*float64(len(p))/float64(i+1))
		adjusted[index] = running
	}
	return adjusted
}

// HolmLevels are the levels at which the step-down procedure looks at each
// p-value: an interval at its level excludes the null exactly when Holm rejects.
func HolmLevels(p []float64, alpha float64) []float64 {
	levels, order := make([]float64, len(p)), ascending(p)
	level, open := 0.0, true
	for i, index := range order {
		if open {
			level = alpha / float64(len(p)-i)
			open = p[index] <= level
		}
		levels[index] = level
	}
	return levels
}

func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	return order
}
