// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// scoreReader reads the scores of spans. Each span's are mostly of the same
// evaluators as those of the span before, in the same order.
type scoreReader struct {
	events [rememberedScores]scoreMemory
	kinds  map[scoreKind]*scoreKind
	// size bounds the event that was read last as OTLP.
	size int
}

// rememberedScores is for how many scores of a span the last one is remembered.
const rememberedScores = 32

// scoreMemory is what the last score at a position was.
type scoreMemory struct {
	kind *scoreKind
	// said are the bits of the attributes that kind holds.
	said uint16
	// labels are the last two, which mostly come again.
	labels [2]string
}

// maxKinds bounds the kinds that are remembered.
const maxKinds = 1 << 12

// kindOf returns the one kind of these values.
func (r *scoreReader) kindOf(k scoreKind) *scoreKind {
	if known, ok := r.kinds[k]; ok {
		return known
	}
	if r.kinds == nil || len(r.kinds) == maxKinds {
		r.kinds = map[scoreKind]*scoreKind{}
	}
	r.kinds[k] = &k
	return &k
}

// release forgets the push.
func (r *scoreReader) release() { *r = scoreReader{} }

// readEvent reads an event that a score's row holds exactly: what AppendTo would
// make of the score is this event, attribute for attribute. The position is that
// among the span's scores.
func (r *scoreReader) readEvent(row *scoreRow, event ptrace.SpanEvent, position int, key spanKey) bool {
	if event.DroppedAttributesCount() != 0 || int64(event.Timestamp()) <= 0 {
		return false
	}
	m := &r.events[min(position, rememberedScores-1)]
	read := scoreReading{row: row, memory: m}
	r.size = entryRoom + len(event.Name())
	for key, value := range event.Attributes().All() {
		if !read.attribute(key, value) {
			return false
		}
		r.size += pairRoom + len(key) + read.size
	}
	if read.kind.name == "" || read.id == "" || read.seen&bitProbability == 0 {
		return false
	}
	said := read.seen & kindBits
	if m.kind == nil || read.changed || said != m.said || read.kind.probability != m.kind.probability {
		m.kind, m.said = r.kindOf(read.kind), said
	}
	row.kind = m.kind
	if id := evaluator.EvaluationIDBytes(key.trace, key.span, row.kind.name, row.kind.version); read.id == string(id[:]) {
		row.derived = true
	} else {
		row.more().evaluationID = read.id
	}
	return true
}

// scoreReading is an event that is being read.
type scoreReading struct {
	row     *scoreRow
	memory  *scoreMemory
	kind    scoreKind
	id      string
	seen    uint16
	size    int
	changed bool
}

// Bits of the attributes of a score's event.
const (
	bitLabel = 1 << iota
	bitExplanation
	bitErrorType
	bitID
	bitValue
	bitProbability
	bitName
	bitVersion
	bitKind
	bitRange
	bitDirection
	bitRule
	// kindBits are those of the attributes that scores of one kind share.
	kindBits = bitProbability | bitName | bitVersion | bitKind | bitRange | bitDirection | bitRule
)

// attribute reads one; false when no score's row holds it.
func (r *scoreReading) attribute(key string, value pcommon.Value) bool {
	bit := scoreBit(key)
	if bit == 0 || r.seen&bit != 0 {
		return false
	}
	r.seen |= bit
	if bit == bitValue || bit == bitProbability {
		r.size = 0
		return value.Type() == pcommon.ValueTypeDouble && r.number(bit, value.Double())
	}
	if value.Type() != pcommon.ValueTypeStr {
		return false
	}
	s := value.Str()
	r.size = len(s)
	if s == "" {
		return false
	}
	return r.text(bit, s)
}

// scoreBit tells which attribute a key names; 0 for none of a score.
func scoreBit(key string) uint16 {
	switch key {
	case evaluator.AttrName:
		return bitName
	case evaluator.AttrScoreLabel:
		return bitLabel
	case evaluator.AttrExplanation:
		return bitExplanation
	case evaluator.AttrErrorType:
		return bitErrorType
	case evaluator.AttrEvaluatorVersion:
		return bitVersion
	case evaluator.AttrEvaluatorKind:
		return bitKind
	case evaluator.AttrEvaluatorRange:
		return bitRange
	case evaluator.AttrEvaluatorDirection:
		return bitDirection
	case evaluator.AttrSamplingRule:
		return bitRule
	case evaluator.AttrEvaluationID:
		return bitID
	case evaluator.AttrScoreValue:
		return bitValue
	case evaluator.AttrProbability:
		return bitProbability
	}
	return 0
}

func (r *scoreReading) number(bit uint16, v float64) bool {
	if !isFinite(v) {
		return false
	}
	if bit == bitValue {
		r.row.value = genai.Some(v)
		return true
	}
	r.kind.probability = v
	return v > 0 && v <= 1
}

// text reads a text. What was valid in the score before is valid in this one.
func (r *scoreReading) text(bit uint16, s string) bool {
	if field := r.kind.field(bit); field != nil {
		if known := r.memory.kind; known != nil {
			if same := *known.field(bit); same == s {
				*field = same
				return true
			}
		}
		r.changed = true
		*field = s
		return utf8.ValidString(s)
	}
	switch bit {
	case bitLabel:
		for _, known := range r.memory.labels {
			if known == s {
				r.row.label = known
				return true
			}
		}
		if !utf8.ValidString(s) {
			return false
		}
		r.row.label = s
		r.memory.labels = [2]string{s, r.memory.labels[0]}
		return true
	case bitID:
		r.id = s
	case bitExplanation:
		r.row.more().explanation = s
	case bitErrorType:
		r.row.more().errorType = s
	}
	return utf8.ValidString(s)
}
