// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/examples/agent/support"
	"github.com/spanloop/spanloop/examples/provider/scripted"
	"github.com/spanloop/spanloop/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const registryDir = "../../registry"

var firstDay = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// inProcess calls a handler without a network.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// call is what the tests look at of one model call.
type call struct {
	session, version, model string
	start                   time.Time
	tools                   string
	named                   bool
	called                  []string
	// valid is set when there was a tool call: whether all arguments were right.
	checked, valid bool
	refused        bool
	outputTokens   int64
	chars          int
}

var (
	validID = regexp.MustCompile(`^A-\d{5}$`)
	reasons = map[string]bool{"damaged": true, "wrong_item": true, "late": true, "other": true}
)

// simulate runs the whole plan without any waiting and returns its model calls.
func simulate(t *testing.T, c Config) ([]call, Result) {
	t.Helper()
	server, err := scripted.NewServer(scripted.Options{Seed: c.Seed})
	require.NoError(t, err)
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithIDGenerator(support.IDs{}))
	snapshot, _ := registry.Load(registryDir)
	d := &Driver{
		Config: c, Registry: snapshot, Concurrency: 2,
		Agent: &support.Agent{
			Client: &support.Client{BaseURL: "http://provider/v1", HTTP: &http.Client{Transport: inProcess{server}}},
			Model:  scripted.DefaultModel, Tracer: provider.Tracer("test"),
		},
		SwitchModel: func(context.Context) error { return server.Answer("example-small") },
	}
	result, err := d.Run(t.Context())
	require.NoError(t, err)
	var calls []call
	for _, s := range exporter.GetSpans() {
		if a := attributesOf(s); a["gen_ai.operation.name"].AsString() == "chat" {
			calls = append(calls, callOf(t, s, a))
		}
	}
	return calls, result
}

func attributesOf(s tracetest.SpanStub) map[string]attribute.Value {
	out := map[string]attribute.Value{}
	for _, kv := range s.Attributes {
		out[string(kv.Key)] = kv.Value
	}
	return out
}

func callOf(t *testing.T, s tracetest.SpanStub, a map[string]attribute.Value) call {
	t.Helper()
	c := call{
		session: a["gen_ai.conversation.id"].AsString(), version: a["gen_ai.prompt.version"].AsString(),
		model: a["gen_ai.response.model"].AsString(), start: s.StartTime, tools: a["gen_ai.tool.definitions"].AsString(),
		outputTokens: a["gen_ai.usage.output_tokens"].AsInt64(),
	}
	_, c.named = a["gen_ai.prompt.name"]
	var out []struct {
		Parts []struct {
			Type, Content, Name string
			Arguments           json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a["gen_ai.output.messages"].AsString()), &out))
	for _, p := range out[0].Parts {
		switch p.Type {
		case "text":
			c.chars += len(p.Content)
			c.refused = c.refused || regexp.MustCompile(`^(I'm sorry|Unfortunately)`).MatchString(p.Content)
		case "tool_call":
			c.called = append(c.called, p.Name)
			c.checked, c.valid = true, validArguments(p.Name, p.Arguments)
		}
	}
	return c
}

func validArguments(name string, raw json.RawMessage) bool {
	var in struct {
		OrderID string `json:"order_id"`
		Amount  any    `json:"amount"`
		Reason  string `json:"reason"`
		Query   string `json:"query"`
	}
	if json.Unmarshal(raw, &in) != nil {
		return false
	}
	switch name {
	case "lookup_order":
		return validID.MatchString(in.OrderID)
	case "refund_order":
		_, number := in.Amount.(float64)
		return validID.MatchString(in.OrderID) && number && reasons[in.Reason]
	}
	return in.Query != ""
}
