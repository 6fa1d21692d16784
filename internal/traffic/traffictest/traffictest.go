// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package traffictest writes datasets of invented calls for tests, with the
// writer that the collector uses.
package traffictest

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// Span is one span. Trace and ID are any texts; equal ones make equal ids.
type Span struct {
	Trace, ID, Parent, Session   string
	Prompt, Version, Environment string
	// Operation is chat when empty.
	Operation           string
	Start               time.Time
	Duration            time.Duration
	Model               string
	Input, Output       string
	Tools               []string
	OutputTokens        int
	FinishReason, Error string
	Replay              bool
	Variables           map[string]string
	Scores              []evaluator.Score
	ToolName            string
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// TraceID is the id of a trace's name.
func TraceID(name string) pcommon.TraceID {
	var id pcommon.TraceID
	binary.BigEndian.PutUint64(id[:8], hash("trace "+name))
	binary.BigEndian.PutUint64(id[8:], hash(name))
	return id
}

// SpanID is the id of a span's name.
func SpanID(name string) pcommon.SpanID {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], hash(name))
	return id
}

// Write adds spans to the dataset in a folder, in batches of so many; 0 is one
// batch.
func Write(t testing.TB, dir string, batch int, spans ...Span) {
	t.Helper()
	WriteWith(t, dir, dataset.WriterOptions{}, batch, spans...)
}

// WriteWith is Write with a writer's options.
func WriteWith(t testing.TB, dir string, o dataset.WriterOptions, batch int, spans ...Span) {
	t.Helper()
	w, err := dataset.NewWriter(dir, o)
	require.NoError(t, err)
	if batch <= 0 {
		batch = max(1, len(spans))
	}
	for len(spans) > 0 {
		n := min(batch, len(spans))
		td := ptrace.NewTraces()
		byEnvironment := map[string]ptrace.SpanSlice{}
		for _, s := range spans[:n] {
			list, ok := byEnvironment[s.Environment]
			if !ok {
				rs := td.ResourceSpans().AppendEmpty()
				rs.Resource().Attributes().PutStr("service.name", "shop")
				if s.Environment != "" {
					rs.Resource().Attributes().PutStr("deployment.environment.name", s.Environment)
				}
				list = rs.ScopeSpans().AppendEmpty().Spans()
				byEnvironment[s.Environment] = list
			}
			s.put(list.AppendEmpty())
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		spans = spans[n:]
	}
	require.NoError(t, w.Close())
}

func (s Span) put(span ptrace.Span) {
	span.SetTraceID(TraceID(s.Trace))
	span.SetSpanID(SpanID(s.ID))
	if s.Parent != "" {
		span.SetParentSpanID(SpanID(s.Parent))
	}
	operation := s.Operation
	if operation == "" {
		operation = "chat"
	}
	span.SetName(operation + " " + s.Model)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.Start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.Start.Add(s.Duration)))
	a := span.Attributes()
	put := func(key, value string) {
		if value != "" {
			a.PutStr(key, value)
		}
	}
	put("gen_ai.operation.name", operation)
	put("gen_ai.provider.name", "openai")
	put("gen_ai.request.model", s.Model)
	put("gen_ai.response.model", s.Model)
	put("gen_ai.conversation.id", s.Session)
	put("gen_ai.prompt.name", s.Prompt)
	put("gen_ai.prompt.version", s.Version)
	put("gen_ai.tool.name", s.ToolName)
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		put("gen_ai.prompt.variable."+name, s.Variables[name])
	}
	if s.Input != "" {
		put("gen_ai.input.messages", messages("user", s.Input, "", nil))
	}
	if s.Output != "" || len(s.Tools) > 0 {
		put("gen_ai.output.messages", messages("assistant", s.Output, s.FinishReason, s.Tools))
	}
	if s.OutputTokens > 0 {
		a.PutInt("gen_ai.usage.output_tokens", int64(s.OutputTokens))
	}
	if s.FinishReason != "" {
		a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(s.FinishReason)
	}
	if s.Error != "" {
		put("error.type", s.Error)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if s.Replay {
		a.PutBool(identity.AttrReplay, true)
	}
	for _, score := range s.Scores {
		if score.EvaluationID == "" {
			score.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), score.Name, score.EvaluatorVersion)
		}
		if score.Probability == 0 {
			score.Probability = 1
		}
		score.AppendTo(span, span.EndTimestamp())
	}
}

type part struct {
	Type      string          `json:"type"`
	Content   string          `json:"content,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

func messages(role, text, finish string, tools []string) string {
	type message struct {
		Role         string `json:"role"`
		Parts        []part `json:"parts"`
		FinishReason string `json:"finish_reason,omitempty"`
	}
	m := message{Role: role, FinishReason: finish}
	if text != "" {
		m.Parts = append(m.Parts, part{Type: "text", Content: text})
	}
	for _, tool := range tools {
		m.Parts = append(m.Parts, part{Type: "tool_call", ID: "call_" + tool, Name: tool, Arguments: json.RawMessage(`{}`)})
	}
	encoded, err := json.Marshal([]message{m})
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// Pass is a score with the label pass or fail.
func Pass(name, version string, pass bool) evaluator.Score {
	s := evaluator.Score{Name: name, Label: "fail", EvaluatorVersion: version, Kind: evaluator.KindCode, Direction: evaluator.HigherIsBetter, Value: genai.Some(0.0), Range: "0..1"}
	if pass {
		s.Label, s.Value = "pass", genai.Some(1.0)
	}
	return s
}

// Rated is a score with a value.
func Rated(name, version string, value float64) evaluator.Score {
	return evaluator.Score{Name: name, EvaluatorVersion: version, Kind: evaluator.KindJudge, Direction: evaluator.HigherIsBetter, Value: genai.Some(value), Range: "0..1"}
}
