// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

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
	same  pcommon.SpanID
	began pcommon.Timestamp
	// whole is set on a model call that holds content and token counts.
	whole bool
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
func (r *Resolver) Note(span ptrace.Span, call *genai.Call) {
	traceID, spanID, parentID := span.TraceID(), span.SpanID(), span.ParentSpanID()
	if traceID.IsEmpty() || spanID.IsEmpty() {
		return
	}
	s := callSpan{id: spanID, parent: parentID, kind: call.Kind, up: -1, began: span.StartTimestamp()}
	s.whole = isModelCall(call.Kind) && (call.Usage.InputTokens.Set || call.Usage.OutputTokens.Set) &&
		(!call.Input.Empty() || !call.System.Empty() || !call.Output.Empty() || !call.Tools.Empty())
	if call.ResponseID != "" && isModelCall(call.Kind) {
		s.response = maphash.String(responseSeed, call.ResponseID)
	}
	if s.whole && s.response != 0 {
		r.answers.put(s.response, answerSpan{traceID, spanID, span.StartTimestamp(), span.EndTimestamp()})
	}
	r.traces.update(traceID, func(t *trace) { t.note(s) })
}

// DuplicateOf returns the span that counts for the call that a noted span
// describes, or an empty id when the span itself counts. When one instrumentation
// wraps another, the innermost span of a model call counts; when two spans of a
// trace have one answer's id, the first. A span without content gives way to one of
// the same answer that holds it, in another trace too if it ran within it. A span that was sent on before
// the other came goes on counting.
func (r *Resolver) DuplicateOf(traceID pcommon.TraceID, spanID pcommon.SpanID) (same pcommon.SpanID) {
	if traceID.IsEmpty() {
		return same
	}
	var bare uint64
	var began pcommon.Timestamp
	r.traces.look(traceID, func(t *trace) {
		for i := range t.spans {
			if t.spans[i].id == spanID {
				t.spans[i].gone = true
				same = t.counting(i)
				if !t.spans[i].whole && same.IsEmpty() {
					bare, began = t.spans[i].response, t.spans[i].began
				}
			}
		}
	})
	if bare == 0 {
		return same
	}
	// A client that traces itself begins a trace of its own where the instrumentation
	// around it makes no span current.
	other, ok := r.answers.get(bare)
	if !ok || other.trace == traceID || began < other.began || began > other.ended {
		return same
	}
	same = other.span
	r.traces.look(other.trace, func(t *trace) {
		for i := range t.spans {
			if t.spans[i].id == other.span {
				if counts := t.counting(i); !counts.IsEmpty() {
					same = counts
				}
			}
		}
	})
	return same
}

// counting is the span that counts for a span's call, or empty when it counts
// itself: the one that counted for it may have given way since.
func (t *trace) counting(i int) (same pcommon.SpanID) {
	for range maxNesting {
		same = t.spans[i].same
		next := slices.IndexFunc(t.spans, func(s callSpan) bool { return s.id == same })
		if same.IsEmpty() || next < 0 || t.spans[next].same.IsEmpty() {
			return same
		}
		i = next
	}
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
		if t.spans[at].tellsMoreThan(&t.spans[twin]) {
			t.spans[twin].same = t.spans[at].id
		} else {
			t.spans[at].same = t.spans[twin].id
		}
	}
}

// tellsMoreThan tells that another span of the same answer has to give way: clients
// that trace themselves send spans without content.
func (s *callSpan) tellsMoreThan(other *callSpan) bool {
	return s.whole && !other.whole && !other.gone && s.response != 0 && s.response == other.response
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
			if above.gone || above.tellsMoreThan(call) {
				call.same = above.id
				return
			}
			above.same = call.id
		}
		at = int(above.up)
	}
}

// maxAnswers bounds each of the two generations of answers that are remembered.
const maxAnswers = 1 << 14

// answers remember by answer's id which spans hold the content of a call.
type answers struct {
	mu       sync.Mutex
	new, old map[uint64]answerSpan
}

type answerSpan struct {
	trace        pcommon.TraceID
	span         pcommon.SpanID
	began, ended pcommon.Timestamp
}

func (a *answers) put(response uint64, span answerSpan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.new) >= maxAnswers {
		a.old, a.new = a.new, nil
	}
	if a.new == nil {
		a.new = make(map[uint64]answerSpan)
	}
	a.new[response] = span
}

func (a *answers) get(response uint64) (answerSpan, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	span, ok := a.new[response]
	if !ok {
		span, ok = a.old[response]
	}
	return span, ok
}
