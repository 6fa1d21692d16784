// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/wire"
)

func TestFind(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	for _, id := range []string{spanHex, " " + strings.ToUpper(spanHex), traceHex + ":" + spanHex} {
		source, err := Find(t.Context(), memory(call.traces(t)), id, snapshot)
		require.NoError(t, err, id)
		assert.Equal(t, traceHex+":"+spanHex, source.ID())
		assert.Equal(t, map[string]string{"name": "Ada"}, source.Variables())
	}

	twice := call.traces(t)
	call.traces(t).ResourceSpans().MoveAndAppendTo(twice.ResourceSpans())
	twice.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{9})
	tool := call
	tool.edit = func(a pcommon.Map) { a.PutStr("gen_ai.operation.name", "execute_tool") }
	other := call
	other.edit = func(a pcommon.Map) { a.Clear() }
	hashes := call
	hashes.edit = func(a pcommon.Map) { a.PutStr(identity.AttrContentMode, redact.ModeHashes) }
	for _, c := range []struct {
		name, id string
		spans    ptrace.Traces
		want     error
		text     string
	}{
		{"no id", "", call.traces(t), ErrSpanID, "16 hex digits"},
		{"not hex", "xyz0000000000000", call.traces(t), ErrSpanID, "16 hex digits"},
		{"a path", "../../etc/passwd", call.traces(t), ErrSpanID, "16 hex digits"},
		{"half a trace id", "0102:" + spanHex, call.traces(t), ErrSpanID, "16 hex digits"},
		{"not there", "00000000000000ff", call.traces(t), ErrNotFound, "spanloop query"},
		{"another trace", strings.Repeat("0", 32) + ":" + spanHex, call.traces(t), ErrNotFound, ""},
		{"in two traces", spanHex, twice, ErrSpanID, "TRACE_ID:SPAN_ID"},
		{"a tool's span", spanHex, tool.traces(t), ErrNotACall, "replay the chat span"},
		{"only hashes", spanHex, hashes.traces(t), ErrNoContent, "content not stored: span " + spanHex + " was written with content: hashes"},
		{"no model call", spanHex, other.traces(t), ErrNotACall, "no GenAI span"},
	} {
		_, err := Find(t.Context(), memory(c.spans), c.id, snapshot)
		require.ErrorIs(t, err, c.want, c.name)
		assert.Contains(t, err.Error(), c.text, c.name)
	}
}

// A call that was stored redacted can be replayed; the plan and the runs say what
// is sent.
func TestReplayOfARedactedCall(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	redactor, err := redact.New(redact.Options{Key: []byte("a key that nobody knows")})
	require.NoError(t, err)
	traces := call.traces(t)
	span := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	redactor.Span(span)
	source, err := Find(t.Context(), memory(traces), spanHex, snapshot)
	require.NoError(t, err)
	assert.Zero(t, source.Redacted, "nothing was found: the call is what it was")
	plan, err := NewPlan(source, PlanOptions{Registry: snapshot})
	require.NoError(t, err)
	assert.NotContains(t, noteIDs(plan.Notes), "stored-redacted")

	span.Attributes().PutStr("user.id", "ada@example.com")
	redactor.Span(span)
	source, err = Find(t.Context(), memory(traces), spanHex, snapshot)
	require.NoError(t, err)
	plan, err = NewPlan(source, PlanOptions{Registry: snapshot})
	require.NoError(t, err)
	assert.Contains(t, noteIDs(plan.Notes), "stored-redacted")
	assert.NotEqual(t, wire.Mismatch, plan.Request.Grade, "the hash of the original does not stand in the way")
	marked := ptrace.NewSpan()
	plan.mark(marked, "run", &Run{})
	mode, count := redact.ModeOf(marked.Attributes())
	assert.Equal(t, redact.ModeRedacted, mode)
	assert.Equal(t, source.Redacted, count)
}

type broken struct{}

func (broken) ReadTraces(context.Context, dataset.Filter) (ptrace.Traces, error) {
	return ptrace.Traces{}, errors.New("disk")
}

func TestFindSaysWhyTheDatasetCannotBeRead(t *testing.T) {
	_, err := Find(t.Context(), broken{}, spanHex, nil)
	assert.ErrorContains(t, err, "disk")
}

func TestPromptIsResolvedLikeInTheCollector(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	unnamed := supportCall(t, snapshot)
	unnamed.prompt = ""
	source := unnamed.source(t, snapshot)
	assert.Equal(t, "support", source.Identity.PromptName)
	assert.Equal(t, "v1", source.Identity.PromptVersion)
	assert.Equal(t, map[string]string{"name": "Ada"}, source.Variables())

	withoutVariables := supportCall(t, snapshot)
	withoutVariables.edit = func(a pcommon.Map) { a.Remove("gen_ai.prompt.variable.name") }
	assert.Equal(t, map[string]string{"name": "Ada"}, withoutVariables.source(t, snapshot).Variables())
	assert.Empty(t, withoutVariables.source(t, nil).Variables(), "without a registry there is nothing to match")
}

func TestParseWorst(t *testing.T) {
	score, prompt, version, err := ParseWorst("tool_args_schema:team/support@v3.1")
	require.NoError(t, err)
	assert.Equal(t, []string{"tool_args_schema", "team/support", "v3.1"}, []string{score, prompt, version})
	for _, text := range []string{"", "x", "x:y", ":y@1", "x:@1", "x:y@"} {
		_, _, _, err := ParseWorst(text)
		assert.ErrorContains(t, err, "SCORE:PROMPT@VERSION", text)
	}
}

func TestContentOfLogEvents(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.prompt = ""
	content := Content{}
	call.edit = func(a pcommon.Map) {
		for key, into := range map[string]*string{
			"gen_ai.input.messages": &content.Input, "gen_ai.output.messages": &content.Output, "gen_ai.tool.definitions": &content.Tools,
		} {
			v, _ := a.Get(key)
			*into = v.Str()
			a.Remove(key)
		}
	}
	source := call.source(t, snapshot)
	assert.True(t, source.Call.Input.Empty())
	source.AddContent(content, snapshot)
	assert.Equal(t, "support", source.Identity.PromptName, "the prompt is found in the content")
	plan, err := NewPlan(source, PlanOptions{Registry: snapshot, Changes: Changes{PromptVersion: "v2"}})
	require.NoError(t, err)
	assert.Equal(t, wire.Exact, plan.Request.Grade, "the hash proves joined content too")
	assert.Equal(t, call.body, plan.Control.Text())
	assert.Contains(t, noteIDs(plan.Notes), "content-from-events")

	whole := supportCall(t, snapshot).source(t, snapshot)
	whole.AddContent(Content{Input: `[{"role":"user","parts":[]}]`, System: `[{"type":"text","content":"x"}]`}, snapshot)
	assert.Equal(t, 2, len(messagesOf(t, whole)), "the span's own content wins")
}

func messagesOf(t *testing.T, source *Source) []genai.Message {
	t.Helper()
	list, err := source.Call.Input.List()
	require.NoError(t, err)
	return list
}
