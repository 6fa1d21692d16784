// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// Limits of the list of problems on one span.
const (
	maxProblems     = 32
	maxProblemBytes = 200
)

// identityProcessor serves the pipelines of one configuration.
type identityProcessor struct {
	config    *Config
	logger    *zap.Logger
	telemetry *telemetry
	resolver  *identity.Resolver
	live      atomic.Pointer[liveRegistry]
	// pipelines counts those that have started, under the lock of processors.
	pipelines int
}

func newProcessor(set processor.Settings, config *Config) (*identityProcessor, error) {
	p := &identityProcessor{config: config, logger: set.Logger}
	var err error
	if p.telemetry, err = newTelemetry(set.TelemetrySettings, p.registryProblems); err != nil {
		return nil, err
	}
	p.resolver = identity.NewResolver(identity.Options{
		Registry: p.snapshot, Environment: config.Environment, MaxTraces: config.MaxTraces,
	})
	return p, nil
}

// processTraces stamps the GenAI spans of a batch and leaves all others alone.
// Exporters send children before their parents, and resources apart: all spans
// are read before the first is stamped, and tool spans come last.
func (p *identityProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	b := newBatch()
	defer b.release()
	p.read(td, b)
	if len(b.calls)+len(b.tools) == 0 {
		return td, nil
	}
	c := newCounts()
	p.findDuplicates(b.calls)
	for i := range b.calls {
		p.stamp(&b.calls[i], &b.id, c)
	}
	for i := range b.tools {
		p.stamp(&b.tools[i], &b.id, c)
	}
	p.telemetry.record(ctx, c)
	return td, nil
}

// read reads the GenAI spans, those of tools apart.
func (p *identityProcessor) read(td ptrace.Traces, b *batch) {
	for _, rs := range td.ResourceSpans().All() {
		environment := p.environment(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				call := b.next()
				if !genai.ReadInto(call, span, ss.Scope(), rs.Resource()) {
					continue
				}
				p.resolver.Complete(span.TraceID(), span.SpanID(), call)
				p.resolver.Note(span, call)
				b.add(reading{span: span, call: call, environment: environment})
			}
		}
	}
}

// findDuplicates finds the span that counts for each call of the batch. When a
// wrapper names the prompt and the span that counts does not, that one takes the
// reference.
func (p *identityProcessor) findDuplicates(calls []reading) {
	type key struct {
		trace pcommon.TraceID
		span  pcommon.SpanID
	}
	var naming map[key]*genai.Call
	for i := range calls {
		r := &calls[i]
		r.same = p.resolver.DuplicateOf(r.span.TraceID(), r.span.SpanID())
		if !r.same.IsEmpty() && r.call.Prompt.Name != "" {
			if naming == nil {
				naming = map[key]*genai.Call{}
			}
			naming[key{r.span.TraceID(), r.same}] = r.call
		}
	}
	if naming == nil {
		return
	}
	for i := range calls {
		wrapper := naming[key{calls[i].span.TraceID(), calls[i].span.SpanID()}]
		if wrapper != nil && calls[i].call.Prompt.Name == "" {
			calls[i].call.Prompt = wrapper.Prompt
		}
	}
}

func (p *identityProcessor) environment(resource pcommon.Resource) string {
	if p.config.Environment != "" {
		return p.config.Environment
	}
	for _, key := range [...]string{"deployment.environment.name", "deployment.environment"} {
		if value, ok := resource.Attributes().Get(key); ok && value.Type() == pcommon.ValueTypeStr {
			return value.Str()
		}
	}
	return ""
}

// stamp writes the identity of one call, for which id is room. A span that an
// earlier collector has stamped keeps its identity.
func (p *identityProcessor) stamp(r *reading, id *identity.Identity, c *counts) {
	span, call, attrs := r.span, r.call, r.span.Attributes()
	if before, ok := attrs.Get(identity.AttrPromptResolution); ok {
		c.identity(before.AsString(), "")
		return
	}
	p.resolver.ResolveInto(id, r.environment, span.TraceID(), startOf(span), call)
	attrs.EnsureCapacity(attrs.Len() + id.Size() + 2)
	if p.config.KeepOriginals {
		id.Put(attrs)
	} else {
		id.Replace(attrs)
	}
	if !r.same.IsEmpty() {
		attrs.PutStr(identity.AttrDuplicateOf, r.same.String())
		c.duplicates++
	}
	putProblems(attrs, call.GlanceAtContent(), c)
	c.identity(id.Resolution, id.UnresolvedReason)
	if call.Kind == genai.KindTool {
		c.tool(id.ToolUnresolvedReason)
	}
}

// startOf is when a span began; one without a start counts by its end.
func startOf(span ptrace.Span) time.Time {
	switch {
	case span.StartTimestamp() != 0:
		return span.StartTimestamp().AsTime()
	case span.EndTimestamp() != 0:
		return span.EndTimestamp().AsTime()
	}
	return time.Now()
}

func putProblems(attrs pcommon.Map, problems []genai.Problem, c *counts) {
	if len(problems) == 0 {
		return
	}
	list := attrs.PutEmptySlice(identity.AttrProblems)
	for i, problem := range problems {
		c.problem(problem.Reason)
		if i < maxProblems {
			name := problem.Attribute
			list.AppendEmpty().SetStr(name[:min(len(name), maxProblemBytes)] + ": " + problem.Reason)
		}
	}
}
