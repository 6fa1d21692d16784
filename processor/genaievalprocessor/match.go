// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// matcher decides which calls a rule is for.
type matcher struct {
	prompt, operation *regexp.Regexp
	version           func(string) bool
	condition         *ottl.Condition[*ottlspan.TransformContext]
}

func newMatcher(c MatchConfig) (*matcher, error) {
	return newMatcherWith(c, component.TelemetrySettings{Logger: zap.NewNop()})
}

func newMatcherWith(c MatchConfig, settings component.TelemetrySettings) (*matcher, error) {
	m := &matcher{prompt: glob(c.Prompt), operation: glob(c.Operation)}
	version, err := parseVersionMatch(c.Version)
	if err != nil {
		return nil, fmt.Errorf("version: %w", err)
	}
	m.version = version
	if c.Condition == "" {
		return m, nil
	}
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), settings)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	if m.condition, err = parser.ParseCondition(c.Condition); err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	return m, nil
}

// glob compiles a pattern with * and ?; nil for an empty one.
func glob(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
	return regexp.MustCompile("(?s)^" + quoted + "$")
}

// matches tells whether the rule is for a call with these names; the condition
// is evaluated apart.
func (m *matcher) matches(prompt, version, operation string) bool {
	return (m.prompt == nil || m.prompt.MatchString(prompt)) &&
		(m.operation == nil || m.operation.MatchString(operation)) &&
		(m.version == nil || m.version(version))
}
