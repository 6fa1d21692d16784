// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// benchCalls are calls with size bytes of content, half of which answer with
// text and half with a tool call.
func benchCalls(n, size int) ptrace.Traces {
	return calls(n, func(i int, s ptrace.Span) {
		s.SetTraceID(traceID(uint64(i + 1)))
		a := s.Attributes()
		words := strings.Repeat("the order has left our house and will be with you soon ", size/55+1)
		a.PutStr("gen_ai.input.messages", fmt.Sprintf(`[{"role":"system","parts":[{"type":"text","content":"You help customers."}]},`+
			`{"role":"user","parts":[{"type":"text","content":"%s Question %d?"}]}]`, words[:size*2/3], i))
		if i%2 == 0 {
			a.PutStr("gen_ai.output.messages", fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"text","content":"%s"}],"finish_reason":"stop"}]`, words[:size/3]))
		}
	})
}

// BenchmarkDefault is the processor with its default rule: reading the call,
// every evaluator that needs no parameters, events and attributes written.
func BenchmarkDefault(b *testing.B) {
	for _, size := range []int{1400, 8000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			p, err := newEvalProcessor(&Config{}, componenttest.NewNopTelemetrySettings())
			require.NoError(b, err)
			source := benchCalls(256, size)
			benchmarkBatches(b, source, func(td ptrace.Traces) {
				_, err := p.processTraces(context.Background(), td)
				require.NoError(b, err)
			})
		})
	}
}

// BenchmarkTraffic is the default rule on the spans that bench/collector sends: a
// quarter of them answers with a tool call.
func BenchmarkTraffic(b *testing.B) {
	p, err := newEvalProcessor(&Config{}, componenttest.NewNopTelemetrySettings())
	require.NoError(b, err)
	benchmarkBatches(b, benchdata.NewPlain(1, 2).Traces(1000), func(td ptrace.Traces) {
		_, err := p.processTraces(context.Background(), td)
		require.NoError(b, err)
	})
}

// BenchmarkEvaluators is the evaluators of the default rule alone, each call
// read once.
func BenchmarkEvaluators(b *testing.B) {
	list := evaluator.Defaults()
	for _, size := range []int{1400, 8000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			source := benchCalls(256, size)
			benchmarkBatches(b, source, func(td ptrace.Traces) {
				for _, span := range spansOf(td).All() {
					call, _ := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
					in := evaluator.NewInput(span, call)
					for _, e := range list {
						e.Evaluate(in)
					}
				}
			})
		})
	}
}

// BenchmarkRead is the part that both have in common: reading the call.
func BenchmarkRead(b *testing.B) {
	source := benchCalls(256, 1400)
	benchmarkBatches(b, source, func(td ptrace.Traces) {
		for _, span := range spansOf(td).All() {
			genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
		}
	})
}

// BenchmarkOthers is a batch without a GenAI span.
func BenchmarkOthers(b *testing.B) {
	p, err := newEvalProcessor(&Config{}, componenttest.NewNopTelemetrySettings())
	require.NoError(b, err)
	source := calls(256, func(_ int, s ptrace.Span) {
		s.Attributes().Clear()
		for i := range 12 {
			s.Attributes().PutStr(fmt.Sprintf("http.attribute.%d", i), "value")
		}
	})
	benchmarkBatches(b, source, func(td ptrace.Traces) {
		_, err := p.processTraces(context.Background(), td)
		require.NoError(b, err)
	})
}

// benchmarkBatches runs work on copies of a batch, which are made outside of the
// time measured.
func benchmarkBatches(b *testing.B, source ptrace.Traces, work func(ptrace.Traces)) {
	b.Helper()
	b.ReportAllocs()
	n := source.SpanCount()
	for b.Loop() {
		b.StopTimer()
		td := ptrace.NewTraces()
		source.CopyTo(td)
		b.StartTimer()
		work(td)
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/span")
}
