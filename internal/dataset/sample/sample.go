// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package sample writes a dataset that is hard to read: many partitions, names
// that are no file names, rows of several prompts in one file, values that are
// missing, and a file from before columns were added. Other engines and table
// formats are tested with it.
package sample

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// Figures are what was sent, counted without any file.
type Figures struct {
	Spans, Scores                       int64
	InputTokens, OutputTokens, Duration int64
	CostUSD                             float64
	FinishReasons, Variables            int64
	WithoutUser                         int64
	// BeforeColumns are the spans of the file that lacks columns.
	BeforeColumns         int64
	FirstStart, LastStart time.Time
	// Names are the prompt names, "__unresolved__" for none.
	Names map[string]int64
}

// names are the prompt names of the first push; an empty one is none.
var names = []string{"weather", "a b/c", "Wetter ü", "../x", "'; DROP TABLE spans; --", "con", "50%", "", "long-" + strings.Repeat("é", 300)}

// sampleStart is noon of the first day: 2026-03-14.
var sampleStart = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// olderColumns are those that the older file lacks: none that an attribute is held
// by alone.
var olderColumns = []string{"cache_write_tokens", "time_to_first_token_ns", "input_chars"}

// Write writes the dataset into an empty folder.
func Write(ctx context.Context, dir string) (Figures, error) {
	f := Figures{Names: map[string]int64{}}
	m := &maker{random: rand.New(rand.NewPCG(3, 14)), figures: &f}
	older := m.traces(40, func(int) (string, string) { return "weather", "0" })
	few := m.traces(600, func(i int) (string, string) { return names[i%len(names)], fmt.Sprint(i % 3) })
	// Fifty agents have files of their own; fifty more, of one call each, share one.
	many := m.traces(300, func(i int) (string, string) {
		if i >= 100 {
			i %= 50
		}
		return fmt.Sprintf("agent-%d", i), "v1"
	})
	f.BeforeColumns = int64(older.SpanCount())
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	if err != nil {
		return f, err
	}
	if _, err := w.WriteTraces(ctx, older); err != nil {
		return f, err
	}
	if err := age(ctx, dir); err != nil {
		return f, fmt.Errorf("older file: %w", err)
	}
	for _, td := range []ptrace.Traces{few, many} {
		result, err := w.WriteTraces(ctx, td)
		if err != nil {
			return f, err
		}
		if result.Spans != td.SpanCount() {
			return f, fmt.Errorf("%d of %d spans are rows", result.Spans, td.SpanCount())
		}
	}
	return f, w.Close()
}

// maker makes calls and counts what they hold.
type maker struct {
	random  *rand.Rand
	next    uint64
	figures *Figures
}

func (m *maker) traces(n int, prompt func(i int) (name, version string)) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "sample")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		name, version := prompt(i)
		m.span(spans.AppendEmpty(), name, version)
	}
	return td
}

func (m *maker) span(span ptrace.Span, name, version string) {
	m.next++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, m.next))
	span.SetTraceID(pcommon.TraceID(sum[:16]))
	span.SetSpanID(pcommon.SpanID(sum[16:24]))
	span.SetName("chat model")
	span.SetKind(ptrace.SpanKindClient)
	start := sampleStart.Add(time.Duration(m.next) * 100 * time.Second).Add(time.Duration(m.random.IntN(1e9)))
	duration := time.Duration(1 + m.random.Int64N(30e9))
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(duration)))
	f := m.figures
	f.Spans++
	f.Duration += int64(duration)
	if f.FirstStart.IsZero() || start.Before(f.FirstStart) {
		f.FirstStart = start
	}
	if start.After(f.LastStart) {
		f.LastStart = start
	}
	if name == "" {
		f.Names[dataset.Unresolved]++
	} else {
		f.Names[name]++
		span.Attributes().PutStr("gen_ai.prompt.name", name)
		span.Attributes().PutStr("gen_ai.prompt.version", version)
	}
	m.call(span.Attributes())
	m.score(span, "helpful", genai.Some(float64(m.next%7)/4), "")
	if m.next%3 == 0 {
		cost := float64(m.next) / 1e6
		f.CostUSD += cost
		m.score(span, "cost_usd", genai.Some(cost), "")
	}
	if m.next%11 == 0 {
		m.score(span, "judge", genai.Opt[float64]{}, "timeout")
	}
}

// call sets what a call says of itself, some of it on some calls only.
func (m *maker) call(a pcommon.Map) {
	f := m.figures
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", []string{"gpt-4o", "gpt-4o-mini"}[m.next%2])
	a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%08d", m.next))
	if m.next%5 != 0 {
		input, output := m.random.Int64N(4000), m.random.Int64N(500)
		f.InputTokens += input
		f.OutputTokens += output
		a.PutInt("gen_ai.usage.input_tokens", input)
		a.PutInt("gen_ai.usage.output_tokens", output)
	}
	reasons := a.PutEmptySlice("gen_ai.response.finish_reasons")
	for range 1 + m.next%3 {
		reasons.AppendEmpty().SetStr("stop")
		f.FinishReasons++
	}
	for i := range m.next % 4 {
		a.PutStr(fmt.Sprintf("gen_ai.prompt.variable.v%d", i), strings.Repeat("x", int(i)))
		f.Variables++
	}
	if m.next%2 == 0 {
		a.PutStr("user.id", fmt.Sprintf("user-%d", m.next%17))
	} else {
		f.WithoutUser++
	}
	a.PutStr("gen_ai.input.messages", fmt.Sprintf(`[{"role":"user","parts":[{"type":"text","content":"Weather in Z\u00fcrich %d, \"ja\"?"}]}]`, m.next))
	a.PutStr("gen_ai.output.messages", fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"text","content":"Sonnig ☀ %d"},`+
		`{"type":"tool_call","id":"call_%d","name":"get_weather","arguments":{"city":"Zürich"}}],"finish_reason":"stop"}]`, m.next, m.next))
	a.PutBool("cached", m.next%2 == 0)
}

func (m *maker) score(span ptrace.Span, name string, value genai.Opt[float64], failed string) {
	s := evaluator.Score{
		Name: name, Value: value, ErrorType: failed, EvaluatorVersion: "sha256:01", Kind: evaluator.KindCode,
		Direction: evaluator.HigherIsBetter, SamplingRule: "default", Probability: 1,
	}
	s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
	s.AppendTo(span, span.EndTimestamp())
	m.figures.Scores++
}

// age rewrites the one file of spans without columns that were added later, as
// an earlier version wrote it.
func age(ctx context.Context, dir string) error {
	entries, err := filepath.Glob(filepath.Join(dir, "_manifest", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range entries {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var manifest struct {
			Format int            `json:"format"`
			Files  []dataset.File `json:"files"`
		}
		if err := json.Unmarshal(content, &manifest); err != nil {
			return err
		}
		for i := range manifest.Files {
			if manifest.Files[i].Table == dataset.TableSpans {
				if err := ageFile(ctx, dir, &manifest.Files[i]); err != nil {
					return err
				}
			}
		}
		if content, err = json.Marshal(manifest); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
