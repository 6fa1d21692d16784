// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/durablequeue"
)

// guard starts and stops an exporter whose queue is on disk.
type guard struct {
	component.Component
	storage component.ID
	logger  *zap.Logger
	host    *durablequeue.Host
}

func (g *guard) Start(ctx context.Context, host component.Host) error {
	g.host = durablequeue.NewHost(host, g.storage, g.logger)
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
	if !c.Queue.HasValue() || c.Queue.Get().StorageID == nil {
		return inner
	}
	return &guard{Component: inner, storage: *c.Queue.Get().StorageID, logger: logger}
}

type tracesExporter struct {
	exporter.Traces
	life component.Component
}

func (e *tracesExporter) Start(ctx context.Context, host component.Host) error {
	return e.life.Start(ctx, host)
}
func (e *tracesExporter) Shutdown(ctx context.Context) error { return e.life.Shutdown(ctx) }

type logsExporter struct {
	exporter.Logs
	life component.Component
}

func (e *logsExporter) Start(ctx context.Context, host component.Host) error {
	return e.life.Start(ctx, host)
}
func (e *logsExporter) Shutdown(ctx context.Context) error { return e.life.Shutdown(ctx) }
