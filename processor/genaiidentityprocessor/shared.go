// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/processor"
)

// processors are those that were made and not shut down, by their configuration:
// what a pipeline of logs learns of calls, one of traces with the same processor
// has to know. A collector hands every pipeline the same configuration.
var processors = struct {
	sync.Mutex
	byConfig map[*Config]*identityProcessor
}{byConfig: map[*Config]*identityProcessor{}}

// processorOf returns the one processor of a configuration.
func processorOf(set processor.Settings, cfg component.Config) (*identityProcessor, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("%s: unexpected configuration %T", Type, cfg)
	}
	processors.Lock()
	defer processors.Unlock()
	if p := processors.byConfig[config]; p != nil {
		return p, nil
	}
	p, err := newProcessor(set, config)
	if err != nil {
		return nil, err
	}
	processors.byConfig[config] = p
	return p, nil
}

// start opens the registry with the first of the pipelines.
func (p *identityProcessor) start(_ context.Context, host component.Host) error {
	processors.Lock()
	defer processors.Unlock()
	if p.pipelines == 0 {
		if err := p.open(host); err != nil {
			return err
		}
	}
	p.pipelines++
	return nil
}

// shutdown ends what runs with the last of the pipelines; one that never started
// counts for nothing.
func (p *identityProcessor) shutdown(context.Context) error {
	processors.Lock()
	defer processors.Unlock()
	if p.pipelines--; p.pipelines > 0 {
		return nil
	}
	p.pipelines = 0
	delete(processors.byConfig, p.config)
	return p.close()
}
