// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"unicode/utf8"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/redact"
)

// spanRow is one span on its way into the spans table: its columns' values as
// far as they are more than a copy of one field.
type spanRow struct {
	span     ptrace.Span
	origin   *origin
	call     genai.Call
	identity identity.Identity
	part     partition

	// digits are those of traceID, spanID and parentID.
	digits                [64]byte
	traceID, spanID       string
	parentID              string
	system, input, output string
	tools, params         string
	calls                 []genai.ToolCall
	outputChars           int
	// measure is set where the rest is not the original.
	measure                 *measure
	promptName, promptValue string
	cost                    genai.Opt[float64]

	// scores are the span's; held of them stand for events of one time, heldAt,
	// in order, and flat tells that they stand for the flat attributes too.
	scores []*scoreRow
	held   int32
	heldAt int64
	flat   bool

	// eventBytes bounds the events as OTLP.
	eventBytes int
	// exact tells that the columns hold the span exactly. Where they do not,
	// attributes are read again when the row is written.
	exact      bool
	attributes []heldAttribute
	types      string
	lifted     int64
	// marked is set when the span may be a replay or have a content mode.
	marked, isReplay bool
	contentMode      string
	redactions       int64
	events, links    string
}

// origin is what spans of one resource and scope share.
type origin struct {
	resource, scope      string
	service, environment string
	faithful             bool
	rs                   ptrace.ResourceSpans
	ss                   ptrace.ScopeSpans
}

// read reads a span whose call was read; of a span that is no GenAI span that is
// a zero one.
func (r *spanRow) read(span ptrace.Span, o *origin, isGenAI bool, m *rowMemory) {
	r.span, r.origin, r.contentMode = span, o, redact.ModeFull
	r.printIDs()
	r.part = partition{name: Other, version: NoVersion, day: dayOf(int64(span.StartTimestamp()))}
	if !isGenAI {
		return
	}
	call := &r.call
	r.identity = m.identities.FromAttributes(span.Attributes())
	r.promptName, r.promptValue = r.identity.PromptName, r.identity.PromptVersion
	if r.identity.Resolution == "" && r.promptName == "" {
		r.promptName, r.promptValue = call.Prompt.Name, call.Prompt.Version
	}
	r.part.name, r.part.version = orElse(r.promptName, Unresolved), orElse(r.promptValue, NoVersion)
	r.system, r.input, r.output = call.System.JSON(), call.Input.JSON(), call.Output.JSON()
	r.tools = call.Tools.Text()
	if r.tools == "" && !call.Tools.Empty() {
		r.tools = call.Tools.JSON()
	}
	r.params = m.params.json(call.Params)
	start := len(m.calls)
	m.calls, r.outputChars = m.answers.Read(call, m.calls)
	r.calls = m.calls[start:len(m.calls):len(m.calls)]
	r.cost = call.CostUSD
}

// printIDs makes the texts of the span's ids, in memory of the row.
func (r *spanRow) printIDs() {
	traceID, spanID, parentID := r.span.TraceID(), r.span.SpanID(), r.span.ParentSpanID()
	hex.Encode(r.digits[:32], traceID[:])
	hex.Encode(r.digits[32:48], spanID[:])
	hex.Encode(r.digits[48:], parentID[:])
	all := unsafe.String(&r.digits[0], len(r.digits))
	r.traceID, r.spanID = all[:32], all[32:48]
	if !parentID.IsEmpty() {
		r.parentID = all[48:]
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (r *spanRow) toolName() string {
	if r.call.ToolExecution == nil {
		return ""
	}
	return r.call.ToolExecution.Name
}

// readRest reads what is left once call, identity and scores were read, and tells
// in exact whether the columns hold the span exactly.
func (r *spanRow) readRest(m *rowMemory) {
	s := r.span
	r.exact = m.walk.read(r)
	if r.marked {
		r.isReplay = identity.IsReplay(s.Attributes())
		r.contentMode, r.redactions = redact.ModeOf(s.Attributes())
	}
	if r.exact {
		r.exact = r.faithful()
	}
	if s.Events().Len() > int(r.held) {
		r.events = m.walk.arena.keep(appendEvents(m.walk.arena.room(), r))
	}
	r.links = linksText(s.Links())
}

// faithful tells whether the columns hold exactly what the span says apart from
// its attributes.
func (r *spanRow) faithful() bool {
	s := r.span
	if !r.origin.faithful || !utf8.ValidString(s.Name()) || !utf8.ValidString(s.Status().Message()) || !utf8.ValidString(s.TraceState().AsRaw()) {
		return false
	}
	if s.Events().Len() > int(r.held) {
		next := 0
		for i, event := range s.Events().All() {
			if !r.isHeld(i, &next) && !(utf8.ValidString(event.Name()) && faithful(event.Attributes())) {
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

var kindNames = map[ptrace.SpanKind]string{
	ptrace.SpanKindUnspecified: "unspecified", ptrace.SpanKindInternal: "internal", ptrace.SpanKindServer: "server",
	ptrace.SpanKindClient: "client", ptrace.SpanKindProducer: "producer", ptrace.SpanKindConsumer: "consumer",
}

var callKinds = map[genai.Kind]string{
	genai.KindOther: "other", genai.KindInference: "inference", genai.KindEmbeddings: "embeddings", genai.KindRerank: "rerank",
	genai.KindRetrieval: "retrieval", genai.KindTool: "tool", genai.KindAgent: "agent", genai.KindWorkflow: "workflow",
	genai.KindEvaluation: "evaluation", genai.KindPrompt: "prompt",
}

func newOrigin(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) *origin {
	o := &origin{rs: rs, ss: ss}
	attributes := rs.Resource().Attributes()
	o.service = attribute(attributes, "service.name")
	o.environment = attribute(attributes, "deployment.environment.name")
	if o.environment == "" {
		o.environment = attribute(attributes, "deployment.environment")
	}
	o.faithful = faithful(attributes) && faithful(ss.Scope().Attributes()) && utf8.ValidString(rs.SchemaUrl()) &&
		utf8.ValidString(ss.SchemaUrl()) && utf8.ValidString(ss.Scope().Name()) && utf8.ValidString(ss.Scope().Version())
	o.resource = resourceText(rs)
	o.scope = scopeText(ss)
	return o
}

func attribute(m pcommon.Map, key string) string {
	value, ok := m.Get(key)
	if !ok || value.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return clean(value.Str())
}

// toolHash is the content hash of a tool definition.
func toolHash(d genai.ToolDefinition) (string, error) { return identity.ToolHash(d) }
