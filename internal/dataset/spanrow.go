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
	r.span, r.origin = span, o
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

// textOf is the value of a text column that an attribute can be lifted into.
func (r *spanRow) textOf(column string) string {
	c, id := &r.call, &r.identity
	switch column {
	case "operation":
		return c.Operation
	case "provider":
		return c.Provider
	case "request_model":
		return c.RequestModel
	case "response_model":
		return c.ResponseModel
	case "response_id":
		return c.ResponseID
	case "session_id":
		return c.SessionID
	case "user_id":
		return c.UserID
	case "system_fingerprint":
		return c.SystemFingerprint
	case "system_instructions":
		return r.system
	case "input_messages":
		return r.input
	case "output_messages":
		return r.output
	case "tool_definitions":
		return r.tools
	case "error_type":
		return c.ErrorType
	case "prompt_name":
		return r.promptName
	case "prompt_version":
		return r.promptValue
	case "tool_name":
		return r.toolName()
	}
	return identityText(id, column)
}

func identityText(id *identity.Identity, column string) string {
	switch column {
	case "prompt_hash":
		return id.PromptHash
	case "prompt_resolution":
		return id.Resolution
	case "prompt_unresolved_reason":
		return id.UnresolvedReason
	case "prompt_label":
		return id.PromptLabel
	case "toolset_hash":
		return id.ToolsetHash
	case "toolset_completeness":
		return id.ToolsetCompleteness
	case "model_hash":
		return id.ModelHash
	case "params_hash":
		return id.ParamsHash
	case "variant_id":
		return id.VariantID
	case "tool_version":
		return id.ToolVersion
	}
	return ""
}

func (r *spanRow) toolName() string {
	if r.call.ToolExecution == nil {
		return ""
	}
	return r.call.ToolExecution.Name
}

// countOf is the value of a count column.
func (r *spanRow) countOf(column string) *genai.Opt[int64] {
	u := &r.call.Usage
	switch column {
	case "input_tokens":
		return &u.InputTokens
	case "output_tokens":
		return &u.OutputTokens
	case "cache_read_tokens":
		return &u.CacheReadTokens
	case "cache_write_tokens":
		return &u.CacheWriteTokens
	case "reasoning_tokens":
		return &u.ReasoningTokens
	case "time_to_first_token_ns":
		return &r.call.TimeToFirstTokenNS
	}
	return nil
}

func (r *spanRow) listOf(column string) []string {
	switch column {
	case "finish_reasons":
		return r.call.FinishReasons
	case "tool_versions":
		return r.identity.ToolVersions
	}
	return nil
}

// faithful tells whether the columns hold the span exactly.
func (r *spanRow) faithful(known *validTexts) bool {
	s := r.span
	if !r.origin.faithful || !faithful(s.Attributes(), known) || !utf8.ValidString(s.Name()) ||
		!utf8.ValidString(s.Status().Message()) || !utf8.ValidString(s.TraceState().AsRaw()) {
		return false
	}
	next := 0
	for i, event := range s.Events().All() {
		if r.isHeld(i, &next) {
			continue
		}
		if !utf8.ValidString(event.Name()) || !faithful(event.Attributes(), known) {
			return false
		}
	}
	for _, link := range s.Links().All() {
		if !utf8.ValidString(link.TraceState().AsRaw()) || !faithful(link.Attributes(), known) {
			return false
		}
	}
	_, named := kindNames[s.Kind()]
	return named && int64(s.StartTimestamp()) >= 0 && int64(s.EndTimestamp()) >= 0 &&
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
	o.faithful = faithful(attributes, nil) && faithful(ss.Scope().Attributes(), nil) && utf8.ValidString(rs.SchemaUrl()) &&
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
