// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/dataset"
)

const scopeName = "github.com/spanloop/spanloop/exporter/genaiparquetexporter"

// parquetExporter writes each push as complete files. It keeps no rows.
type parquetExporter struct {
	config  *Config
	logger  *zap.Logger
	writer  *dataset.Writer
	rows    metric.Int64Counter
	files   metric.Int64Counter
	bytes   metric.Int64Counter
	refused metric.Int64Counter
	// compactor is nil when nothing is merged.
	compactor   *compactor
	compactions *compactionMeters
	// unlimit takes the memory limit back.
	unlimit func()
}

func newParquetExporter(config *Config, settings component.TelemetrySettings) (*parquetExporter, error) {
	e := &parquetExporter{config: config, logger: settings.Logger}
	c := &counters{meter: settings.MeterProvider.Meter(scopeName)}
	e.rows = c.make("rows", "{row}", "Rows written, by table.")
	e.files = c.make("files", "{file}", "Parquet files written.")
	e.bytes = c.make("bytes", "By", "Bytes of Parquet files written.")
	e.refused = c.make("refused_spans", "{span}", "Spans that are no rows, by reason.")
	e.compactions = c.compaction()
	return e, c.err
}

func (e *parquetExporter) start(context.Context, component.Host) error {
	redactor, err := e.config.redactor()
	if err != nil {
		return err
	}
	writer, err := dataset.NewWriter(e.config.Path, dataset.WriterOptions{
		Codec: e.config.Compression, Include: e.config.Include, MaxSpanBytes: e.config.MaxSpanBytes, Redactor: redactor,
	})
	if err != nil {
		return err
	}
	e.writer = writer
	e.unlimit = limitMemory(e.config.MemoryLimitMiB)
	if e.config.Compaction.HasValue() {
		e.compactor = startCompactor(e.config.Path, *e.config.Compaction.Get(), e.logger, e.compactions)
	}
	return nil
}

func (e *parquetExporter) shutdown(ctx context.Context) error {
	if e.writer == nil {
		return nil
	}
	e.unlimit()
	return errors.Join(e.compactor.stop(ctx), e.writer.Close())
}

// pushTraces writes a batch. Every error is worth a retry: what can never be a
// row is in the reject file already.
func (e *parquetExporter) pushTraces(ctx context.Context, td ptrace.Traces) error {
	defer e.compactor.pushing()()
	result, err := e.writer.WriteTraces(ctx, td)
	if err != nil {
		return fmt.Errorf("genai_parquet: %w", err)
	}
	e.count(ctx, result)
	return nil
}

func (e *parquetExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	defer e.compactor.pushing()()
	result, err := e.writer.WriteLogs(ctx, ld)
	if err != nil {
		return fmt.Errorf("genai_parquet: %w", err)
	}
	e.count(ctx, result)
	return nil
}

func (e *parquetExporter) count(ctx context.Context, r dataset.Result) {
	add := func(counter metric.Int64Counter, n int, key, value string) {
		if n > 0 {
			counter.Add(ctx, int64(n), metric.WithAttributes(attribute.String(key, value)))
		}
	}
	add(e.rows, r.Spans, "table", dataset.TableSpans)
	add(e.rows, r.Scores, "table", dataset.TableScores)
	add(e.rows, r.Content, "table", dataset.TableContent)
	e.files.Add(ctx, int64(r.Files))
	e.bytes.Add(ctx, r.Bytes)
	add(e.refused, r.Skipped, "reason", "not_genai")
	add(e.refused, r.Duplicates, "reason", "duplicate")
	for reason, n := range r.Rejected {
		add(e.refused, n, "reason", reason)
		e.logger.Warn("spans went to the reject file", zap.String("reason", reason), zap.Int("spans", n),
			zap.String("folder", dataset.DisplayPath(e.config.Path)+"/_rejected"))
	}
}
