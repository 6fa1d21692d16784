// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// guardPseudo and stratumPseudo are the pseudo-observations of the pooled
// variance that an arm's variance is shrunk with, and of the arm's that a
// stratum's is.
const (
	guardPseudo   = 50
	stratumPseudo = 5
)

// ArmMean is one arm of a Difference.
type ArmMean struct {
	Mean float64
	// Variance is the guarded variance of one cluster's contribution; Mean has
	// the variance Variance/Clusters when there is one stratum.
	Variance float64
	Clusters int
	Rows     int
	// Weight is the sum of the rows' weights in the strata that were used.
	Weight float64
	// Effective is the number of independent rows with the information of this
	// arm: rows over the design effect, strata weighting included.
	Effective float64
}

// Difference is arm 1 minus arm 0, post-stratified and cluster-robust.
type Difference struct {
	A, B  ArmMean
	Value float64
	// SE is the standard error of Value, guarded; NullSE the one under equal
	// proportions (binary metrics only).
	SE, NullSE float64
	DF         float64
	// Design is the design effect: the variance with clusters over that of as
	// many independent rows, at least 1.
	Design float64
	// Strata is the number of strata with at least two clusters in each arm.
	Strata int
	// DroppedA and DroppedB are the shares of each arm's rows outside of them.
	DroppedA, DroppedB float64
}

// EffectiveClusters is 4ab/(a+b) of the clusters in both arms.
func (d Difference) EffectiveClusters() float64 {
	return EffectiveClusters(d.A.Clusters, d.B.Clusters)
}

// cell is one stratum of one arm.
type cell struct {
	n, sum, squares float64
	clusters, rows  int
	residual        float64 // sum of squared linearised residuals
	independent     float64 // sum of squared deviations of single rows
}

func (c *cell) mean() float64 { return c.sum / c.n }

// Diff estimates the difference of the arms' means over units, stratum by
// stratum, weighting strata by cA cB/(cA+cB) clusters (overlap weights). Each
// cell's mean is a ratio of sums with the linearised (cluster-robust) variance
// C/(C-1) sum (S - mean N)^2 / N^2. A single stratum gives the raw difference.
func Diff(units []Unit, binary bool) Difference {
	cells := gather(units)
	var d Difference
	used := make([]float64, len(cells))
	weight := 0.0
	for s, pair := range cells {
		if pair[0].clusters < 2 || pair[1].clusters < 2 {
			continue
		}
		a, b := float64(pair[0].clusters), float64(pair[1].clusters)
		used[s] = a * b / (a + b)
		weight += used[s]
		d.Strata++
	}
	d.dropped(cells, used)
	if weight == 0 {
		d.Value, d.SE, d.Design = math.NaN(), math.NaN(), 1
		return d
	}
	for s := range used {
		used[s] /= weight
	}
	v := newVariances(cells, used)
	d.combine(cells, used, v, binary)
	return d
}

// gather sums units into cells; strata are numbered densely from 0.
func gather(units []Unit) [][2]cell {
	strata := 0
	for _, u := range units {
		strata = max(strata, u.Stratum+1)
	}
	cells := make([][2]cell, strata)
	for _, u := range units {
		if u.N <= 0 {
			continue
		}
		c := &cells[u.Stratum][u.Arm]
		c.n += u.N
		c.sum += u.Sum
		c.squares += u.SumSquares
		c.clusters++
		c.rows += u.Rows
	}
	for _, u := range units {
		if u.N <= 0 {
			continue
		}
		c := &cells[u.Stratum][u.Arm]
		e := (u.Sum - c.mean()*u.N) * float64(c.clusters) / c.n
		c.residual += e * e
	}
	for s := range cells {
		for g := range cells[s] {
			c := &cells[s][g]
			if c.n > 0 {
				c.independent = max(0, c.squares/c.n-c.mean()*c.mean()) * float64(c.rows)
			}
		}
	}
	return cells
}

func (d *Difference) dropped(cells [][2]cell, used []float64) {
	var all, lost [2]float64
	for s, pair := range cells {
		for g := range pair {
			all[g] += float64(pair[g].rows)
			if used[s] == 0 {
				lost[g] += float64(pair[g].rows)
			}
		}
	}
	if all[0] > 0 {
		d.DroppedA = lost[0] / all[0]
	}
	if all[1] > 0 {
		d.DroppedB = lost[1] / all[1]
	}
}

// variances are the guarded variances of one cluster's contribution.
type variances struct {
	arm      [2]float64
	pool     float64
	clusters [2]int
	strata   int
	// design is the pooled design effect.
	design float64
}

func newVariances(cells [][2]cell, used []float64) variances {
	v := variances{}
	var residual, freedom, independent, rows [2]float64
	expected := 0.0
	for s := range cells {
		if used[s] == 0 {
			continue
		}
		v.strata++
		for g, c := range cells[s] {
			residual[g] += c.residual
			freedom[g] += float64(c.clusters - 1)
			independent[g] += c.independent
			rows[g] += float64(c.rows - 1)
			v.clusters[g] += c.clusters
		}
	}
	v.pool = (residual[0] + residual[1]) / (freedom[0] + freedom[1])
	for g := range v.arm {
		own := residual[g] / freedom[g]
		guarded := (freedom[g]*own + guardPseudo*v.pool) / (freedom[g] + guardPseudo)
		// The larger of both: the guard is there against a variance that came
		// out too small, and must not shrink one that is truly larger.
		v.arm[g] = max(own, guarded)
		if rows[g] > 0 {
			expected += independent[g] / rows[g] * freedom[g] * float64(v.clusters[g]) / (rows[g] + float64(v.strata))
		}
	}
	v.design = 1
	if expected > 0 {
		v.design = max(1, (residual[0]+residual[1])/expected)
	}
	return v
}

// of is the variance of one cluster in a cell, shrunk to its arm's.
func (v variances) of(c cell, g int) float64 {
	if v.strata == 1 {
		return v.arm[g]
	}
	return (c.residual + stratumPseudo*v.arm[g]) / (float64(c.clusters-1) + stratumPseudo)
}

func (d *Difference) combine(cells [][2]cell, used []float64, v variances, binary bool) {
	var null float64
	var spread [2]float64
	arms := [2]*ArmMean{&d.A, &d.B}
	pooledP := pooledMean(cells, used)
	d.Design = v.design
	for s := range cells {
		w := used[s]
		if w == 0 {
			continue
		}
		var inverse, n, sum float64
		for g, c := range cells[s] {
			arms[g].Mean += w * c.mean()
			arms[g].Clusters += c.clusters
			arms[g].Rows += c.rows
			arms[g].Weight += c.n
			spread[g] += w * w * v.of(c, g) / float64(c.clusters)
			arms[g].Effective += w * w * v.design / float64(c.rows)
			inverse += 1 / float64(c.rows)
			n, sum = n+float64(c.rows), sum+c.mean()*float64(c.rows)
		}
		p := (sum + stratumPseudo*pooledP) / (n + stratumPseudo)
		null += w * w * p * (1 - p) * v.design * inverse
	}
	for g, arm := range arms {
		arm.Variance = spread[g] * float64(arm.Clusters)
		arm.Effective = 1 / arm.Effective
	}
	d.Value = d.B.Mean - d.A.Mean
	d.SE = math.Sqrt(spread[0] + spread[1])
	d.DF = float64(max(1, min(d.A.Clusters, d.B.Clusters)-d.Strata))
	if binary {
		d.NullSE = math.Sqrt(max(0, null))
	}
}

func pooledMean(cells [][2]cell, used []float64) float64 {
	var n, total float64
	for s := range cells {
		if used[s] == 0 {
			continue
		}
		for _, c := range cells[s] {
			n += float64(c.rows)
			total += c.mean() * float64(c.rows)
		}
	}
	return total / n
}
