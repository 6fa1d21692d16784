// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package replay rebuilds a recorded model call, says how faithful that is,
// changes one thing, runs both versions, scores them like production calls and
// compares (docs/replay.md).
package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
)

// Errors of finding the call to replay.
var (
	ErrSpanID   = errors.New("span id")
	ErrNotFound = errors.New("no such span")
	ErrNotACall = errors.New("not a model call")
	// ErrNoContent is returned for a call of which only hashes were stored.
	ErrNoContent = errors.New("content not stored")
)

// SpanSource finds spans; *dataset.Dataset is one.
type SpanSource interface {
	ReadTraces(ctx context.Context, filter dataset.Filter) (ptrace.Traces, error)
}

// Source is the recorded call.
type Source struct {
	Span     ptrace.Span
	Scope    pcommon.InstrumentationScope
	Resource pcommon.Resource
	Call     *genai.Call
	Identity identity.Identity
	Recorded wire.Recorded
	// Scores are those on the span.
	Scores []evaluator.Score

	// Redacted is how many values were replaced before the call was stored; -1
	// when it was stored as it came.
	Redacted int64

	// joined is set when content came from log events.
	joined bool
}

// Content is the content of a call as log events hold it, in the shape of the
// semantic conventions; empty where there is none.
type Content struct{ System, Input, Output, Tools string }

// AddContent fills in the content that the span itself does not hold, and
// resolves the prompt with it.
func (s *Source) AddContent(c Content, snapshot *registry.Snapshot) {
	if s.Call.Input.Empty() && c.Input != "" {
		s.Call.Input, s.joined = genai.MessagesFromJSON(c.Input), true
	}
	if s.Call.System.Empty() && c.System != "" {
		m := genai.MessagesFromJSON(`[{"role":"system","parts":` + c.System + `}]`)
		if list, err := m.List(); err == nil && len(list) == 1 {
			s.Call.System, s.joined = genai.NewParts(list[0].Parts), true
		}
	}
	if s.Call.Output.Empty() && c.Output != "" {
		s.Call.Output, s.joined = genai.MessagesFromJSON(c.Output), true
	}
	if s.Call.Tools.Empty() && c.Tools != "" {
		s.Call.Tools, s.joined = genai.ToolDefinitionsFromJSON(c.Tools), true
	}
	if s.joined && (s.Identity.Resolution == identity.RungNone || s.Identity.PromptName == "") {
		s.Identity = identity.Identity{}
		s.resolve(snapshot)
	}
}

// Find reads the call of a span id, or of TRACE_ID:SPAN_ID. What the span does
// not say about its prompt is resolved against the registry, as the collector
// would.
func Find(ctx context.Context, spans SpanSource, id string, snapshot *registry.Snapshot) (*Source, error) {
	traceID, spanID, both := strings.Cut(strings.ToLower(strings.TrimSpace(id)), ":")
	filter := dataset.Filter{SpanIDs: []string{spanID}, TraceIDs: []string{traceID}}
	if !both {
		traceID, spanID = "", traceID
		filter = dataset.Filter{SpanIDs: []string{spanID}}
	}
	if !isHex(spanID, 16) || both && !isHex(traceID, 32) {
		return nil, fmt.Errorf("%w %q: 16 hex digits are expected, or TRACE_ID:SPAN_ID", ErrSpanID, id)
	}
	traces, err := spans.ReadTraces(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("find span %s: %w", spanID, err)
	}
	var found []*Source
	each(traces, func(s *Source) {
		if s.Span.SpanID().String() == spanID && (traceID == "" || s.Span.TraceID().String() == traceID) {
			found = append(found, s)
		}
	})
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%w: %s; list calls with: spanloop query \"SELECT span_id, name FROM spans LIMIT 20\"", ErrNotFound, id)
	case len(found) > 1:
		return nil, fmt.Errorf("%w %s: %d traces have a span of that id; give TRACE_ID:SPAN_ID", ErrSpanID, spanID, len(found))
	}
	return found[0], found[0].read(snapshot)
}

func isHex(text string, n int) bool {
	return len(text) == n && strings.Trim(text, "0123456789abcdef") == ""
}

func each(traces ptrace.Traces, use func(*Source)) {
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				use(&Source{Span: span, Scope: ss.Scope(), Resource: rs.Resource()})
			}
		}
	}
}

func (s *Source) read(snapshot *registry.Snapshot) error {
	call, ok := genai.Read(s.Span, s.Scope, s.Resource)
	if !ok {
		return fmt.Errorf("%w: span %s is no GenAI span", ErrNotACall, s.Span.SpanID())
	}
	if call.Kind != genai.KindInference || !call.Counted {
		return fmt.Errorf("%w: span %s is %q; replay the chat span of its trace %s", ErrNotACall, s.Span.SpanID(), s.Span.Name(), s.Span.TraceID())
	}
	s.Redacted = -1
	switch mode, count := redact.ModeOf(s.Span.Attributes()); mode {
	case redact.ModeHashes:
		return fmt.Errorf("%w: span %s was written with content: hashes, so that there is no request to send; replay a call of a dataset written with content: full or redacted", ErrNoContent, s.Span.SpanID())
	case redact.ModeRedacted:
		s.Redacted = count
	}
	s.Call = call
	s.Recorded = wire.RecordedOf(s.Span.Attributes())
	s.Identity = identity.FromAttributes(s.Span.Attributes())
	if s.Identity.PromptName == "" || len(s.Identity.Variables) == 0 {
		s.resolve(snapshot)
	}
	for _, event := range s.Span.Events().All() {
		if score, ok := evaluator.ReadEvent(event); ok {
			s.Scores = append(s.Scores, score)
		}
	}
	return nil
}

// resolve fills in what the span does not say about its prompt.
func (s *Source) resolve(snapshot *registry.Snapshot) {
	if snapshot.Empty() {
		return
	}
	resolver := identity.NewResolver(identity.Options{Registry: func() *registry.Snapshot { return snapshot }})
	resolved := resolver.Resolve(s.Span.TraceID(), s.Start(), s.Call)
	switch {
	case s.Identity.PromptName == "":
		s.Identity = resolved
	case s.Identity.PromptName == resolved.PromptName && s.Identity.PromptVersion == resolved.PromptVersion:
		s.Identity.Variables = resolved.Variables
	}
}

// Start is the span's start time.
func (s *Source) Start() time.Time { return s.Span.StartTimestamp().AsTime() }

// ID is trace id and span id.
func (s *Source) ID() string { return s.Span.TraceID().String() + ":" + s.Span.SpanID().String() }

// Variables are the values that the prompt was rendered with.
func (s *Source) Variables() map[string]string {
	variables := map[string]string{}
	for _, v := range s.Identity.Variables {
		variables[v.Name] = v.Value
	}
	return variables
}
