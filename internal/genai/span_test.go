// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// kv is an ordered list of attribute names and values: name, value, name, ...
type kv []any

// list is an array value.
type list []any

// none is an attribute value without a value.
type none struct{}

func setValue(v pcommon.Value, raw any) {
	switch raw := raw.(type) {
	case string:
		v.SetStr(raw)
	case int:
		v.SetInt(int64(raw))
	case float64:
		v.SetDouble(raw)
	case bool:
		v.SetBool(raw)
	case []byte:
		v.SetEmptyBytes().FromRaw(raw)
	case kv:
		raw.put(v.SetEmptyMap())
	case list:
		slice := v.SetEmptySlice()
		for _, item := range raw {
			setValue(slice.AppendEmpty(), item)
		}
	case none:
	default:
		panic(fmt.Sprintf("no attribute value: %T", raw))
	}
}

func (k kv) put(m pcommon.Map) {
	for i := 0; i < len(k); i += 2 {
		setValue(m.PutEmpty(k[i].(string)), k[i+1])
	}
}

// spanEvent is an event of a test span.
type spanEvent struct {
	name       string
	attributes kv
}

// testSpan describes a span to read.
type testSpan struct {
	name     string
	scope    string
	status   ptrace.StatusCode
	message  string
	attrs    kv
	events   []spanEvent
	resource kv
}

func (s testSpan) build() (ptrace.Span, pcommon.InstrumentationScope, pcommon.Resource) {
	span, scope, resource := ptrace.NewSpan(), pcommon.NewInstrumentationScope(), pcommon.NewResource()
	span.SetName(s.name)
	span.Status().SetCode(s.status)
	span.Status().SetMessage(s.message)
	scope.SetName(s.scope)
	s.attrs.put(span.Attributes())
	s.resource.put(resource.Attributes())
	for _, e := range s.events {
		event := span.Events().AppendEmpty()
		event.SetName(e.name)
		e.attributes.put(event.Attributes())
	}
	return span, scope, resource
}

func (s testSpan) read(t testing.TB) *Call {
	t.Helper()
	call, ok := Read(s.build())
	require.True(t, ok, "a GenAI span")
	return call
}

// spanCase is a span and the description of the call that it must yield.
type spanCase struct {
	name string
	span testSpan
	want string
}

func runCases(t *testing.T, cases []spanCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, strings.TrimSpace(c.want), describe(c.span.read(t)))
		})
	}
}

var kindNames = map[Kind]string{
	KindOther: "other", KindInference: "inference", KindEmbeddings: "embeddings", KindRerank: "rerank", KindRetrieval: "retrieval",
	KindTool: "tool", KindAgent: "agent", KindWorkflow: "workflow", KindEvaluation: "evaluation", KindPrompt: "prompt",
}

// describe prints all that a call holds, a line a field.
func describe(c *Call) string {
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	text := func(name, value string) {
		if value != "" {
			line("%s: %s", name, value)
		}
	}
	counted := ""
	if c.Counted {
		counted = ", counted"
	}
	line("%s %s%s [%s]", kindNames[c.Kind], c.Operation, counted, strings.Join(c.Dialects, " "))
	text("provider", c.Provider)
	text("request model", c.RequestModel)
	text("response model", c.ResponseModel)
	text("response id", c.ResponseID)
	text("fingerprint", c.SystemFingerprint)
	text("params", ParamsJSON(c.Params))
	text("usage", describeUsage(c))
	text("finish", strings.Join(c.FinishReasons, " "))
	text("error", strings.TrimSpace(c.ErrorType+" "+c.ErrorMessage))
	text("system", c.System.JSON())
	text("input", c.Input.JSON())
	text("output", c.Output.JSON())
	text("tools", c.Tools.JSON())
	if tool := c.ToolExecution; tool != nil {
		line("execution: %s", strings.TrimSpace(fmt.Sprintf("%s id=%s type=%s description=%s arguments=%s result=%s",
			tool.Name, tool.CallID, tool.Type, tool.Description, tool.Arguments, tool.Result)))
	}
	text("prompt", describePrompt(&c.Prompt))
	text("session", c.SessionID)
	text("user", c.UserID)
	text("agent", c.AgentName)
	text("documents", c.Documents)
	for _, s := range c.Scores {
		line("score: %s", describeScore(s))
	}
	for _, p := range c.CheckContent() {
		line("problem: %s %s", p.Attribute, p.Reason)
	}
	return strings.Join(lines, "\n")
}

func describeUsage(c *Call) string {
	var parts []string
	count := func(name string, value Opt[int64]) {
		if value.Set {
			parts = append(parts, fmt.Sprintf("%s=%d", name, value.Value))
		}
	}
	count("in", c.Usage.InputTokens)
	count("out", c.Usage.OutputTokens)
	count("cache_read", c.Usage.CacheReadTokens)
	count("cache_write", c.Usage.CacheWriteTokens)
	count("reasoning", c.Usage.ReasoningTokens)
	if c.CostUSD.Set {
		parts = append(parts, fmt.Sprintf("cost=%g", c.CostUSD.Value))
	}
	count("ttft_ns", c.TimeToFirstTokenNS)
	return strings.Join(parts, " ")
}

func describePrompt(p *PromptReference) string {
	var parts []string
	for _, field := range []struct{ name, value string }{
		{"name", p.Name}, {"version", p.Version}, {"label", p.Label}, {"id", p.ID}, {"hash", p.Hash}, {"template", p.Template}, {"source", p.Source},
	} {
		if field.value != "" {
			parts = append(parts, field.name+"="+field.value)
		}
	}
	for _, v := range p.Variables {
		parts = append(parts, fmt.Sprintf("{%s=%s}", v.Name, v.Value))
	}
	return strings.Join(parts, " ")
}

func describeScore(s GivenScore) string {
	text := s.Name
	if s.Value.Set {
		text += fmt.Sprintf(" value=%g", s.Value.Value)
	}
	for _, field := range []struct{ name, value string }{
		{"label", s.Label}, {"explanation", s.Explanation}, {"kind", s.Kind}, {"evaluator", s.Evaluator}, {"error", s.ErrorType}, {"scope", s.Scope},
	} {
		if field.value != "" {
			text += " " + field.name + "=" + field.value
		}
	}
	return text
}
