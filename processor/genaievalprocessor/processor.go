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
	at := pcommon.NewTimestampFromTime(p.now())
	// One span's scores at a time: the next span's take their room.
	room := make([]evaluator.Score, 0, 16)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				call, ok := genai.Read(span, ss.Scope(), rs.Resource())
				if ok && isCandidate(call, span) {
					c := newCandidate(rs, ss, span, call)
					c.at, c.scores = at, room
					p.score(ctx, c)
					room = c.scores[:0]
				}
			}
		}
	}
	return td, nil
}

// score asks every rule that has not decided yet. All evaluators see the span as
// it arrived: scores are added when every rule has decided.
func (p *evalProcessor) score(ctx context.Context, c *candidate) {
	decided := decidedRules(c.span.Attributes())
	list := make([]string, 0, len(p.rules))
	for _, r := range p.rules {
		if decided[r.name] {
			continue
		}
		d := r.decide(ctx, c)
		p.decisions.Add(ctx, 1, r.counted[d])
		list = append(list, r.name+"="+string(d))
	}
	if len(list) > 0 {
		c.write(list, len(decided) > 0)
	}
}
