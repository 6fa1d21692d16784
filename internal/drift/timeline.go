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

// timeline is all calls as one series: units in time order.
type timeline struct {
	frame *traffic.Frame
	// names and series are channels of behaviour per unit, less what the input
	// group explains.
	names  []string
	series [][]float64
}

// newTimeline takes calls in time order. Whole clusters stand at the time of
// their first call.
func newTimeline(calls []traffic.Call) *timeline {
	for i := range calls {
		calls[i].Arm = 0
	}
	t := &timeline{frame: traffic.NewFrame(calls)}
	t.frame.GroupInputs()
	return t
}

func (t *timeline) start(unit int) time.Time { return t.frame.Units[unit].Start }

// pair is two sides of the timeline.
type pair struct {
	frame *traffic.Frame
	// excluded are the evaluators whose scores cannot be compared.
	excluded []EvaluatorChange
}

// pair puts each cluster on the side (0, 1 or -1 for neither) of its start.
func (t *timeline) pair(side func(time.Time) int) *pair {
	return t.split(0, len(t.frame.Units), func(unit int) int { return side(t.start(unit)) })
}

// halves are the first and the second half of the units.
func (t *timeline) halves() *pair {
	n := len(t.frame.Units)
	return t.split(0, n, func(unit int) int {
		if unit < n/2 {
			return 0
		}
		return 1
	})
}

func (t *timeline) split(from, until int, side func(unit int) int) *pair {
	var calls []traffic.Call
	for i := range t.frame.Calls {
		u := t.frame.UnitOf[i]
		if u < from || u >= until {
			continue
		}
		if arm := side(u); arm >= 0 {
			call := t.frame.Calls[i]
			call.Arm = arm
			calls = append(calls, call)
		}
	}
	return &pair{frame: traffic.NewFrame(calls)}
}

// residualise makes the series of the named channels, or of all when there are
// no names: per unit the value less its input group's mean, over the group's
// standard deviation. Categories become the shares of their values.
func (t *timeline) residualise(excluded []EvaluatorChange, only []string) {
	t.names, t.series = nil, nil
	for _, c := range behaviourChannels(t.frame, excluded) {
		if only != nil && !slices.Contains(only, c.Name) {
			continue
		}
		switch c.Kind {
		case traffic.KindText:
			t.addText(&c)
		case traffic.KindCategory:
			t.addCategories(&c)
		default:
			t.add(c.Name, c.values(t.frame))
		}
	}
}

func (t *timeline) add(name string, values []float64) {
	present := 0
	for _, v := range values {
		if stats.Finite(v) {
			present++
		}
	}
	if present < 2*minChannel || constant(values) {
		return
	}
	for _, members := range t.frame.Members() {
		column := make([]float64, len(members))
		for i, unit := range members {
			column[i] = values[unit]
		}
		mean, variance, _ := stats.MeanVariance(column)
		sd := math.Sqrt(variance)
		for _, unit := range members {
			if sd > 0 {
				values[unit] = (values[unit] - mean) / sd
			} else if stats.Finite(values[unit]) {
				values[unit] = 0
			}
		}
	}
	t.names, t.series = append(t.names, name), append(t.series, values)
}

// maxValues is how many values of a category become series.
const maxValues = 8

func (t *timeline) addCategories(c *channel) {
	values, counts := c.categories(t.frame), map[string]int{}
	for _, unit := range values {
		for _, v := range distinct(unit) {
			counts[v]++
		}
	}
	names := traffic.ByCount(counts)
	for _, name := range names[:min(maxValues, len(names))] {
		if counts[name] >= minChannel/2 {
			t.add(c.Name, indicator(values, name, names))
		}
	}
}

// textDirections is how many directions of a text become series.
const textDirections = 3

// addText adds the text's scores along the directions in which it varies most,
// within input groups.
func (t *timeline) addText(c *channel) {
	vectors := t.frame.Texts(c.dimension, c.text)
	for _, scores := range stats.PrincipalScores(vectors, c.dimension, textDirections, t.frame.Assignment().Stratum, stats.Random(t.frame.Seed, 21)) {
		t.add(c.Name, scores)
	}
}

// located is a change between the units index-1 and index.
type located struct {
	index, low, high int
	p                float64
	depth            int
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
// there.
func (t *timeline) segment(alpha float64) []located {
	found := t.divide(0, len(t.frame.Units), alpha, 0)
	for range 2 {
		found = t.refine(found, alpha)
	}
	return found
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
	return located{index: from + c.Index, low: from + c.Low, high: from + c.High, p: c.P}, true
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
	for _, channel := range channels {
		if channel.Verdict == Moved {
			c.Channels = append(c.Channels, channel)
		}
	}
	c.Cause = explain(p.frame, c.Channels)
	c.Examples = examples(p.frame, c.Channels)
	return c
}

// change compares the units before a change with those after it, between the
// neighbouring changes.
func (t *timeline) change(l located, from, until int, excluded []EvaluatorChange, alpha float64) Change {
	p := t.split(from, until, func(unit int) int {
		if unit < l.index {
			return 0
		}
		return 1
	})
	p.frame.Stratify(false)
	c := Change{At: t.start(l.index), From: t.start(max(from, l.low-1)), Until: t.start(l.high), Dated: true, P: traffic.Number(l.p), Examples: []Example{}}
	for _, channel := range testGroup(p.frame, behaviourChannels(p.frame, excluded), alpha, true).Channels {
		if channel.Verdict == Moved {
			c.Channels = append(c.Channels, channel)
		}
	}
	c.Cause = explain(p.frame, c.Channels)
	c.Examples = examples(p.frame, c.Channels)
	return c
}

// blocks is the number of points of a series in the report.
const blocks = 28

// timeline adds the series of the channels that moved, else of the first ones.
func (r *Report) timeline(t *timeline) {
	names := movedNames(r.Behaviour.Channels)
	for _, change := range r.Changes {
		for _, c := range change.Channels {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	for _, c := range r.Behaviour.Channels {
		if len(names) < 3 && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	channels := behaviourChannels(t.frame, r.Evaluators)
	for _, name := range names {
		i := slices.IndexFunc(channels, func(c channel) bool { return c.Name == name })
		if i < 0 || channels[i].Kind == traffic.KindText || channels[i].Kind == traffic.KindCategory {
			continue
		}
		r.Timeline = append(r.Timeline, t.points(&channels[i]))
	}
}

func (t *timeline) points(c *channel) Series {
	values := c.values(t.frame)
	s := Series{Name: c.Name, Kind: c.Kind, Unit: c.Unit}
	n := len(values)
	count := max(1, min(blocks, n/10))
	for b := range count {
		from, until := b*n/count, (b+1)*n/count
		mean, _, seen := stats.MeanVariance(values[from:until])
		if seen == 0 {
			mean = math.NaN()
		}
		if c.Kind == traffic.KindRatio {
			mean = math.Exp(mean) * c.Scale
		}
		s.Points = append(s.Points, SeriesPoint{t.start((from + until - 1) / 2), traffic.Number(mean)})
	}
	return s
}
