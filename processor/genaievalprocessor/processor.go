// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

const scopeName = "github.com/spanloop/spanloop/processor/genaievalprocessor"

type evalProcessor struct {
	rules     []*rule
	decisions metric.Int64Counter
	now       func() time.Time
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
			return nil, fmt.Errorf("rules[%d].%w", i, err)
		}
		p.rules = append(p.rules, r)
	}
	var err error
	p.decisions, err = settings.MeterProvider.Meter(scopeName).Int64Counter(
		"otelcol_processor_genai_eval_decisions",
		metric.WithDescription("Candidates by rule and decision."), metric.WithUnit("{decision}"))
	return p, err
}

// processTraces scores the candidates of a batch.
func (p *evalProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	// One span's scores at a time: the next span's take their room.
	c := candidate{at: pcommon.NewTimestampFromTime(p.now()), scores: make([]evaluator.Score, 0, 16)}
	counts := make([]decisionCounts, len(p.rules))
	call := new(genai.Call)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if genai.ReadInto(call, span, ss.Scope(), rs.Resource()) && isCandidate(call, span) {
					c.init(rs, ss, span, call)
					p.score(ctx, &c, counts)
				}
			}
		}
	}
	for i, r := range p.rules {
		for d, n := range counts[i] {
			if n > 0 {
				p.decisions.Add(ctx, n, r.counted[d])
			}
		}
	}
	return td, nil
}

// score asks every rule that has not decided yet. All evaluators see the span as
// it arrived: scores are added when every rule has decided.
func (p *evalProcessor) score(ctx context.Context, c *candidate, counts []decisionCounts) {
	decided := decidedRules(c.span.Attributes())
	for i, r := range p.rules {
		if decided[r.name] {
			continue
		}
		d := r.decide(ctx, c)
		counts[i][d]++
		c.decisions = append(c.decisions, r.stored[d])
	}
	if len(c.decisions) > 0 {
		c.write(len(decided) > 0)
	}
}
