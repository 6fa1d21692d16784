// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"errors"
	"fmt"
	"math"
	"regexp"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// Config configures the processor. Without rules every model call is scored by
// every evaluator that needs no parameters.
type Config struct {
	// Rules are tried for every candidate; several may apply to one span.
	Rules []RuleConfig `mapstructure:"rules"`
}

// RuleConfig attaches evaluators to calls.
type RuleConfig struct {
	// Name identifies the rule on its scores and in metrics.
	Name   string       `mapstructure:"name"`
	Match  MatchConfig  `mapstructure:"match"`
	Sample SampleConfig `mapstructure:"sample"`
	// Evaluators are names, or maps with a name and parameters.
	Evaluators []any `mapstructure:"evaluators"`
}

// MatchConfig says which calls a rule is for. Empty fields match everything.
type MatchConfig struct {
	// Prompt is a glob over gen_ai.prompt.name.
	Prompt string `mapstructure:"prompt"`
	// Version is a glob or a range (">=3.1 <4") over gen_ai.prompt.version.
	Version string `mapstructure:"version"`
	// Operation is a glob over gen_ai.operation.name.
	Operation string `mapstructure:"operation"`
	// Condition is an OTTL condition in the span context.
	Condition string `mapstructure:"condition"`
}

// SampleConfig says which share of the matching traces is scored.
type SampleConfig struct {
	// Rate is the share of traces, from 0 to 1.
	Rate float64 `mapstructure:"rate"`
	// Floor is the number of traces per prompt version and minute of span time
	// that are scored whatever the rate.
	Floor int `mapstructure:"floor"`
}

// Unmarshal reads a rule; without a rate it is for every matching trace.
func (r *RuleConfig) Unmarshal(conf *confmap.Conf) error {
	r.Sample.Rate = 1
	return conf.Unmarshal(r)
}

// defaultRule scores everything.
func defaultRule() RuleConfig {
	return RuleConfig{Name: "default", Sample: SampleConfig{Rate: 1}}
}

// ruleName is what rules may be called: names become attribute values of
// metrics and parts of decisions.
var ruleName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// Validate checks the rules; each error names its place.
func (c *Config) Validate() error {
	var problems []error
	seen := map[string]bool{}
	for i := range c.Rules {
		for _, err := range c.Rules[i].validate() {
			problems = append(problems, fmt.Errorf("rules[%d].%w", i, err))
		}
		if name := c.Rules[i].Name; seen[name] {
			problems = append(problems, fmt.Errorf("rules[%d].name: %q is used twice", i, name))
		}
		seen[c.Rules[i].Name] = true
	}
	return errors.Join(problems...)
}

func (r *RuleConfig) validate() []error {
	var problems []error
	if !ruleName.MatchString(r.Name) {
		problems = append(problems, fmt.Errorf("name: %q: up to 64 letters, digits and _ - . are expected", r.Name))
	}
	if rate := r.Sample.Rate; rate < 0 || rate > 1 || math.IsNaN(rate) {
		problems = append(problems, fmt.Errorf("sample.rate: %v is not between 0 and 1", rate))
	}
	if r.Sample.Floor < 0 {
		problems = append(problems, fmt.Errorf("sample.floor: %d is negative", r.Sample.Floor))
	}
	if _, err := newMatcher(r.Match, component.TelemetrySettings{Logger: zap.NewNop()}); err != nil {
		problems = append(problems, err)
	}
	if _, err := r.evaluators(); err != nil {
		problems = append(problems, err)
	}
	return problems
}

// evaluators configures the rule's evaluators; all that need no parameters when
// none is named.
func (r *RuleConfig) evaluators() ([]*evaluator.Evaluator, error) {
	if len(r.Evaluators) == 0 {
		return evaluator.Defaults(), nil
	}
	var list []*evaluator.Evaluator
	seen := map[string]bool{}
	for i, item := range r.Evaluators {
		name, params, err := evaluatorItem(item)
		if err != nil {
			return nil, fmt.Errorf("evaluators[%d]: %w", i, err)
		}
		e, err := evaluator.New(name, params)
		if err != nil {
			return nil, fmt.Errorf("evaluators[%d]: %w", i, err)
		}
		if seen[e.Name()] {
			return nil, fmt.Errorf("evaluators[%d]: two evaluators write scores named %q; rename one with as", i, e.Name())
		}
		seen[e.Name()] = true
		list = append(list, e)
	}
	return list, nil
}

// evaluatorItem reads a name, or a map of a name and parameters.
func evaluatorItem(item any) (string, map[string]any, error) {
	switch item := item.(type) {
	case string:
		return item, nil, nil
	case map[string]any:
		name, ok := item["name"].(string)
		if !ok {
			return "", nil, errors.New("name: the evaluator's name is expected")
		}
		params := map[string]any{}
		for key, value := range item {
			if key != "name" {
				params[key] = value
			}
		}
		return name, params, nil
	}
	return "", nil, fmt.Errorf("a name or a map is expected, not %T", item)
}
