// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"crypto/rand"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
)

// Attributes of replay spans, besides spanloop.replay (docs/replay.md).
const (
	AttrRunID        = "spanloop.replay.run_id"
	AttrArm          = "spanloop.replay.arm"
	AttrN            = "spanloop.replay.n"
	AttrModification = "spanloop.replay.modification"
	AttrFidelity     = "spanloop.replay.fidelity"
	AttrLink         = "spanloop.replay.link"
	// AttrPinnedModel is set when both arms asked for another model than the
	// recorded request.
	AttrPinnedModel = "spanloop.replay.pinned_model"
	// environmentName is deployment.environment.name of replay spans: nothing
	// that filters by environment counts them as production.
	environmentName = "replay"
	scopeName       = "github.com/spanloop/spanloop/internal/replay"
)

// NewRunID returns an id for the runs of one replay.
func NewRunID() string { return newTraceID().String() }

func newTraceID() (id pcommon.TraceID) {
	_, _ = rand.Read(id[:])
	return id
}

func newSpanID() (id pcommon.SpanID) {
	_, _ = rand.Read(id[:])
	return id
}

// answerSpan is the span of a run without the marks of a replay: what the
// evaluators see is what they see of a production call.
func (p *Plan) answerSpan(run *Run) ptrace.Span {
	span := ptrace.NewSpan()
	span.SetTraceID(newTraceID())
	span.SetSpanID(newSpanID())
	span.SetKind(ptrace.SpanKindClient)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(run.Start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(run.End))
	if run.Response != nil && run.Response.Duration > 0 {
		// Waiting before a retry is no latency of the model.
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(run.End.Add(-run.Response.Duration)))
	}
	body := p.Body(run.Arm)
	span.SetName("chat " + body.Member("model").Str())
	if captured, err := wire.Capture(p.Request.Dialect, body.Bytes()); err == nil {
		captured.Attributes.CopyTo(span.Attributes())
	}
	if provider := p.Source.Call.Provider; provider != "" {
		span.Attributes().PutStr("gen_ai.provider.name", provider)
	}
	if run.Response != nil {
		run.Response.PutAttributes(span.Attributes())
		if run.Response.Streamed {
			span.Attributes().PutBool("gen_ai.request.stream", true)
		}
	}
	if run.Err != nil {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage(run.Err.Error())
	}
	return span
}

// readCall reads a span's call; the span outlives it.
func (p *Plan) readCall(span ptrace.Span) *genai.Call {
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	if !ok {
		return &genai.Call{Kind: genai.KindInference}
	}
	return call
}

// Traces turns runs into spans: each run a trace of its own, linked to the
// recorded span, with the identity of what it sent.
func (p *Plan) Traces(runID string, runs []Run, snapshot *registry.Snapshot) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	service := "spanloop-replay"
	if v, ok := p.Source.Resource.Attributes().Get("service.name"); ok && v.AsString() != "" {
		service = v.AsString()
	}
	rs.Resource().Attributes().PutStr("service.name", service)
	rs.Resource().Attributes().PutStr("deployment.environment.name", environmentName)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scopeName)
	resolver := identity.NewResolver(identity.Options{
		Registry: func() *registry.Snapshot { return snapshot }, Environment: environmentName,
	})
	for i := range runs {
		if runs[i].Response == nil {
			continue
		}
		span := ss.Spans().AppendEmpty()
		p.answerSpan(&runs[i]).CopyTo(span)
		p.mark(span, runID, &runs[i])
		call := p.readCall(span)
		resolver.Resolve(span.TraceID(), runs[i].Start, call).Put(span.Attributes())
		for _, s := range runs[i].Scores {
			s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
			s.AppendTo(span, span.EndTimestamp())
		}
	}
	return traces
}

// mark adds what makes a span a replay's.
func (p *Plan) mark(span ptrace.Span, runID string, run *Run) {
	a := span.Attributes()
	a.PutBool(identity.AttrReplay, true)
	a.PutStr(AttrRunID, runID)
	a.PutStr(AttrArm, run.Arm)
	a.PutInt(AttrN, int64(run.N))
	a.PutStr(AttrFidelity, string(p.Request.Grade))
	if p.Source.Redacted > 0 {
		a.PutStr(identity.AttrContentMode, redact.ModeRedacted)
		a.PutInt(identity.AttrRedactions, p.Source.Redacted)
	}
	if p.Pinned != "" {
		a.PutStr(AttrPinnedModel, p.Pinned)
	}
	if run.Arm == ArmTreatment {
		a.PutStr(AttrModification, p.Digest()+" "+line(p.Describe()))
	}
	if name := p.Source.Identity.PromptName; name != "" {
		a.PutStr(identity.AttrPromptName, name)
		if version := p.Version(run.Arm); version != "" {
			a.PutStr(identity.AttrPromptVersion, version)
		}
	}
	variables := p.Source.Variables()
	if run.Arm == ArmTreatment {
		variables = p.variables
	}
	for key, value := range variables {
		a.PutStr(identity.AttrPromptVariablePrefix+key, value)
	}
	link := span.Links().AppendEmpty()
	link.SetTraceID(p.Source.Span.TraceID())
	link.SetSpanID(p.Source.Span.SpanID())
	link.Attributes().PutStr(AttrLink, "origin")
}

// Version names the prompt version of an arm. An edited text is no version of
// the registry: its name says what it was made from.
func (p *Plan) Version(arm string) string {
	if arm == ArmControl {
		return p.Source.Identity.PromptVersion
	}
	version := p.Source.Identity.PromptVersion
	if p.target != nil {
		version = p.target.Version
	}
	if len(p.edits) > 0 && version != "" {
		version += "+edit." + p.Digest()
	}
	return version
}
