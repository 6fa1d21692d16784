// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package benchdata makes the spans that benchmarks measure with: chat calls
// with system prompt, tools, new text and scores, of the size of real ones. The
// text is word salad from a seed: words of English-like lengths, drawn by Zipf's
// law, so that it compresses about as English does (2.5 to 1 by zstd -1).
package benchdata

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// startNanos is when the first span starts: 2026-01-05T08:00:00Z.
const startNanos = 1_767_600_000_000_000_000

// Generator makes spans; equal seeds make equal spans.
type Generator struct {
	random   *rand.Rand
	words    []string
	odds     []float64
	versions []version
	next     uint64
	plain    bool
	shape    shape
	// talks are the conversations that go on at the same time; empty when each
	// call is one of its own.
	talks []talk
}

// version is what a prompt version fixes.
type version struct {
	system, tools, name string
	toolNames           []string
	toolVersions        []string
}

// New returns a generator of calls of one prompt in so many versions.
func New(seed uint64, versions int) *Generator {
	return newGenerator(seed, versions, stamped)
}

func newGenerator(seed uint64, versions int, s shape) *Generator {
	g := &Generator{random: rand.New(rand.NewPCG(seed, 7)), shape: s}
	g.vocabulary(12000)
	for i := range versions {
		g.versions = append(g.versions, g.version(i))
	}
	return g
}

// NewPlain returns a generator of the same calls as applications send them:
// without what the processors add.
func NewPlain(seed uint64, versions int) *Generator {
	g := New(seed, versions)
	g.plain = true
	return g
}

// vocabulary makes words of syllables and their cumulative odds by rank.
func (g *Generator) vocabulary(n int) {
	onsets := strings.Fields("b c d f g h l m n p r s t v w th st ch pr tr br cl gr pl sh")
	vowels := strings.Fields("a e i o u ea ai ou io ee")
	ends := strings.Fields("n r s t l d m ng nt ck st - - - -")
	seen := map[string]bool{}
	total := 0.0
	for len(g.words) < n {
		var word strings.Builder
		for range 1 + g.random.IntN(1+min(3, len(g.words)/40)) {
			word.WriteString(onsets[g.random.IntN(len(onsets))])
			word.WriteString(vowels[g.random.IntN(len(vowels))])
			word.WriteString(strings.Trim(ends[g.random.IntN(len(ends))], "-"))
		}
		if seen[word.String()] {
			continue
		}
		seen[word.String()] = true
		g.words = append(g.words, word.String())
		total += 1 / math.Pow(float64(len(g.words))+2.7, 0.92)
		g.odds = append(g.odds, total)
	}
}

// word draws one by its odds.
func (g *Generator) word() string {
	at := g.random.Float64() * g.odds[len(g.odds)-1]
	low, high := 0, len(g.odds)-1
	for low < high {
		if middle := (low + high) / 2; g.odds[middle] < at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return g.words[low]
}

// text returns sentences of about size bytes.
func (g *Generator) text(size int) string {
	var b strings.Builder
	for start := true; b.Len() < size; {
		word := g.word()
		if start {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		b.WriteString(word)
		switch g.random.IntN(14) {
		case 0:
			b.WriteString(". ")
		case 1:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
		start = strings.HasSuffix(b.String(), ". ")
	}
	return strings.TrimRight(b.String(), " ,") + "."
}

// logNormal draws a size with a median, cut to bounds.
func (g *Generator) logNormal(median, low, high float64) int {
	return int(min(max(median*math.Exp(g.random.NormFloat64()*0.75), low), high))
}

func (g *Generator) version(i int) version {
	v := version{name: fmt.Sprintf("3.%d", i), system: g.text(2000)}
	var tools strings.Builder
	tools.WriteByte('[')
	for n := 0; g.shape.more(n, i, tools.Len()); n++ {
		if n > 0 {
			tools.WriteByte(',')
		}
		name := fmt.Sprintf("%s_%s", g.word(), g.word())
		v.toolNames = append(v.toolNames, name)
		v.toolVersions = append(v.toolVersions, fmt.Sprintf("%s@%012x", name, g.random.Uint64()>>16))
		fmt.Fprintf(&tools, `{"type":"function","name":%q,"description":%q,"parameters":{"type":"object","properties":{`, name, g.text(g.shape.tool))
		for p := range 3 {
			if p > 0 {
				tools.WriteByte(',')
			}
			fmt.Fprintf(&tools, `"%s_%d":{"type":"string","description":%q}`, g.word(), p, g.text(g.shape.member))
		}
		tools.WriteString(`},"additionalProperties":false}}`)
	}
	tools.WriteByte(']')
	v.tools = tools.String()
	return v
}

// Traces returns n chat spans in the current OpenTelemetry form; of New, stamped
// and scored as the processors leave them.
func (g *Generator) Traces(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	for n > 0 {
		rs := td.ResourceSpans().AppendEmpty()
		resource := rs.Resource().Attributes()
		resource.PutStr("service.name", "support")
		resource.PutStr("deployment.environment.name", "production")
		resource.PutStr("host.name", fmt.Sprintf("host-%d", g.random.IntN(6)))
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("example.instrumentation")
		ss.Scope().SetVersion("1.4.0")
		size := min(n, 50+g.random.IntN(200))
		ss.Spans().EnsureCapacity(size)
		for range size {
			g.span(ss.Spans().AppendEmpty())
		}
		if !g.plain {
			g.scores(ss.Spans())
		}
		n -= size
	}
	return td
}

func (g *Generator) span(span ptrace.Span) {
	g.next++
	v := &g.versions[g.random.IntN(len(g.versions))]
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:8], g.random.Uint64())
	binary.BigEndian.PutUint64(trace[8:], g.random.Uint64())
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], g.random.Uint64())
	start := startNanos + g.next*37_000_000 + g.random.Uint64N(1_000_000)
	duration := uint64(g.logNormal(900, 100, 30000)) * 1_000_003
	span.SetTraceID(trace)
	span.SetSpanID(id)
	binary.BigEndian.PutUint64(id[:], g.random.Uint64())
	span.SetParentSpanID(id)
	span.SetName("chat gpt-4o-mini")
	span.SetKind(ptrace.SpanKindClient)
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetEndTimestamp(pcommon.Timestamp(start + duration))
	user, answer := g.text(g.logNormal(g.shape.user, 200, 4000)), g.text(g.logNormal(g.shape.answer, 200, 4000))
	var t *talk
	if len(g.talks) > 0 {
		t = &g.talks[g.random.IntN(len(g.talks))]
	} else {
		t = new(talk)
	}
	if t.turns == 0 {
		t.begin(g, v)
	}
	g.attributes(span.Attributes(), t, user, answer)
}

// scores appends scores as the evaluation processor does: all at one time.
func (g *Generator) scores(spans ptrace.SpanSlice) {
	last := spans.At(spans.Len() - 1).EndTimestamp()
	for _, span := range spans.All() {
		for i, name := range []string{"tool_args_schema", "latency_ms", "refusal"} {
			g.score(span, name, i, uint64(last)+1_000_003)
		}
	}
}

func (g *Generator) attributes(a pcommon.Map, t *talk, user, answer string) {
	v := t.version
	a.EnsureCapacity(36)
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%016x%08x", g.random.Uint64(), g.random.Uint32()))
	a.PutStr("gen_ai.conversation.id", t.id)
	a.PutDouble("gen_ai.request.temperature", 0.2)
	a.PutInt("gen_ai.request.max_tokens", 1024)
	a.PutInt("gen_ai.usage.input_tokens", int64(2200+len(user)/4))
	a.PutInt("gen_ai.usage.output_tokens", int64(len(answer)/4))
	finish := "stop"
	if g.random.IntN(4) == 0 {
		finish = "tool_calls"
	}
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(finish)
	a.PutStr("gen_ai.system_instructions", fmt.Sprintf(`[{"type":"text","content":%q}]`, v.system))
	a.PutStr("gen_ai.tool.definitions", v.tools)
	input := t.history + fmt.Sprintf(`{"role":"user","parts":[{"type":"text","content":%q}]}`, user)
	a.PutStr("gen_ai.input.messages", "["+input+"]")
	call := ""
	if finish == "tool_calls" {
		call = fmt.Sprintf(`,{"type":"tool_call","id":"call_%012x","name":%q,"arguments":{"x_0":%q}}`,
			g.random.Uint64()>>16, v.toolNames[g.random.IntN(len(v.toolNames))], g.word())
	}
	a.PutStr("gen_ai.output.messages", fmt.Sprintf(
		`[{"role":"assistant","parts":[{"type":"text","content":%q}%s],"finish_reason":%q}]`, answer, call, finish))
	t.turns--
	t.history = input + fmt.Sprintf(`,{"role":"assistant","parts":[{"type":"text","content":%q}%s]},`, answer, call)
	a.PutStr("server.address", "api.openai.com")
	a.PutInt("server.port", 443)
	a.PutStr("tenant", fmt.Sprintf("tenant-%03d", g.random.IntN(200)))
	if !g.shape.few {
		a.PutStr("region", []string{"eu-west-1", "us-east-1", "ap-south-1"}[g.random.IntN(3)])
		a.PutBool("cache", g.random.IntN(3) == 0)
		a.PutStr("request.id", fmt.Sprintf("%016x", g.random.Uint64()))
	}
	a.PutStr("gen_ai.prompt.name", "support")
	a.PutStr("gen_ai.prompt.version", v.name)
	if !g.plain && !g.shape.few {
		g.identity(a, v)
	}
}

func (g *Generator) identity(a pcommon.Map, v *version) {
	a.PutStr("spanloop.prompt.hash", hash("prompt", v.name))
	a.PutStr("spanloop.prompt.resolution", "explicit")
	list := a.PutEmptySlice("spanloop.tool.versions")
	for _, name := range v.toolVersions {
		list.AppendEmpty().SetStr(name)
	}
	a.PutStr("spanloop.toolset.hash", hash("tools", v.name))
	a.PutStr("spanloop.toolset.completeness", "full")
	a.PutStr("spanloop.model.hash", hash("model", ""))
	a.PutStr("spanloop.params.hash", hash("params", ""))
	a.PutStr("spanloop.variant.id", hash("variant", v.name))
}

// hash is text of a content hash's length.
func hash(kind, of string) string {
	random := rand.New(rand.NewPCG(uint64(len(of)), uint64(len(kind))<<8|uint64(of0(of))))
	return fmt.Sprintf("sha256:%016x%016x%016x%016x", random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64())
}

func of0(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

// score appends one score as the evaluation processor does.
func (g *Generator) score(span ptrace.Span, name string, index int, at uint64) {
	s := evaluator.Score{
		Name: name, Value: genai.Some(float64(g.random.IntN(100)) / 100), Label: []string{"pass", "fail"}[g.random.IntN(2)],
		EvaluatorVersion: fmt.Sprintf("sha256:%064x", index+1), Kind: evaluator.KindCode, Range: "0..1",
		Direction: evaluator.HigherIsBetter, SamplingRule: "default", Probability: 1,
	}
	s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
	if !g.shape.few {
		s.AppendTo(span, pcommon.Timestamp(at))
		return
	}
	alone := ptrace.NewSpan()
	s.AppendTo(alone, pcommon.Timestamp(at))
	alone.Events().MoveAndAppendTo(span.Events())
}
