// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// Wilson is the score interval of a proportion p seen in n independent trials,
// with the normal quantile z (Wilson 1927). n may be an effective number: rows
// divided by the design effect.
func Wilson(p, n, z float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	z2 := z * z
	centre := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(max(0, p*(1-p)/n+z2/(4*n*n)))
	return max(0, centre-half), min(1, centre+half)
}

// Newcombe is the interval of pB-pA by Newcombe's hybrid score method (1998,
// method 10), with effective numbers of trials.
func Newcombe(pA, nA, pB, nB, z float64) (low, high float64) {
	lowA, highA := Wilson(pA, nA, z)
	lowB, highB := Wilson(pB, nB, z)
	d := pB - pA
	low = d - math.Hypot(pB-lowB, highA-pA)
	high = d + math.Hypot(highB-pB, pA-lowA)
	return low, high
}

// FisherExact is the two-sided p-value of a 2x2 table by Fisher's exact test:
// the probability, given the margins, of all tables at most as likely.
func FisherExact(a, b, c, d int) float64 {
	row, column, total := a+b, a+c, a+b+c+d
	if row == 0 || column == 0 || row == total || column == total {
		return 1
	}
	logP := func(x int) float64 {
		return logChoose(row, x) + logChoose(total-row, column-x) - logChoose(total, column)
	}
	observed, p := logP(a), 0.0
	for x := max(0, column-(total-row)); x <= min(row, column); x++ {
		if l := logP(x); l <= observed+1e-7 {
			p += math.Exp(l)
		}
	}
	return min(1, p)
}

func logChoose(n, k int) float64 {
	f := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return f(n) - f(k) - f(n-k)
}
