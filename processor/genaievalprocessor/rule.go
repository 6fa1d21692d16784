// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// decision is what became of a candidate under one rule.
type decision uint8

const (
	decisionScored decision = iota
	decisionFiltered
	decisionSampledOut
	decisionFailed
	decisionCount
)

// decisionNames are the decisions as counted and stored.
var decisionNames = [decisionCount]string{"scored", "filtered", "sampled_out", "failed"}

// decisionCounts are the decisions of one rule about a batch.
type decisionCounts [decisionCount]int64

// rule is a compiled rule.
type rule struct {
	name       string
	match      *matcher
	sampler    *sampler
	evaluators []*evaluator.Evaluator
	// counted are the metric's attributes by decision, made once; stored is what
	// a span says: "rule=decision".
	counted [decisionCount]metric.MeasurementOption
	stored  [decisionCount]string
}

func newRule(c *RuleConfig, settings component.TelemetrySettings) (*rule, error) {
	match, err := newMatcher(c.Match, settings)
	if err != nil {
		return nil, err
	}
	evaluators, err := c.evaluators()
	if err != nil {
		return nil, err
	}
	r := &rule{name: c.Name, match: match, sampler: newSampler(c.Sample), evaluators: evaluators}
	for d, name := range decisionNames {
		r.counted[d] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("rule", c.Name), attribute.String("decision", name)))
		r.stored[d] = c.Name + "=" + name
	}
	return r, nil
}

// decide applies a rule to a candidate and returns its one decision.
func (r *rule) decide(ctx context.Context, c *candidate) decision {
	if !r.match.names(c) {
		return decisionFiltered
	}
	if r.match.condition != nil {
		tctx := ottlspan.NewTransformContext(c.resource, c.scope, c.span)
		holds, err := r.match.condition.Eval(ctx, tctx)
		tctx.Close()
		if err != nil {
			return decisionFailed
		}
		if !holds {
			return decisionFiltered
		}
	}
	chosen, probability := r.sampler.sample(c)
	if !chosen {
		return decisionSampledOut
	}
	return r.evaluate(c, probability)
}

// evaluate runs the rule's evaluators. The decision is failed when one failed
// and none scored, and filtered when all of them are for other calls.
func (r *rule) evaluate(c *candidate, probability float64) decision {
	if !c.hasInput {
		c.input.Reset(c.span, c.call)
		c.hasInput = true
		c.ids.Grow(len(r.evaluators) * evaluator.EvaluationIDLength)
	}
	scored, failed := false, false
	for _, e := range r.evaluators {
		s, applies := e.Evaluate(&c.input)
		if !applies {
			continue
		}
		if s.ErrorType != "" {
			failed = true
		} else {
			scored = true
		}
		s.SamplingRule, s.Probability = r.name, probability
		s.EvaluationID = c.evaluationID(&s)
		c.add(&s)
	}
	switch {
	case scored:
		return decisionScored
	case failed:
		return decisionFailed
	}
	return decisionFiltered
}
