// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// maxLooks is at how many earlier moments a sequential comparison is looked at
// again.
const maxLooks = 100

// path is what was decided at earlier looks. A verdict of an interval that holds
// at all looks at once stands, even where the interval at a later look is wider.
type path struct {
	first map[Verdict]Decided
	// last is the verdict of the latest look that decided.
	last Verdict
}

// follow looks at the comparison as it stood at earlier moments, from the calls
// alone, so that the moment of a decision needs no memory of earlier runs.
func (e *estimate) follow(frame *traffic.Frame, level float64, o Options) {
	e.path.first = map[Verdict]Decided{}
	sums := make([]stats.Unit, len(frame.Units))
	ones, all, next := 0, 0, 1
	for i := range frame.Calls {
		c := &frame.Calls[i]
		if v, w := e.m.Value(c); stats.Finite(v) && stats.Finite(w) && w > 0 {
			u := &sums[frame.UnitOf[i]]
			u.Arm, u.Stratum = frame.Units[frame.UnitOf[i]].Arm, frame.Units[frame.UnitOf[i]].Stratum
			u.N, u.Sum, u.SumSquares, u.Rows = u.N+w, u.Sum+w*v, u.SumSquares+w*v*v, u.Rows+1
			all++
			if v > 0.5 {
				ones++
			}
		}
		if (i+1)*maxLooks < next*len(frame.Calls) {
			continue
		}
		next++
		e.lookAt(sums, e.m.Kind == KindBinary && isRare(ones, all), level, o, Decided{Time: c.Start, Calls: i + 1})
	}
}

// lookAt notes the verdict of one look, if there is one.
func (e *estimate) lookAt(sums []stats.Unit, rare bool, level float64, o Options, at Decided) {
	then := *e
	then.rare = rare
	then.adjusted = stats.Diff(sums, e.m.Kind == KindBinary)
	if !then.usable() {
		return
	}
	k := then.multiplier(level, o)
	word := then.word(k, k, then.excludes(k))
	if word == NotEnoughData || word == NoChange {
		return
	}
	for _, u := range sums {
		if u.N > 0 {
			at.Clusters++
		}
	}
	if _, seen := e.path.first[word]; !seen {
		e.path.first[word] = at
	}
	e.path.last = word
}

// decided is the verdict after all looks, given that of the last.
func (e *estimate) decided(m *Metric, word Verdict) Verdict {
	_, better := e.path.first[Better]
	_, worse := e.path.first[Worse]
	switch {
	case better && worse:
		addNote(m, "better at one time and worse at another: the difference is not constant over the window")
		return NotEnoughData
	case word == NotEnoughData && e.path.last != "":
		word = e.path.last
		addNote(m, "decided by an earlier look; later calls alone would not decide it again")
	}
	if at, ok := e.path.first[word]; ok {
		m.DecidedAt = &at
	}
	return word
}

func addNote(m *Metric, note string) {
	if m.Note != "" {
		note = m.Note + "; " + note
	}
	m.Note = note
}
