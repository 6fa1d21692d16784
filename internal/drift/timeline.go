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
