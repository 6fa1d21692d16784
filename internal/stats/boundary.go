// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// Look says how often the data may be looked at while the stated error rate
// holds.
type Look string

// Looks.
const (
	// LookOnce is one planned look: the ordinary t interval.
	LookOnce Look = "once"
	// LookAnytime holds at every sample size at once (an asymptotic confidence
	// sequence, Waudby-Smith et al. 2021): look as often as you like.
	LookAnytime Look = "anytime"
	// LookHorizon holds at every look up to a declared number of clusters, with
	// nearly the power of one look.
	LookHorizon Look = "horizon"
)

// anytimeTuning is the effective number of clusters at which the anytime
// interval is narrowest.
const anytimeTuning = 400

// BurnIn is the number of clusters an arm needs before anything is decided:
// below it the normal approximation behind the intervals cannot be trusted.
const BurnIn = 20

// EffectiveClusters is 4ab/(a+b): the size of a balanced experiment with the
// information of a and b clusters.
func EffectiveClusters(a, b int) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return 4 * float64(a) * float64(b) / float64(a+b)
}

// AnytimeMultiplier is what replaces the normal quantile in an interval at level
// 1-alpha that may be looked at after every cluster, at m effective clusters.
func AnytimeMultiplier(m, alpha float64) float64 {
	if m <= 0 {
		return math.Inf(1)
	}
	l := -2 * math.Log(alpha)
	r := (l + math.Log(1+l)) / anytimeTuning
	mr := m * r
	return math.Sqrt((mr + 1) / mr * 2 * math.Log(math.Sqrt(mr+1)/alpha))
}

// HorizonMultiplier is the narrower of two boundaries, within a declared horizon
// of effective clusters: a fifth of alpha on the anytime boundary, four fifths on
// an O'Brien-Fleming boundary k/sqrt(m/horizon) with 4(1-Phi(k)) = 0.8 alpha (the
// reflection principle for Brownian motion). Past the horizon only the first
// remains.
func HorizonMultiplier(m, horizon, alpha float64) float64 {
	anytime := AnytimeMultiplier(m, alpha/5)
	if m > horizon || m <= 0 {
		return anytime
	}
	k := NormalQuantile(1 - 0.8*alpha/4)
	return min(anytime, k/math.Sqrt(m/horizon))
}

// Multiplier is the factor on the standard error for a two-sided interval at
// level 1-alpha with df degrees of freedom and m effective clusters. For the
// sequential looks the normal-theory factor is widened by t/z at the same alpha,
// which covers few degrees of freedom.
func Multiplier(look Look, alpha, df, m, horizon float64) float64 {
	t := StudentQuantile(1-alpha/2, df)
	switch look {
	case LookAnytime:
		return AnytimeMultiplier(m, alpha) * t / NormalQuantile(1-alpha/2)
	case LookHorizon:
		return HorizonMultiplier(m, horizon, alpha) * t / NormalQuantile(1-alpha/2)
	}
	return t
}

// LookP is the smallest alpha at which the interval of a look excludes zero, for
// |d|/SE = z: an always-valid p-value for the sequential looks.
func LookP(look Look, z, df, m, horizon float64) float64 {
	z = math.Abs(z)
	if math.IsNaN(z) {
		return 1
	}
	if look == LookOnce {
		return StudentTwoSided(z, df)
	}
	low, high := -40.0, 0.0
	// The tuning r depends on alpha and needs 1 > alpha; above 0.5 nothing is
	// ever decided, so the search stops there.
	for range 60 {
		middle := (low + high) / 2
		if z >= Multiplier(look, 0.5*math.Exp(middle), df, m, horizon) {
			high = middle
		} else {
			low = middle
		}
	}
	if high == 0 {
		return 1
	}
	return 0.5 * math.Exp(high)
}
