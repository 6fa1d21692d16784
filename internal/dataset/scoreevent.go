// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// A score that an evaluator appended to a span is an event, up to two flat
// attributes and a row of the scores table. The row holds all of it, so the span
// keeps no more than how many of its events are such rows.

// holdScores makes the rows of the span's scores. Events that a row holds
// exactly are left to it, as long as all were made at one time.
func (r *spanReading) holdScores(m *rowMemory) {
	start, key := len(m.lists), spanKey{r.span.TraceID(), r.span.SpanID()}
	for i, event := range r.span.Events().All() {
		if event.Name() != evaluator.EventName {
			r.eventBytes += mostOfEvent(event)
			continue
		}
		row := m.scores.next()
		exact := m.scoreReader.readEvent(row, event, len(m.lists)-start, key)
		if exact {
			r.eventBytes += m.scoreReader.size
		} else {
			r.eventBytes += mostOfEvent(event)
			s, own := evaluator.ReadAttributes(event.Attributes())
			if !own {
				m.scores.back()
				continue
			}
			row.set(s, &m.scoreReader)
		}
		at := int64(event.Timestamp())
		if at == 0 {
			at = int64(r.span.EndTimestamp())
		}
		m.lists = append(m.lists, r.addScore(row, at))
		if exact && (r.row.heldAt == 0 || r.row.heldAt == at) {
			row.event, r.row.heldAt = int32(i), at
			r.held++
		}
	}
	for _, given := range r.call.Scores {
		row := m.scores.next()
		row.set(scoreOfGiven(given, r.span.TraceID(), r.span.SpanID()), &m.scoreReader)
		m.lists = append(m.lists, r.addScore(row, int64(r.span.EndTimestamp())))
		if parent := r.span.ParentSpanID(); given.Scope == "parent" && !parent.IsEmpty() {
			row.spanID = r.row.parentID
		}
	}
	r.scores = m.lists[start:len(m.lists):len(m.lists)]
}

// addScore completes a row of the span.
func (r *spanReading) addScore(row *scoreRow, at int64) *scoreRow {
	row.part, row.traceID, row.spanID, row.at, row.event = r.row.part, r.row.traceID, r.row.spanID, at, notInSpan
	row.part.day = dayOf(at)
	return row
}

// isHeld tells whether a score row holds the event at a position; next is the
// caller's place among the rows, positions must rise.
func (r *spanReading) isHeld(position int, next *int) bool {
	for *next < len(r.scores) && int(r.scores[*next].event) < position {
		*next++
	}
	return *next < len(r.scores) && int(r.scores[*next].event) == position
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
