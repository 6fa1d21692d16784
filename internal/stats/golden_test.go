// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reference holds what testdata/reference.py printed.
type reference struct {
	Tails struct {
		Normal          [][2]float64 `json:"normal"`
		Student         [][3]float64 `json:"student"`
		StudentQuantile [][3]float64 `json:"student_quantile"`
		ChiSquare       [][3]float64 `json:"chi_square"`
		F               [][4]float64 `json:"f"`
	} `json:"tails"`
	Wilson      [][5]float64 `json:"wilson"`
	Newcombe    [][7]float64 `json:"newcombe"`
	Fisher      [][5]float64 `json:"fisher"`
	Homogeneity []struct {
		A         []float64 `json:"a"`
		B         []float64 `json:"b"`
		ChiSquare float64   `json:"chi_square"`
		DF        int       `json:"df"`
		P         float64   `json:"p"`
	} `json:"homogeneity"`
	Ranks struct {
		Values      []float64 `json:"values"`
		Ranks       []float64 `json:"ranks"`
		A           []float64 `json:"a"`
		B           []float64 `json:"b"`
		Superiority float64   `json:"superiority"`
		VanElteren  struct {
			Values      []float64 `json:"values"`
			Arm         []bool    `json:"arm"`
			Stratum     []int     `json:"stratum"`
			Statistic   float64   `json:"statistic"`
			Superiority float64   `json:"superiority"`
		} `json:"van_elteren"`
	} `json:"ranks"`
	Multiple struct {
		P, Holm, BH []float64
	} `json:"multiple"`
	Clustered struct {
		Arms []struct {
			Rows           [][2]float64 `json:"rows"`
			Mean           float64      `json:"mean"`
			VarianceOfMean float64      `json:"variance_of_mean"`
		} `json:"arms"`
		Value, SE, DF float64
	} `json:"clustered"`
	Quantiles struct {
		Values, P, Quantiles []float64
		Mean, Variance       float64
	} `json:"quantiles"`
	Anytime  [][3]float64 `json:"anytime"`
	Distance struct {
		A, B     [][]float64
		Distance float64
	} `json:"distance"`
}

func readReference(t *testing.T) (r reference) {
	t.Helper()
	text, err := os.ReadFile("testdata/reference.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

// near asserts a relative difference of at most 1e-9 (absolute below 1e-300).
func near(t *testing.T, want, got float64, about ...any) {
	t.Helper()
	if want == 0 {
		assert.InDelta(t, want, got, 1e-12, about...)
		return
	}
	assert.InEpsilon(t, want, got, 1e-9, about...)
}

func TestTailsAndQuantiles(t *testing.T) {
	r := readReference(t).Tails
	for _, c := range r.Normal {
		near(t, c[1], NormalTwoSided(c[0]), "normal", c)
	}
	for _, c := range r.Student {
		near(t, c[2], StudentTwoSided(c[0], c[1]), "student", c)
	}
	for _, c := range r.StudentQuantile {
		assert.InDelta(t, c[2], StudentQuantile(c[0], c[1]), 1e-9*max(1, math.Abs(c[2])), "student quantile %v", c)
	}
	for _, c := range r.ChiSquare {
		near(t, c[2], ChiSquareTail(c[0], c[1]), "chi-square", c)
	}
	for _, c := range r.F {
		near(t, c[3], FTail(c[0], c[1], c[2]), "F", c)
	}
}

func TestProportionsEqualTheReference(t *testing.T) {
	r := readReference(t)
	for _, c := range r.Wilson {
		low, high := Wilson(c[0], c[1], c[2])
		near(t, max(0, c[3]), low, "wilson", c)
		near(t, c[4], high, "wilson", c)
	}
	for _, c := range r.Newcombe {
		low, high := Newcombe(c[0], c[1], c[2], c[3], c[4])
		near(t, c[5], low, "newcombe", c)
		near(t, c[6], high, "newcombe", c)
	}
	for _, c := range r.Fisher {
		near(t, c[4], FisherExact(int(c[0]), int(c[1]), int(c[2]), int(c[3])), "fisher", c)
	}
}

func TestHomogeneityEqualsTheReference(t *testing.T) {
	for _, c := range readReference(t).Homogeneity {
		got := ChiSquareHomogeneity(c.A, c.B)
		near(t, c.ChiSquare, got.ChiSquare)
		near(t, c.P, got.P)
		assert.Equal(t, c.DF, got.DF)
		assert.Zero(t, got.Merged)
	}
}

func TestRanksEqualTheReference(t *testing.T) {
	r := readReference(t).Ranks
	ranks, n := Midranks(r.Values)
	assert.Equal(t, r.Ranks, ranks)
	assert.Equal(t, len(r.Values), n)

	a := Assignment{Arm: slices.Concat(make([]bool, len(r.A)), slices.Repeat([]bool{true}, len(r.B))), Stratum: make([]int, len(r.A)+len(r.B))}
	near(t, r.Superiority, NewRankStatistic(slices.Concat(r.A, r.B), a).Superiority)

	v := r.VanElteren
	s := NewRankStatistic(v.Values, Assignment{Arm: v.Arm, Stratum: v.Stratum})
	near(t, v.Superiority, s.Superiority)
	near(t, v.Statistic, s.Value(chosenOf(v.Arm)))
}

func chosenOf(arm []bool) (chosen []int32) {
	for i, one := range arm {
		if one {
			chosen = append(chosen, int32(i))
		}
	}
	return chosen
}

func TestMultipleTestingEqualsTheReference(t *testing.T) {
	r := readReference(t).Multiple
	for i, p := range Holm(r.P) {
		near(t, r.Holm[i], p)
	}
	for i, p := range BenjaminiHochberg(r.P) {
		near(t, r.BH[i], p)
	}
}

// The cluster-robust variance is that of a regression on a constant with
// clustered errors, the smaller of both arms' raised by the guard.
func TestClusterRobustDifferenceEqualsTheReference(t *testing.T) {
	r := readReference(t).Clustered
	a := NewAccumulator()
	for arm, sample := range r.Arms {
		for _, row := range sample.Rows {
			a.Add(uint64(row[0]), arm, 0, row[1], 1)
		}
	}
	d := Diff(a.Units(), false)
	near(t, r.Arms[0].Mean, d.A.Mean)
	near(t, r.Arms[1].Mean, d.B.Mean)
	near(t, r.Value, d.Value)
	near(t, r.SE, d.SE)
	near(t, r.DF, d.DF)
	near(t, r.Arms[0].VarianceOfMean, d.A.Variance/float64(d.A.Clusters), "the larger variance is left as it is")
	assert.Greater(t, d.B.Variance/float64(d.B.Clusters), r.Arms[1].VarianceOfMean, "the smaller one is raised")
}

func TestQuantilesEqualTheReference(t *testing.T) {
	r := readReference(t).Quantiles
	sorted := slices.Sorted(slices.Values(r.Values))
	for i, p := range r.P {
		near(t, r.Quantiles[i], Quantile(sorted, p))
	}
	mean, variance, n := MeanVariance(r.Values)
	near(t, r.Mean, mean)
	near(t, r.Variance, variance)
	assert.Equal(t, len(r.Values), n)
}

func TestAnytimeBoundaryEqualsTheReference(t *testing.T) {
	for _, c := range readReference(t).Anytime {
		near(t, c[2], AnytimeMultiplier(c[0], c[1]), c)
	}
}

func TestEmbeddingDistanceEqualsTheReference(t *testing.T) {
	r := readReference(t).Distance
	var vectors [][]Feature
	var a Assignment
	for arm, sample := range [][][]float64{r.A, r.B} {
		for _, row := range sample {
			var v []Feature
			for i, x := range row {
				v = append(v, Feature{int32(i), float32(x)})
			}
			vectors = append(vectors, v)
			a.Arm, a.Stratum = append(a.Arm, arm == 1), append(a.Stratum, 0)
		}
	}
	got := NewEmbeddingStatistic(vectors, 6, a).Value(chosenOf(a.Arm))
	assert.InEpsilon(t, r.Distance, got, 1e-5, "features are 32-bit numbers")
}
