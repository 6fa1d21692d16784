// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

var componentType = component.MustNewType("genai_parquet")

// NewFactory returns the factory of the genai_parquet exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(componentType, createDefaultConfig,
		exporter.WithTraces(createTraces, component.StabilityLevelAlpha),
		exporter.WithLogs(createLogs, component.StabilityLevelAlpha))
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	e, config, err := create(set, cfg)
	if err != nil {
		return nil, err
	}
	inner, err := exporterhelper.NewTraces(ctx, set, cfg, e.pushTraces, e.options(config)...)
	if err != nil {
		return nil, err
	}
	return &tracesExporter{Component: config.guarded(inner, set.Logger), Traces: inner, watcher: config.watcher(set.Logger)}, nil
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, config, err := create(set, cfg)
	if err != nil {
		return nil, err
	}
	inner, err := exporterhelper.NewLogs(ctx, set, cfg, e.pushLogs, e.options(config)...)
	if err != nil {
		return nil, err
	}
	return &logsExporter{Component: config.guarded(inner, set.Logger), Logs: inner, watcher: config.watcher(set.Logger)}, nil
}

func create(set exporter.Settings, cfg component.Config) (*parquetExporter, *Config, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, nil, fmt.Errorf("genai_parquet: unexpected configuration %T", cfg)
	}
	e, err := newParquetExporter(config, set.TelemetrySettings)
	return e, config, err
}

// options wires the exporter helper. There is no time limit: a slow disk is not
// an error, and the queue bounds what waits.
func (e *parquetExporter) options(config *Config) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithQueue(config.Queue),
		exporterhelper.WithRetry(config.Retry),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
	}
}
