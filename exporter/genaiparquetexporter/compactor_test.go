// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/spanloop/spanloop/internal/dataset"
)

// often compacts all the time, for a dataset without a queue.
func often(dir string) map[string]any {
	return map[string]any{
		"path": dir, "sending_queue": map[string]any{"enabled": false},
		"compaction": map[string]any{"interval": "5ms", "min_files": 2, "grace": "0s"},
	}
}

func spanFiles(t *testing.T, dir string) []dataset.File {
	t.Helper()
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	return files
}

// Small files become one while spans come in, whatever exporters write there,
// and the metrics say so.
func TestCompactionRuns(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	settings := exportertest.NewNopSettings(componentType)
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	dir := filepath.Join(t.TempDir(), "data")
	traces, err := NewFactory().CreateTraces(t.Context(), settings, load(t, often(dir)))
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), settings, load(t, often(dir)))
	require.NoError(t, err)
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
	assert.Len(t, compactors.byPath, 1, "one for each dataset")
	const pushes = 6
	for i := range pushes {
		td := chat(2)
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.SetTraceID([16]byte{byte(i + 1)})
		}
		require.NoError(t, traces.ConsumeTraces(t.Context(), td))
	}
	require.NoError(t, logs.Shutdown(t.Context()))
	assert.Eventually(t, func() bool {
		// A run that is stopped before its end is not counted.
		_, err := telemetry.GetMetric("otelcol_exporter_genai_parquet_compacted_files")
		return err == nil && len(spanFiles(t, dir)) == 1
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, traces.Shutdown(t.Context()))
	assert.Empty(t, compactors.byPath)
	assert.Equal(t, 2*pushes, rows(t, dir))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
	assert.Positive(t, counted(t, telemetry, "compactions", "outcome", "done"))
	assert.Greater(t, counted(t, telemetry, "compacted_files", "state", "before"), counted(t, telemetry, "compacted_files", "state", "after"))
	assert.Positive(t, counted(t, telemetry, "compacted_bytes", "state", "after"))
}

func counted(t *testing.T, telemetry *componenttest.Telemetry, name, key, value string) int64 {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_exporter_genai_parquet_" + name)
	require.NoError(t, err)
	for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if point.Attributes.HasValue(attribute.Key(key)) {
			if got, _ := point.Attributes.Value(attribute.Key(key)); got.AsString() == value {
				return point.Value
			}
		}
	}
	return 0
}

// Nothing is merged when that is switched off.
func TestCompactionIsOff(t *testing.T) {
	e, err := newParquetExporter(load(t, map[string]any{"path": t.TempDir(), "compaction": map[string]any{"enabled": false}}), componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	require.NoError(t, e.start(t.Context(), componenttest.NewNopHost()))
	assert.Nil(t, e.compactor)
	require.NoError(t, e.pushTraces(t.Context(), chat(1)))
	require.NoError(t, e.shutdown(t.Context()))
}

// A run that fails is named once, not at each interval, and so is its end; a
// dataset that another process compacts is no failure.
func TestCompactionFailures(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	counters := &counters{meter: telemetry.NewTelemetrySettings().MeterProvider.Meter(scopeName)}
	c := &compactor{path: "s3://bucket/data?region=x", logger: zap.New(core), meters: counters.compaction(), named: map[string]bool{}}
	require.NoError(t, counters.err)
	full := errors.New("no space left on device")
	skipped := dataset.Compaction{Skipped: []dataset.Finding{{Path: "spans/x.parquet", Kind: dataset.FindingAltered, Detail: "d"}}}
	for _, step := range []struct {
		result dataset.Compaction
		err    error
		log    string
	}{
		{err: dataset.ErrBusy},
		{err: dataset.ErrNoDataset},
		{err: full, log: "small files are not merged"},
		{err: full},
		{err: dataset.ErrBusy},
		{err: full},
		{log: "small files are merged again"},
		{},
		{err: full, log: "small files are not merged"},
		{result: skipped, log: "small files are merged again"},
		{result: skipped},
	} {
		logs.TakeAll()
		c.report(t.Context(), step.result, step.err)
		if entries := logs.TakeAll(); step.log == "" {
			assert.Empty(t, entries)
		} else if assert.NotEmpty(t, entries) {
			assert.Contains(t, entries[0].Message, step.log)
			assert.Equal(t, "s3://bucket/data", entries[0].ContextMap()["dataset"])
		}
	}
	assert.EqualValues(t, 4, counted(t, telemetry, "compactions", "outcome", "failed"))
	assert.EqualValues(t, 2, counted(t, telemetry, "compactions", "outcome", "busy"))
}

// A skipped file is named, once, and the others are merged.
func TestCompactionNamesBrokenFiles(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	dir := filepath.Join(t.TempDir(), "data")
	settings := exportertest.NewNopSettings(componentType)
	settings.Logger = zap.New(core)
	e, err := NewFactory().CreateTraces(t.Context(), settings, load(t, often(dir)))
	require.NoError(t, err)
	writeAndBreak(t, dir)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	assert.Eventually(t, func() bool { return logs.FilterMessageSnippet("left as it is").Len() > 0 }, 20*time.Second, 10*time.Millisecond)
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, e.Shutdown(t.Context()))
	assert.Equal(t, 1, logs.Len(), "%v", logs.All())
}

// writeAndBreak writes two files, one of which is damaged then.
func writeAndBreak(t *testing.T, dir string) {
	t.Helper()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	for i := range 2 {
		_, err := w.WriteTraces(t.Context(), chat(i+1))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	path := filepath.Join(dir, spanFiles(t, dir)[0].Path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2]++
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// Work rests for as long as it took, and longer while spans come in; stopping
// does not wait for the rest.
func TestPacer(t *testing.T) {
	busy := false
	p := &pacer{busy: func() bool { return busy }}
	rest := func() time.Duration {
		p.resumed = time.Now().Add(-20 * time.Millisecond)
		began := time.Now()
		require.NoError(t, p.pause(t.Context()))
		return time.Since(began)
	}
	assert.GreaterOrEqual(t, rest(), 20*time.Millisecond)
	busy = true
	assert.GreaterOrEqual(t, rest(), 80*time.Millisecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.resumed = time.Now().Add(-time.Hour)
	require.ErrorIs(t, p.pause(ended), context.Canceled)
}

// A stop that has no time left says so.
func TestStopIsBounded(t *testing.T) {
	c := &compactor{path: "x", users: 1, cancel: func() {}, done: make(chan struct{})}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.stop(ended), context.Canceled)
	assert.NoError(t, (*compactor)(nil).stop(ended))
}
