// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// BinomialTwoSided is the p-value of k successes in n trials of probability p:
// twice the smaller of the exact tails P(X <= k) and P(X >= k), at most 1. k and
// n may be effective numbers, which the beta distribution takes.
func BinomialTwoSided(k, n, p float64) float64 {
	if n <= 0 {
		return 1
	}
	return min(1, 2*min(binomialAtMost(k, n, p), binomialAtLeast(k, n, p)))
}

func binomialAtMost(k, n, p float64) float64 {
	switch {
	case k >= n:
		return 1
	case p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	return mathext.RegIncBeta(n-k, k+1, 1-p)
}

func binomialAtLeast(k, n, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	return mathext.RegIncBeta(k, n-k+1, p)
}

// ClopperPearson is the exact interval of a proportion with k successes in n
// trials: of each side, alpha/2 at most is left out (Clopper and Pearson 1934).
func ClopperPearson(k, n, alpha float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	low, high = 0, 1
	if k > 0 {
		low = mathext.InvRegIncBeta(k, n-k+1, alpha/2)
	}
	if k < n {
		high = mathext.InvRegIncBeta(k+1, n-k, 1-alpha/2)
	}
	return low, high
}

// Dispersion is how much more the shares of blocks vary than independent trials
// of one probability let them: Pearson's chi-square over its degrees of freedom.
// It is 1 unless chance explains the variation in less than 5 of 100 cases.
func Dispersion(successes, trials []float64) float64 {
	k, n := sum(successes), sum(trials)
	if n <= 0 || k <= 0 || k >= n {
		return 1
	}
	p, chi, blocks := k/n, 0.0, 0
	for i, m := range trials {
		if m <= 0 {
			continue
		}
		blocks++
		d := successes[i] - m*p
		chi += d * d / (m * p * (1 - p))
	}
	if blocks < 2 || ChiSquareTail(chi, float64(blocks-1)) >= 0.05 {
		return 1
	}
	return max(1, chi/float64(blocks-1))
}

// Clumping is how many times fewer changes a sequence of two outcomes has than a
// random order of as many of each would: 1 unless a runs test (Wald and Wolfowitz
// 1940) finds too few at 5 %. When one draw holds for m neighbours it is about m.
func Clumping(successes, trials, changes float64) float64 {
	k, h := successes, trials-successes
	if trials < 2 || k <= 0 || h <= 0 {
		return 1
	}
	expected := 2 * k * h / trials
	variance := 2 * k * h * (2*k*h - trials) / (trials * trials * (trials - 1))
	if changes >= expected || variance > 0 && (changes-expected)/math.Sqrt(variance) > -1.645 {
		return 1
	}
	return expected / max(changes, 1)
}
