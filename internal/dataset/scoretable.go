// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// scoreRow is one row of the scores table.
type scoreRow struct {
	part            partition
	traceID, spanID string
	// key are these ids where the row holds an event of a span.
	key        spanKey
	responseID string
	score      evaluator.Score
	// at is in nanoseconds since 1970.
	at int64
	// event is the position among the span's events of the one that this row
	// holds, or notInSpan.
	event int32
}

const notInSpan = -1

// scoreOfGiven turns a score from outside into a row's score. Its version is the
// sender's name of the evaluator, so that scores of different ones never mix.
func scoreOfGiven(given genai.GivenScore, traceID pcommon.TraceID, spanID pcommon.SpanID) evaluator.Score {
	return evaluator.Score{
		Name: given.Name, Value: given.Value, Label: given.Label, Explanation: given.Explanation, ErrorType: given.ErrorType,
		EvaluatorVersion: given.Evaluator, Kind: given.Kind, Probability: 1,
		EvaluationID: evaluator.EvaluationID(traceID, spanID, given.Name, given.Evaluator+"/"+given.Scope),
	}
}

// byEvaluator returns rows with those of one evaluator together, in the order in
// which the first of each came: nearly all columns are then runs of one value,
// and the spans' ids come again in the same order.
func byEvaluator(rows []*scoreRow) []*scoreRow {
	var groups [][]*scoreRow
	index := map[string]int{}
	at := 0
	for _, r := range rows {
		// Spans mostly have the same scores in the same order.
		if at++; at >= len(groups) {
			at = 0
		}
		if len(groups) == 0 || !sameEvaluator(groups[at][0], r) {
			key := r.score.Name + "\x00" + r.score.EvaluatorVersion
			known, ok := index[key]
			if !ok {
				known = len(groups)
				index[key] = known
				groups = append(groups, make([]*scoreRow, 0, 64))
			}
			at = known
		}
		groups[at] = append(groups[at], r)
	}
	sorted := make([]*scoreRow, 0, len(rows))
	for _, group := range groups {
		sorted = append(sorted, group...)
	}
	return sorted
}

func sameEvaluator(a, b *scoreRow) bool {
	return a.score.Name == b.score.Name && a.score.EvaluatorVersion == b.score.EvaluatorVersion
}

// scoreTable writes rows of the scores table.
type scoreTable struct {
	enc *parquetfile.Writer
	c   scoreLeaves
}

func newScoreTable(codec string) (*scoreTable, error) {
	enc, err := newEncoder(TableScores, codec)
	if err != nil {
		return nil, err
	}
	t := &scoreTable{enc: enc}
	return t, bind(enc, &t.c)
}

func (t *scoreTable) write(r *scoreRow) error {
	toValid, clean := clean, clean
	if r.event != notInSpan {
		// Its texts were found valid when it was read.
		clean = func(s string) string { return s }
	}
	optional := func(c *parquetfile.Column, s string) { c.Optional(clean(s)) }
	s := &r.score
	t.c.PromptName.Text(toValid(r.part.name))
	t.c.PromptVersion.Text(toValid(r.part.version))
	t.c.Date.Int(r.part.day)
	t.c.TraceID.Text(r.traceID)
	t.c.SpanID.Text(r.spanID)
	if hasDerivedID(r) {
		t.c.EvaluationID.Null()
	} else {
		t.c.EvaluationID.Text(clean(s.EvaluationID))
	}
	t.c.Name.Text(clean(s.Name))
	if s.Value.Set {
		t.c.Value.Double(s.Value.Value)
	} else {
		t.c.Value.Null()
	}
	optional(t.c.Label, s.Label)
	optional(t.c.Explanation, s.Explanation)
	optional(t.c.EvaluatorVersion, s.EvaluatorVersion)
	optional(t.c.Kind, s.Kind)
	optional(t.c.Range, s.Range)
	optional(t.c.Direction, s.Direction)
	optional(t.c.SamplingRule, s.SamplingRule)
	t.c.SamplingProbability.Double(s.Probability)
	t.c.Time.Long(r.at / 1000)
	t.c.TimeUnixNano.Long(r.at)
	if r.event == notInSpan {
		t.c.Event.Null()
	} else {
		t.c.Event.Int(r.event)
	}
	optional(t.c.ErrorType, s.ErrorType)
	optional(t.c.ResponseID, r.responseID)
	if err := t.enc.EndRow(len(s.Explanation) + 160); err != nil {
		return fmt.Errorf("score %s: %w", s.Name, err)
	}
	return nil
}

// hasDerivedID tells whether a score has the id that an evaluation of Spanloop's
// own has; such ids are not stored, since views and readers can make them from
// the row.
func hasDerivedID(r *scoreRow) bool {
	s, key := &r.score, r.key
	if r.event == notInSpan {
		traceID, err := traceIDOf(r.traceID)
		spanID, spanErr := spanIDOf(r.spanID)
		if err != nil || spanErr != nil || !utf8.ValidString(s.Name) || !utf8.ValidString(s.EvaluatorVersion) {
			return false
		}
		key = spanKey{traceID, spanID}
	}
	id := evaluator.EvaluationIDBytes(key.trace, key.span, s.Name, s.EvaluatorVersion)
	return s.EvaluationID == string(id[:])
}
