// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"errors"
	"fmt"

	"github.com/spanloop/spanloop/internal/redact"
)

// RedactionConfig refines what content: redacted and hashes replace.
type RedactionConfig struct {
	// Rules are the built-in rules that apply; all when empty.
	Rules []string `mapstructure:"rules"`
	// Patterns are rules of the user's own.
	Patterns []PatternConfig `mapstructure:"patterns"`
	// Keep are attributes whose values stay as they are.
	Keep []string `mapstructure:"keep"`
}

// PatternConfig is a rule of the user's own: what a regular expression in Go's
// RE2 syntax matches becomes a token with the rule's name.
type PatternConfig struct {
	Name  string `mapstructure:"name"`
	Regex string `mapstructure:"regex"`
}

// redactor is nil for content: full.
func (c *Config) redactor() (*redact.Redactor, error) {
	if c.Content == redact.ModeFull {
		return nil, nil
	}
	o := redact.Options{
		Key: []byte(c.RedactionKey), Keep: c.Redaction.Keep, Hashes: c.Content == redact.ModeHashes,
	}
	if len(c.Redaction.Rules) > 0 {
		o.Rules = c.Redaction.Rules
	}
	for _, p := range c.Redaction.Patterns {
		o.Patterns = append(o.Patterns, redact.Pattern{Name: p.Name, Expression: p.Regex})
	}
	r, err := redact.New(o)
	if err == nil {
		return r, nil
	}
	var problems redact.Problems
	if !errors.As(err, &problems) {
		return nil, err
	}
	var named []error
	for _, p := range problems {
		if p.Key == redact.ProblemKey {
			named = append(named, fmt.Errorf("redaction_key: %w", p.Err))
		} else {
			named = append(named, fmt.Errorf("redaction::%s: %w", p.Key, p.Err))
		}
	}
	return nil, errors.Join(named...)
}
