// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanloop/spanloop/internal/dataset"
)

// counters makes the component's counters; the first error is kept.
type counters struct {
	meter metric.Meter
	err   error
}

func (c *counters) make(name, unit, about string) metric.Int64Counter {
	counter, err := c.meter.Int64Counter("otelcol_exporter_genai_parquet_"+name, metric.WithDescription(about), metric.WithUnit(unit))
	if c.err == nil {
		c.err = err
	}
	return counter
}

// compactionMeters count what merging small files does.
type compactionMeters struct{ runs, files, bytes metric.Int64Counter }

func (c *counters) compaction() *compactionMeters {
	return &compactionMeters{
		runs:  c.make("compactions", "{run}", "Runs that merge small files, by outcome."),
		files: c.make("compacted_files", "{file}", "Files that were merged, and those they became, by state."),
		bytes: c.make("compacted_bytes", "By", "Bytes of files that were merged, and of those they became, by state."),
	}
}

func (m *compactionMeters) run(ctx context.Context, outcome string) {
	m.runs.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

func (m *compactionMeters) merged(ctx context.Context, tables []dataset.TableCompaction) {
	before, after := metric.WithAttributes(attribute.String("state", "before")), metric.WithAttributes(attribute.String("state", "after"))
	for _, t := range tables {
		if t.FilesBefore == 0 {
			continue
		}
		m.files.Add(ctx, int64(t.FilesBefore), before)
		m.files.Add(ctx, int64(t.FilesAfter), after)
		m.bytes.Add(ctx, t.BytesBefore, before)
		m.bytes.Add(ctx, t.BytesAfter, after)
	}
}
