// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/registry"
)

// registryExtension is the live registry of a collector. Other components find
// it by its id and read Snapshot and Problems.
type registryExtension struct {
	config   *Config
	settings extension.Settings
	store    atomic.Pointer[registry.Store]
	server   *fetchServer
}

// Start opens the registry and serves it where that is configured. Broken files
// and a missing folder are logged, and what is good is served.
func (e *registryExtension) Start(ctx context.Context, host component.Host) error {
	store, err := registry.Open(e.config.Path, registry.WithLogger(e.logProblem))
	if err != nil {
		return err
	}
	e.store.Store(store)
	if api := e.config.FetchAPI.Get(); api != nil {
		// A component whose start fails is not shut down.
		if e.server, err = e.serve(ctx, host, api); err != nil {
			return errors.Join(err, e.Shutdown(ctx))
		}
	}
	return nil
}

// Shutdown ends the fetch API and the watching of the folder.
func (e *registryExtension) Shutdown(ctx context.Context) error {
	var err error
	if e.server != nil {
		err = e.server.close(ctx)
		e.server = nil
	}
	if store := e.store.Swap(nil); store != nil {
		err = errors.Join(err, store.Close())
	}
	return err
}

// Snapshot returns the live state; nil while the extension does not run.
func (e *registryExtension) Snapshot() *registry.Snapshot {
	if store := e.store.Load(); store != nil {
		return store.Snapshot()
	}
	return nil
}

// Problems returns what is wrong in the folder now.
func (e *registryExtension) Problems() []registry.Problem {
	if store := e.store.Load(); store != nil {
		return store.Problems()
	}
	return nil
}

func (e *registryExtension) logProblem(problem registry.Problem) {
	message := "prompt registry: refused, the last good state stays live"
	if problem.Warning {
		message = "prompt registry: warning"
	}
	e.settings.Logger.Warn(message, zap.String("file", problem.File), zap.Int("line", problem.Line), zap.String("reason", problem.Reason))
}
