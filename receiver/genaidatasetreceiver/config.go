// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
)

// What the receiver does when it has sent everything.
const (
	endStop = "stop"
	endIdle = "idle"
)

// Config configures the receiver. The defaults send all of ./spanloop-data.
type Config struct {
	// Path is the dataset's folder, or the URL of an object store.
	Path   string       `mapstructure:"path"`
	Select SelectConfig `mapstructure:"select"`
	// Rate is in spans a second; 0 is as fast as the pipeline takes them.
	Rate float64 `mapstructure:"rate"`
	// End is stop, which reports that all was sent, or idle.
	End string `mapstructure:"end"`
	// Storage is the storage extension that keeps the checkpoint; without one
	// every start begins anew.
	Storage *component.ID `mapstructure:"storage"`
}

// SelectConfig says which spans are sent. Empty fields select everything.
type SelectConfig struct {
	// Prompt and Version are globs over the names that the dataset holds.
	Prompt  string `mapstructure:"prompt"`
	Version string `mapstructure:"version"`
	// Since is inclusive, Until exclusive, by start time: RFC 3339, a date, or a
	// duration back from the first start, like 7d.
	Since string `mapstructure:"since"`
	Until string `mapstructure:"until"`
	// Condition is an OTTL condition in the span context.
	Condition string `mapstructure:"condition"`
	// IncludeReplays sends replayed calls too.
	IncludeReplays bool `mapstructure:"include_replays"`
}

// Unmarshal reads a selection; YAML takes dates without quotes for times.
func (c *SelectConfig) Unmarshal(conf *confmap.Conf) error {
	texts := map[string]any{}
	for _, key := range []string{"since", "until"} {
		if t, isTime := conf.Get(key).(time.Time); isTime {
			texts[key] = t.Format(time.RFC3339Nano)
		}
	}
	if err := conf.Merge(confmap.NewFromStringMap(texts)); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}

func createDefaultConfig() component.Config {
	return &Config{Path: "./spanloop-data", End: endStop}
}

// Validate checks the configuration; each error names its key.
func (c *Config) Validate() error {
	var problems []error
	if err := dataset.CheckPath(c.Path); err != nil {
		problems = append(problems, fmt.Errorf("path: %w", err))
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		problems = append(problems, fmt.Errorf("rate: %v is no number of spans a second; 0 is without limit", c.Rate))
	}
	if c.End != endStop && c.End != endIdle {
		problems = append(problems, fmt.Errorf("end: %q is not one of %s, %s", c.End, endStop, endIdle))
	}
	if strings.ContainsAny(c.Select.Version, "<>=") {
		problems = append(problems, fmt.Errorf("select.version: %q: a glob like v3.* is expected, no range", c.Select.Version))
	}
	if _, _, err := c.Select.window(time.Now()); err != nil {
		problems = append(problems, err)
	}
	if _, err := newCondition(c.Select.Condition, component.TelemetrySettings{Logger: zap.NewNop()}); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// window is the time window, seen from now.
func (c *SelectConfig) window(now time.Time) (since, until time.Time, err error) {
	if since, err = dataset.ParseMoment(c.Since, now); err != nil {
		return since, until, fmt.Errorf("select.since: %w", err)
	}
	if until, err = dataset.ParseMoment(c.Until, now); err != nil {
		return since, until, fmt.Errorf("select.until: %w", err)
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, fmt.Errorf("select.since: %s is not before select.until %s", c.Since, c.Until)
	}
	return since, until, nil
}

// names tells whether spans of a prompt version are selected.
func (c *SelectConfig) names(name, version string) bool {
	return (c.Prompt == "" || evaluator.Glob(c.Prompt, name)) && (c.Version == "" || evaluator.Glob(c.Version, version))
}
