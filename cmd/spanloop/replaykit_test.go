// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/examples/provider/scripted"
	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
)

const (
	recordedSpan  = "00000000000000a1"
	recordedTrace = "000000000000000000000000000000a0"
)

// replayDesk has the example's registry, a dataset with one recorded call of
// support-agent@v3.2 that passed a wrong order id, and the scripted provider,
// whose requests it counts.
type replayDesk struct {
	*desk
	url     string
	dialect string
	sent    atomic.Int64
}

func newReplayDesk(t testing.TB) *replayDesk {
	t.Helper()
	d := &replayDesk{desk: exampleDesk(t), dialect: wire.OpenAIChat}
	provider, err := scripted.NewServer(scripted.Options{Seed: 3})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.sent.Add(1)
		provider.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d.url = server.URL + "/v1"
	for _, name := range []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"} {
		t.Setenv(name, "")
	}
	t.Setenv("OPENAI_BASE_URL", d.url)
	d.write(d.recordedCall(nil))
	return d
}

// recordedCall is the recorded call as the collector would write it.
func (d *replayDesk) recordedCall(edit func(pcommon.Map)) ptrace.Traces {
	d.t.Helper()
	snapshot, _ := registry.Load(d.registry)
	messages, err := snapshot.Prompt("support-agent").Version("v3.2").Render(map[string]string{"customer_name": "Ada Byron", "tier": "plus", "today": "2026-11-12"})
	require.NoError(d.t, err)
	var tools []string
	for _, name := range []string{"lookup_order@v1", "refund_order@v2", "search_docs@v1"} {
		name, version, _ := strings.Cut(name, "@")
		tool, err := wire.Tool(d.dialect, snapshot.Tool(name).Version(version).Definition)
		require.NoError(d.t, err)
		tools = append(tools, tool.Text())
	}
	system, _ := json.Marshal(messages[0].Content)
	body := `{"model":"example-large","messages":[{"role":"system","content":` + string(system) +
		`},{"role":"user","content":"Where is order no. A-54206?"}],"tools":[` + strings.Join(tools, ",") + `],"max_tokens":400,"temperature":0.3}`
	given := `{"id":"chatcmpl-1","model":"example-large-2026-09-03","choices":[{"index":0,"finish_reason":"tool_calls",
		"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"lookup_order","arguments":"{\"order_id\":\"54206\"}"}}]}}],"usage":{"prompt_tokens":400,"completion_tokens":12}}`
	if d.dialect == wire.AnthropicMessages {
		body = `{"model":"example-large","system":` + string(system) + `,"messages":[{"role":"user","content":"Where is order no. A-54206?"}],"tools":[` +
			strings.Join(tools, ",") + `],"max_tokens":400,"temperature":0.3}`
		given = `{"id":"msg_1","type":"message","role":"assistant","model":"example-large-2026-09-03","stop_reason":"tool_use",
			"content":[{"type":"tool_use","id":"t1","name":"lookup_order","input":{"order_id":"54206"}}],"usage":{"input_tokens":400,"output_tokens":12}}`
	}
	captured, err := wire.Capture(d.dialect, []byte(body))
	require.NoError(d.t, err, body)
	answer, err := wire.ParseResponse(d.dialect, 200, []byte(given))
	require.NoError(d.t, err)

	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("chat example-large")
	span.SetTraceID(pcommon.TraceID{15: 0xa0})
	span.SetSpanID(pcommon.SpanID{7: 0xa1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(clock))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(clock) + 1_000_000_000)
	captured.Attributes.CopyTo(span.Attributes())
	answer.PutAttributes(span.Attributes())
	span.Attributes().PutStr("gen_ai.prompt.name", "support-agent")
	span.Attributes().PutStr("gen_ai.prompt.version", "v3.2")
	for name, value := range map[string]string{"customer_name": "Ada Byron", "tier": "plus", "today": "2026-11-12"} {
		span.Attributes().PutStr(identity.AttrPromptVariablePrefix+name, value)
	}
	if edit != nil {
		edit(span.Attributes())
	}
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	require.True(d.t, ok)
	identity.NewResolver(identity.Options{Registry: func() *registry.Snapshot { return snapshot }}).Resolve(span.TraceID(), clock, call).Put(span.Attributes())
	input := evaluator.NewInput(span, call)
	for _, e := range evaluator.Defaults() {
		if s, applies := e.Evaluate(input); applies {
			s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
			s.AppendTo(span, span.EndTimestamp())
		}
	}
	return traces
}

// write writes spans into the dataset.
func (d *replayDesk) write(traces ptrace.Traces) {
	d.t.Helper()
	w, err := dataset.NewWriter(d.dataset, dataset.WriterOptions{})
	require.NoError(d.t, err)
	_, err = w.WriteTraces(d.t.Context(), traces)
	require.NoError(d.t, err)
	require.NoError(d.t, w.Close())
}
