// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// matcher decides which calls a rule is for.
type matcher struct {
	prompt, operation string
	version           func(string) bool
	condition         *ottl.Condition[*ottlspan.TransformContext]
}

func newMatcher(c MatchConfig, settings component.TelemetrySettings) (*matcher, error) {
	m := &matcher{prompt: c.Prompt, operation: c.Operation}
	var err error
	if m.version, err = parseVersionMatch(c.Version); err != nil {
		return nil, fmt.Errorf("match.version: %w", err)
	}
	if c.Condition == "" {
		return m, nil
	}
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), settings)
	if err != nil {
		return nil, fmt.Errorf("match.condition: %w", err)
	}
	if m.condition, err = parser.ParseCondition(c.Condition); err != nil {
		return nil, fmt.Errorf("match.condition: %w", err)
	}
	return m, nil
}

// names tells whether the rule is for a call with these names; the condition is
// evaluated apart.
func (m *matcher) names(c *candidate) bool {
	return (m.prompt == "" || evaluator.Glob(m.prompt, c.prompt)) &&
		(m.operation == "" || evaluator.Glob(m.operation, c.call.Operation)) &&
		(m.version == nil || m.version(c.version))
}
