// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scopeName = "github.com/spanloop/spanloop/receiver/genaidatasetreceiver"

// meters counts spans and files by outcome.
type meters struct{ spanCount, fileCount metric.Int64Counter }

func newMeters(settings component.TelemetrySettings) (*meters, error) {
	meter := settings.MeterProvider.Meter(scopeName)
	spans, err := meter.Int64Counter("otelcol_receiver_genai_dataset_spans",
		metric.WithDescription("Selected spans, by outcome."), metric.WithUnit("{span}"))
	if err != nil {
		return nil, err
	}
	files, err := meter.Int64Counter("otelcol_receiver_genai_dataset_files",
		metric.WithDescription("Files, by outcome."), metric.WithUnit("{file}"))
	return &meters{spanCount: spans, fileCount: files}, err
}

func (m *meters) spans(ctx context.Context, outcome string, n int) {
	if n > 0 {
		m.spanCount.Add(ctx, int64(n), metric.WithAttributes(attribute.String("outcome", outcome)))
	}
}

func (m *meters) files(ctx context.Context, outcome string) {
	m.fileCount.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
