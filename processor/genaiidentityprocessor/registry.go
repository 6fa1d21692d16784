// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/registry"
)

// extensionType is the type of extensions that share a registry.
var extensionType = component.MustNewType("genai_registry")

// liveRegistry is a registry that follows its source: a store of the
// processor's own, or an extension's.
type liveRegistry struct {
	sharedRegistry
	// close ends a store of our own; nil for an extension's.
	close func() error
}

// sharedRegistry is what the processor asks of an extension.
type sharedRegistry interface {
	Snapshot() *registry.Snapshot
	Problems() []registry.Problem
}

// extensionID is the extension that the configuration names; false when it names
// a folder or nothing.
func (c *Config) extensionID() (component.ID, bool) {
	var id component.ID
	err := id.UnmarshalText([]byte(c.Registry))
	return id, err == nil && id.Type() == extensionType
}

func (p *identityProcessor) snapshot() *registry.Snapshot {
	if live := p.live.Load(); live != nil {
		return live.Snapshot()
	}
	return nil
}

func (p *identityProcessor) registryProblems() (failures, warnings int) {
	live := p.live.Load()
	if live == nil {
		return 0, 0
	}
	for _, problem := range live.Problems() {
		if problem.Warning {
			warnings++
		} else {
			failures++
		}
	}
	return failures, warnings
}

// open finds the extension, or opens the folder. Broken files and a missing
// folder are logged, and the processor runs on with what there is.
func (p *identityProcessor) open(host component.Host) error {
	if p.config.Registry == "" {
		return nil
	}
	if id, ok := p.config.extensionID(); ok {
		shared, err := findRegistry(host, id)
		if err != nil {
			return err
		}
		p.live.Store(&liveRegistry{sharedRegistry: shared})
		return nil
	}
	store, err := registry.Open(p.config.Registry, registry.WithLogger(p.logProblem))
	if err != nil {
		return err
	}
	p.live.Store(&liveRegistry{sharedRegistry: store, close: store.Close})
	return nil
}

func findRegistry(host component.Host, id component.ID) (sharedRegistry, error) {
	found, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("registry: no extension %s runs; name it under extensions and service::extensions, or write ./%s for a folder", id, id)
	}
	shared, ok := found.(sharedRegistry)
	if !ok {
		return nil, fmt.Errorf("registry: the extension %s keeps no prompt registry", id)
	}
	return shared, nil
}

func (p *identityProcessor) logProblem(problem registry.Problem) {
	message := "prompt registry: refused, the last good state stays live"
	if problem.Warning {
		message = "prompt registry: warning"
	}
	p.logger.Warn(message, zap.String("file", problem.File), zap.Int("line", problem.Line), zap.String("reason", problem.Reason))
}

func (p *identityProcessor) close() error {
	var err error
	if live := p.live.Swap(nil); live != nil && live.close != nil {
		err = live.close()
	}
	return errors.Join(err, p.telemetry.shutdown())
}
