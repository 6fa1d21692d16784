// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func chat(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{byte(i), 1})
		span.SetStartTimestamp(1_700_000_000_000_000_000)
		span.SetEndTimestamp(1_700_000_001_000_000_000)
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
	}
	return td
}

func start(t *testing.T, content map[string]any) (exporter.Traces, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	content["path"] = dir
	factory := NewFactory()
	e, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), load(t, content))
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	return e, dir
}

func rows(t *testing.T, dir string) int {
	t.Helper()
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	td, err := d.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	return td.SpanCount()
}

func TestLifecycle(t *testing.T) {
	t.Chdir(t.TempDir())
	factory := NewFactory()
	assert.Equal(t, "genai_parquet", factory.Type().String())
	config := factory.CreateDefaultConfig()
	never, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), config)
	require.NoError(t, err)
	require.NoError(t, never.Shutdown(t.Context()), "an exporter that was never started stops as well")
	for range 2 {
		e, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), config)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, e.ConsumeTraces(t.Context(), ptrace.NewTraces()))
		require.NoError(t, e.ConsumeTraces(t.Context(), chat(2)))
		require.NoError(t, e.Shutdown(t.Context()))
	}
	assert.Equal(t, 2, rows(t, "spanloop-data"))
	_, err = factory.CreateMetrics(t.Context(), exportertest.NewNopSettings(factory.Type()), config)
	require.Error(t, err, "traces and logs only")
}

// Shutdown writes what waits in the queue.
func TestShutdownDrains(t *testing.T) {
	e, dir := start(t, map[string]any{"sending_queue": map[string]any{"batch": map[string]any{"flush_timeout": "1h"}}})
	require.NoError(t, e.ConsumeTraces(t.Context(), chat(7)))
	require.NoError(t, e.Shutdown(t.Context()))
	assert.Equal(t, 7, rows(t, dir))
}

// Without a queue the answer waits for the disk.
func TestWithoutQueue(t *testing.T) {
	e, dir := start(t, map[string]any{"sending_queue": map[string]any{"enabled": false}})
	require.NoError(t, e.ConsumeTraces(t.Context(), chat(3)))
	assert.Equal(t, 3, rows(t, dir))
	require.NoError(t, e.Shutdown(t.Context()))
}

// A folder that cannot be written is an error worth a retry, and the retry
// succeeds once it can.
func TestFailureIsRetried(t *testing.T) {
	e, dir := start(t, map[string]any{
		"sending_queue":    map[string]any{"enabled": false},
		"retry_on_failure": map[string]any{"enabled": false},
	})
	blocker := filepath.Join(dir, "spans")
	require.NoError(t, os.WriteFile(blocker, nil, 0o600))
	err := e.ConsumeTraces(t.Context(), chat(1))
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	assert.Contains(t, err.Error(), dir)
	require.NoError(t, e.Shutdown(t.Context()))

	retrying, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(componentType), load(t, map[string]any{
		"path": dir, "sending_queue": map[string]any{"enabled": false}, "retry_on_failure": map[string]any{"initial_interval": "10ms", "randomization_factor": 0},
	}))
	require.NoError(t, err)
	require.NoError(t, retrying.Start(t.Context(), componenttest.NewNopHost()))
	time.AfterFunc(30*time.Millisecond, func() { _ = os.Remove(blocker) })
	require.NoError(t, retrying.ConsumeTraces(t.Context(), chat(1)))
	require.NoError(t, retrying.Shutdown(t.Context()))
	assert.Equal(t, 1, rows(t, dir))
}

func TestStartNamesTheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	e, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(componentType), load(t, map[string]any{"path": file}))
	require.NoError(t, err)
	err = e.Start(t.Context(), componenttest.NewNopHost())
	require.Error(t, err)
	assert.Contains(t, err.Error(), file)
	require.NoError(t, e.Shutdown(t.Context()))
}

// A score that comes later is a row beside its span's.
func TestLogs(t *testing.T) {
	dir := t.TempDir()
	e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(componentType), load(t, map[string]any{"path": dir}))
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	score := records.AppendEmpty()
	score.SetEventName("gen_ai.evaluation.result")
	score.SetTimestamp(pcommon.Timestamp(1_700_000_002_000_000_000))
	score.SetTraceID([16]byte{1})
	score.SetSpanID([8]byte{0, 1})
	score.Attributes().PutStr("gen_ai.evaluation.name", "helpful")
	score.Attributes().PutDouble("gen_ai.evaluation.score.value", 0.8)
	records.AppendEmpty().Body().SetStr("an ordinary line")
	require.NoError(t, e.ConsumeLogs(t.Context(), ld))
	require.NoError(t, e.Shutdown(t.Context()))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableScores)
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.EqualValues(t, 1, files[0].Rows)
}

// What becomes of every span is counted.
func TestMetrics(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	e, err := newParquetExporter(load(t, map[string]any{"path": t.TempDir()}), telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	require.NoError(t, e.start(t.Context(), componenttest.NewNopHost()))
	td := chat(5)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).SetTraceID(pcommon.TraceID{})
	spans.At(1).Attributes().Clear()
	spans.At(2).CopyTo(spans.At(3))
	require.NoError(t, e.pushTraces(t.Context(), td))
	require.NoError(t, e.shutdown(t.Context()))
	sum := func(name, key string, want map[string]int64) {
		metric, err := telemetry.GetMetric("otelcol_exporter_genai_parquet_" + name)
		require.NoError(t, err)
		var points []metricdata.DataPoint[int64]
		for value, n := range want {
			points = append(points, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String(key, value))})
		}
		metricdatatest.AssertEqual(t, metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: points},
			metric.Data.(metricdata.Sum[int64]), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	}
	sum("rows", "table", map[string]int64{"spans": 2})
	sum("refused_spans", "reason", map[string]int64{"missing_id": 1, "not_genai": 1, "duplicate": 1})
}

// The configured mode, rules and key are those of the dataset, for spans and logs.
func TestContentIsRedacted(t *testing.T) {
	content := map[string]any{
		"content": "redacted", "redaction_key": longKey, "compression": "none",
		"redaction": map[string]any{
			"rules": []any{"email"}, "keep": []any{"app.kept"}, "patterns": []any{map[string]any{"name": "customer", "regex": `C-\d{4}`}},
		},
	}
	e, dir := start(t, content)
	td := chat(1)
	a := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	a.PutStr("app.note", "bob@example.com of C-1234 at 10.1.2.3")
	a.PutStr("app.kept", "ann@example.com")
	td.MarkReadOnly()
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	require.NoError(t, e.Shutdown(t.Context()))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	stored, err := d.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	raw := stored.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	assert.Regexp(t, `^\[email:[a-p]{16}\] of \[customer:[a-p]{16}\] at 10\.1\.2\.3$`, raw["app.note"])
	assert.Equal(t, "ann@example.com", raw["app.kept"])
	assert.Equal(t, "redacted", raw["spanloop.content.mode"])
	assert.EqualValues(t, 2, raw["spanloop.content.redactions"])
}

// Nobody reads the key from a configuration that is printed.
func TestKeyIsOpaque(t *testing.T) {
	config := load(t, map[string]any{"content": "redacted", "redaction_key": longKey})
	assert.NotContains(t, fmt.Sprintf("%v %+v", config, config), longKey)
	printed := confmap.New()
	require.NoError(t, printed.Marshal(config))
	assert.NotContains(t, fmt.Sprint(printed.ToStringMap()), longKey)
}
