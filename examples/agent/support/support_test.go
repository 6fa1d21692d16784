// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const registryDir = "../../registry"

func snapshot(t *testing.T) *registry.Snapshot {
	t.Helper()
	s, problems := registry.Load(registryDir)
	require.Empty(t, problems, "the example registry is free of problems")
	return s
}

func TestRegistry(t *testing.T) {
	s := snapshot(t)
	for _, v := range []string{"v3.0", "v3.1", "v3.2"} {
		require.NotNil(t, s.Prompt(PromptName).Version(v), v)
	}
	assert.Len(t, s.Tool("refund_order").Versions, 2)
	canary := time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)
	before, ok := s.LiveAt(PromptName, Environment, canary.Add(-time.Second))
	require.True(t, ok)
	assert.Len(t, before.Targets, 1)
	after, ok := s.LiveAt(PromptName, Environment, canary)
	require.True(t, ok)
	assert.Len(t, after.Targets, 2)
}

func TestVersionForIsStickyAndWeighted(t *testing.T) {
	s := snapshot(t)
	at := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(1, 2))
	canary := 0
	for range 5000 {
		id := string(rune('a'+rng.IntN(26))) + time.Duration(rng.Int64()).String()
		first, err := VersionFor(s, id, at)
		require.NoError(t, err)
		later, err := VersionFor(s, id, at.AddDate(0, 0, 5))
		require.NoError(t, err)
		require.Equal(t, first, later)
		if first == "v3.2" {
			canary++
		}
	}
	assert.InDelta(t, 500, canary, 5*21.3)
	before, err := VersionFor(s, "a", at.AddDate(0, 0, -2))
	require.NoError(t, err)
	assert.Equal(t, "v3.1", before)
	_, err = VersionFor(s, "a", at.AddDate(-1, 0, 0))
	assert.ErrorContains(t, err, "no release")
}

func TestRenderPrompt(t *testing.T) {
	s := snapshot(t)
	p, err := RenderPrompt(s, "v3.1", NameVersion, []Variable{{"customer_name", "Tom & Jerry"}, {"today", "2026-11-02"}})
	require.NoError(t, err)
	assert.Contains(t, p.Text, "Tom & Jerry, a standard customer")
	assert.Contains(t, p.Text, "60 days")
	assert.Equal(t, "0.3", string(p.Temperature))
	assert.Equal(t, "400", string(p.MaxTokens))
	_, err = RenderPrompt(s, "v9", NameVersion, nil)
	assert.Error(t, err)
	_, err = RenderPrompt(s, "v3.1", NameVersion, nil)
	assert.Error(t, err, "a missing variable")
}

func TestBroadToolDiffersInOneDescription(t *testing.T) {
	s := snapshot(t)
	narrow, err := LoadTools(s, false)
	require.NoError(t, err)
	broad, err := LoadTools(s, true)
	require.NoError(t, err)
	require.Len(t, broad, 3)
	assert.Equal(t, narrow[:2], broad[:2])
	assert.Equal(t, narrow[2].Parameters, broad[2].Parameters)
	assert.NotEqual(t, narrow[2].Description, broad[2].Description)
}

func TestShop(t *testing.T) {
	tests := []struct{ tool, arguments, contains, problem string }{
		{"lookup_order", `{"order_id":"A-12345"}`, `"order_id":"A-12345"`, ""},
		{"lookup_order", `{"order_id":"12345"}`, `ids look like`, "invalid_arguments"},
		{"lookup_order", `{`, `error`, "invalid_arguments"},
		{"refund_order", `{"order_id":"A-12345","amount":12.5,"reason":"late"}`, `"refunded":true`, ""},
		{"refund_order", `{"order_id":"A-12345","amount":"12 EUR","reason":"late"}`, `must be a number`, "invalid_arguments"},
		{"refund_order", `{"order_id":"A-12345","amount":12,"reason":"mood"}`, `none of`, "invalid_arguments"},
		{"refund_order", `{"order_id":"A-12345","amount":500,"reason":"late"}`, `between`, "invalid_arguments"},
		{"search_docs", `{"query":"warranty tent"}`, `three years`, ""},
		{"search_docs", `{}`, `query`, "invalid_arguments"},
		{"teleport", `{}`, `no tool`, "invalid_arguments"},
	}
	for _, tt := range tests {
		result, err := Shop{}.Call(tt.tool, tt.arguments)
		assert.Contains(t, result, tt.contains, tt.arguments)
		assert.True(t, json.Valid([]byte(result)))
		if tt.problem == "" {
			assert.NoError(t, err)
			continue
		}
		assert.Equal(t, tt.problem, errorType(err))
	}
}

func TestBaseURL(t *testing.T) {
	tests := []struct{ address, key, want string }{
		{"http://127.0.0.1:8089", "", "http://127.0.0.1:8089/v1"},
		{"http://localhost:1/v1/", "secret", "http://localhost:1/v1"},
		{"https://api.example.com/openai/v1", "secret", "https://api.example.com/openai/v1"},
		{"http://api.example.com", "", "http://api.example.com/v1"},
		{"http://api.example.com", "secret", ""},
		{"127.0.0.1:8089", "", ""},
		{"ftp://x", "", ""},
	}
	for _, tt := range tests {
		got, err := BaseURL(tt.address, tt.key)
		assert.Equal(t, tt.want, got, tt.address)
		assert.Equal(t, tt.want == "", err != nil, tt.address)
	}
}

func TestClockKeepsRealDurations(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	began := time.Now()
	c := NewClock(start)
	one := c.Now()
	c.Skip(time.Hour)
	two := c.Now()
	assert.False(t, one.Before(start))
	assert.GreaterOrEqual(t, two.Sub(one), time.Hour)
	assert.LessOrEqual(t, two.Sub(one), time.Hour+time.Since(began))
}

func TestIDsRepeat(t *testing.T) {
	draw := func() []any {
		ctx := WithIDs(t.Context(), rand.New(rand.NewPCG(1, 1)))
		trace, span := IDs{}.NewIDs(ctx)
		return []any{trace, span, IDs{}.NewSpanID(ctx, trace)}
	}
	assert.Equal(t, draw(), draw())
	one, _ := IDs{}.NewIDs(t.Context())
	two, _ := IDs{}.NewIDs(t.Context())
	assert.NotEqual(t, one, two)
	assert.True(t, one.IsValid())
}

// talk runs one question against a provider and returns the spans.
func talk(t *testing.T, handler http.HandlerFunc) (tracetest.SpanStubs, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	agent := &Agent{Client: &Client{BaseURL: server.URL, HTTP: &http.Client{Transport: transport}}, Model: "m", Tracer: provider.Tracer("t")}
	_, err := agent.Start("s", NewClock(time.Now()), HandOverPrompt(), nil).Ask(t.Context(), "Hello")
	return exporter.GetSpans(), err
}

func TestProviderFailuresAreOnTheSpans(t *testing.T) {
	tests := []struct {
		name, kind string
		handler    http.HandlerFunc
	}{
		{"status", "429", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"error":{"message":"slow down"}}`))
		}},
		{"no JSON", BadResponse, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }},
		{"no choices", BadResponse, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"choices":[]}`)) }},
		{"cut off", Unreachable, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spans, err := talk(t, tt.handler)
			require.Error(t, err)
			require.Len(t, spans, 2)
			for _, s := range spans {
				assert.Equal(t, codes.Error, s.Status.Code)
				assert.Contains(t, s.Attributes, attribute.String("error.type", tt.kind))
			}
		})
	}
}

func TestEndlessToolCallsEnd(t *testing.T) {
	spans, err := talk(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"choices":[{"message":{"tool_calls":[{"id":"1","type":"function","function":{"name":"search_docs","arguments":"not json"}}]},"finish_reason":"tool_calls"}]}`))
	})
	require.NoError(t, err)
	assert.Len(t, spans, 1+2*maxSteps)
}

func TestTelemetryNeedsACollector(t *testing.T) {
	_, err := NewTelemetry(t.Context(), "http://127.0.0.1:1")
	require.ErrorContains(t, err, "no collector at http://127.0.0.1:1")
	_, err = NewTelemetry(t.Context(), "nonsense")
	require.ErrorContains(t, err, "expected http://host:port")
}

func TestRejectedSpansAreCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := ptraceotlp.NewExportResponse()
		if r.ContentLength != 0 {
			response.PartialSuccess().SetRejectedSpans(2)
			response.PartialSuccess().SetErrorMessage("too (big)")
		}
		body, _ := response.MarshalProto()
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(body)
	}))
	defer server.Close()
	telemetry, err := NewTelemetry(t.Context(), server.URL)
	require.NoError(t, err)
	for range 5 {
		_, span := telemetry.Tracer().Start(t.Context(), "x")
		span.End()
	}
	require.Error(t, telemetry.Close(context.Background()))
	assert.EqualValues(t, 3, telemetry.Sent())
	assert.EqualValues(t, 2, telemetry.Rejected())
	http.DefaultClient.CloseIdleConnections()
}

type failing struct{ sdktrace.SpanExporter }

func (failing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return errors.New("down") }

func TestFailedBatchCountsAsRejected(t *testing.T) {
	e := &countingExporter{SpanExporter: failing{}}
	spans := tracetest.SpanStubs{{Name: "a"}, {Name: "b"}}.Snapshots()
	require.Error(t, e.ExportSpans(t.Context(), spans))
	assert.EqualValues(t, 2, e.rejected.Load())
	assert.ErrorContains(t, e.lastError(), "down")
}
