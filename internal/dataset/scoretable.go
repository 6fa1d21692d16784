// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// scoreRow is one row of the scores table.
type scoreRow struct {
	part            partition
	traceID, spanID string
	responseID      string
	score           evaluator.Score
	// at is in nanoseconds since 1970.
	at int64
}

// scoresOf returns the scores that a span carries: those of Spanloop's own
// evaluators as events, and those that its sender gave it.
func scoresOf(r *spanRow) []scoreRow {
	var rows []scoreRow
	add := func(s evaluator.Score, at int64) {
		part := r.part
		part.day = dayOf(at)
		rows = append(rows, scoreRow{part: part, traceID: r.traceID, spanID: r.spanID, score: s, at: at})
	}
	for _, event := range r.span.Events().All() {
		if s, ok := evaluator.ReadEvent(event); ok {
			at := int64(event.Timestamp())
			if at == 0 {
				at = int64(r.span.EndTimestamp())
			}
			add(s, at)
		}
	}
	for _, given := range r.call.Scores {
		row := r
		spanID := r.spanID
		if given.Scope == "parent" && !r.span.ParentSpanID().IsEmpty() {
			parent := r.span.ParentSpanID()
			spanID = hex.EncodeToString(parent[:])
		}
		add(scoreOfGiven(given, row.span.TraceID(), row.span.SpanID()), int64(r.span.EndTimestamp()))
		rows[len(rows)-1].spanID = spanID
	}
	return rows
}

// scoreOfGiven turns a score from outside into a row's score. Its version is the
// sender's name of the evaluator, so that scores of different ones never mix.
func scoreOfGiven(given genai.GivenScore, traceID pcommon.TraceID, spanID pcommon.SpanID) evaluator.Score {
	return evaluator.Score{
		Name: given.Name, Value: given.Value, Label: given.Label, Explanation: given.Explanation, ErrorType: given.ErrorType,
		EvaluatorVersion: given.Evaluator, Kind: given.Kind, Probability: 1,
		EvaluationID: evaluator.EvaluationID(traceID, spanID, given.Name, given.Evaluator+"/"+given.Scope),
	}
}

// scoreTable writes rows of the scores table.
type scoreTable struct {
	enc    *parquetfile.Writer
	leaves map[string]*parquetfile.Column
}

func newScoreTable(codec string) (*scoreTable, error) {
	enc, err := newEncoder(TableScores, codec)
	if err != nil {
		return nil, err
	}
	return &scoreTable{enc: enc, leaves: enc.Columns()}, nil
}

func (t *scoreTable) write(r *scoreRow) error {
	clean := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
	optional := func(path, s string) { t.leaves[path].Optional(clean(s)) }
	s := &r.score
	t.leaves["prompt_name"].Text(clean(r.part.name))
	t.leaves["prompt_version"].Text(clean(r.part.version))
	t.leaves["date"].Int(r.part.day)
	t.leaves["trace_id"].Text(r.traceID)
	t.leaves["span_id"].Text(r.spanID)
	t.leaves["evaluation_id"].Text(clean(s.EvaluationID))
	t.leaves["name"].Text(clean(s.Name))
	if s.Value.Set {
		t.leaves["value"].Double(s.Value.Value)
	} else {
		t.leaves["value"].Null()
	}
	optional("label", s.Label)
	optional("explanation", s.Explanation)
	optional("evaluator_version", s.EvaluatorVersion)
	optional("kind", s.Kind)
	optional("range", s.Range)
	optional("direction", s.Direction)
	optional("sampling_rule", s.SamplingRule)
	t.leaves["sampling_probability"].Double(s.Probability)
	t.leaves["time"].Long(r.at / 1000)
	optional("error_type", s.ErrorType)
	optional("response_id", r.responseID)
	if err := t.enc.EndRow(len(s.Explanation) + 160); err != nil {
		return fmt.Errorf("score %s: %w", s.Name, err)
	}
	return nil
}
