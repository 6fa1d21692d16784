// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/durablequeue"
)

// guard starts and stops an exporter whose queue is on disk.
type guard struct {
	component.Component
	config *Config
	logger *zap.Logger
	host   *durablequeue.Host
}

func (g *guard) Start(ctx context.Context, host component.Host) error {
	for _, warning := range g.config.traps(host) {
		g.logger.Warn(warning)
	}
	g.host = durablequeue.NewHost(host, *g.config.Queue.Get().StorageID, g.logger)
	// The queue's own error is of no use when its storage has failed.
	err := g.Component.Start(ctx, g.host)
	return errors.Join(err, g.host.Started(ctx))
}

func (g *guard) Shutdown(ctx context.Context) error {
	if g.host != nil {
		g.host.Stop()
	}
	return g.Component.Shutdown(ctx)
}

// guarded returns the start and stop of an exporter: with its queue on disk,
// those that lose nothing of it.
func (c *Config) guarded(inner component.Component, logger *zap.Logger) component.Component {
	if !c.durable() {
		return inner
	}
	return &guard{Component: inner, config: c, logger: logger}
}

// watcher is nil when there is nothing to watch for.
func (c *Config) watcher(logger *zap.Logger) *watcher {
	if !c.durable() {
		return nil
	}
	return &watcher{logger: logger}
}

// tracesExporter and logsExporter are an exporter that is started and stopped by
// guarded, and whose batches are watched for.
type tracesExporter struct {
	component.Component
	consumer.Traces
	watcher *watcher
}

func (e *tracesExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	e.watcher.watch(ctx)
	return e.Traces.ConsumeTraces(ctx, td)
}

type logsExporter struct {
	component.Component
	consumer.Logs
	watcher *watcher
}

func (e *logsExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	e.watcher.watch(ctx)
	return e.Logs.ConsumeLogs(ctx, ld)
}
