// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// NormalQuantile is the p-quantile of the standard normal distribution.
func NormalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// NormalTwoSided is P(|Z| >= |z|) of a standard normal Z.
func NormalTwoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// StudentQuantile is the p-quantile of Student's t with df degrees of freedom;
// fewer than one degree is taken as one.
func StudentQuantile(p, df float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: max(df, 1)}.Quantile(p)
}

// StudentTwoSided is P(|T| >= |t|) of Student's t with df degrees of freedom.
func StudentTwoSided(t, df float64) float64 {
	if math.IsInf(t, 0) {
		return 0
	}
	df = max(df, 1)
	// The regularised incomplete beta function keeps its relative precision in
	// the tail, where one minus the distribution function has none left.
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// ChiSquareTail is P(X >= x) of a chi-square distribution with df degrees of
// freedom; 1 when there are none.
func ChiSquareTail(x, df float64) float64 {
	if df <= 0 || x <= 0 {
		return 1
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// FTail is P(X >= x) of an F distribution.
func FTail(x, df1, df2 float64) float64 {
	if df1 <= 0 || df2 <= 0 || x <= 0 {
		return 1
	}
	return mathext.RegIncBeta(df2/2, df1/2, df2/(df2+df1*x))
}
