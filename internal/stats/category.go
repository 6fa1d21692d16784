// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "slices"

// maxCategories is how many categories are told apart; rarer ones are "other".
const maxCategories = 63

// OtherCategory names the merged categories.
const OtherCategory = "(other)"

// CategoryStatistic compares the shares of categories between the arms, given
// the strata. A unit holds one category or, with several rows, a share of each.
type CategoryStatistic struct {
	// Names are the categories, most frequent first, merged ones last.
	Names []string
	// Shares are the arms' raw shares.
	Shares [2][]float64
	// Distance is the total variation distance of the arms given the strata,
	// and Expected its mean when nothing changed, which is not 0.
	Distance, Expected float64
	// Units is the number of units that hold a category, per arm.
	Units [2]int

	share    [][]categoryShare
	expected []float64
	sums     []float64
	half     float64
}

type categoryShare struct {
	category int32
	share    float64
}

// NewCategoryStatistic takes each unit's rows' categories; units without any
// take no part.
func NewCategoryStatistic(values [][]string, a Assignment) *CategoryStatistic {
	c := &CategoryStatistic{share: make([][]categoryShare, len(values))}
	index := c.name(values)
	for i, unit := range values {
		for _, v := range unit {
			k, ok := index[v]
			if !ok {
				k = len(c.Names) - 1
			}
			c.share[i] = addShare(c.share[i], int32(k), 1/float64(len(unit)))
		}
	}
	c.expected = make([]float64, len(c.Names))
	c.sums = make([]float64, len(c.Names))
	for g := range c.Shares {
		c.Shares[g] = make([]float64, len(c.Names))
	}
	for _, members := range strataMembers(a.Stratum) {
		c.addStratum(members, a)
	}
	for g := range c.Shares {
		if total := sum(c.Shares[g]); total > 0 {
			for k := range c.Shares[g] {
				c.Shares[g][k] /= total
			}
		}
	}
	return c
}

// name orders categories and merges those that are rare over both arms.
func (c *CategoryStatistic) name(values [][]string) map[string]int {
	counts := map[string]float64{}
	for _, unit := range values {
		for _, v := range unit {
			counts[v] += 1 / float64(len(unit))
		}
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case counts[a] > counts[b]:
			return -1
		case counts[a] < counts[b]:
			return 1
		case a < b:
			return -1
		}
		return 1
	})
	index := map[string]int{}
	for _, name := range names {
		if len(index) == maxCategories || counts[name] < minExpected-1e-9 {
			break
		}
		index[name] = len(index)
		c.Names = append(c.Names, name)
	}
	if len(index) < len(names) {
		c.Names = append(c.Names, OtherCategory)
	}
	return index
}

func addShare(shares []categoryShare, category int32, share float64) []categoryShare {
	for i := range shares {
		if shares[i].category == category {
			shares[i].share += share
			return shares
		}
	}
	return append(shares, categoryShare{category, share})
}

// addStratum adds what arm 1 is expected to hold of each category when labels
// are exchangeable within the stratum.
func (c *CategoryStatistic) addStratum(members []int, a Assignment) {
	var counts [2]int
	local := make([]float64, len(c.Names))
	for _, unit := range members {
		g := armIndex(a.Arm[unit])
		counts[g]++
		if len(c.share[unit]) > 0 {
			c.Units[g]++
		}
		for _, s := range c.share[unit] {
			local[s.category] += s.share
			c.Shares[g][s.category] += s.share
		}
	}
	if counts[0] == 0 || counts[1] == 0 {
		for _, unit := range members {
			c.share[unit] = nil
		}
		return
	}
	fraction := float64(counts[1]) / float64(len(members))
	for k := range local {
		c.expected[k] += local[k] * fraction
		// The sum of cA cB/(cA+cB) over strata turns the sum of deviations
		// into a difference of shares.
		c.half += local[k] * fraction * (1 - fraction)
	}
}

// Value is the chi-square-like distance of what the chosen units hold from what
// they are expected to hold.
func (c *CategoryStatistic) Value(chosen []int32) float64 {
	c.add(chosen)
	value := 0.0
	for k, e := range c.expected {
		if e > 0 {
			value += (c.sums[k] - e) * (c.sums[k] - e) / e
		}
	}
	return value
}

func (c *CategoryStatistic) add(chosen []int32) {
	clear(c.sums)
	for _, unit := range chosen {
		for _, s := range c.share[unit] {
			c.sums[s.category] += s.share
		}
	}
}

func (c *CategoryStatistic) variation(chosen []int32) float64 {
	c.add(chosen)
	distance := 0.0
	for k, e := range c.expected {
		distance += abs(c.sums[k] - e)
	}
	if c.half == 0 {
		return 0
	}
	return distance / 2 / c.half
}

// Excess is the total variation distance above what chance gives, never below
// 0; it also sets Distance and Expected.
func (c *CategoryStatistic) Excess(a Assignment, seed uint64) float64 {
	sh := newShuffler(a, Random(seed, 0))
	var chosen []int32
	for _, members := range sh.members {
		for _, unit := range members {
			if a.Arm[unit] {
				chosen = append(chosen, unit)
			}
		}
	}
	c.Distance = c.variation(chosen)
	const draws = 200
	total := 0.0
	for range draws {
		chosen = sh.draw(chosen)
		total += c.variation(chosen)
	}
	c.Expected = total / draws
	return max(0, c.Distance-c.Expected)
}
