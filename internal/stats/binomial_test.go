// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The tails are those of the sum over all outcomes.
func TestBinomialTwoSidedIsTheSum(t *testing.T) {
	probability := func(k, n int, p float64) float64 {
		return math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p))
	}
	for _, n := range []int{1, 7, 40, 200} {
		for _, p := range []float64{0.01, 0.1, 0.5, 0.93} {
			for k := 0; k <= n; k += max(1, n/9) {
				below, above := 0.0, 0.0
				for i := 0; i <= n; i++ {
					if i <= k {
						below += probability(i, n, p)
					}
					if i >= k {
						above += probability(i, n, p)
					}
				}
				assert.InDelta(t, min(1, 2*min(below, above)), BinomialTwoSided(float64(k), float64(n), p), 1e-9, "%d of %d at %v", k, n, p)
			}
		}
	}
	assert.Equal(t, 1.0, BinomialTwoSided(0, 0, 0.5))
	assert.Zero(t, BinomialTwoSided(3, 4, 1), "one that is not it, of which all should be")
	assert.Equal(t, 1.0, BinomialTwoSided(4, 4, 1))
	assert.Equal(t, 1.0, BinomialTwoSided(0, 4, 0))
	assert.Zero(t, BinomialTwoSided(1, 4, 0))
}

// The interval holds the probabilities that the test does not reject, and no other.
func TestClopperPearsonInvertsTheTest(t *testing.T) {
	for _, c := range [][2]float64{{0, 5}, {5, 5}, {1, 10}, {37, 100}, {1, 2000}, {2.5, 10.2}} {
		low, high := ClopperPearson(c[0], c[1], 0.05)
		if c[0] > 0 {
			assert.InDelta(t, 0.05, BinomialTwoSided(c[0], c[1], low), 1e-6)
		} else {
			assert.Zero(t, low)
		}
		if c[0] < c[1] {
			assert.InDelta(t, 0.05, BinomialTwoSided(c[0], c[1], high), 1e-6)
		} else {
			assert.Equal(t, 1.0, high)
		}
	}
	// R: binom.test(7, 20)$conf.int
	low, high := ClopperPearson(7, 20, 0.05)
	assert.InDelta(t, 0.1539092, low, 1e-6)
	assert.InDelta(t, 0.5921885, high, 1e-6)
	low, high = ClopperPearson(0, 0, 0.05)
	assert.Equal(t, [2]float64{0, 1}, [2]float64{low, high})
}

// Blocks that were drawn whole are found; independent trials mostly are not.
func TestDispersion(t *testing.T) {
	assert.Equal(t, 1.0, Dispersion([]float64{0, 0}, []float64{5, 5}))
	assert.InDelta(t, 100, Dispersion([]float64{100, 0, 100, 0}, []float64{100, 100, 100, 100}), 40)
	random, found := rand.New(rand.NewPCG(1, 2)), 0
	for range 500 {
		var k, n []float64
		for range 20 {
			x := 0.0
			for range 30 {
				if random.Float64() < 0.1 {
					x++
				}
			}
			k, n = append(k, x), append(n, 30)
		}
		if Dispersion(k, n) > 1 {
			found++
		}
	}
	assert.Less(t, found, 50)
}

func TestClumping(t *testing.T) {
	assert.Equal(t, 1.0, Clumping(0, 10, 0))
	assert.Equal(t, 1.0, Clumping(1, 2, 1))
	assert.Equal(t, 1.0, Clumping(5, 10, 5))
	assert.InDelta(t, 16, Clumping(20, 100, 2), 1e-9, "twenty in a row")
	random, found := rand.New(rand.NewPCG(3, 4)), 0
	for range 500 {
		k, changes, last := 0.0, 0.0, false
		for i := range 300 {
			x := random.Float64() < 0.2
			if x {
				k++
			}
			if i > 0 && x != last {
				changes++
			}
			last = x
		}
		if Clumping(k, 300, changes) > 1 {
			found++
		}
	}
	assert.Less(t, found, 50)
}
