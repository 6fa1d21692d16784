// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
)

// spanReading is a span that is being read. All of it is read at once, while it is
// at hand: what is stored goes to the row.
type spanReading struct {
	row *spanRow
	// measure is set where the rest is not the original.
	measure                 *measure
	span                    ptrace.Span
	origin                  *origin
	call                    genai.Call
	identity                identity.Identity
	promptName, promptValue string
	system, input, output   string
	tools, params           string
	outputChars             int
	// scores are the span's; held of them stand for events of one time, in order,
	// and flat tells that they stand for the flat attributes too.
	scores []*scoreRow
	held   int32
	flat   bool
	// exact tells that the columns hold the span exactly.
	exact  bool
	types  string
	lifted int64
	// marked is set when the span may be a replay or have a content mode.
	marked bool
	// eventBytes bounds the events as OTLP.
	eventBytes int
}

// read reads a span whose call was read; of a span that is no GenAI span that is
// a zero one.
func (r *spanReading) read(span ptrace.Span, o *origin, isGenAI bool, m *rowMemory) {
	row := r.row
	r.span, r.origin, row.span, row.origin = span, o, span, o
	row.start, row.duration = int64(span.StartTimestamp()), int64(span.EndTimestamp())-int64(span.StartTimestamp())
	row.printIDs()
	row.part = partition{name: Other, version: NoVersion, day: dayOf(row.start)}
	if !isGenAI {
		return
	}
	call := &r.call
	r.identity = m.identities.FromAttributes(span.Attributes())
	r.promptName, r.promptValue = r.identity.PromptName, r.identity.PromptVersion
	if r.identity.Resolution == "" && r.promptName == "" {
		r.promptName, r.promptValue = call.Prompt.Name, call.Prompt.Version
	}
	row.part.name, row.part.version = orElse(r.promptName, Unresolved), orElse(r.promptValue, NoVersion)
	row.sessionID, row.userID, row.responseID = call.SessionID, call.UserID, call.ResponseID
	row.usage, row.firstToken, row.finishReasons = call.Usage, call.TimeToFirstTokenNS, call.FinishReasons
	row.variables = r.identity.Variables
	if len(row.variables) == 0 {
		row.variables = call.Prompt.Variables
	}
	r.system, r.input, r.output = call.System.JSON(), call.Input.JSON(), call.Output.JSON()
	r.tools = call.Tools.Text()
	if r.tools == "" && !call.Tools.Empty() {
		r.tools = call.Tools.JSON()
	}
	r.params = m.params.json(call.Params)
	start := len(m.calls)
	m.calls, r.outputChars = m.answers.Read(call, m.calls)
	row.calls = m.calls[start:len(m.calls):len(m.calls)]
	row.cost = call.CostUSD
}

// readRest reads what is left once call, identity and scores were read, and tells
// in exact whether the columns hold the span exactly.
func (r *spanReading) readRest(m *rowMemory) {
	s := r.span
	r.exact = m.walk.read(r)
	if r.exact {
		r.exact = r.faithful()
	}
	if s.Events().Len() > int(r.held) {
		r.row.events = m.walk.arena.keep(appendEvents(m.walk.arena.room(), r))
	}
	r.row.links = linksText(s.Links())
	r.row.input, r.row.output = r.input, r.output
	r.row.inputChars, r.row.outputChars = r.sizes()
}

// profile returns what the row shares with many others.
func (r *spanReading) profile() profile {
	s, c, id := r.span, &r.call, &r.identity
	p := profile{
		part: r.row.part, exact: r.exact,
		name: s.Name(), kind: s.Kind(), status: s.Status().Code(), statusMessage: s.Status().Message(),
		traceState: s.TraceState().AsRaw(), flags: s.Flags(), droppedAttributes: s.DroppedAttributesCount(),
		droppedEvents: s.DroppedEventsCount(), droppedLinks: s.DroppedLinksCount(),
		errorType: c.ErrorType, callKind: c.Kind, counted: c.Counted, operation: c.Operation, provider: c.Provider,
		requestModel: c.RequestModel, responseModel: c.ResponseModel, fingerprint: c.SystemFingerprint, params: r.params,
		promptHash: id.PromptHash, promptLabel: id.PromptLabel, resolution: id.Resolution, unresolved: id.UnresolvedReason,
		toolsetHash: id.ToolsetHash, completeness: id.ToolsetCompleteness, modelHash: id.ModelHash, paramsHash: id.ParamsHash,
		variantID: id.VariantID, toolName: r.toolName(), toolVersion: id.ToolVersion, system: r.system, tools: r.tools,
		contentMode: redact.ModeFull, types: r.types, lifted: r.lifted, held: r.held, flat: r.flat,
	}
	if len(id.ToolVersions) > 0 {
		p.toolVersions, p.toolCount = &id.ToolVersions[0], len(id.ToolVersions)
	}
	if r.marked {
		p.isReplay = identity.IsReplay(s.Attributes())
		p.contentMode, p.redactions = redact.ModeOf(s.Attributes())
	}
	return p
}

// faithful tells whether the columns hold exactly what the span says apart from
// its attributes.
func (r *spanReading) faithful() bool {
	s := r.span
	if !r.origin.faithful || !utf8.ValidString(s.Name()) || !utf8.ValidString(s.Status().Message()) || !utf8.ValidString(s.TraceState().AsRaw()) {
		return false
	}
	if s.Events().Len() > int(r.held) {
		next := 0
		for i, event := range s.Events().All() {
			if !r.isHeld(i, &next) && (!utf8.ValidString(event.Name()) || !faithful(event.Attributes())) {
				return false
			}
		}
	}
	for _, link := range s.Links().All() {
		if !utf8.ValidString(link.TraceState().AsRaw()) || !faithful(link.Attributes()) {
			return false
		}
	}
	return kindNames[s.Kind()] != "" && int64(s.StartTimestamp()) >= 0 && int64(s.EndTimestamp()) >= 0 &&
		s.Status().Code() >= ptrace.StatusCodeUnset && s.Status().Code() <= ptrace.StatusCodeError
}

func (r *spanReading) toolName() string {
	if r.call.ToolExecution == nil {
		return ""
	}
	return r.call.ToolExecution.Name
}
