// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/spanloop/spanloop/internal/identity"
)

// Config is the processor's configuration. The default works without changes.
type Config struct {
	// Registry is the id of a genai_registry extension, or the folder of the
	// prompt registry; empty for none. A folder that does not exist yet is read
	// when it appears.
	Registry string `mapstructure:"registry"`
	// Environment is the environment of all spans. Empty takes it from the
	// resource: deployment.environment.name, else deployment.environment.
	Environment string `mapstructure:"environment"`
	// KeepOriginals leaves gen_ai.prompt.name and gen_ai.prompt.version as they
	// came when they say something other than the resolved prompt.
	KeepOriginals bool `mapstructure:"keep_originals"`
	// MaxTraces is of how many traces the offered tools are remembered.
	MaxTraces int `mapstructure:"max_traces"`
}

var _ component.Config = (*Config)(nil)

// Validate implements the collector's check of configurations.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxTraces < 1 {
		errs = append(errs, fmt.Errorf("max_traces: %d is not above zero", c.MaxTraces))
	}
	if strings.ContainsRune(c.Registry, 0) {
		errs = append(errs, errors.New("registry: the path holds a NUL byte"))
	} else if _, ok := c.extensionID(); ok {
		// Whether it runs is known at the start.
	} else if info, err := os.Stat(c.Registry); c.Registry != "" && err == nil && !info.IsDir() {
		errs = append(errs, fmt.Errorf("registry: %s is a file; it must be a folder", c.Registry))
	}
	if len(c.Environment) > 100 {
		errs = append(errs, errors.New("environment: longer than 100 bytes"))
	}
	return errors.Join(errs...)
}

func createDefaultConfig() component.Config {
	return &Config{KeepOriginals: true, MaxTraces: identity.DefaultMaxTraces}
}
