// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// The event and the flat attributes are a public contract: readers of other
// systems depend on these names and types.
func TestScoreOnSpan(t *testing.T) {
	span := ptrace.NewSpan()
	s := Score{
		Name: "tool_known", Value: genai.Some(0.5), Label: LabelFail, Explanation: "not offered: x",
		EvaluatorVersion: "sha256:0011", Kind: KindCode, Range: "0..1", Direction: HigherIsBetter,
		SamplingRule: "support", Probability: 0.25, EvaluationID: "abcd",
	}
	s.AppendTo(span, 42)
	require.Equal(t, 1, span.Events().Len())
	event := span.Events().At(0)
	assert.Equal(t, "gen_ai.evaluation.result", event.Name())
	assert.EqualValues(t, 42, event.Timestamp())
	assert.Equal(t, map[string]any{
		"gen_ai.evaluation.name":        "tool_known",
		"gen_ai.evaluation.score.value": 0.5,
		"gen_ai.evaluation.score.label": "fail",
		"gen_ai.evaluation.explanation": "not offered: x",
		"spanloop.evaluator.version":    "sha256:0011",
		"spanloop.evaluator.kind":       "code",
		"spanloop.evaluator.range":      "0..1",
		"spanloop.evaluator.direction":  "higher",
		"spanloop.sampling.rule":        "support",
		"spanloop.sampling.probability": 0.25,
		"spanloop.evaluation.id":        "abcd",
	}, event.Attributes().AsRaw())
	assert.Equal(t, map[string]any{
		"spanloop.eval.tool_known.score": 0.5, "spanloop.eval.tool_known.label": "fail",
	}, span.Attributes().AsRaw())
	read, ok := ReadEvent(event)
	assert.True(t, ok)
	assert.Equal(t, s, read)
}

// A failed evaluation has an error type and no value: it is never a zero.
func TestFailureOnSpan(t *testing.T) {
	span := ptrace.NewSpan()
	s := Score{Name: "x", ErrorType: "panic", Explanation: "boom", EvaluatorVersion: "v", Kind: KindCode, Probability: 1, EvaluationID: "id"}
	s.AppendTo(span, 1)
	raw := span.Events().At(0).Attributes().AsRaw()
	assert.Equal(t, "panic", raw["error.type"])
	assert.NotContains(t, raw, "gen_ai.evaluation.score.value")
	assert.NotContains(t, raw, "gen_ai.evaluation.score.label")
	assert.Zero(t, span.Attributes().Len(), "no flat attribute either")
	read, ok := ReadEvent(span.Events().At(0))
	assert.True(t, ok)
	assert.Equal(t, s, read)
}

func TestReadAttributesOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		raw  map[string]any
		want Score
		ok   bool
	}{
		"someone else's score":  {raw: map[string]any{AttrName: "x", AttrScoreValue: 1.0}, want: Score{Name: "x", Value: genai.Some(1.0), Probability: 1}},
		"without a name":        {raw: map[string]any{AttrEvaluationID: "i"}, want: Score{EvaluationID: "i", Probability: 1}},
		"an integer":            {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrScoreValue: int64(3)}, want: Score{Name: "x", EvaluationID: "i", Value: genai.Some(3.0), Probability: 1}, ok: true},
		"a value that is text":  {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrScoreValue: "3"}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
		"not a number":          {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrScoreValue: math.NaN()}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
		"infinite":              {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrScoreValue: math.Inf(-1)}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
		"probability above one": {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrProbability: 2.0}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
		"probability of zero":   {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrProbability: 0.0}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
		"no probability at all": {raw: map[string]any{AttrName: "x", AttrEvaluationID: "i", AttrProbability: math.NaN()}, want: Score{Name: "x", EvaluationID: "i", Probability: 1}, ok: true},
	} {
		attributes := pcommon.NewMap()
		require.NoError(t, attributes.FromRaw(c.raw))
		got, ok := ReadAttributes(attributes)
		assert.Equal(t, c.ok, ok, name)
		assert.Equal(t, c.want, got, name)
	}
	event := ptrace.NewSpanEvent()
	event.SetName("exception")
	event.Attributes().PutStr(AttrName, "x")
	event.Attributes().PutStr(AttrEvaluationID, "i")
	_, ok := ReadEvent(event)
	assert.False(t, ok, "another event")
}

// The evaluation id is a stored key: the first line of this test must hold for
// ever.
func TestEvaluationID(t *testing.T) {
	trace, span := pcommon.TraceID{1, 2, 3}, pcommon.SpanID{4, 5, 6}
	id := EvaluationID(trace, span, "tool_known", "sha256:0011")
	assert.Equal(t, "79e4a65d4e3a0cc8e26dceac06871782", id)
	assert.Equal(t, id, EvaluationID(trace, span, "tool_known", "sha256:0011"))
	for name, other := range map[string]string{
		"trace":   EvaluationID(pcommon.TraceID{9}, span, "tool_known", "sha256:0011"),
		"span":    EvaluationID(trace, pcommon.SpanID{9}, "tool_known", "sha256:0011"),
		"name":    EvaluationID(trace, span, "tool_know", "sha256:0011"),
		"version": EvaluationID(trace, span, "tool_known", "sha256:0012"),
		"border":  EvaluationID(trace, span, "tool_knowns", "ha256:0011"),
	} {
		assert.NotEqual(t, id, other, name)
	}
}

func TestFailingChecks(t *testing.T) {
	in := newTestInput(t, answers("x"))
	var none []string
	for name, c := range map[string]struct {
		check check
		want  string
	}{
		"panic":    {func(*Input) (Result, bool, error) { return Result{Label: none[3]}, true, nil }, "failed panic: runtime error: index out of range [3] with length 0"},
		"error":    {func(*Input) (Result, bool, error) { return Result{Value: one}, false, errors.New("no\x1b way\n") }, "failed evaluator_error: no way "},
		"NaN":      {func(*Input) (Result, bool, error) { return Result{Value: genai.Some(math.NaN())}, true, nil }, "failed evaluator_error: the value is no finite number"},
		"infinite": {func(*Input) (Result, bool, error) { return Result{Value: genai.Some(math.Inf(1))}, true, nil }, "failed evaluator_error: the value is no finite number"},
		"long text": {func(*Input) (Result, bool, error) {
			return Result{Value: one, Explanation: strings.Repeat("é", 9999)}, true, nil
		}, "1: " + strings.Repeat("é", 511) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Evaluator{name: "x", version: "v", check: c.check}
			s, applies := e.Evaluate(in)
			assert.Equal(t, c.want, outcome(s, applies))
			assert.Equal(t, s.ErrorType != "", !s.Value.Set)
		})
	}
}

func TestSanitise(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                           "plain",
		"two\nlines\tand a tab":           "two lines and a tab",
		"\x1b[31mred\x1b[0m\x00":          "[31mred[0m",
		"right\u202eto left\u2066\u200b":  "rightto left",
		"in\xffvalid":                     "invalid",
		"<b onclick=x()>":                 "<b onclick=x()>",
		strings.Repeat("\x00", 100) + "a": "…",
		strings.Repeat("日", 30):           strings.Repeat("日", 19) + "…",
	} {
		assert.Equal(t, want, sanitise(text, 20), "%q", text)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b", true}, {"?", "", false}, {"?", "é", true}, {"??", "é", false},
		{"support-*", "support-agent", true}, {"support-*", "support", false}, {"*-agent", "support-agent", true},
		{"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-b-b", false}, {"v3.?", "v3.1", true}, {"v3.?", "v3.10", false},
		{"a.c", "abc", false}, {"[a]", "a", false}, {"[a]", "[a]", true}, {`\*`, `\x`, true}, {"A", "a", false},
		{"*é", "caf\u00e9", true}, {"\xff", "\xff", true}, {"?", "\xff", true}, {"**a**", "a", true},
	} {
		assert.Equal(t, c.want, Glob(c.pattern, c.text), "%q %q", c.pattern, c.text)
	}
	assert.False(t, Glob(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 10_000)), "no exponential time")
}
