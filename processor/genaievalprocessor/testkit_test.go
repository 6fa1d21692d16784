// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanloop/spanloop/internal/evaluator"
)

const weatherTools = `[{"type":"function","name":"get_weather","parameters":{"type":"object",` +
	`"properties":{"city":{"type":"string"}},"required":["city"]}}]`

var testStart = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// fillCall makes a span a chat call that calls a tool rightly.
func fillCall(span ptrace.Span) {
	span.SetName("chat")
	span.SetTraceID(pcommon.TraceID{15: 1})
	span.SetSpanID(pcommon.SpanID{7: 1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(testStart.Add(400 * time.Millisecond)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutStr("gen_ai.prompt.name", "weather")
	a.PutStr("gen_ai.prompt.version", "3.2")
	a.PutInt("gen_ai.usage.input_tokens", 75)
	a.PutInt("gen_ai.usage.output_tokens", 12)
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("tool_calls")
	a.PutStr("gen_ai.tool.definitions", weatherTools)
	a.PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"Weather in Bern?"}]}]`)
	a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"get_weather","arguments":{"city":"Bern"}}]}]`)
}

// calls returns n calls, each of which edit may change.
func calls(n int, edit func(i int, span ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "test")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		fillCall(span)
		if edit != nil {
			edit(i, span)
		}
	}
	return td
}

func oneCall() ptrace.Traces { return calls(1, nil) }

func spansOf(td ptrace.Traces) ptrace.SpanSlice {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
}

func traceID(n uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// scored runs spans through a processor of its own.
func scored(t testing.TB, config string, td ptrace.Traces) ptrace.SpanSlice {
	t.Helper()
	p, err := newEvalProcessor(mustParse(t, config), componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	return processed(t, p, td)
}

func processed(t testing.TB, p *evalProcessor, td ptrace.Traces) ptrace.SpanSlice {
	t.Helper()
	out, err := p.processTraces(context.Background(), td)
	require.NoError(t, err)
	return spansOf(out)
}

func decisionsOf(span ptrace.Span) []any {
	value, ok := span.Attributes().Get(evaluator.AttrDecisions)
	if !ok {
		return nil
	}
	return value.Slice().AsRaw()
}

func scoresOf(span ptrace.Span) []evaluator.Score {
	var list []evaluator.Score
	for _, event := range span.Events().All() {
		if s, ok := evaluator.ReadEvent(event); ok {
			list = append(list, s)
		}
	}
	return list
}

func namesOf(span ptrace.Span) []string {
	var names []string
	for _, s := range scoresOf(span) {
		names = append(names, s.Name)
	}
	return names
}

// counted are the decisions that the metric has counted, by rule and decision.
func counted(t *testing.T, telemetry *componenttest.Telemetry) map[string]int64 {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_processor_genai_eval_decisions")
	require.NoError(t, err)
	sum, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok)
	require.True(t, sum.IsMonotonic)
	counts := map[string]int64{}
	for _, point := range sum.DataPoints {
		rule, _ := point.Attributes.Value("rule")
		decision, _ := point.Attributes.Value("decision")
		counts[rule.AsString()+"="+decision.AsString()] = point.Value
	}
	return counts
}
