// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

var lengthCharsCases = []testCase{
	{name: "code points", call: []attribute{answers("naïve 日本")}, want: "8"},
	{name: "two choices and the newline between", call: []attribute{answers("ab", "c")}, want: "4"},
	{name: "too long", params: map[string]any{"max": 3}, call: []attribute{answers("abcd")}, want: "4 fail: 4 is above 3"},
	{name: "long enough", params: map[string]any{"min": 3, "max": 5}, call: []attribute{answers("abcd")}, want: "4 pass"},
	{name: "5 MB", call: []attribute{answers(fiveMegabytes)}, want: "5.242872e+06"},
	{name: "invalid UTF-8 counts a character a byte", call: []attribute{rawAnswer("\xff\xfe")}, want: "2"},
	{name: "no text", call: []attribute{toolCalls("t", "{}")}, want: "n/a"},
	{name: "cut off", call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: "n/a"},
	{name: "not a model call", call: []attribute{text("gen_ai.operation.name", "invoke_agent"), answers("abc")}, want: "n/a"},
}

var lengthWordsCases = []testCase{
	{name: "words", call: []attribute{answers(" one  two\nthree\t")}, want: "3"},
	{name: "punctuation is no word of its own", call: []attribute{answers("Well, yes - maybe.")}, want: "4"},
	{name: "too short", params: map[string]any{"min": 2}, call: []attribute{answers("no")}, want: "1 fail: 1 is below 2"},
	{name: "white space only", call: []attribute{answers(" \n ")}, want: "0"},
	{name: "no text", want: "n/a"},
}

var latencyCases = []testCase{
	{name: "milliseconds", call: []attribute{lasting(1500 * time.Millisecond)}, want: "1500"},
	{name: "fractions", call: []attribute{lasting(1234567 * time.Nanosecond)}, want: "1.234567"},
	{name: "too slow", params: map[string]any{"max": 1000}, call: []attribute{lasting(2 * time.Second)}, want: "2000 fail: 2000 is above 1000"},
	{name: "ends before it starts", call: []attribute{lasting(-time.Second)}, want: "n/a"},
	{name: "without an end", call: []attribute{func(s ptrace.Span) { s.SetEndTimestamp(0) }}, want: "n/a"},
	{name: "without a start", call: []attribute{func(s ptrace.Span) { s.SetStartTimestamp(0) }}, want: "n/a"},
	{name: "at once", call: []attribute{lasting(0)}, want: "n/a"},
}

var testPrices = map[string]any{"prices": []any{
	map[string]any{"model": "gpt-4o-mini*", "provider": "openai", "input": 0.15, "output": 0.6, "cache_read": 0.075},
	map[string]any{"model": "*", "input": 1, "output": 2},
}}

func usage(input, output int64) attribute {
	return func(s ptrace.Span) {
		s.Attributes().PutInt("gen_ai.usage.input_tokens", input)
		s.Attributes().PutInt("gen_ai.usage.output_tokens", output)
	}
}

var costCases = []testCase{
	{name: "what the span states", call: []attribute{double("gen_ai.usage.cost", 0.25)}, want: "0.25"},
	{name: "the span's word comes before prices", params: testPrices, call: []attribute{double("gen_ai.usage.cost", 0.25), usage(1000, 1000)}, want: "0.25"},
	{name: "tokens at the first price that fits", params: testPrices, call: []attribute{text("gen_ai.provider.name", "openai"), usage(2_000_000, 1_000_000)}, want: "0.9"},
	{name: "another provider", params: testPrices, call: []attribute{text("gen_ai.provider.name", "azure.ai.openai"), usage(1_000_000, 1_000_000)}, want: "3"},
	{name: "cached input is cheaper", params: testPrices, call: []attribute{
		text("gen_ai.provider.name", "openai"), usage(1_000_000, 0), number64("gen_ai.usage.cache_read.input_tokens", 400_000),
	}, want: "0.12"},
	{name: "a sender that counts cached input apart", params: testPrices, call: []attribute{
		text("gen_ai.provider.name", "openai"), usage(100, 0), number64("gen_ai.usage.cache_read.input_tokens", 400),
	}, want: "4.5e-05"},
	{name: "more cached than there can be", params: testPrices, call: []attribute{
		text("gen_ai.provider.name", "openai"), usage(100, 0), number64("gen_ai.usage.cache_read.input_tokens", math.MaxInt64),
	}, want: "n/a"},
	{name: "too expensive", params: map[string]any{"max": 0.1}, call: []attribute{double("gen_ai.usage.cost", 0.25)}, want: "0.25 fail: 0.25 is above 0.1"},
	{name: "neither cost nor prices", call: []attribute{usage(10, 10)}, want: "n/a"},
	{name: "no output tokens", params: testPrices, call: []attribute{number64("gen_ai.usage.input_tokens", 5)}, want: "n/a"},
	{name: "negative tokens", params: testPrices, call: []attribute{usage(-5, 10)}, want: "n/a"},
	{name: "negative cost", call: []attribute{double("gen_ai.usage.cost", -1)}, want: "n/a"},
	{name: "no number", call: []attribute{double("gen_ai.usage.cost", math.NaN())}, want: "n/a"},
	{name: "infinite", call: []attribute{double("gen_ai.usage.cost", math.Inf(1))}, want: "n/a"},
	{name: "cost that is a word", call: []attribute{text("gen_ai.usage.cost", "a lot")}, want: "n/a"},
}

var inputTokensCases = []testCase{
	{name: "tokens", call: []attribute{usage(75, 12)}, want: "75"},
	{name: "zero is a number", call: []attribute{usage(0, 0)}, want: "0"},
	{name: "over budget", params: map[string]any{"max": 50}, call: []attribute{usage(75, 12)}, want: "75 fail: 75 is above 50"},
	{name: "not on the span", want: "n/a"},
	{name: "negative", call: []attribute{usage(-1, 0)}, want: "n/a"},
	{name: "a word", call: []attribute{text("gen_ai.usage.input_tokens", "many")}, want: "n/a"},
}

var outputTokensCases = []testCase{
	{name: "tokens", call: []attribute{usage(75, 12)}, want: "12"},
	{name: "too few", params: map[string]any{"min": 20}, call: []attribute{usage(75, 12)}, want: "12 fail: 12 is below 20"},
	{name: "not on the span", want: "n/a"},
	{name: "no number", call: []attribute{double("gen_ai.usage.output_tokens", math.NaN())}, want: "n/a"},
}

var finishReasonCases = []testCase{
	{name: "the reason is the label", call: []attribute{finishReasons("stop")}, want: "unscored stop"},
	{name: "several choices", call: []attribute{finishReasons("stop", "length", "stop")}, want: "unscored stop,length"},
	{name: "allowed", params: map[string]any{"allowed": []string{"stop", "tool_calls"}}, call: []attribute{finishReasons("tool_calls")}, want: "1 tool_calls"},
	{name: "not allowed", params: map[string]any{"allowed": []string{"stop"}}, call: []attribute{finishReasons("stop", "length")}, want: "0 stop,length"},
	{name: "not on the span", want: "n/a"},
	{name: "many", call: []attribute{finishReasons("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")}, want: "unscored a,b,c,d,e,f,g,h"},
	{name: "text that controls a terminal", call: []attribute{finishReasons("st\x1b[31mop\u202e")}, want: "unscored st[31mop"},
	{name: "long", call: []attribute{finishReasons(fiveMegabytes)}, want: "unscored " + fiveMegabytes[:99] + "…"},
}

func failedWith(message string) attribute {
	return func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage(message)
	}
}

var errorCases = []testCase{
	{name: "no error", call: []attribute{answers("ok")}, want: "0 ok"},
	{name: "error type", call: []attribute{failedWith("quota"), text("error.type", "429")}, want: "1 429"},
	{name: "status only", call: []attribute{failedWith("")}, want: "1 _OTHER"},
	{name: "no answer is no error", want: "0 ok"},
	{name: "text that controls a terminal", call: []attribute{failedWith("x"), text("error.type", "bad\x1b[2Jtype\n")}, want: "1 bad[2Jtype"},
}
