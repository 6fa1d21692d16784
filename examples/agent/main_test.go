// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/examples/provider/scripted"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const registryDir = "../registry"

// receiver is an OTLP/HTTP endpoint that keeps what it gets.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	traces []ptrace.Traces
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(body)
		if !assert.NoError(r.t, err) {
			return
		}
		body = zipped
	}
	data, err := io.ReadAll(body)
	assert.NoError(r.t, err)
	request := ptraceotlp.NewExportRequest()
	assert.NoError(r.t, request.UnmarshalProto(data))
	r.mu.Lock()
	r.traces = append(r.traces, request.Traces())
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// sent is one received span with what stands around it.
type sent struct {
	span     ptrace.Span
	call     *genai.Call
	scope    ptrace.ScopeSpans
	resource ptrace.ResourceSpans
}

func (r *receiver) spans() (out []sent) {
	for _, t := range r.traces {
		for _, rs := range t.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					call, _ := genai.Read(span, ss.Scope(), rs.Resource())
					out = append(out, sent{span, call, ss, rs})
				}
			}
		}
	}
	return out
}

func noEnvironment(string) string { return "" }

// runTraffic drives the agent against a provider and a receiver over HTTP.
func runTraffic(t *testing.T, args ...string) ([]sent, string) {
	t.Helper()
	server, err := scripted.NewServer(scripted.Options{Seed: 1, Admin: true})
	require.NoError(t, err)
	provider := httptest.NewServer(server)
	defer provider.Close()
	r := &receiver{t: t}
	collector := httptest.NewServer(r)
	defer collector.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var out bytes.Buffer
	args = append([]string{"--provider", provider.URL, "--otlp", collector.URL, "--registry", registryDir}, args...)
	require.NoError(t, run(t.Context(), args, noEnvironment, &out), out.String())
	return r.spans(), out.String()
}

func TestTrafficEndToEnd(t *testing.T) {
	spans, out := runTraffic(t, "--sessions", "200", "--concurrency", "8")
	assert.Contains(t, out, fmt.Sprintf("spans sent: %d\n", len(spans)))
	seen := map[string]bool{}
	for _, s := range spans {
		id := s.span.TraceID().String() + s.span.SpanID().String()
		require.False(t, seen[id], "no span twice")
		seen[id] = true
		require.NotNil(t, s.call, s.span.Name())
		assert.Equal(t, "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev", s.scope.SchemaUrl())
	}
	checkKinds(t, spans)
	checkChats(t, spans)
	checkTools(t, spans)
	checkPeriods(t, spans)
}

func checkKinds(t *testing.T, spans []sent) {
	t.Helper()
	kinds := map[genai.Kind]int{}
	names := map[string]bool{}
	byID := map[string]sent{}
	for _, s := range spans {
		kinds[s.call.Kind]++
		names[s.span.Name()] = true
		byID[s.span.SpanID().String()] = s
	}
	assert.Greater(t, kinds[genai.KindInference], 400)
	assert.Greater(t, kinds[genai.KindTool], 200)
	assert.Greater(t, kinds[genai.KindAgent], 200)
	for _, name := range []string{"invoke_agent shop-support", "chat example-large", "execute_tool lookup_order", "execute_tool refund_order", "execute_tool search_docs"} {
		assert.True(t, names[name], name)
	}
	for _, s := range spans {
		if s.call.Kind != genai.KindTool {
			continue
		}
		parent := byID[s.span.ParentSpanID().String()]
		require.NotNil(t, parent.call)
		assert.Equal(t, genai.KindAgent, parent.call.Kind)
		assert.GreaterOrEqual(t, s.span.StartTimestamp(), parent.span.StartTimestamp())
		assert.LessOrEqual(t, s.span.EndTimestamp(), parent.span.EndTimestamp())
	}
}

// checkChats proves of each model call that it is complete, that the request can
// be rebuilt exactly, and that the prompts resolve on all the rungs intended.
func checkChats(t *testing.T, spans []sent) {
	t.Helper()
	snapshot, _ := registry.Load(registryDir)
	resolver := identity.NewResolver(identity.Options{Registry: func() *registry.Snapshot { return snapshot }, Environment: "production"})
	rungs := map[string]int{}
	for _, s := range spans {
		if s.call.Kind != genai.KindInference {
			continue
		}
		c := s.call
		assert.Equal(t, "openai", c.Provider)
		assert.Equal(t, "example-large", c.RequestModel)
		assert.NotEmpty(t, c.ResponseID)
		assert.NotEmpty(t, c.SystemFingerprint)
		assert.Positive(t, c.Usage.InputTokens.Value)
		assert.Positive(t, c.Usage.OutputTokens.Value)
		assert.Len(t, c.FinishReasons, 1)
		assert.True(t, strings.HasPrefix(c.SessionID, "session-"))
		assert.Empty(t, c.Problems)
		request, err := wire.Rebuild(wire.OpenAIChat, c, wire.RecordedOf(s.span.Attributes()))
		require.NoError(t, err)
		assert.Equal(t, wire.Exact, request.Grade, "%+v", request.Notes)
		assert.NotEmpty(t, request.Source, "the bytes are proved, too")
		id := resolver.Resolve(s.span.TraceID(), s.span.StartTimestamp().AsTime(), c)
		rungs[id.Resolution]++
		if !c.Tools.Empty() {
			assert.Equal(t, "support-agent", id.PromptName)
			assert.Contains(t, []string{"v3.1", "v3.2"}, id.PromptVersion)
			assert.Len(t, id.Variables, 3)
			continue
		}
		assert.Equal(t, identity.RungFingerprint, id.Resolution)
	}
	for _, rung := range []string{identity.RungExplicit, identity.RungLabel, identity.RungTemplate, identity.RungFingerprint} {
		assert.Positive(t, rungs[rung], rung)
	}
	assert.Greater(t, rungs[identity.RungExplicit], 3*(rungs[identity.RungLabel]+rungs[identity.RungTemplate]+rungs[identity.RungFingerprint]))
}

func checkTools(t *testing.T, spans []sent) {
	t.Helper()
	failed := 0
	for _, s := range spans {
		if s.call.Kind != genai.KindTool {
			continue
		}
		e := s.call.ToolExecution
		require.NotNil(t, e)
		assert.NotEmpty(t, e.CallID)
		assert.NotEmpty(t, e.Arguments)
		assert.NotEmpty(t, e.Result)
		if s.call.ErrorType != "" {
			assert.Equal(t, "invalid_arguments", s.call.ErrorType)
			assert.Equal(t, ptrace.StatusCodeError, s.span.Status().Code())
			failed++
		}
	}
	assert.Positive(t, failed)
}

// checkPeriods checks what changes on the calendar: the tools on day 8, the
// model on day 11.
func checkPeriods(t *testing.T, spans []sent) {
	t.Helper()
	for _, s := range spans {
		if s.call.Kind != genai.KindInference {
			continue
		}
		day := s.span.StartTimestamp().AsTime().Format("2006-01-02")
		model := "example-large-2026-09-03"
		if day >= "2026-11-12" {
			model = "example-small-2026-10-21"
		}
		// A conversation that begins before midnight keeps its tools.
		if s.span.StartTimestamp().AsTime().Hour() > 0 {
			assert.Equal(t, model, s.call.ResponseModel, day)
		}
		if !s.call.Tools.Empty() && s.span.StartTimestamp().AsTime().Hour() > 0 {
			assert.Equal(t, day >= "2026-11-09", strings.Contains(s.call.Tools.JSON(), "any question"), day)
		}
	}
}

func TestSameSeedSameTraffic(t *testing.T) {
	outputs := func() map[string]string {
		spans, _ := runTraffic(t, "--sessions", "30", "--concurrency", "3", "--seed", "9", "--steady")
		out := map[string]string{}
		for _, s := range spans {
			out[s.span.TraceID().String()+s.span.SpanID().String()] = s.span.Name() + s.call.Output.JSON()
		}
		return out
	}
	assert.Equal(t, outputs(), outputs())
}

func TestAskOneQuestion(t *testing.T) {
	spans, out := runTraffic(t, "--ask", "What is your return policy?")
	assert.Contains(t, out, "prompt support-agent v3.")
	assert.Contains(t, out, "60 days")
	assert.Contains(t, out, spans[0].span.TraceID().String())
}

func TestMissingPartsAreNamed(t *testing.T) {
	server, err := scripted.NewServer(scripted.Options{})
	require.NoError(t, err)
	provider := httptest.NewServer(server)
	defer provider.Close()
	collector := httptest.NewServer(&receiver{t: t})
	defer collector.Close()
	defer http.DefaultClient.CloseIdleConnections()
	tests := []struct {
		name, want string
		args       []string
	}{
		{"provider", "no model provider at http://127.0.0.1:1/v1", []string{"--provider", "http://127.0.0.1:1", "--otlp", collector.URL, "--registry", registryDir}},
		{"collector", "no collector at http://127.0.0.1:1/v1/traces", []string{"--provider", provider.URL, "--otlp", "http://127.0.0.1:1", "--registry", registryDir}},
		{"registry", "has no prompt support-agent", []string{"--registry", t.TempDir()}},
		{"admin", "start the provider with --admin", []string{"--provider", provider.URL, "--otlp", collector.URL, "--registry", registryDir}},
		{"release", "no release of support-agent in production on 2020-01-01", []string{"--provider", provider.URL, "--otlp", collector.URL, "--registry", registryDir, "--from", "2020-01-01", "--steady"}},
		{"date", "--from", []string{"--from", "yesterday"}},
		{"argument", "unexpected argument", []string{"now"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, run(t.Context(), tt.args, noEnvironment, io.Discard), tt.want)
		})
	}
}

func TestProviderSettings(t *testing.T) {
	type environment map[string]string
	tests := []struct {
		name    string
		env     environment
		args    []string
		want    settings
		problem string
	}{
		{name: "nothing set", want: settings{baseURL: "http://127.0.0.1:8089/v1", model: "example-large", sessions: 2400, concurrency: 24}},
		{
			name: "a real provider", env: environment{"OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"},
			want: settings{baseURL: "https://api.openai.com/v1", key: "k", model: "m", real: true, sessions: 20, concurrency: 4},
		},
		{
			name: "a provider of one's own", env: environment{"OPENAI_BASE_URL": "http://localhost:1/v1"}, args: []string{"--model", "m"},
			want: settings{baseURL: "http://localhost:1/v1", model: "m", real: true, sessions: 20, concurrency: 4},
		},
		{
			name: "the scripted one in spite of a key", env: environment{"OPENAI_API_KEY": "k"}, args: []string{"--provider", "http://127.0.0.1:9"},
			want: settings{baseURL: "http://127.0.0.1:9/v1", model: "example-large", sessions: 2400, concurrency: 24},
		},
		{name: "no model", env: environment{"OPENAI_API_KEY": "k"}, problem: "set OPENAI_MODEL"},
		{name: "key in the clear", env: environment{"OPENAI_API_KEY": "k", "OPENAI_MODEL": "m", "OPENAI_BASE_URL": "http://example.com/v1"}, problem: "only sent over https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parse(tt.args, func(name string) string { return tt.env[name] }, io.Discard)
			if tt.problem != "" {
				require.ErrorContains(t, err, tt.problem)
				return
			}
			require.NoError(t, err)
			got := settings{baseURL: s.baseURL, key: s.key, model: s.model, real: s.real, sessions: s.sessions, concurrency: s.concurrency}
			assert.Equal(t, tt.want, got)
		})
	}
}
