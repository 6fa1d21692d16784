// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// A score that an evaluator appended to a span is an event, up to two flat
// attributes and a row of the scores table. The row holds all of it, so the span
// keeps no more than how many of its events are such rows.

// readScoreEvent reads an event that a score's row holds exactly: what AppendTo
// would make of the score is this event, attribute for attribute.
func readScoreEvent(event ptrace.SpanEvent, s *evaluator.Score) bool {
	if event.Name() != evaluator.EventName || event.DroppedAttributesCount() != 0 || int64(event.Timestamp()) <= 0 {
		return false
	}
	seen := uint16(0)
	for key, value := range event.Attributes().All() {
		bit, text := scoreField(s, key)
		if bit == 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		if text != nil {
			*text = value.Str()
			if value.Type() != pcommon.ValueTypeStr || *text == "" || !utf8.ValidString(*text) {
				return false
			}
			continue
		}
		if value.Type() != pcommon.ValueTypeDouble || !setScoreNumber(s, bit, value.Double()) {
			return false
		}
	}
	return s.Name != "" && s.EvaluationID != "" && seen&bitProbability != 0
}

// Bits of the attributes that are numbers.
const (
	bitValue       = 1 << 13
	bitProbability = 1 << 14
)

// scoreField returns an attribute's bit, and the field of the score that it is
// the text of.
func scoreField(s *evaluator.Score, key string) (bit uint16, text *string) {
	switch key {
	case evaluator.AttrName:
		return 1 << 0, &s.Name
	case evaluator.AttrScoreLabel:
		return 1 << 1, &s.Label
	case evaluator.AttrExplanation:
		return 1 << 2, &s.Explanation
	case evaluator.AttrErrorType:
		return 1 << 3, &s.ErrorType
	case evaluator.AttrEvaluatorVersion:
		return 1 << 4, &s.EvaluatorVersion
	case evaluator.AttrEvaluatorKind:
		return 1 << 5, &s.Kind
	case evaluator.AttrEvaluatorRange:
		return 1 << 6, &s.Range
	case evaluator.AttrEvaluatorDirection:
		return 1 << 7, &s.Direction
	case evaluator.AttrSamplingRule:
		return 1 << 8, &s.SamplingRule
	case evaluator.AttrEvaluationID:
		return 1 << 9, &s.EvaluationID
	case evaluator.AttrScoreValue:
		return bitValue, nil
	case evaluator.AttrProbability:
		return bitProbability, nil
	}
	return 0, nil
}

func setScoreNumber(s *evaluator.Score, bit uint16, v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	if bit == bitValue {
		s.Value = genai.Some(v)
		return true
	}
	s.Probability = v
	return v > 0 && v <= 1
}

// holdScores makes the rows of the span's scores. Events that a row holds
// exactly are left to it, as long as all were made at one time.
func (r *spanRow) holdScores(m *rowMemory) {
	rows, start := &m.scores, len(m.lists)
	for i, event := range r.span.Events().All() {
		if event.Name() != evaluator.EventName {
			continue
		}
		row := rows.next()
		exact := readScoreEvent(event, &row.score)
		own := exact
		if !exact {
			row.score, own = evaluator.ReadAttributes(event.Attributes())
		}
		if !own {
			rows.back()
			continue
		}
		at := int64(event.Timestamp())
		if at == 0 {
			at = int64(r.span.EndTimestamp())
		}
		m.lists = append(m.lists, r.addScore(row, at))
		if exact && (r.heldAt == 0 || r.heldAt == at) {
			row.event, r.heldAt = int32(i), at
			r.held++
		}
	}
	for _, given := range r.call.Scores {
		row := rows.next()
		row.score = scoreOfGiven(given, r.span.TraceID(), r.span.SpanID())
		m.lists = append(m.lists, r.addScore(row, int64(r.span.EndTimestamp())))
		if parent := r.span.ParentSpanID(); given.Scope == "parent" && !parent.IsEmpty() {
			row.spanID = r.parentID
		}
	}
	r.scores = m.lists[start:len(m.lists):len(m.lists)]
	r.flat = r.held > 0 && r.flatHeld()
}

// addScore completes a row of the span.
func (r *spanRow) addScore(row *scoreRow, at int64) *scoreRow {
	row.part, row.traceID, row.spanID, row.at, row.event = r.part, r.traceID, r.spanID, at, notInSpan
	row.key = spanKey{r.span.TraceID(), r.span.SpanID()}
	row.part.day = dayOf(at)
	return row
}

// flatHeld tells whether the span's flat attributes of scores are just those of
// the scores that rows hold.
func (r *spanRow) flatHeld() bool {
	want, got, at := 0, 0, 0
	held := make([]*scoreRow, 0, 16)
	for _, row := range r.scores {
		if row.event == notInSpan {
			continue
		}
		held = append(held, row)
		if row.score.Value.Set {
			want++
		}
		if row.score.Label != "" {
			want++
		}
	}
	for key, value := range r.span.Attributes().All() {
		if !strings.HasPrefix(key, evaluator.AttrFlatPrefix) {
			continue
		}
		tries := 0
		for ; tries < len(held); tries++ {
			if isFlatOf(key[len(evaluator.AttrFlatPrefix):], value, &held[at].score) {
				break
			}
			at = (at + 1) % len(held)
		}
		if tries == len(held) {
			return false
		}
		got++
	}
	return want == got
}

// isFlatOf tells whether an attribute is the flat score or label of a score.
func isFlatOf(name string, value pcommon.Value, s *evaluator.Score) bool {
	member, ok := strings.CutPrefix(name, s.Name)
	switch {
	case !ok:
		return false
	case member == ".score":
		return s.Value.Set && value.Type() == pcommon.ValueTypeDouble && math.Float64bits(value.Double()) == math.Float64bits(s.Value.Value)
	case member == ".label":
		return s.Label != "" && value.Type() == pcommon.ValueTypeStr && value.Str() == s.Label
	}
	return false
}

// isHeld tells whether a score row holds the event at a position; next is the
// caller's place among the rows, positions must rise.
func (r *spanRow) isHeld(position int, next *int) bool {
	for *next < len(r.scores) && int(r.scores[*next].event) < position {
		*next++
	}
	return *next < len(r.scores) && int(r.scores[*next].event) == position
}
