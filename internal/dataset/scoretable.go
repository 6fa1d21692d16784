// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"strings"
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
	responseID      string
	score           evaluator.Score
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
	if s.EvaluationID == evaluationIDOf(r) {
		t.leaves["evaluation_id"].Null()
	} else {
		t.leaves["evaluation_id"].Text(clean(s.EvaluationID))
	}
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
	t.leaves["time_unix_nano"].Long(r.at)
	if r.event == notInSpan {
		t.leaves["event"].Null()
	} else {
		t.leaves["event"].Int(r.event)
	}
	optional("error_type", s.ErrorType)
	optional("response_id", r.responseID)
	if err := t.enc.EndRow(len(s.Explanation) + 160); err != nil {
		return fmt.Errorf("score %s: %w", s.Name, err)
	}
	return nil
}

// evaluationIDOf is the id that an evaluation of Spanloop's own has; such ids are
// not stored, since views and readers can make them from the row.
func evaluationIDOf(r *scoreRow) string {
	traceID, err := traceIDOf(r.traceID)
	spanID, spanErr := spanIDOf(r.spanID)
	if err != nil || spanErr != nil || !utf8.ValidString(r.score.Name) || !utf8.ValidString(r.score.EvaluatorVersion) {
		return ""
	}
	return evaluator.EvaluationID(traceID, spanID, r.score.Name, r.score.EvaluatorVersion)
}
