// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// attributionWindow is the difference of the criterion within which explanations
// are as good as the best (Kass and Raftery 1995: less than "strong").
const attributionWindow = 6

// Explanation is one way to split units in groups that may explain a metric.
type Explanation struct {
	Name string
	// Values are the units' values of an identity dimension.
	Values []string
	// Extra are parameters of the split that were chosen from the data (the
	// time of a change point is one).
	Extra int
}

// Ranked is an explanation with its criterion, smaller being better.
type Ranked struct {
	Name      string
	Criterion float64
	// Groups is the number of values seen.
	Groups int
}

// Attribute ranks explanations of a metric (NaN is missing) by the Bayesian
// information criterion n ln(RSS/n) + parameters ln n, among them "no change".
// It returns them best first and how many are within 6 of the best.
func Attribute(metric []float64, explanations []Explanation) (ranked []Ranked, tied int) {
	for _, e := range explanations {
		criterion, groups := information(metric, e)
		ranked = append(ranked, Ranked{e.Name, criterion, groups})
	}
	// Insertion keeps the given order on equal criteria.
	for i := 1; i < len(ranked); i++ {
		for j := i; j > 0 && ranked[j].Criterion < ranked[j-1].Criterion-1e-9; j-- {
			ranked[j], ranked[j-1] = ranked[j-1], ranked[j]
		}
	}
	for tied < len(ranked) && ranked[tied].Criterion <= ranked[0].Criterion+attributionWindow {
		tied++
	}
	return ranked, tied
}

func information(metric []float64, e Explanation) (criterion float64, groups int) {
	type group struct{ n, sum, squares float64 }
	seen := map[string]*group{}
	var order []*group
	n := 0.0
	for i, v := range metric {
		if !finite(v) {
			continue
		}
		key := ""
		if e.Values != nil {
			key = e.Values[i]
		}
		g := seen[key]
		if g == nil {
			g = &group{}
			seen[key] = g
			order = append(order, g)
		}
		g.n++
		g.sum += v
		g.squares += v * v
		n++
	}
	if n == 0 {
		return 0, 0
	}
	residual, total := 0.0, 0.0
	for _, g := range order {
		residual += max(0, g.squares-g.sum*g.sum/g.n)
		total += g.squares
	}
	// A floor keeps a perfect fit from winning by minus infinity.
	residual = max(residual, 1e-6*total, 1e-12)
	return n*math.Log(residual/n) + float64(len(order)+e.Extra)*math.Log(n), len(order)
}
