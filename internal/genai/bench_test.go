// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// httpSpan is a span of an HTTP client: what most spans of a collector are.
func httpSpan() ptrace.Span {
	span := ptrace.NewSpan()
	span.SetName("GET /orders/{id}")
	put := span.Attributes()
	put.PutStr("http.request.method", "GET")
	put.PutStr("url.full", "https://shop.example/orders/17")
	put.PutStr("server.address", "shop.example")
	put.PutInt("server.port", 443)
	put.PutInt("http.response.status_code", 200)
	put.PutStr("network.protocol.version", "1.1")
	put.PutStr("user_agent.original", "agent/1.0")
	put.PutStr("thread.name", "worker-3")
	put.PutInt("thread.id", 17)
	put.PutStr("session.id", "s-1")
	return span
}

// chatSpan is a model call in the current conventions with about 12 KB of
// content.
func chatSpan() ptrace.Span {
	span := ptrace.NewSpan()
	span.SetName("chat gpt-4o-mini")
	put := span.Attributes()
	put.PutStr("gen_ai.operation.name", "chat")
	put.PutStr("gen_ai.provider.name", "openai")
	put.PutStr("gen_ai.request.model", "gpt-4o-mini")
	put.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	put.PutStr("gen_ai.response.id", "chatcmpl-1")
	put.PutDouble("gen_ai.request.temperature", 0.2)
	put.PutInt("gen_ai.request.max_tokens", 512)
	put.PutInt("gen_ai.usage.input_tokens", 2750)
	put.PutInt("gen_ai.usage.output_tokens", 51)
	put.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("tool_calls")
	put.PutStr("server.address", "api.openai.com")
	put.PutInt("server.port", 443)
	put.PutStr("gen_ai.prompt.name", "weather-system")
	put.PutStr("gen_ai.prompt.version", "3.1")
	put.PutStr("gen_ai.conversation.id", "conv-1")
	var history strings.Builder
	history.WriteString(`[{"role":"system","parts":[{"type":"text","content":"You answer questions about the weather."}]}`)
	for i := 0; history.Len() < 9500; i++ {
		fmt.Fprintf(&history, `,{"role":"user","parts":[{"type":"text","content":"Question %d: how warm is it in city %d, and will it rain \"much\" tomorrow?"}]}`, i, i)
	}
	history.WriteString("]")
	put.PutStr("gen_ai.input.messages", history.String())
	put.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Oslo"}}],"finish_reason":"tool_calls"}]`)
	put.PutStr("gen_ai.tool.definitions", `[{"type":"function","name":"get_weather","description":"`+strings.Repeat("Weather of a city. ", 90)+`","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]`)
	return span
}

func BenchmarkIsGenAIOtherSpan(b *testing.B) {
	span, scope := httpSpan(), pcommon.NewInstrumentationScope()
	b.ReportAllocs()
	for b.Loop() {
		if IsGenAI(span, scope) {
			b.Fatal("an HTTP span is no GenAI span")
		}
	}
}

func BenchmarkReadOTel12KB(b *testing.B) {
	span, scope, resource := chatSpan(), pcommon.NewInstrumentationScope(), pcommon.NewResource()
	b.ReportAllocs()
	for b.Loop() {
		if call, ok := Read(span, scope, resource); !ok || call.Usage.InputTokens.Value != 2750 {
			b.Fatal("not read")
		}
	}
}
