// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package nearest finds the known names that are most like a wrong one, for
// error messages.
package nearest

import (
	"slices"
	"strings"
)

// Names returns the n names with the smallest edit distance to a wrong one.
// Names that hold it count as near.
func Names(wrong string, known []string, n int) []string {
	type candidate struct {
		name     string
		distance int
	}
	candidates := make([]candidate, len(known))
	for i, name := range known {
		distance := editDistance(strings.ToLower(wrong), strings.ToLower(name))
		if wrong != "" && strings.Contains(strings.ToLower(name), strings.ToLower(wrong)) {
			distance = min(distance, 1)
		}
		candidates[i] = candidate{name, distance}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range candidates[:min(n, len(candidates))] {
		names = append(names, c.name)
	}
	return names
}

// maxCompared bounds the work for hostile names.
const maxCompared = 200

// editDistance is the Levenshtein distance of two names, in bytes.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
