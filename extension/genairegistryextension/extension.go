// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/registry"
)

// registryExtension is the live registry of a collector. Other components find
// it by its id and read Snapshot and Problems.
type registryExtension struct {
	config *Config
	logger *zap.Logger
	store  atomic.Pointer[registry.Store]
}

// Start opens the registry. Broken files and a missing folder are logged, and
// what is good is served.
func (e *registryExtension) Start(context.Context, component.Host) error {
	store, err := registry.Open(e.config.Path, registry.WithLogger(e.logProblem))
	if err != nil {
		return err
	}
	e.store.Store(store)
	return nil
}

// Shutdown ends the watching of the folder.
func (e *registryExtension) Shutdown(context.Context) error {
	if store := e.store.Swap(nil); store != nil {
		return store.Close()
	}
	return nil
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
	e.logger.Warn(message, zap.String("file", problem.File), zap.Int("line", problem.Line), zap.String("reason", problem.Reason))
}
