// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// located is a change between the units index-1 and index.
type located struct {
	index, low, high int
	p                float64
	depth            int
	// by says what dates it.
	by string
	// change is what was worked out for the units around it, without the
	// excluded evaluators.
	change   *Change
	around   [3]int
	excluded []EvaluatorChange
}

const (
	maxDepth  = 3
	scanDraws = 999
	// minScan is the number of units that a scan needs.
	minScan = 40
)

// segment finds changes by binary segmentation (Vostrikova 1981): the whole
// series at alpha, its parts at half of it, theirs at a quarter. Each change is
// then placed again between its neighbours, and dropped when it is no longer
// there, or when there is too little on a side of it to test.
func (t *timeline) segment(alpha float64) (found []located, tooFew *located) {
	found = t.divide(0, len(t.frame.Units), alpha, 0)
	for range 2 {
		found = t.refine(found, alpha)
	}
	for len(found) > 0 {
		i, short := t.shortest(found)
		if !short {
			return found, nil
		}
		tooFew = &found[i]
		found = slices.Concat(found[:i], found[i+1:])
	}
	return nil, tooFew
}

// shortest is the change to give up when a part between changes is too short:
// of the two around the shortest part the one that was found later.
func (t *timeline) shortest(found []located) (at int, short bool) {
	length := minClusters
	for i := 0; i <= len(found); i++ {
		from, until := 0, len(t.frame.Units)
		if i > 0 {
			from = found[i-1].index
		}
		if i < len(found) {
			until = found[i].index
		}
		if until-from >= length {
			continue
		}
		length, short = until-from, true
		at = min(i, len(found)-1)
		if i > 0 && i < len(found) && found[i-1].depth > found[i].depth {
			at = i - 1
		}
	}
	return at, short
}

func (t *timeline) divide(from, until int, alpha float64, depth int) []located {
	l, ok := t.scan(from, until, alpha/float64(int(1)<<depth))
	if !ok {
		return nil
	}
	l.depth = depth
	if depth+1 == maxDepth {
		return []located{l}
	}
	found := t.divide(from, l.index, alpha, depth+1)
	found = append(found, l)
	return append(found, t.divide(l.index, until, alpha, depth+1)...)
}

func (t *timeline) scan(from, until int, alpha float64) (located, bool) {
	if until-from < minScan || len(t.series) == 0 {
		return located{}, false
	}
	part := make([][]float64, len(t.series))
	for j, s := range t.series {
		part[j] = s[from:until]
	}
	c := stats.Scan(part, alpha, max(scanDraws, int(3/alpha)), stats.Random(t.frame.Seed, uint64(100+from)<<20+uint64(until)))
	if c.P > alpha {
		return located{}, false
	}
	return located{index: from + c.Index, low: from + c.Low, high: from + c.High, p: c.P, by: ByBehaviour}, true
}

func (t *timeline) refine(found []located, alpha float64) []located {
	var kept []located
	for i, l := range found {
		from, until := 0, len(t.frame.Units)
		if len(kept) > 0 {
			from = kept[len(kept)-1].index
		}
		if i+1 < len(found) {
			until = found[i+1].index
		}
		again, ok := t.scan(from, until, alpha/float64(int(1)<<l.depth))
		switch {
		case ok:
			again.depth = l.depth
			kept = append(kept, again)
		case len(found) == 1:
			kept = append(kept, l)
		}
	}
	return kept
}

// undated is the change between two windows that no one time explains.
func (t *timeline) undated(p *pair, channels []Channel) Change {
	c := Change{P: traffic.Number(math.NaN()), Examples: []Example{}}
	c.Channels = movedOf(channels)
	c.Cause = explain(p.frame, c.Channels)
	c.Examples = examples(p.frame, c.Channels)
	return c
}

// around are the units before and after a change, up to its neighbours.
func (t *timeline) around(found []located, i int) *pair {
	from, until := 0, len(t.frame.Units)
	if i > 0 {
		from = found[i-1].index
	}
	if i+1 < len(found) {
		until = found[i+1].index
	}
	p := t.split(from, until, func(unit int) int {
		if unit < found[i].index {
			return 0
		}
		return 1
	})
	p.frame.Stratify(false)
	return p
}

// change compares what lies around a change and names its cause; what was
// worked out before for the same units is kept.
func (t *timeline) change(found []located, i int, excluded []EvaluatorChange, alpha float64) Change {
	l := &found[i]
	around := [3]int{0, l.index, len(t.frame.Units)}
	if i > 0 {
		around[0] = found[i-1].index
	}
	if i+1 < len(found) {
		around[2] = found[i+1].index
	}
	if l.change == nil || l.around != around || len(l.excluded) != len(excluded) {
		p := t.around(found, i)
		c := Change{Examples: []Example{}}
		c.Channels = movedOf(family{alpha: alpha, stratified: true}.test(p.frame, behaviourChannels(p.frame, excluded)).Channels)
		c.Cause = explain(p.frame, c.Channels)
		c.Examples = examples(p.frame, c.Channels)
		l.change, l.around, l.excluded = &c, around, excluded
	}
	c := *l.change
	c.At, c.From, c.Until, c.DatedBy, c.P = t.start(l.index), t.start(max(0, l.low-1)), t.start(l.high), l.by, traffic.Number(l.p)
	return c
}

// leastSwitch is the share of the traffic that must have the old value before,
// or the new one after, the moment at which a dimension switched.
const leastSwitch = 0.9

// settle moves each change to the moment at which the recorded dimension that
// explains it switched: it explains the behaviour as well as the best moment
// does, and is known to the call.
func (t *timeline) settle(found []located, excluded []EvaluatorChange, alpha float64) {
	for i := range found {
		c := t.change(found, i, excluded, alpha)
		if c.Cause.Kind != CauseRecorded {
			continue
		}
		l := found[i]
		l.index, _ = slices.BinarySearchFunc(t.frame.Units, c.Cause.Dimensions[0].FirstSeen, func(u traffic.Unit, at time.Time) int { return u.Start.Compare(at) })
		if i > 0 && l.index-found[i-1].index < minClusters || i+1 < len(found) && found[i+1].index-l.index < minClusters {
			continue
		}
		l.by = ByCause
		before := found[i]
		found[i] = l
		p := t.around(found, i)
		for _, d := range dimensions(p.frame) {
			if d.name == c.Cause.Dimensions[0].Name && shareDifference(p.frame, d.ofUnits(p.frame)) < leastSwitch {
				found[i] = before
			}
		}
	}
}
