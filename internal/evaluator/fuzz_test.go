// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"math"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// assertScore checks what holds for every score of every call.
func assertScore(t *testing.T, s Score) {
	t.Helper()
	if s.Value.Set && (math.IsNaN(s.Value.Value) || math.IsInf(s.Value.Value, 0)) {
		t.Fatalf("%s: no finite value", s.Name)
	}
	if s.ErrorType != "" && (s.Value.Set || s.Label != "") {
		t.Fatalf("%s: failed and scored", s.Name)
	}
	if s.ErrorType == "panic" {
		t.Fatalf("%s: %s", s.Name, s.Explanation)
	}
	if s.Label == LabelUnknown && s.Value.Set {
		t.Fatalf("%s: unknown and scored", s.Name)
	}
	if s.Range == "0..1" && s.Value.Set && (s.Value.Value < 0 || s.Value.Value > 1) {
		t.Fatalf("%s: %g is outside of 0..1", s.Name, s.Value.Value)
	}
	for _, text := range []string{s.Label, s.Explanation} {
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxExplanation || sanitise(text, maxExplanation) != text {
			t.Fatalf("%s: text that is not fit to be shown: %q", s.Name, text)
		}
	}
}

// everyEvaluator is the catalogue, each evaluator with parameters that let it
// work.
func everyEvaluator(t testing.TB) []*Evaluator {
	list := Defaults()
	for _, name := range Names() {
		if params := sampleParams[name]; params != nil {
			list = append(list, configured(t, name, params))
		}
	}
	return append(list, configured(t, "is_json", map[string]any{"always": true, "as": "json"}))
}

// FuzzEvaluate scores calls that are whatever a span can hold.
func FuzzEvaluate(f *testing.F) {
	f.Add(`[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`, `[{"role":"assistant","parts":[{"type":"text","content":"I can't help"}]}]`, `[{"type":"function","name":"a","parameters":{"type":"object"}}]`, "stop", int64(5))
	f.Add(`[`, `[{"role":"assistant","parts":[{"type":"tool_call","name":"a","arguments":{"x":1}}]}]`, `[{"name":"a","parameters":{"$ref":"#"}}]`, "", int64(-1))
	f.Add(``, `[{"role":"assistant","parts":[{"type":"tool_call","name":"a","arguments":"{\"x\":1e999}"}]}]`, `{}`, "\xff", int64(math.MaxInt64))
	list := everyEvaluator(f)
	f.Fuzz(func(t *testing.T, input, output, tools, reason string, tokens int64) {
		span := newSpan(text("gen_ai.input.messages", input), text("gen_ai.output.messages", output), text("gen_ai.tool.definitions", tools),
			finishReasons(reason), number64("gen_ai.usage.input_tokens", tokens), number64("gen_ai.usage.output_tokens", tokens))
		read := func() *Input {
			call, _ := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
			return NewInput(span, call)
		}
		in := read()
		for _, e := range list {
			s, applies := e.Evaluate(in)
			if !applies {
				continue
			}
			assertScore(t, s)
			if again, _ := e.Evaluate(read()); again != s {
				t.Fatalf("%s: %+v, and then %+v", e.Name(), s, again)
			}
			target := ptrace.NewSpan()
			s.EvaluationID = "id"
			s.AppendTo(target, 1)
			if back, ok := ReadEvent(target.Events().At(0)); !ok || back != s {
				t.Fatalf("%s: %+v read back as %+v", e.Name(), s, back)
			}
		}
	})
}

// FuzzSchema compiles and uses schemas from spans: in bounded time, with the
// same answer every time.
func FuzzSchema(f *testing.F) {
	f.Add(citySchema, `{"city":1}`)
	f.Add(treeSchema, `{"name":"a","nodes":[{}]}`)
	f.Add(exponentialSchema(12), `{}`)
	f.Add(`{"$id":"http://a/b","$ref":"c"}`, `1`)
	f.Add(`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveRef":"#"}`, `{}`)
	f.Add(`{"patternProperties":{"^(a+)+$":{"minLength":1}}}`, `{"aaaa":""}`)
	f.Add(`{"multipleOf":1e-300,"items":{"uniqueItems":true}}`, `[1,[1,1.0]]`)
	f.Fuzz(func(t *testing.T, schemaText, instance string) {
		start := time.Now()
		s, err := compileSchema(schemaText)
		if err != nil {
			return
		}
		const budget = 1 << 16
		work := uint64(budget)
		fits, why, err := s.validate(instance, &work)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
		if err == nil && fits != (why == "") {
			t.Fatalf("fits %v, because %q", fits, why)
		}
		work = budget
		fits2, why2, err2 := s.validate(instance, &work)
		if fits != fits2 || why != why2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%v %q %v, and then %v %q %v", fits, why, err, fits2, why2, err2)
		}
	})
}

// FuzzParams configures evaluators with whatever a configuration file holds.
func FuzzParams(f *testing.F) {
	f.Add("contains", `{"all":["a"]}`)
	f.Add("cost_usd", `{"prices":[{"model":"*","input":1,"output":2}],"max":1}`)
	f.Add("json_schema", `{"schema":{"type":"object"}}`)
	f.Add("regex", `{"pattern":"(a{9}){9}"}`)
	f.Add("latency_ms", `{"as":"x","min":1e308}`)
	f.Fuzz(func(t *testing.T, name, params string) {
		var values map[string]any
		if json.Unmarshal([]byte(params), &values) != nil {
			return
		}
		e, err := New(name, values)
		if err != nil {
			return
		}
		again, err := New(name, values)
		if err != nil || again.Version() != e.Version() {
			t.Fatalf("configured twice: %v, %s and %s", err, e.Version(), again.Version())
		}
		if s, applies := e.Evaluate(newTestInput(t, answers("a"), usage(1, 1))); applies {
			assertScore(t, s)
		}
	})
}

// FuzzGlob compares with the plain recursive definition.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*é?", "caféé")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 16 || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		if got, want := Glob(pattern, text), globReference([]rune(pattern), []rune(text)); got != want {
			t.Fatalf("%q %q: %v, want %v", pattern, text, got, want)
		}
	})
}

func globReference(pattern, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	if pattern[0] == '*' {
		return globReference(pattern[1:], text) || len(text) > 0 && globReference(pattern, text[1:])
	}
	return len(text) > 0 && (pattern[0] == '?' || pattern[0] == text[0]) && globReference(pattern[1:], text[1:])
}
