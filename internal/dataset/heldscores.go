// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// heldKey finds the score rows that stand for events of a span.
type heldKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	at    int64
}

// heldSpan is a span whose score events are still in the scores table.
type heldSpan struct {
	span ptrace.Span
	// home is where the scores were written: the folder of the prompt that the span
	// itself gave, when that of another span was filled in; else empty.
	home   string
	count  int32
	flat   bool
	scores map[int32]evaluator.Score
}

// await notes that a span's score events are to be read.
func (b *traceBuilder) await(r *row, span ptrace.Span) {
	count := r.int("score_events")
	if count == 0 {
		return
	}
	at, _ := r.long("scored_unix_nano")
	flat, err := columnByName[*array.Boolean](r.record, "flat_scores")
	if err != nil {
		r.fail(err)
		return
	}
	b.held[heldKey{span.TraceID(), span.SpanID(), at}] = &heldSpan{
		span: span, home: r.home(), count: count, flat: flat.Value(r.index), scores: map[int32]evaluator.Score{},
	}
}

// home is the folder, without table and date, of the prompt that a span itself gave
// when that is not the one that its columns hold now; else empty.
func (r *row) home() string {
	before := r.before()
	name, renamed := before["prompt_name"]
	version, changed := before["prompt_version"]
	if !renamed && !changed {
		return ""
	}
	part := partition{name: r.text("prompt_name"), version: r.text("prompt_version")}
	if renamed {
		part.name = orWord(name, Unresolved)
	}
	if changed {
		part.version = orWord(version, NoVersion)
	}
	return promptFolder(part.dir(TableScores))
}

// leftAt tells whether a file of scores is in the folder of a prompt that spans of
// the builder had when they came.
func (b *traceBuilder) leftAt(f File) bool {
	names := promptFolder(path.Dir(f.Path))
	for _, held := range b.held {
		if held.home == names {
			return true
		}
	}
	return false
}

// promptFolder is a partition's folder without table and date.
func promptFolder(dir string) string {
	_, names, _ := strings.Cut(path.Dir(dir), "/")
	return names
}

// addScores takes from a batch of score rows those that stand for events.
func (b *traceBuilder) addScores(record arrow.RecordBatch) error {
	events, err := columnByName[*array.Int32](record, "event")
	if err != nil {
		return err
	}
	for i := range int(record.NumRows()) {
		if events.IsNull(i) {
			continue
		}
		r := &row{record: record, index: i}
		traceID, err := traceIDOf(r.text("trace_id"))
		if err != nil {
			return err
		}
		spanID, err := spanIDOf(r.text("span_id"))
		if err != nil {
			return err
		}
		at, _ := r.long("time_unix_nano")
		if held, ok := b.held[heldKey{traceID, spanID, at}]; ok {
			held.scores[events.Value(i)] = scoreOfRow(r, traceID, spanID)
		}
		if r.err != nil {
			return fmt.Errorf("score of span %s: %w", hex.EncodeToString(spanID[:]), r.err)
		}
	}
	return nil
}

func scoreOfRow(r *row, traceID pcommon.TraceID, spanID pcommon.SpanID) evaluator.Score {
	s := evaluator.Score{
		Name: r.text("name"), Label: r.text("label"), Explanation: r.text("explanation"), ErrorType: r.text("error_type"),
		EvaluatorVersion: r.text("evaluator_version"), Kind: r.text("kind"), Range: r.text("range"), Direction: r.text("direction"),
		SamplingRule: r.text("sampling_rule"), EvaluationID: r.text("evaluation_id"),
	}
	if s.EvaluationID == "" {
		s.EvaluationID = evaluator.EvaluationID(traceID, spanID, s.Name, s.EvaluatorVersion)
	}
	if value, ok := r.double("value"); ok {
		s.Value = genai.Some(value)
	}
	s.Probability, _ = r.double("sampling_probability")
	return s
}

// restoreScores puts the events back at their places.
func (b *traceBuilder) restoreScores() error {
	for key, held := range b.held {
		if len(held.scores) != int(held.count) {
			return fmt.Errorf("span %x: %d of the %d scores that its events are held by are in the table scores",
				key.span, len(held.scores), held.count)
		}
		if err := held.restore(key.at); err != nil {
			return fmt.Errorf("span %x: %w", key.span, err)
		}
	}
	return nil
}

func (h *heldSpan) restore(at int64) error {
	rest := ptrace.NewSpanEventSlice()
	h.span.Events().MoveAndAppendTo(rest)
	events := h.span.Events()
	total := rest.Len() + int(h.count)
	events.EnsureCapacity(total)
	scratch := ptrace.NewSpan()
	next := 0
	for i := range total {
		s, held := h.scores[int32(i)]
		if !held {
			if next == rest.Len() {
				return fmt.Errorf("no event for position %d", i)
			}
			rest.At(next).MoveTo(events.AppendEmpty())
			next++
			continue
		}
		target := h.span
		if !h.flat {
			target = scratch
		}
		s.AppendTo(target, pcommon.Timestamp(at))
		if !h.flat {
			scratch.Events().At(0).MoveTo(events.AppendEmpty())
			scratch = ptrace.NewSpan()
		}
	}
	return nil
}
