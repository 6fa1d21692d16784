// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

// Unit is what one cluster contributes to one metric: the weighted sums over
// its rows. Clusters, not rows, are independent.
type Unit struct {
	// Arm is 0 (baseline, reference) or 1 (candidate, current).
	Arm     int
	Stratum int
	// N is the sum of the rows' weights, Sum of weight times value, SumSquares
	// of weight times squared value.
	N, Sum, SumSquares float64
	Rows               int
}

// Limits of an Accumulator: above exactClusters clusters, rows of all clusters
// are folded into foldedBuckets random groups of clusters, which keeps memory
// constant and inference valid with foldedBuckets-1 degrees of freedom.
const (
	exactClusters = 1 << 16
	foldedBuckets = 1024
)

type unitKey struct {
	bucket       uint64
	arm, stratum int32
}

// Accumulator gathers rows into units in one pass and constant memory.
type Accumulator struct {
	units  map[unitKey]*Unit
	order  []unitKey
	folded bool
	limit  int
}

// NewAccumulator returns an empty accumulator.
func NewAccumulator() *Accumulator {
	return &Accumulator{units: map[unitKey]*Unit{}, limit: exactClusters}
}

// Add adds a row: the hash of its cluster, its arm, stratum, value and weight.
// Values that are no finite numbers and weights that are not positive are left
// out.
func (a *Accumulator) Add(cluster uint64, arm, stratum int, value, weight float64) {
	if !finite(value) || !finite(weight) || weight <= 0 {
		return
	}
	if !a.folded && len(a.units) >= a.limit {
		a.fold()
	}
	a.put(cluster, Unit{Arm: arm, Stratum: stratum, N: weight, Sum: weight * value,
		SumSquares: weight * value * value, Rows: 1})
}

func (a *Accumulator) put(cluster uint64, u Unit) {
	if a.folded {
		cluster %= foldedBuckets
	}
	key := unitKey{cluster, int32(u.Arm), int32(u.Stratum)}
	have := a.units[key]
	if have == nil {
		a.units[key] = &u
		a.order = append(a.order, key)
		return
	}
	have.N += u.N
	have.Sum += u.Sum
	have.SumSquares += u.SumSquares
	have.Rows += u.Rows
}

func (a *Accumulator) fold() {
	old, order := a.units, a.order
	a.folded = true
	a.units, a.order = make(map[unitKey]*Unit, foldedBuckets), nil
	for _, key := range order {
		a.put(key.bucket, *old[key])
	}
}

// Folded tells whether units are groups of clusters.
func (a *Accumulator) Folded() bool { return a.folded }

// Units returns the units in the order in which they were first seen.
func (a *Accumulator) Units() []Unit {
	units := make([]Unit, len(a.order))
	for i, key := range a.order {
		units[i] = *a.units[key]
	}
	return units
}
