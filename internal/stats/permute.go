// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math/rand/v2"

// Assignment says which units belong to arm 1 and which stratum each is in.
type Assignment struct {
	Arm     []bool
	Stratum []int
}

// Only keeps the units for which keep is true. Values that some units lack must
// be tested among the others: a test of exchangeability over all units would
// take a difference in what is missing for one of the values.
func (a Assignment) Only(keep func(unit int) bool) (kept Assignment, units []int) {
	for i := range a.Arm {
		if keep(i) {
			kept.Arm, kept.Stratum = append(kept.Arm, a.Arm[i]), append(kept.Stratum, a.Stratum[i])
			units = append(units, i)
		}
	}
	return kept, units
}

// shuffler draws relabelings of an Assignment that keep, in every stratum, the
// number of units of each arm.
type shuffler struct {
	// members are the units of each stratum that has both arms.
	members [][]int32
	// ones is how many of them are in arm 1.
	ones   []int
	random *rand.Rand
}

func newShuffler(a Assignment, random *rand.Rand) *shuffler {
	strata := 0
	for _, s := range a.Stratum {
		strata = max(strata, s+1)
	}
	members, ones := make([][]int32, strata), make([]int, strata)
	for i, s := range a.Stratum {
		members[s] = append(members[s], int32(i))
		if a.Arm[i] {
			ones[s]++
		}
	}
	sh := &shuffler{random: random}
	for s := range members {
		if ones[s] > 0 && ones[s] < len(members[s]) {
			sh.members = append(sh.members, members[s])
			sh.ones = append(sh.ones, ones[s])
		}
	}
	return sh
}

// draw appends to chosen[:0] the units of arm 1 in a new relabeling: of every
// stratum the first ones of a partial Fisher-Yates shuffle.
func (s *shuffler) draw(chosen []int32) []int32 {
	chosen = chosen[:0]
	for i, members := range s.members {
		for k := 0; k < s.ones[i]; k++ {
			j := k + s.random.IntN(len(members)-k)
			members[k], members[j] = members[j], members[k]
		}
		chosen = append(chosen, members[:s.ones[i]]...)
	}
	return chosen
}

// Statistic is a test statistic over relabelings: large means different.
type Statistic interface {
	// Value is the statistic when the chosen units are arm 1.
	Value(chosen []int32) float64
}

// Permutation tests statistics by relabeling units within strata, all on the
// same relabelings. The p-value is (1+#{T* >= T})/(draws+1) (Phipson and Smyth
// 2010), which is never 0 and exact when labels are exchangeable.
func Permutation(a Assignment, statistics []Statistic, draws int, random *rand.Rand) []float64 {
	sh := newShuffler(a, random)
	chosen := make([]int32, 0, len(a.Arm))
	for _, members := range sh.members {
		for _, unit := range members {
			if a.Arm[unit] {
				chosen = append(chosen, unit)
			}
		}
	}
	observed := make([]float64, len(statistics))
	exceed := make([]int, len(statistics))
	for i, s := range statistics {
		observed[i] = s.Value(chosen)
	}
	for range draws {
		chosen = sh.draw(chosen)
		for i, s := range statistics {
			// A relative slack keeps equal values equal when sums are added up
			// in another order.
			if v := s.Value(chosen); v >= observed[i]-1e-9*abs(observed[i]) {
				exceed[i]++
			}
		}
	}
	p := make([]float64, len(statistics))
	for i := range p {
		p[i] = float64(1+exceed[i]) / float64(draws+1)
	}
	return p
}

// Draws is the number of relabelings for tests whose p-values Holm will
// multiply by up to channels: at least 999, and enough that the smallest
// possible p-value stays well below alpha.
func Draws(channels int, alpha float64) int {
	return max(999, int(3*float64(channels)/alpha)-1)
}
