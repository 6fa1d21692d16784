// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	traceHex = "0102030405060708090a0b0c0d0e0f10"
	spanHex  = "00000000000000ab"
)

// files are the registry of the tests: a prompt of one message in three
// versions, one of two messages, a partial and a tool.
var files = map[string]string{
	"prompts/support/versions/v1.yaml": `{version: v1, time: 2026-01-01T00:00:00Z, params: {temperature: 0.2, top_p: 0.9},
template: "You help {{name}}.\n\n{{> rules@v1}}\n\nBe brief."}`,
	"prompts/support/versions/v2.yaml": `{version: v2, time: 2026-01-02T00:00:00Z, parent: v1, params: {temperature: 0.7},
template: "You help {{name}}.\n\n{{> rules@v1}}\n\nCopy the order id exactly."}`,
	"prompts/support/versions/v3.yaml": `{version: v3, time: 2026-01-03T00:00:00Z, parent: v2, params: {temperature: 0.2, top_p: 0.9},
messages: [{role: system, content: "You help {{name}}."}, {role: user, content: "Remember: {{name}} is a customer."}]}`,
	"prompts/support/versions/v4.yaml": `{version: v4, time: 2026-01-04T00:00:00Z, parent: v3, partials: {rules: v1},
template: "Hello {{name}} and {{name}}.\n\n{{> rules}}\n\nEnd."}`,
	"partials/rules/versions/v1.yaml": `{version: v1, time: 2026-01-01T00:00:00Z, content: "Use the tools."}`,
	"partials/rules/versions/v2.yaml": `{version: v2, time: 2026-01-01T12:00:00Z, content: "Never use the tools."}`,
	"tools/find/v1.yaml": `{version: v1, time: 2026-01-01T00:00:00Z, definition: {name: find, description: Finds an order.,
parameters: {type: object, properties: {id: {type: string}}, required: [id]}}}`,
	"tools/find/v2.yaml": `{version: v2, time: 2026-01-02T00:00:00Z, definition: {name: find, description: Finds everything.,
parameters: {type: object, properties: {id: {type: string, pattern: "^A-"}}, required: [id]}}}`,
}

// registryFolder writes the registry of the tests.
func registryFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return dir
}

func load(t testing.TB, dir string) *registry.Snapshot {
	t.Helper()
	snapshot, problems := registry.Load(dir)
	require.Empty(t, problems)
	return snapshot
}

// render is the text of a version with one message.
func render(t testing.TB, snapshot *registry.Snapshot, version string) string {
	t.Helper()
	messages, err := snapshot.Prompt("support").Version(version).Render(map[string]string{"name": "Ada"})
	require.NoError(t, err)
	return messages[0].Content
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

const findTool = `{"type":"function","function":{"name":"find","description":"Finds an order.","parameters":{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}}}`

// chatBody is an OpenAI request with a system text and a tool.
func chatBody(system string) string {
	return `{"model":"alias","temperature":0.2,"top_p":0.9,"messages":[{"role":"system","content":` + quoted(system) +
		`},{"role":"user","content":"Where is 17? I ordered it long ago."}],"tools":[` + findTool + `],"tool_choice":"auto"}`
}

// messagesBody is the same for Anthropic.
func messagesBody(system string) string {
	return `{"model":"alias","max_tokens":100,"temperature":0.2,"top_p":0.9,"system":` + quoted(system) +
		`,"messages":[{"role":"user","content":"Where is 17?"}],"tools":[{"name":"find","description":"Finds an order.","input_schema":{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}}]}`
}

// chatAnswer is an answer with one tool call.
func chatAnswer(model, arguments string) string {
	return `{"id":"chatcmpl-1","model":` + quoted(model) + `,"choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,
"tool_calls":[{"id":"call_1","type":"function","function":{"name":"find","arguments":` + quoted(arguments) + `}}]}}],"usage":{"prompt_tokens":20,"completion_tokens":5}}`
}

// textAnswer is an answer in words.
func textAnswer(text string) string {
	return `{"id":"chatcmpl-2","model":"m-1","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":` + quoted(text) +
		`}}],"usage":{"prompt_tokens":20,"completion_tokens":5}}`
}

// recording makes the span of a recorded call.
type recording struct {
	dialect, body, answer string
	// plain leaves out our capture: what any instrumentation records.
	plain bool
	// prompt is the version that the span names; empty for none.
	prompt string
	edit   func(pcommon.Map)
}

func (r recording) traces(t testing.TB) ptrace.Traces {
	t.Helper()
	if r.dialect == "" {
		r.dialect = wire.OpenAIChat
	}
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("chat alias")
	span.SetTraceID(pcommon.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	span.SetSpanID(pcommon.SpanID{7: 0xab})
	span.SetStartTimestamp(1_770_000_000_000_000_000)
	span.SetEndTimestamp(1_770_000_001_000_000_000)
	captured, err := wire.Capture(r.dialect, []byte(r.body))
	require.NoError(t, err)
	captured.Attributes.CopyTo(span.Attributes())
	if r.plain {
		for _, key := range []string{"spanloop.request.dialect", "spanloop.request.sha256", "spanloop.request.residual", "spanloop.request.layout"} {
			span.Attributes().Remove(key)
		}
	}
	if r.answer != "" {
		answer, err := wire.ParseResponse(r.dialect, 200, []byte(r.answer))
		require.NoError(t, err)
		answer.PutAttributes(span.Attributes())
	}
	if r.prompt != "" {
		span.Attributes().PutStr("gen_ai.prompt.name", "support")
		span.Attributes().PutStr("gen_ai.prompt.version", r.prompt)
		span.Attributes().PutStr("gen_ai.prompt.variable.name", "Ada")
	}
	if r.edit != nil {
		r.edit(span.Attributes())
	}
	return traces
}

// memory is a SpanSource of given spans.
type memory ptrace.Traces

func (m memory) ReadTraces(context.Context, dataset.Filter) (ptrace.Traces, error) {
	return ptrace.Traces(m), nil
}

func (r recording) source(t testing.TB, snapshot *registry.Snapshot) *Source {
	t.Helper()
	source, err := Find(t.Context(), memory(r.traces(t)), spanHex, snapshot)
	require.NoError(t, err)
	return source
}

// supportCall is a recorded call of support@v1 that is proved.
func supportCall(t testing.TB, snapshot *registry.Snapshot) recording {
	return recording{body: chatBody(render(t, snapshot, "v1")), answer: chatAnswer("m-1", `{"id":"17"}`), prompt: "v1"}
}

// planned makes a plan that must succeed.
func planned(t testing.TB, snapshot *registry.Snapshot, r recording, changes Changes) *Plan {
	t.Helper()
	plan, err := NewPlan(r.source(t, snapshot), PlanOptions{Changes: changes, Registry: snapshot})
	require.NoError(t, err)
	return plan
}

// provider serves a handler and returns a client of it.
func provider(t testing.TB, config wire.ClientConfig, handler http.HandlerFunc) *wire.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if config.Dialect == "" {
		config.Dialect = wire.OpenAIChat
	}
	config.Endpoint = server.URL
	client, err := wire.NewClient(config)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	return client
}

// noteIDs are the ids of a plan's findings.
func noteIDs(notes []wire.Note) []string {
	var ids []string
	for _, n := range notes {
		ids = append(ids, n.ID)
	}
	return ids
}
