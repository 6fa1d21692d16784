// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

const scopeName = "github.com/spanloop/spanloop/processor/genaievalprocessor"

// Decisions about a candidate, as counted and stored.
const (
	decisionScored     = "scored"
	decisionFiltered   = "filtered"
	decisionSampledOut = "sampled_out"
	decisionFailed     = "failed"
)

// judgeMarker is on spans of Spanloop's own judge calls, which are never scored.
const judgeMarker = "spanloop.evaluator.call"

type evalProcessor struct {
	rules     []*rule
	decisions metric.Int64Counter
	now       func() time.Time
}

// rule is a compiled rule.
type rule struct {
	name       string
	match      *matcher
	sampler    *sampler
	evaluators []*evaluator.Evaluator
	// counted are the metric's attributes by decision, made once.
	counted map[string]metric.MeasurementOption
}

func newEvalProcessor(config *Config, settings component.TelemetrySettings) (*evalProcessor, error) {
	rules := config.Rules
	if len(rules) == 0 {
		rules = []RuleConfig{defaultRule()}
	}
	p := &evalProcessor{now: time.Now}
	for i := range rules {
		r, err := newRule(&rules[i], settings)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		p.rules = append(p.rules, r)
	}
	var err error
	p.decisions, err = settings.MeterProvider.Meter(scopeName).Int64Counter(
		"otelcol_processor_genai_eval_decisions",
		metric.WithDescription("Candidates by rule and decision."), metric.WithUnit("{decision}"))
	return p, err
}

func newRule(c *RuleConfig, settings component.TelemetrySettings) (*rule, error) {
	match, err := newMatcherWith(c.Match, settings)
	if err != nil {
		return nil, err
	}
	evaluators, err := c.evaluators()
	if err != nil {
		return nil, err
	}
	r := &rule{name: c.Name, match: match, sampler: newSampler(c.Sample), evaluators: evaluators, counted: map[string]metric.MeasurementOption{}}
	for _, decision := range []string{decisionScored, decisionFiltered, decisionSampledOut, decisionFailed} {
		r.counted[decision] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("rule", c.Name), attribute.String("decision", decision)))
	}
	return r, nil
}

// processTraces scores the candidates of a batch.
func (p *evalProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	at := pcommon.NewTimestampFromTime(p.now())
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				call, ok := genai.Read(span, ss.Scope(), rs.Resource())
				if !ok || !isCandidate(call, span) {
					continue
				}
				p.score(ctx, &candidate{resource: rs, scope: ss, span: span, call: call, at: at})
			}
		}
	}
	return td, nil
}

// isCandidate tells which spans are scored: model calls that generate, but not
// those of our own judges.
func isCandidate(call *genai.Call, span ptrace.Span) bool {
	if call.Kind != genai.KindInference || !call.Counted {
		return false
	}
	_, isJudge := span.Attributes().Get(judgeMarker)
	return !isJudge
}

// candidate is one call on its way through the rules.
type candidate struct {
	resource ptrace.ResourceSpans
	scope    ptrace.ScopeSpans
	span     ptrace.Span
	call     *genai.Call
	at       pcommon.Timestamp
	input    *evaluator.Input
	scores   []evaluator.Score
}

// score asks every rule. All evaluators see the span as it arrived: scores are
// added when every rule has decided.
func (p *evalProcessor) score(ctx context.Context, c *candidate) {
	if _, done := c.span.Attributes().Get(evaluator.AttrDecisions); done {
		return
	}
	decisions := make([]string, len(p.rules))
	for i, r := range p.rules {
		decisions[i] = r.decide(ctx, c)
		p.decisions.Add(ctx, 1, r.counted[decisions[i]])
	}
	for _, s := range c.scores {
		s.AppendTo(c.span, c.at)
	}
	list := c.span.Attributes().PutEmptySlice(evaluator.AttrDecisions)
	list.EnsureCapacity(len(decisions))
	for i, decision := range decisions {
		list.AppendEmpty().SetStr(p.rules[i].name + "=" + decision)
	}
}

// decide applies a rule to a candidate and returns its one decision.
func (r *rule) decide(ctx context.Context, c *candidate) string {
	id := promptOf(c.span, c.call)
	if !r.match.matches(id.PromptName, id.PromptVersion, c.call.Operation) {
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
	version := strings.Join([]string{id.PromptName, id.PromptVersion}, "@")
	chosen, probability := r.sampler.sample(c.span.TraceID(), c.span.TraceState().AsRaw(), version, c.span.EndTimestamp())
	if !chosen {
		return decisionSampledOut
	}
	return r.evaluate(c, probability)
}

// evaluate runs the rule's evaluators. The decision is failed when one failed
// and none scored.
func (r *rule) evaluate(c *candidate, probability float64) string {
	if c.input == nil {
		c.input = evaluator.NewInput(c.span, c.call)
	}
	scored, failed := 0, 0
	for _, e := range r.evaluators {
		s, applies := e.Evaluate(c.input)
		if !applies {
			continue
		}
		if s.ErrorType != "" {
			failed++
		} else {
			scored++
		}
		s.SamplingRule, s.Probability = r.name, probability
		s.EvaluationID = evaluator.EvaluationID(c.span.TraceID(), c.span.SpanID(), s.Name, s.EvaluatorVersion)
		c.add(s)
	}
	if failed > 0 && scored == 0 {
		return decisionFailed
	}
	return decisionScored
}

// add keeps one score for each evaluation id: two rules may attach the same
// evaluator.
func (c *candidate) add(s evaluator.Score) {
	for i := range c.scores {
		if c.scores[i].EvaluationID == s.EvaluationID {
			return
		}
	}
	c.scores = append(c.scores, s)
}

// promptOf is the prompt that the identity processor stamped, else what the
// span says itself.
func promptOf(span ptrace.Span, call *genai.Call) identity.Identity {
	id := identity.FromAttributes(span.Attributes())
	if id.PromptName == "" {
		id.PromptName, id.PromptVersion = call.Prompt.Name, call.Prompt.Version
	}
	return id
}
