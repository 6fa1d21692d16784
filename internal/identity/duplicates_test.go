// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// node is a span of a test trace: its number, that of its parent (0 for none),
// kind and answer, which ends with a plus where the span holds content.
type node struct {
	id, parent byte
	kind       genai.Kind
	response   string
}

func (n node) call() *genai.Call {
	response, whole := strings.CutSuffix(n.response, "+")
	call := &genai.Call{Kind: n.kind, ResponseID: response}
	if whole {
		call.Usage.InputTokens = genai.Some[int64](1)
		call.Input = genai.MessagesFromJSON(`[{"role":"user","parts":[]}]`)
	}
	return call
}

func note(r *Resolver, traceID pcommon.TraceID, spanID, parentID pcommon.SpanID, call *genai.Call) {
	r.Note(timed(traceID, spanID, parentID, 10, 20), call)
}

func timed(traceID pcommon.TraceID, spanID, parentID pcommon.SpanID, began, ended pcommon.Timestamp) ptrace.Span {
	span := ptrace.NewSpan()
	span.SetTraceID(traceID)
	span.SetSpanID(spanID)
	span.SetParentSpanID(parentID)
	span.SetStartTimestamp(began)
	span.SetEndTimestamp(ended)
	return span
}

// counted notes all spans, in batches, and returns those that count.
func counted(batches ...[]node) []byte {
	r := NewResolver(Options{})
	var out []byte
	for _, batch := range batches {
		for _, n := range batch {
			parent := pcommon.SpanID{}
			if n.parent != 0 {
				parent = spanID(n.parent)
			}
			note(r, traceID(1), spanID(n.id), parent, n.call())
		}
		for _, n := range batch {
			if isModelCall(n.kind) && r.DuplicateOf(traceID(1), spanID(n.id)).IsEmpty() {
				out = append(out, n.id)
			}
		}
	}
	return out
}

const (
	inference  = genai.KindInference
	workflow   = genai.KindWorkflow
	toolKind   = genai.KindTool
	agentKind  = genai.KindAgent
	embeddings = genai.KindEmbeddings
	evaluation = genai.KindEvaluation
)

func TestOneCallCountsOnce(t *testing.T) {
	for name, test := range map[string]struct {
		spans []node
		want  []byte
	}{
		"one call":                          {spans: []node{{1, 0, inference, "r1"}}, want: []byte{1}},
		"a framework around its client":     {spans: []node{{1, 0, inference, ""}, {2, 1, inference, "r1"}}, want: []byte{2}},
		"with a span between":               {spans: []node{{1, 0, inference, ""}, {2, 1, workflow, ""}, {3, 2, inference, "r1"}}, want: []byte{3}},
		"three around each other":           {spans: []node{{1, 0, inference, ""}, {2, 1, inference, ""}, {3, 2, inference, ""}}, want: []byte{3}},
		"one answer reported by siblings":   {spans: []node{{1, 9, inference, "r1"}, {2, 9, inference, "r1"}}, want: []byte{1}},
		"two answers of siblings":           {spans: []node{{1, 9, inference, "r1"}, {2, 9, inference, "r2"}}, want: []byte{1, 2}},
		"siblings without an answer's id":   {spans: []node{{1, 9, inference, ""}, {2, 9, inference, ""}}, want: []byte{1, 2}},
		"a call that a tool makes":          {spans: []node{{1, 0, inference, "r1"}, {2, 1, toolKind, ""}, {3, 2, inference, "r2"}}, want: []byte{1, 3}},
		"a call of an agent below":          {spans: []node{{1, 0, inference, "r1"}, {2, 1, agentKind, ""}, {3, 2, inference, "r2"}}, want: []byte{1, 3}},
		"a judge below the call it judges":  {spans: []node{{1, 0, inference, "r1"}, {2, 1, evaluation, ""}, {3, 2, inference, "r2"}}, want: []byte{1, 3}},
		"embeddings below a call":           {spans: []node{{1, 0, inference, ""}, {2, 1, embeddings, ""}}, want: []byte{1, 2}},
		"embeddings around embeddings":      {spans: []node{{1, 0, embeddings, ""}, {2, 1, embeddings, ""}}, want: []byte{2}},
		"a wrapper around two calls":        {spans: []node{{1, 0, inference, ""}, {2, 1, inference, "r1"}, {3, 1, inference, "r2"}}, want: []byte{2, 3}},
		"agent, calls and tools as usual":   {spans: []node{{1, 0, agentKind, ""}, {2, 1, inference, "r1"}, {3, 1, toolKind, ""}, {4, 1, inference, "r2"}}, want: []byte{2, 4}},
		"content around a bare client":      {spans: []node{{2, 1, inference, "r1"}, {1, 0, inference, "r1+"}}, want: []byte{1}},
		"content above a bare client":       {spans: []node{{1, 0, inference, "r1+"}, {2, 1, workflow, ""}, {3, 2, inference, "r1"}}, want: []byte{1}},
		"content beside a bare client":      {spans: []node{{1, 9, inference, "r1"}, {2, 9, inference, "r1+"}}, want: []byte{2}},
		"content around two bare calls":     {spans: []node{{1, 0, inference, "r9+"}, {2, 1, inference, "r1"}, {3, 1, inference, "r2"}}, want: []byte{2, 3}},
		"content in both":                   {spans: []node{{1, 0, inference, "r1+"}, {2, 1, inference, "r1+"}}, want: []byte{2}},
		"two instrumentations and a client": {spans: []node{{3, 2, inference, "r1"}, {2, 1, inference, "r1+"}, {1, 0, inference, "r1+"}}, want: []byte{2}},
		"the same answer up and down":       {spans: []node{{1, 0, inference, "r1"}, {2, 1, inference, "r1"}}, want: []byte{2}},
		"a span that is its own parent":     {spans: []node{{1, 1, inference, ""}}, want: []byte{1}},
		"two spans that are their own loop": {spans: []node{{1, 2, inference, ""}, {2, 1, inference, ""}}, want: []byte{1}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ElementsMatch(t, test.want, counted(test.spans))
		})
	}
}

// However the spans of a trace are ordered and cut into batches, each call counts
// exactly once, as long as a parent does not leave before its child with nothing
// that both have.
func TestOneCallCountsOnceInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		spans := []node{
			{1, 0, agentKind, ""},
			{2, 1, inference, ""}, {3, 2, workflow, ""}, {4, 3, inference, "r1"},
			{5, 1, toolKind, ""},
			{6, 1, inference, "r2"}, {7, 6, inference, "r2"},
			{8, 1, inference, "r3+"}, {9, 8, inference, "r3"},
		}
		random.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		cut := random.IntN(len(spans))
		got := counted(spans[:cut], spans[cut:])
		assert.Len(t, got, 3+brokenChain(spans[:cut]), "round %d: %v, cut at %d, counted %v", round, spans, cut, got)
		if t.Failed() {
			return
		}
	}
}

// brokenChain is 1 when the outer call left before the inner one, and the span
// between them, which alone would tell, was not known when either left.
func brokenChain(first []node) int {
	has := map[byte]bool{}
	for _, n := range first {
		has[n.id] = true
	}
	if has[2] && has[4] && !has[3] {
		return 1
	}
	return 0
}

// A client that traces itself begins its own trace where the instrumentation around
// it makes no span current. Answers that gateways repeat, with content or at another
// time, count each.
func TestOneCallInTwoTraces(t *testing.T) {
	r := NewResolver(Options{})
	for i, n := range []node{{1, 0, inference, "r1"}, {2, 0, inference, "r1+"}, {3, 0, inference, "r2+"}, {4, 0, inference, "r2+"}, {5, 0, inference, "r3"}, {6, 0, inference, "r3"}} {
		note(r, traceID(byte(i)+1), spanID(n.id), pcommon.SpanID{}, n.call())
	}
	assert.Equal(t, spanID(2), r.DuplicateOf(traceID(1), spanID(1)))
	r.Note(timed(traceID(7), spanID(7), pcommon.SpanID{}, 30, 40), node{7, 0, inference, "r1"}.call())
	for id := byte(2); id <= 7; id++ {
		assert.Empty(t, r.DuplicateOf(traceID(id), spanID(id)), "span %d", id)
	}
}

func TestAnswersAreForgotten(t *testing.T) {
	var a answers
	for i := range uint64(3 * maxAnswers) {
		a.put(i, answerSpan{})
	}
	_, ok := a.get(3*maxAnswers - 1)
	assert.True(t, ok)
	_, ok = a.get(2*maxAnswers - 1)
	assert.True(t, ok, "of the generation before")
	_, ok = a.get(1)
	assert.False(t, ok)
}

// A span that left before its child came goes on counting: the child does not.
func TestWhatLeftFirstCounts(t *testing.T) {
	assert.Equal(t, []byte{1}, counted([]node{{1, 0, inference, ""}}, []node{{2, 1, inference, "r"}}))
	assert.Equal(t, []byte{2}, counted([]node{{2, 1, inference, "r"}}, []node{{1, 0, inference, ""}}))
	assert.Equal(t, []byte{1}, counted([]node{{1, 0, inference, "r"}}, []node{{2, 9, inference, "r"}}))
	assert.Equal(t, []byte{1}, counted([]node{{1, 0, inference, ""}}, []node{{2, 1, inference, "a"}, {3, 1, inference, "b"}}))
}

// A span that is sent again is the same span.
func TestSpanSentAgain(t *testing.T) {
	call := []node{{1, 0, inference, "r"}}
	assert.Equal(t, []byte{1, 1}, counted(call, call))
}

func TestDuplicatesMemoryIsBounded(t *testing.T) {
	r := NewResolver(Options{})
	for i := range 100_000 {
		id := pcommon.SpanID{}
		copy(id[:], fmt.Sprintf("%08d", i))
		note(r, traceID(1), id, spanID(1), &genai.Call{Kind: inference})
	}
	remembered := 0
	for i := range r.traces.shards {
		for _, one := range r.traces.shards[i].byUse(t) {
			remembered += len(one.spans)
			assert.Equal(t, traceOverhead+len(one.spans)*callSpanCost, one.bytes)
		}
	}
	assert.LessOrEqual(t, remembered, maxCallSpans)
	assert.True(t, r.DuplicateOf(traceID(2), spanID(1)).IsEmpty())
	assert.True(t, r.DuplicateOf(pcommon.TraceID{}, spanID(1)).IsEmpty())
}
