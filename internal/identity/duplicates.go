// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

const (
	// maxCallSpans bounds the spans of one trace that are remembered; then its
	// memory begins anew.
	maxCallSpans = 256
	// maxNesting bounds how far up a trace a wrapper is looked for.
	maxNesting   = 64
	callSpanCost = 48
)

// callSpan is one GenAI span of a trace: a model call, or a span around one.
type callSpan struct {
	id, parent pcommon.SpanID
	// same is the span that counts for this one's call; empty on the one that
	// counts.
	same pcommon.SpanID
	// response is the hash of the answer's id; zero without one.
	response uint64
	// up is the place of the parent in the trace's list; below zero while it
	// is not known.
	up   int32
	kind genai.Kind
	// gone is set once the span was sent on, after which it cannot be marked.
	gone bool
}

var responseSeed = maphash.MakeSeed()

// Note remembers a GenAI span of a trace. All spans of a batch are noted before
// DuplicateOf is asked about the first of them.
func (r *Resolver) Note(traceID pcommon.TraceID, spanID, parentID pcommon.SpanID, call *genai.Call) {
	if traceID.IsEmpty() || spanID.IsEmpty() {
		return
	}
	s := callSpan{id: spanID, parent: parentID, kind: call.Kind, up: -1}
	if call.ResponseID != "" && isModelCall(call.Kind) {
		s.response = maphash.String(responseSeed, call.ResponseID)
	}
	r.traces.update(traceID, func(t *trace) { t.note(s) })
}

// DuplicateOf returns the span that counts for the call that a noted span
// describes, or an empty id when the span itself counts. When one instrumentation
// wraps another, the innermost span of a model call counts; when two spans of a
// trace have one answer's id, the first. A span that was sent on before the
// other came goes on counting.
func (r *Resolver) DuplicateOf(traceID pcommon.TraceID, spanID pcommon.SpanID) (same pcommon.SpanID) {
	if traceID.IsEmpty() {
		return same
	}
	r.traces.look(traceID, func(t *trace) {
		for i := range t.spans {
			if t.spans[i].id == spanID {
				t.spans[i].gone = true
				same = t.spans[i].same
			}
		}
	})
	return same
}

// note adds a span, links it to its parent and children, and marks what turns
// out to describe the same call.
func (t *trace) note(s callSpan) {
	if len(t.spans) >= maxCallSpans {
		t.bytes -= len(t.spans) * callSpanCost
		t.spans = t.spans[:0]
	}
	at, twin, nested := len(t.spans), -1, false
	for i := range t.spans {
		other := &t.spans[i]
		switch {
		case other.id == s.id:
			return
		case other.parent == s.id:
			other.up, nested = int32(at), true
		case other.id == s.parent:
			s.up = int32(i)
		}
		if s.response != 0 && other.response == s.response && other.kind == s.kind {
			twin = i
		}
	}
	t.spans = append(t.spans, s)
	t.bytes += callSpanCost
	if isModelCall(s.kind) {
		t.climb(at)
	}
	if nested {
		for i := range t.spans {
			if i != at && isModelCall(t.spans[i].kind) {
				t.climb(i)
			}
		}
	}
	if twin >= 0 && t.spans[at].same.IsEmpty() && t.spans[twin].same.IsEmpty() {
		t.spans[at].same = t.spans[twin].id
	}
}

// climb marks the spans above a model call that describe it as well. What a tool,
// an agent or an evaluator asks a model is a call of its own.
func (t *trace) climb(i int) {
	call := &t.spans[i]
	if !call.same.IsEmpty() {
		return
	}
	at := int(call.up)
	for range maxNesting {
		if at < 0 || at == i {
			return
		}
		above := &t.spans[at]
		switch {
		case above.kind == genai.KindTool, above.kind == genai.KindAgent, above.kind == genai.KindEvaluation:
			return
		case above.kind == call.kind && above.same.IsEmpty():
			if above.gone {
				call.same = above.id
				return
			}
			above.same = call.id
		}
		at = int(above.up)
	}
}
