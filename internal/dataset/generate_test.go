// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// generator makes random OTLP, edges included.
type generator struct {
	*rand.Rand
	next uint64
	// clean leaves out what only the otlp column can hold.
	clean bool
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 42)), clean: seed%2 == 0}
}

func (g *generator) traces(spans int) ptrace.Traces {
	td := ptrace.NewTraces()
	for spans > 0 {
		rs := td.ResourceSpans().AppendEmpty()
		g.attributes(rs.Resource().Attributes(), 4)
		rs.Resource().SetDroppedAttributesCount(uint32(g.IntN(2)))
		rs.SetSchemaUrl(g.text())
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(g.text())
		ss.Scope().SetVersion(g.text())
		ss.SetSchemaUrl(g.text())
		g.attributes(ss.Scope().Attributes(), 2)
		for n := 1 + g.IntN(8); n > 0 && spans > 0; n-- {
			g.span(ss.Spans().AppendEmpty())
			spans--
		}
	}
	return td
}

func (g *generator) span(span ptrace.Span) {
	g.next++
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[8:], g.next/3+1)
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], g.next)
	span.SetTraceID(trace)
	span.SetSpanID(id)
	if g.IntN(2) == 0 {
		binary.BigEndian.PutUint64(id[:], g.Uint64())
		span.SetParentSpanID(id)
	}
	span.SetName(g.text())
	span.SetKind(ptrace.SpanKind(g.IntN(6)))
	start := uint64(1_700_000_000_000_000_000 + g.Int64N(3*nanosPerDay))
	if g.IntN(20) == 0 {
		start = uint64(g.Int64N(4e18))
	}
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetEndTimestamp(pcommon.Timestamp(start + uint64(g.Int64N(1e12)) - uint64(g.IntN(2))*1000))
	span.Status().SetCode(ptrace.StatusCode(g.IntN(3)))
	span.Status().SetMessage(g.text())
	span.TraceState().FromRaw([]string{"", "ot=th:8", "vendor=x"}[g.IntN(3)])
	span.SetFlags(g.Uint32N(1 << 9))
	span.SetDroppedAttributesCount(g.Uint32N(3))
	span.SetDroppedEventsCount(g.Uint32N(2))
	span.SetDroppedLinksCount(g.Uint32N(2))
	g.genai(span.Attributes())
	g.attributes(span.Attributes(), 6)
	g.scores(span)
	for range g.IntN(3) {
		event := span.Events().AppendEmpty()
		event.SetName(g.text())
		event.SetTimestamp(pcommon.Timestamp(g.Int64N(4e18)))
		event.SetDroppedAttributesCount(g.Uint32N(2))
		g.attributes(event.Attributes(), 3)
	}
	g.scores(span)
	for range g.IntN(2) {
		link := span.Links().AppendEmpty()
		link.SetTraceID(trace)
		link.SetSpanID(id)
		link.TraceState().FromRaw("a=b")
		link.SetFlags(g.Uint32N(4))
		g.attributes(link.Attributes(), 2)
	}
}

// genai sets attributes that columns take over, sometimes with odd types.
func (g *generator) genai(a pcommon.Map) {
	a.PutStr("gen_ai.operation.name", "chat")
	for _, k := range liftedKeys {
		switch g.IntN(8) {
		case 0, 1, 2:
			a.PutStr(k.key, g.text())
		case 3:
			a.PutInt(k.key, g.Int64N(1000))
		case 4:
			slice := a.PutEmptySlice(k.key)
			for range g.IntN(3) {
				slice.AppendEmpty().SetStr(g.text())
			}
		}
	}
	switch g.IntN(4) {
	case 0, 1:
		a.PutStr("gen_ai.input.messages", g.history())
	case 2:
		a.PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"hé <b>"}]}]`)
	}
}

// history is a conversation up to one of its turns, in one of the forms in which
// applications print it; now and then it is no JSON, or huge.
func (g *generator) history() string {
	conversation := g.IntN(6)
	random := rand.New(rand.NewPCG(uint64(conversation), 3))
	var messages []string
	for i := range 1 + g.IntN(9) {
		content := strings.Repeat(fmt.Sprintf("%d.%d wörd \\\" {[,", conversation, i), 1+random.IntN(20))
		messages = append(messages, fmt.Sprintf(`{"role":%q,"parts":[{"type":"text","content":"%s"}]}`, []string{"user", "assistant"}[i%2], content))
	}
	if g.IntN(4) == 0 {
		messages = append(messages, messages[0], messages[0])
	}
	switch g.IntN(10) {
	case 0:
		return "[" + strings.Join(messages, ", ") + "]"
	case 1:
		return "[\n  " + strings.Join(messages, ",\n  ") + "\n]"
	case 2:
		return "[" + strings.Join(messages, ",") + ",]"
	case 3:
		return "[" + strings.Join(messages, ",") + g.text()
	case 4:
		return "[[" + strings.Join(messages, ",") + "]]"
	case 5:
		return "[" + strings.Join(messages, ",") + ",{\"raw\":\"" + strings.Repeat(g.text(), 20) + "\"}]"
	case 6:
		if g.IntN(40) == 0 {
			return "[" + strings.Join(slices.Repeat(messages, 500), ",") + "]"
		}
	}
	return "[" + strings.Join(messages, ",") + "]"
}

// scores appends scores as the evaluation processor does, some of them changed
// afterwards so that no row of the scores table can stand for them.
func (g *generator) scores(span ptrace.Span) {
	for i := range g.IntN(4) {
		s := evaluator.Score{
			Name: []string{"refusal", "latency_ms", "is_json", "cost_usd"}[i], Kind: evaluator.KindCode, Probability: 1,
			EvaluatorVersion: "sha256:ab", Direction: evaluator.HigherIsBetter, SamplingRule: "default", Range: "0..1",
		}
		if g.IntN(4) > 0 {
			s.Value = genai.Some(g.Float64())
		}
		if g.IntN(2) == 0 {
			s.Label, s.Explanation = evaluator.LabelPass, g.text()
		}
		s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
		if g.IntN(5) == 0 {
			s.EvaluationID = "of-another"
		}
		s.AppendTo(span, pcommon.Timestamp(1_700_000_000_000_000_000+g.Uint64N(2)))
		last := span.Events().At(span.Events().Len() - 1)
		switch g.IntN(12) {
		case 0:
			last.Attributes().PutStr("extra", "x")
		case 1:
			last.SetDroppedAttributesCount(1)
		case 2:
			last.Attributes().PutInt(evaluator.AttrScoreValue, 1)
		case 3:
			span.Attributes().PutStr(evaluator.AttrFlatPrefix+s.Name+".label", "changed")
		case 4:
			last.SetTimestamp(0)
		case 5:
			last.Attributes().PutStr(evaluator.AttrName, "changed")
		}
	}
}

func (g *generator) attributes(m pcommon.Map, most int) {
	for range g.IntN(most + 1) {
		g.value(m.PutEmpty(fmt.Sprintf("k%d%s", g.IntN(40), g.text())), 0)
	}
}

func (g *generator) value(v pcommon.Value, depth int) {
	switch g.IntN(9) {
	case 0:
		v.SetStr(g.text())
	case 1:
		v.SetInt([]int64{0, -1, math.MaxInt64, math.MinInt64, 1 << 53}[g.IntN(5)])
	case 2:
		v.SetDouble([]float64{0, 1, -0.5, 1e300, math.Inf(1), math.Copysign(0, -1), g.nan()}[g.IntN(7)])
	case 3:
		v.SetBool(g.IntN(2) == 0)
	case 4:
		v.SetEmptyBytes().FromRaw([]byte(g.text()))
	case 5:
		if depth < 4 {
			slice := v.SetEmptySlice()
			for range g.IntN(3) {
				g.value(slice.AppendEmpty(), depth+1)
			}
		}
	case 6:
		if depth < 4 {
			m := v.SetEmptyMap()
			for range g.IntN(3) {
				g.value(m.PutEmpty([]string{"a", "b", "$double", "$map", "$x", ""}[g.IntN(6)]), depth+1)
			}
		}
	case 7:
		v.SetStr("7")
	}
}

func (g *generator) nan() float64 {
	if g.clean {
		return 2.5
	}
	return math.NaN()
}

func (g *generator) text() string {
	if g.clean {
		return []string{"", "a", "chat", "hé\u2028", `"quoted" \ {json}`, "\x00nul", "v3.1"}[g.IntN(7)]
	}
	return []string{"", "a", "chat", "hé\u2028", `"quoted" \ {json}`, "line\nbreak\ttab", "\x00nul", "bad\xffutf8", "null", "true", "v3.1"}[g.IntN(11)]
}
