// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai_test

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/genai"
)

// eachCall runs work on calls of the spans that bench/collector sends, each read
// anew.
func eachCall(b *testing.B, work func(*genai.Call)) {
	var spans []ptrace.Span
	td := benchdata.NewPlain(1, 2).Traces(1000)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans = append(spans, span)
			}
		}
	}
	scope, resource := pcommon.NewInstrumentationScope(), td.ResourceSpans().At(0).Resource()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		call, ok := genai.Read(spans[i%len(spans)], scope, resource)
		if !ok {
			b.Fatal("not read")
		}
		work(call)
	}
}

func BenchmarkReadTraffic(b *testing.B) { eachCall(b, func(*genai.Call) {}) }

func BenchmarkReadTrafficGlance(b *testing.B) {
	eachCall(b, func(call *genai.Call) { call.GlanceAtContent() })
}

func BenchmarkReadTrafficAnswer(b *testing.B) {
	eachCall(b, func(call *genai.Call) {
		if list, err := call.Output.List(); err != nil || len(list) != 1 {
			b.Fatal(err)
		}
	})
}
