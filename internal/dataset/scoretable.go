// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// scoreRow is one row of the scores table.
type scoreRow struct {
	kind            *scoreKind
	part            partition
	traceID, spanID string
	label           string
	value           genai.Opt[float64]
	// at is in nanoseconds since 1970.
	at int64
	// event is the position among the span's events of the one that this row
	// holds, or notInSpan.
	event int32
	// derived tells that the evaluation id is the one that Spanloop's own
	// evaluations have: views and readers can make it from the row, so it is not
	// stored.
	derived bool
	rest    *scoreRest
}

const notInSpan = -1

// scoreKind is what scores of one evaluator share.
type scoreKind struct {
	name, version, kind, valueRange, direction, rule string
	probability                                      float64
}

// field returns where the text of an attribute is kept; nil for one that scores of
// one kind do not share.
func (k *scoreKind) field(bit uint16) *string {
	switch bit {
	case bitName:
		return &k.name
	case bitVersion:
		return &k.version
	case bitKind:
		return &k.kind
	case bitRange:
		return &k.valueRange
	case bitDirection:
		return &k.direction
	case bitRule:
		return &k.rule
	}
	return nil
}

// scoreRest is what few rows have.
type scoreRest struct{ responseID, evaluationID, explanation, errorType string }

// more returns the rest to be filled.
func (r *scoreRow) more() *scoreRest {
	if r.rest == nil {
		r.rest = new(scoreRest)
	}
	return r.rest
}

// set fills a row from a score of which nothing was checked.
func (r *scoreRow) set(s evaluator.Score, kinds *scoreReader) {
	r.kind = kinds.kindOf(scoreKind{
		name: clean(s.Name), version: clean(s.EvaluatorVersion), kind: clean(s.Kind), valueRange: clean(s.Range),
		direction: clean(s.Direction), rule: clean(s.SamplingRule), probability: s.Probability,
	})
	r.value, r.label, r.event, r.derived = s.Value, clean(s.Label), notInSpan, false
	r.rest = &scoreRest{evaluationID: clean(s.EvaluationID), explanation: clean(s.Explanation), errorType: clean(s.ErrorType)}
}

// derive tells whether the evaluation id is the derived one, of a row for which
// that is not known.
func (r *scoreRow) derive() {
	traceID, err := traceIDOf(r.traceID)
	spanID, spanErr := spanIDOf(r.spanID)
	if err == nil && spanErr == nil {
		r.derived = r.rest.evaluationID == evaluator.EvaluationID(traceID, spanID, r.kind.name, r.kind.version)
	}
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

// byEvaluator returns rows with those of one evaluator together, in the order in
// which the first of each came: nearly all columns are then runs of one value,
// and the spans' ids come again in the same order.
func byEvaluator(rows []*scoreRow) []*scoreRow {
	var groups [][]*scoreRow
	index := map[evaluatorKey]int{}
	at := 0
	for _, r := range rows {
		// Spans mostly have the same scores in the same order.
		if at++; at >= len(groups) {
			at = 0
		}
		if len(groups) == 0 || !sameEvaluator(groups[at][0], r) {
			key := evaluatorKey{r.kind.name, r.kind.version}
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

type evaluatorKey struct{ name, version string }

func sameEvaluator(a, b *scoreRow) bool {
	return a.kind == b.kind || a.kind.name == b.kind.name && a.kind.version == b.kind.version
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
	if r.event == notInSpan && !r.derived {
		r.derive()
	}
	var none scoreRest
	k, rest := r.kind, r.rest
	if rest == nil {
		rest = &none
	}
	t.c.PromptName.Text(clean(r.part.name))
	t.c.PromptVersion.Text(clean(r.part.version))
	t.c.Date.Int(r.part.day)
	t.c.TraceID.Text(r.traceID)
	t.c.SpanID.Text(r.spanID)
	if r.derived {
		t.c.EvaluationID.Null()
	} else {
		t.c.EvaluationID.Text(rest.evaluationID)
	}
	t.c.Name.Text(k.name)
	if r.value.Set {
		t.c.Value.Double(r.value.Value)
	} else {
		t.c.Value.Null()
	}
	t.c.Label.Optional(r.label)
	t.c.Explanation.Optional(rest.explanation)
	t.c.EvaluatorVersion.Optional(k.version)
	t.c.Kind.Optional(k.kind)
	t.c.Range.Optional(k.valueRange)
	t.c.Direction.Optional(k.direction)
	t.c.SamplingRule.Optional(k.rule)
	t.c.SamplingProbability.Double(k.probability)
	t.c.Time.Long(r.at / 1000)
	t.c.TimeUnixNano.Long(r.at)
	if r.event == notInSpan {
		t.c.Event.Null()
	} else {
		t.c.Event.Int(r.event)
	}
	t.c.ErrorType.Optional(rest.errorType)
	t.c.ResponseID.Optional(rest.responseID)
	if err := t.enc.EndRow(len(rest.explanation) + 160); err != nil {
		return fmt.Errorf("score %s: %w", k.name, err)
	}
	return nil
}
