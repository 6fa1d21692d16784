// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
)

// Config is the extension's configuration. The default works without changes.
type Config struct {
	// Path is the folder of the prompt registry. One that does not exist yet is
	// read when it appears.
	Path string `mapstructure:"path"`
	// FetchAPI serves the prompts over HTTP; off unless the key is there.
	FetchAPI configoptional.Optional[FetchAPIConfig] `mapstructure:"fetch_api"`
}

var _ component.Config = (*Config)(nil)

// Validate implements the collector's check of configurations.
func (c *Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("path: empty; name the folder of the prompt registry")
	case strings.ContainsRune(c.Path, 0):
		return errors.New("path: it holds a NUL byte")
	}
	if info, err := os.Stat(c.Path); err == nil && !info.IsDir() {
		return fmt.Errorf("path: %s is a file; it must be a folder", c.Path)
	}
	return nil
}

func createDefaultConfig() component.Config {
	return &Config{Path: "./spanloop-registry", FetchAPI: configoptional.Default(defaultFetchAPIConfig())}
}
