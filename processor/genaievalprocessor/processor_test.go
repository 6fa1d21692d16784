// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
)

// Without configuration every call is scored by every evaluator that needs no
// parameters.
func TestEmptyConfigurationScores(t *testing.T) {
	span := scored(t, "", oneCall()).At(0)
	assert.Equal(t, []any{"default=scored"}, decisionsOf(span))
	assert.Equal(t, []string{
		"error", "finish_reason", "input_tokens", "latency_ms", "output_tokens", "tool_args_schema", "tool_call_loop", "tool_known",
	}, namesOf(span), "those that apply to an answer that is a tool call")
	for _, s := range scoresOf(span) {
		assert.Equal(t, evaluator.KindCode, s.Kind)
		assert.Equal(t, "default", s.SamplingRule)
		assert.InDelta(t, 1, s.Probability, 0)
		assert.Equal(t, evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion), s.EvaluationID)
		assert.NotEmpty(t, s.Range)
		assert.NotEmpty(t, s.Direction)
	}
	raw := span.Attributes().AsRaw()
	assert.InDelta(t, 400, raw["spanloop.eval.latency_ms.score"], 0)
	assert.Equal(t, "pass", raw["spanloop.eval.tool_args_schema.label"])
	assert.Equal(t, "tool_calls", raw["spanloop.eval.finish_reason.label"])
	assert.NotContains(t, raw, "spanloop.eval.finish_reason.score", "a label only")
}

// What is no model call of production passes as it came.
func TestOthersPassUntouched(t *testing.T) {
	for name, edit := range map[string]func(ptrace.Span){
		"not GenAI":         func(s ptrace.Span) { s.Attributes().Clear(); s.Attributes().PutStr("http.route", "/") },
		"tool execution":    func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.operation.name", "execute_tool") },
		"agent":             func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.operation.name", "invoke_agent") },
		"embeddings":        func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.operation.name", "embeddings") },
		"call of our judge": func(s ptrace.Span) { s.Attributes().PutBool(evaluator.AttrJudgeCall, true) },
		"replay":            func(s ptrace.Span) { s.Attributes().PutBool(identity.AttrReplay, true) },
		"replay as text":    func(s ptrace.Span) { s.Attributes().PutStr(identity.AttrReplay, "true") },
		"only hashes":       func(s ptrace.Span) { s.Attributes().PutStr(identity.AttrContentMode, redact.ModeHashes) },
		"told twice":        func(s ptrace.Span) { s.Attributes().PutStr(genai.AttrDuplicateOf, "0102030405060708") },
		"all rules decided": func(s ptrace.Span) {
			s.Attributes().PutEmptySlice(evaluator.AttrDecisions).AppendEmpty().SetStr("default=scored")
		},
		"no attribute at all": func(s ptrace.Span) { s.Attributes().Clear() },
	} {
		td := calls(1, func(_ int, s ptrace.Span) { edit(s) })
		before := ptrace.NewTraces()
		td.CopyTo(before)
		scored(t, "", td)
		assert.Equal(t, before, td, name)
	}
	marked := calls(1, func(_ int, s ptrace.Span) { s.Attributes().PutBool(identity.AttrReplay, false) })
	assert.NotEmpty(t, namesOf(scored(t, "", marked).At(0)), "a mark that says no")
}

// The span of the call itself is scored, and a wrapper that repeats it is not.
func TestCallCountsOnce(t *testing.T) {
	td := calls(2, func(i int, s ptrace.Span) {
		if i == 1 {
			s.Attributes().PutStr("gen_ai.operation.name", "invoke_agent")
		}
	})
	spans := scored(t, "", td)
	assert.NotEmpty(t, namesOf(spans.At(0)))
	assert.Empty(t, namesOf(spans.At(1)))
	// The same span once more, in a later batch: the same ids, so that readers
	// count one.
	first, again := scoresOf(spans.At(0)), scoresOf(scored(t, "", oneCall()).At(0))
	require.Len(t, again, len(first))
	for i := range first {
		assert.Equal(t, first[i].EvaluationID, again[i].EvaluationID)
	}
}

// Each candidate ends in one decision of each rule, which is counted and on the
// span.
func TestDecisions(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(t.Context())) }()
	p, err := newEvalProcessor(mustParse(t, `
rules:
  - {name: everything, evaluators: [error]}
  - {name: other-prompt, match: {prompt: "support-*"}}
  - {name: never, sample: {rate: 0}}
  - {name: json-only, evaluators: [is_json]}
  - {name: gold, match: {condition: 'span.attributes["tier"] == "gold"'}, evaluators: [error]}
  - {name: broken, match: {condition: 'Int(Split(span.attributes["nope"], ",")) == 1'}}
`), telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	spans := processed(t, p, calls(3, func(i int, s ptrace.Span) {
		if i == 2 {
			s.Attributes().PutStr("tier", "gold")
		}
	}))
	assert.Equal(t, []any{
		"everything=scored", "other-prompt=filtered", "never=sampled_out", "json-only=filtered", "gold=filtered", "broken=failed",
	}, decisionsOf(spans.At(0)))
	assert.Equal(t, []any{
		"everything=scored", "other-prompt=filtered", "never=sampled_out", "json-only=filtered", "gold=scored", "broken=failed",
	}, decisionsOf(spans.At(2)))
	assert.Equal(t, map[string]int64{
		"everything=scored": 3, "other-prompt=filtered": 3, "never=sampled_out": 3, "json-only=filtered": 3,
		"gold=filtered": 2, "gold=scored": 1, "broken=failed": 3,
	}, counted(t, telemetry))
	assert.Equal(t, []string{"error"}, namesOf(spans.At(2)), "two rules with one evaluator write one score")
}

// A failed evaluator leaves a score without a value.
func TestFailedEvaluator(t *testing.T) {
	p, err := newEvalProcessor(mustParse(t, "rules: [{name: a, evaluators: [error]}]"), componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	p.rules[0].evaluators = []*evaluator.Evaluator{new(evaluator.Evaluator)}
	span := processed(t, p, oneCall()).At(0)
	assert.Equal(t, []any{"a=failed"}, decisionsOf(span))
	require.Equal(t, 1, span.Events().Len())
	raw := span.Events().At(0).Attributes().AsRaw()
	assert.Equal(t, "panic", raw["error.type"])
	assert.NotContains(t, raw, evaluator.AttrScoreValue)
}

// Rules of a second processor add their decisions and scores; those of the same
// name are left alone, and no score is written twice.
func TestSecondProcessor(t *testing.T) {
	td := oneCall()
	scored(t, "rules: [{name: a, evaluators: [error, latency_ms]}]", td)
	span := scored(t, "rules: [{name: a, evaluators: [input_tokens]}, {name: b, evaluators: [error, output_tokens]}]", td).At(0)
	assert.Equal(t, []any{"a=scored", "b=scored"}, decisionsOf(span))
	assert.Equal(t, []string{"error", "latency_ms", "output_tokens"}, namesOf(span))
	for _, wrong := range []func(ptrace.Span){
		func(s ptrace.Span) { s.Attributes().PutStr(evaluator.AttrDecisions, "default=scored") },
		func(s ptrace.Span) { s.Attributes().PutEmptySlice(evaluator.AttrDecisions).AppendEmpty().SetInt(7) },
		func(s ptrace.Span) { s.Attributes().PutEmptyMap(evaluator.AttrDecisions) },
	} {
		span := scored(t, "", calls(1, func(_ int, s ptrace.Span) { wrong(s) })).At(0)
		assert.Equal(t, []any{"default=scored"}, decisionsOf(span), "an attribute of another shape is none of ours")
		assert.NotEmpty(t, namesOf(span))
	}
}

// The identity processor's word comes before what the span says; without it the
// rules see the span's own prompt.
func TestPromptOfRules(t *testing.T) {
	const config = `rules: [{name: a, match: {prompt: weather, version: ">=3"}, evaluators: [error]}]`
	for name, c := range map[string]struct {
		edit func(pcommon.Map)
		want string
	}{
		"before identity, current names": {func(pcommon.Map) {}, "a=scored"},
		"before identity, other dialect": {func(a pcommon.Map) {
			a.Remove("gen_ai.prompt.name")
			a.Remove("gen_ai.prompt.version")
			langfusePrompt(a, "weather", 4)
		}, "a=scored"},
		"after identity, resolved":       {func(a pcommon.Map) { stamp(a, "weather", "2") }, "a=filtered"},
		"after identity, label resolved": {func(a pcommon.Map) { a.PutStr("gen_ai.prompt.version", "production"); stamp(a, "weather", "3.1") }, "a=scored"},
		"a label is no version":          {func(a pcommon.Map) { a.PutStr("gen_ai.prompt.version", "production") }, "a=filtered"},
		"no version":                     {func(a pcommon.Map) { a.Remove("gen_ai.prompt.version") }, "a=filtered"},
		"another prompt":                 {func(a pcommon.Map) { a.PutStr("gen_ai.prompt.name", "weather2") }, "a=filtered"},
	} {
		span := scored(t, config, calls(1, func(_ int, s ptrace.Span) { c.edit(s.Attributes()) })).At(0)
		assert.Equal(t, []any{c.want}, decisionsOf(span), name)
	}
}

func stamp(a pcommon.Map, name, version string) {
	identity.Identity{PromptName: name, PromptVersion: version, Resolution: identity.RungLabel}.Put(a)
}

func langfusePrompt(a pcommon.Map, name string, version int64) {
	a.PutStr("langfuse.observation.prompt.name", name)
	a.PutInt("langfuse.observation.prompt.version", version)
}

// Identity that runs after evaluation, which is the wrong order, finds a span
// that it can still stamp.
func TestWrongOrder(t *testing.T) {
	td := oneCall()
	span := scored(t, "", td).At(0)
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	require.True(t, ok)
	assert.Equal(t, "weather", call.Prompt.Name)
	resolver := identity.NewResolver(identity.Options{MaxTraces: 10})
	id := resolver.Resolve(span.TraceID(), testStart, call)
	id.Put(span.Attributes())
	assert.Equal(t, identity.RungExplicit, identity.FromAttributes(span.Attributes()).Resolution)
	assert.Equal(t, []any{"default=scored"}, decisionsOf(scored(t, "", td).At(0)))
}

// Hostile spans are scored or have a stated reason, and the good ones beside
// them are scored.
func TestHostileSpans(t *testing.T) {
	spans := scored(t, "", calls(6, func(i int, s ptrace.Span) {
		a := s.Attributes()
		switch i {
		case 0:
			a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"te`)
		case 1:
			a.PutStr("gen_ai.tool.definitions", `[{"type":"function","name":"get_weather","parameters":{"$ref":"http://localhost:1/x"}}]`)
		case 2:
			a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"`+strings.Repeat("x", 5<<20)+`"}]}]`)
		case 3:
			a.PutStr("gen_ai.prompt.name", "../../x\x00\x1b[31m")
			a.PutInt("gen_ai.prompt.version", 3)
		case 4:
			s.SetTraceID(pcommon.TraceID{})
			s.SetSpanID(pcommon.SpanID{})
			s.SetEndTimestamp(0)
		}
	}))
	for i := range spans.Len() {
		assert.Equal(t, []any{"default=scored"}, decisionsOf(spans.At(i)), i)
	}
	label := func(i int, name string) any { return spans.At(i).Attributes().AsRaw()["spanloop.eval."+name+".label"] }
	assert.Equal(t, "unknown", label(0, "tool_args_schema"))
	assert.Equal(t, "unknown", label(1, "tool_args_schema"))
	assert.InDelta(t, 5<<20, spans.At(2).Attributes().AsRaw()["spanloop.eval.length_chars.score"], 0)
	assert.Equal(t, "pass", label(5, "tool_args_schema"))
}

func TestRuleErrorsAtStart(t *testing.T) {
	_, err := newEvalProcessor(&Config{Rules: []RuleConfig{{Name: "a", Evaluators: []any{"nope"}}}}, componenttest.NewNopTelemetrySettings())
	require.ErrorContains(t, err, "rules[0].evaluators[0]: unknown evaluator")
	_, err = newEvalProcessor(&Config{Rules: []RuleConfig{{Name: "a", Match: MatchConfig{Condition: "("}}}}, componenttest.NewNopTelemetrySettings())
	require.ErrorContains(t, err, "rules[0].match.condition")
}
