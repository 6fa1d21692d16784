// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a running processor with what comes out of it: spans, metrics, logs.
type rig struct {
	processor.Traces
	out     *consumertest.TracesSink
	metrics *componenttest.Telemetry
	logs    *observer.ObservedLogs
}

// start runs a processor whose configuration is the default with a change.
func start(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	return startOn(t, componenttest.NewNopHost(), change)
}

// startOn is start on a host.
func startOn(t testing.TB, host component.Host, change func(*Config)) *rig {
	t.Helper()
	config, _ := createDefaultConfig().(*Config)
	if change != nil {
		change(config)
	}
	require.NoError(t, config.Validate())
	r := &rig{out: new(consumertest.TracesSink), metrics: componenttest.NewTelemetry()}
	set := processortest.NewNopSettings(Type)
	set.TelemetrySettings = r.metrics.NewTelemetrySettings()
	core, logs := observer.New(zapcore.DebugLevel)
	set.Logger, r.logs = zap.New(core), logs
	var err error
	r.Traces, err = NewFactory().CreateTraces(t.Context(), set, config, r.out)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host))
	t.Cleanup(func() {
		require.NoError(t, r.Shutdown(context.Background()))
		require.NoError(t, r.metrics.Shutdown(context.Background()))
	})
	return r
}

// through sends spans and returns what came out.
func (r *rig) through(t testing.TB, td ptrace.Traces) ptrace.Traces {
	t.Helper()
	before := len(r.out.AllTraces())
	require.NoError(t, r.ConsumeTraces(t.Context(), td))
	all := r.out.AllTraces()
	require.Len(t, all, before+1)
	return all[before]
}

// one sends a single span of the given attributes and returns them as they came
// out.
func (r *rig) one(t testing.TB, attributes map[string]any) map[string]any {
	t.Helper()
	td := ptrace.NewTraces()
	addSpan(t, td, 1, 1, attributes)
	return spansOf(r.through(t, td))[0].Attributes().AsRaw()
}

// addSpan adds a span under a resource of its own.
func addSpan(t testing.TB, td ptrace.Traces, trace, id byte, attributes map[string]any) ptrace.Span {
	t.Helper()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{0: 1, 15: trace})
	span.SetSpanID(pcommon.SpanID{0: 1, 7: id})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 2, 1, 0, 0, int(id), 0, time.UTC)))
	require.NoError(t, span.Attributes().FromRaw(attributes))
	return span
}

func spansOf(td ptrace.Traces) []ptrace.Span {
	var out []ptrace.Span
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				out = append(out, span)
			}
		}
	}
	return out
}

// text is a span's attribute, empty without one.
func text(span ptrace.Span, key string) string {
	value, ok := span.Attributes().Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

// sum is the value of a counter at one value of its attribute; of all values
// when that is empty.
func (r *rig) sum(t testing.TB, name, key, value string) int64 {
	t.Helper()
	metric, err := r.metrics.GetMetric("otelcol_processor_genai_identity_" + name)
	if err != nil {
		return 0
	}
	return points(metric.Data, key, value)
}

// registryIn writes files to a registry folder.
func registryIn(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

var supportFiles = map[string]string{
	"prompts/support/versions/v1.yaml": "version: v1\ntime: 2026-01-01T00:00:00Z\ntemplate: \"You help {{customer}} with orders, politely.\"\n",
	"releases/support.yaml":            "- {environment: production, time: 2026-01-10T00:00:00Z, targets: [{version: v1, weight: 100}]}\n",
}

// chatOf are the attributes of a model call with instructions.
func chatOf(system string) map[string]any {
	return map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
		"gen_ai.input.messages": fmt.Sprintf(`[{"role":"system","parts":[{"type":"text","content":%q}]},{"role":"user","parts":[{"type":"text","content":"Hi"}]}]`, system),
	}
}

// with returns the attributes with others added.
func with(attributes map[string]any, keyValues ...any) map[string]any {
	out := map[string]any{}
	for key, value := range attributes {
		out[key] = value
	}
	for i := 0; i < len(keyValues); i += 2 {
		out[keyValues[i].(string)] = keyValues[i+1]
	}
	return out
}

func tool(name, description string) string {
	return fmt.Sprintf(`[{"type":"function","name":%q,"description":%q,"parameters":{"type":"object"}}]`, name, description)
}
