// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/registry"
)

const registered = 10000

// manyVersions are 1,000 prompts of 10 versions each, about 2 KB a text.
func manyVersions() map[string]string {
	files := map[string]string{}
	for i := range registered {
		name, version := fmt.Sprintf("team-%d/prompt-%d", i%7, i/10), fmt.Sprintf("v%d", i%10)
		files["prompts/"+name+"/versions/"+version+".yaml"] = fmt.Sprintf("version: %s\ntime: 2026-01-01T00:00:00Z\ntemplate: |-\n  %s\n", version, promptText(i, "{{customer}}"))
	}
	return files
}

// fixedRegistry is an extension with a registry that nobody looks at again.
type fixedRegistry struct {
	component.StartFunc
	component.ShutdownFunc
	snapshot *registry.Snapshot
}

func (r fixedRegistry) Snapshot() *registry.Snapshot { return r.snapshot }
func (fixedRegistry) Problems() []registry.Problem   { return nil }

// versionsLoaded is read once for all benchmarks. The looks at its folder are left out
// of their figures: they go by the clock on the wall, not by spans
// (BenchmarkLoad/unchanged in internal/registry, a twentieth of the time at most).
var versionsLoaded *registry.Snapshot

func tenThousandVersions(b *testing.B) *registry.Snapshot {
	b.Helper()
	if versionsLoaded == nil {
		versionsLoaded, _ = registry.Load(registryIn(b, b.TempDir(), manyVersions()))
		require.Empty(b, versionsLoaded.Problems())
	}
	return versionsLoaded
}

func promptText(i int, customer string) string {
	return fmt.Sprintf("You are assistant number %d of the shop. You are talking to %s. %s Policy %d holds.",
		i/10, customer, strings.Repeat("Look up the order before you say anything about it. ", 38), i%10)
}

// promptOf is the version that call i of n renders: they are spread over all.
func promptOf(i, n int) int { return (i*(registered/n) + i%10) % registered }

// manyCalls are n model calls with tools, 10 a trace, which render the registered
// prompts, as far from each other as they can be.
func manyCalls(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	tools := tool("get_weather", strings.Repeat("Weather of a city. ", 20))
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, byte(i / 10 >> 8), byte(i / 10)})
		span.SetSpanID(pcommon.SpanID{1, byte(i >> 8), byte(i)})
		span.SetStartTimestamp(pcommon.Timestamp(i + 1))
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o-mini")
		a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
		a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%d", i))
		a.PutDouble("gen_ai.request.temperature", 0.2)
		a.PutInt("gen_ai.usage.input_tokens", 700)
		a.PutInt("gen_ai.usage.output_tokens", 50)
		a.PutStr("gen_ai.tool.definitions", tools)
		a.PutStr("gen_ai.input.messages", fmt.Sprintf(`[{"role":"system","parts":[{"type":"text","content":%q}]},{"role":"user","parts":[{"type":"text","content":"Question %d"}]}]`,
			promptText(promptOf(i, n), fmt.Sprintf("Customer %d", i%50)), i))
		a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Oslo"}}]}]`)
	}
	return td
}

// httpSpans are n spans of an HTTP client, with 10 attributes each.
func httpSpans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, byte(i >> 8), byte(i)})
		span.SetSpanID(pcommon.SpanID{1})
		a := span.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.full", "https://shop.example/orders/17")
		a.PutStr("server.address", "shop.example")
		a.PutInt("server.port", 443)
		a.PutInt("http.response.status_code", 200)
		a.PutStr("network.protocol.version", "1.1")
		a.PutStr("user_agent.original", "agent/1.0")
		a.PutStr("thread.name", "worker-3")
		a.PutInt("thread.id", 17)
		a.PutStr("session.id", "s-1")
	}
	return td
}

// benchmark sends copies of source, each changed by vary where there is one.
func benchmark(b *testing.B, versions *registry.Snapshot, source ptrace.Traces, vary func(td ptrace.Traces, round int)) {
	extension := component.NewID(extensionType)
	r := startOn(b, hostWith{extension: fixedRegistry{snapshot: versions}}, func(c *Config) { c.Registry = extension.String() })
	next := r.out
	spans := source.SpanCount()
	var used time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		td := ptrace.NewTraces()
		source.CopyTo(td)
		if vary != nil {
			vary(td, round)
		}
		next.Reset()
		before := processorTime(b)
		b.StartTimer()
		if err := r.ConsumeTraces(b.Context(), td); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		used += processorTime(b) - before
		b.StartTimer()
	}
	total := float64(spans) * float64(b.N)
	b.ReportMetric(total/used.Seconds(), "spans/s/core")
	b.ReportMetric(float64(used.Nanoseconds())/total, "cpu-ns/span")
}

// processorTime is what the process used: on a busy machine the clock on the wall says
// little. It includes the collection of garbage, that of the copies of the source too,
// which are about as much as what the processor allocates: the figures are rather too
// low than too high.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Spans that are no GenAI spans.
func BenchmarkOtherSpans(b *testing.B) { benchmark(b, nil, httpSpans(1000), nil) }

// Model calls of about 2.5 KB whose prompt is found by its text among 10,000
// registered versions.
func BenchmarkTemplateAmong10000Versions(b *testing.B) {
	benchmark(b, tenThousandVersions(b), manyCalls(1000), nil)
}

// The same calls, no two of which have the same text: nothing is remembered of it.
func BenchmarkNewTextsAmong10000Versions(b *testing.B) {
	benchmark(b, tenThousandVersions(b), manyCalls(1000), newTexts)
}

// newTexts gives the calls of a round texts that no other round has.
func newTexts(td ptrace.Traces, round int) {
	for i, span := range spansOf(td) {
		messages, _ := span.Attributes().Get("gen_ai.input.messages")
		messages.SetStr(strings.Replace(messages.Str(), "Customer ", fmt.Sprintf("Customer %d-%d ", round, i), 1))
	}
}

// The same calls without a registry.
func BenchmarkFingerprint(b *testing.B) { benchmark(b, nil, manyCalls(1000), nil) }

// The same calls that name their prompt and its version.
func BenchmarkExplicitAmong10000Versions(b *testing.B) {
	td := manyCalls(1000)
	for i, span := range spansOf(td) {
		at := promptOf(i, 1000)
		span.Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("team-%d/prompt-%d", at%7, at/10))
		span.Attributes().PutStr("gen_ai.prompt.version", fmt.Sprintf("v%d", at%10))
	}
	benchmark(b, tenThousandVersions(b), td, nil)
}

// The spans that bench/collector sends: 10 KB with tools of one of two prompt
// versions.
func BenchmarkTraffic(b *testing.B) { benchmark(b, nil, benchdata.NewPlain(1, 2).Traces(1000), nil) }
