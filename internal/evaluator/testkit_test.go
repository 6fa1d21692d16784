// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
)

// testCase is one call and what an evaluator says about it.
type testCase struct {
	name   string
	params map[string]any
	call   []attribute
	// want is the outcome in one line: see outcome.
	want string
}

// attribute fills in a span.
type attribute func(ptrace.Span)

func text(key, value string) attribute {
	return func(span ptrace.Span) { span.Attributes().PutStr(key, value) }
}

func number64(key string, value int64) attribute {
	return func(span ptrace.Span) { span.Attributes().PutInt(key, value) }
}

func double(key string, value float64) attribute {
	return func(span ptrace.Span) { span.Attributes().PutDouble(key, value) }
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// answers are the texts of an answer's choices.
func answers(texts ...string) attribute {
	messages := make([]string, len(texts))
	for i, content := range texts {
		messages[i] = `{"role":"assistant","parts":[{"type":"text","content":` + quoted(content) + `}]}`
	}
	return text("gen_ai.output.messages", "["+strings.Join(messages, ",")+"]")
}

// callPart is a tool call part; arguments is JSON.
func callPart(name, arguments string) string {
	return `{"type":"tool_call","id":"c","name":` + quoted(name) + `,"arguments":` + arguments + `}`
}

// toolCalls is an answer that calls tools: name, arguments, name, arguments...
func toolCalls(nameAndArguments ...string) attribute {
	return text("gen_ai.output.messages", `[`+callMessage(nameAndArguments...)+`]`)
}

func callMessage(nameAndArguments ...string) string {
	var parts []string
	for i := 0; i < len(nameAndArguments); i += 2 {
		parts = append(parts, callPart(nameAndArguments[i], nameAndArguments[i+1]))
	}
	return `{"role":"assistant","parts":[` + strings.Join(parts, ",") + `]}`
}

// toolsOffered defines tools: name, schema, name, schema...
func toolsOffered(nameAndSchema ...string) attribute {
	var list []string
	for i := 0; i < len(nameAndSchema); i += 2 {
		list = append(list, `{"type":"function","name":`+quoted(nameAndSchema[i])+`,"parameters":`+nameAndSchema[i+1]+`}`)
	}
	return text("gen_ai.tool.definitions", "["+strings.Join(list, ",")+"]")
}

func finishReasons(reasons ...string) attribute {
	return func(span ptrace.Span) {
		list := span.Attributes().PutEmptySlice("gen_ai.response.finish_reasons")
		for _, reason := range reasons {
			list.AppendEmpty().SetStr(reason)
		}
	}
}

var testStart = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func lasting(d time.Duration) attribute {
	return func(span ptrace.Span) {
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(span.StartTimestamp().AsTime().Add(d)))
	}
}

// newSpan is a chat span of 250 ms with the given attributes.
func newSpan(attributes ...attribute) ptrace.Span {
	span := ptrace.NewSpan()
	span.SetName("chat")
	span.SetTraceID(pcommon.TraceID{1, 2, 3})
	span.SetSpanID(pcommon.SpanID{4, 5, 6})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart))
	lasting(250 * time.Millisecond)(span)
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	span.Attributes().PutStr("gen_ai.request.model", "gpt-4o-mini")
	for _, fill := range attributes {
		fill(span)
	}
	return span
}

func newTestInput(t testing.TB, attributes ...attribute) *Input {
	t.Helper()
	span := newSpan(attributes...)
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	require.True(t, ok)
	return NewInput(span, call)
}

func configured(t testing.TB, name string, params map[string]any) *Evaluator {
	t.Helper()
	e, err := New(name, params)
	require.NoError(t, err)
	return e
}

// outcome writes a result in one line: "n/a", "1 pass", "0 fail: why",
// "unscored unknown: why", "failed panic: why".
func outcome(s Score, applies bool) string {
	if !applies {
		return "n/a"
	}
	line := "unscored"
	if s.Value.Set {
		line = strconv.FormatFloat(s.Value.Value, 'g', -1, 64)
	}
	if s.ErrorType != "" {
		line = "failed " + s.ErrorType
	}
	if s.Label != "" {
		line += " " + s.Label
	}
	if s.Explanation != "" {
		line += fmt.Sprintf(": %s", s.Explanation)
	}
	return line
}

// check runs a table of cases.
func (c testCase) check(t *testing.T, evaluator string) {
	t.Helper()
	e := configured(t, evaluator, c.params)
	in := newTestInput(t, c.call...)
	got := outcome(e.Evaluate(in))
	require.Equal(t, c.want, got)
	require.Equal(t, got, outcome(e.Evaluate(in)), "the same input scores the same again")
}
