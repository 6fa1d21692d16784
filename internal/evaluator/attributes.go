// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"crypto/sha256"
	"encoding/hex"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// EvaluationID is the key of a score: the same evaluator version on the same
// span always makes the same one.
func EvaluationID(traceID pcommon.TraceID, spanID pcommon.SpanID, name, version string) string {
	id := EvaluationIDBytes(traceID, spanID, name, version)
	return string(id[:])
}

// EvaluationIDLength is the length of an evaluation id in bytes.
const EvaluationIDLength = 32

// EvaluationIDBytes is EvaluationID without memory of its own.
func EvaluationIDBytes(traceID pcommon.TraceID, spanID pcommon.SpanID, name, version string) (id [EvaluationIDLength]byte) {
	// Names and versions of usual length fit on the stack.
	var room [192]byte
	key := append(append(room[:0], traceID[:]...), spanID[:]...)
	key = append(append(append(key, name...), 0), version...)
	sum := sha256.Sum256(key)
	hex.Encode(id[:], sum[:EvaluationIDLength/2])
	return id
}

// AppendTo adds the score to a span: the gen_ai.evaluation.result event, and
// flat attributes for backends that read no events.
func (s Score) AppendTo(span ptrace.Span, at pcommon.Timestamp) {
	event := span.Events().AppendEmpty()
	event.SetName(EventName)
	event.SetTimestamp(at)
	a := event.Attributes()
	texts := [...]struct{ key, value string }{
		{AttrScoreLabel, s.Label},
		{AttrExplanation, s.Explanation},
		{AttrErrorType, s.ErrorType},
		{AttrEvaluatorVersion, s.EvaluatorVersion},
		{AttrEvaluatorKind, s.Kind},
		{AttrEvaluatorRange, s.Range},
		{AttrEvaluatorDirection, s.Direction},
		{AttrSamplingRule, s.SamplingRule},
	}
	// Name, value, probability and id, and what else there is: most scores have
	// neither explanation nor error, and what waits for an exporter should not
	// hold room for them.
	room := 4
	for i := range texts {
		if texts[i].value != "" {
			room++
		}
	}
	a.EnsureCapacity(room)
	a.PutStr(AttrName, s.Name)
	if s.Value.Set {
		a.PutDouble(AttrScoreValue, s.Value.Value)
		span.Attributes().PutDouble(flatKeysOf(s.Name).score, s.Value.Value)
	}
	if s.Label != "" {
		span.Attributes().PutStr(flatKeysOf(s.Name).label, s.Label)
	}
	for i := range texts {
		if texts[i].value != "" {
			a.PutStr(texts[i].key, texts[i].value)
		}
	}
	a.PutDouble(AttrProbability, s.Probability)
	if s.EvaluationID != "" {
		a.PutStr(AttrEvaluationID, s.EvaluationID)
	}
}

// ReadEvent reads a score of Spanloop's own from a span event.
func ReadEvent(event ptrace.SpanEvent) (Score, bool) {
	if event.Name() != EventName {
		return Score{}, false
	}
	return ReadAttributes(event.Attributes())
}

// ReadAttributes reads a score of Spanloop's own from an event's attributes;
// false without an evaluation id.
func ReadAttributes(attributes pcommon.Map) (Score, bool) {
	s := Score{Probability: 1}
	for key, value := range attributes.All() {
		switch key {
		case AttrName:
			s.Name = value.AsString()
		case AttrScoreValue:
			switch value.Type() {
			case pcommon.ValueTypeDouble:
				if v := value.Double(); !math.IsNaN(v) && !math.IsInf(v, 0) {
					s.Value = genai.Some(v)
				}
			case pcommon.ValueTypeInt:
				s.Value = genai.Some(float64(value.Int()))
			}
		case AttrScoreLabel:
			s.Label = value.AsString()
		case AttrExplanation:
			s.Explanation = value.AsString()
		case AttrErrorType:
			s.ErrorType = value.AsString()
		case AttrEvaluatorVersion:
			s.EvaluatorVersion = value.AsString()
		case AttrEvaluatorKind:
			s.Kind = value.AsString()
		case AttrEvaluatorRange:
			s.Range = value.AsString()
		case AttrEvaluatorDirection:
			s.Direction = value.AsString()
		case AttrSamplingRule:
			s.SamplingRule = value.AsString()
		case AttrProbability:
			if value.Type() == pcommon.ValueTypeDouble && value.Double() > 0 && value.Double() <= 1 {
				s.Probability = value.Double()
			}
		case AttrEvaluationID:
			s.EvaluationID = value.AsString()
		}
	}
	return s, s.Name != "" && s.EvaluationID != ""
}
