// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
)

// candidate is one call on its way through the rules.
type candidate struct {
	resource ptrace.ResourceSpans
	scope    ptrace.ScopeSpans
	span     ptrace.Span
	call     *genai.Call
	at       pcommon.Timestamp
	// prompt and version are what the identity processor stamped, else what the
	// span says itself. They alias the span's memory.
	prompt, version string
	// input is ready once the first rule evaluates.
	input    evaluator.Input
	hasInput bool
	scores   []evaluator.Score
	// ids holds the evaluation ids of the span's scores.
	ids strings.Builder
	// decisions are those of all rules, as they are stored.
	decisions []string
}

// isCandidate tells which spans are scored: model calls that generate, counted
// once. Calls of our own judges and replays are left out: a replay carries the
// scores that its run made. So are calls read from a dataset that holds hashes of
// their texts only.
func isCandidate(call *genai.Call, span ptrace.Span) bool {
	if call.Kind != genai.KindInference || !call.Counted {
		return false
	}
	_, isJudge := span.Attributes().Get(evaluator.AttrJudgeCall)
	if isJudge || identity.IsReplay(span.Attributes()) {
		return false
	}
	mode, _ := redact.ModeOf(span.Attributes())
	return mode != redact.ModeHashes
}

// init takes over a span that is a candidate; the room of the one before serves
// it.
func (c *candidate) init(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span, call *genai.Call) {
	c.resource, c.scope, c.span, c.call = rs, ss, span, call
	c.hasInput, c.scores, c.decisions = false, c.scores[:0], c.decisions[:0]
	// The ids of the span before stay in its attributes.
	c.ids.Reset()
	c.prompt, c.version = identity.PromptOf(span.Attributes())
	if c.prompt == "" {
		c.prompt, c.version = call.Prompt.Name, call.Prompt.Version
	}
}

// evaluationID is the key of a score of this span.
func (c *candidate) evaluationID(s *evaluator.Score) string {
	id := evaluator.EvaluationIDBytes(c.span.TraceID(), c.span.SpanID(), s.Name, s.EvaluatorVersion)
	start := c.ids.Len()
	c.ids.Write(id[:])
	return c.ids.String()[start:]
}

// add keeps one score for each evaluation id: two rules may attach the same
// evaluator.
func (c *candidate) add(s *evaluator.Score) {
	for i := range c.scores {
		if c.scores[i].EvaluationID == s.EvaluationID {
			return
		}
	}
	c.scores = append(c.scores, *s)
}

// write adds scores and decisions to the span. again is true when an earlier
// processor has decided about the span under other rules.
func (c *candidate) write(again bool) {
	attributes := c.span.Attributes()
	attributes.EnsureCapacity(attributes.Len() + 2*len(c.scores) + 1)
	c.span.Events().EnsureCapacity(c.span.Events().Len() + len(c.scores))
	for i := range c.scores {
		if s := &c.scores[i]; !again || !hasScore(c.span, s.EvaluationID) {
			s.AppendTo(c.span, c.at)
		}
	}
	var list pcommon.Slice
	if before, ok := attributes.Get(evaluator.AttrDecisions); again && ok {
		list = before.Slice()
	} else {
		list = attributes.PutEmptySlice(evaluator.AttrDecisions)
	}
	list.EnsureCapacity(list.Len() + len(c.decisions))
	for _, d := range c.decisions {
		list.AppendEmpty().SetStr(d)
	}
}

func hasScore(span ptrace.Span, evaluationID string) bool {
	for _, event := range span.Events().All() {
		if event.Name() == evaluator.EventName {
			if id, ok := event.Attributes().Get(evaluator.AttrEvaluationID); ok && id.AsString() == evaluationID {
				return true
			}
		}
	}
	return false
}

// decidedRules are the rules under which a span was decided about before, here
// or in an earlier collector; nil for most.
func decidedRules(attributes pcommon.Map) map[string]bool {
	value, ok := attributes.Get(evaluator.AttrDecisions)
	if !ok || value.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	decided := map[string]bool{}
	for _, item := range value.Slice().All() {
		if name, _, ok := strings.Cut(item.AsString(), "="); ok {
			decided[name] = true
		}
	}
	return decided
}
