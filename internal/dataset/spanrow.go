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

// spanRow is one span on its way into the spans table: what it does not share with
// others. Rows wait until all of the push were read, so they are small.
type spanRow struct {
	profile *profile
	origin  *origin
	span    ptrace.Span
	part    partition
	start   int64
	// duration is in nanoseconds, as start.
	duration int64
	// digits are those of traceID, spanID and parentID.
	digits                        [64]byte
	traceID, spanID, parentID     string
	sessionID, userID, responseID string

	usage         genai.Usage
	firstToken    genai.Opt[int64]
	cost          genai.Opt[float64]
	finishReasons []string
	variables     []genai.Variable
	input, output string
	calls         []genai.ToolCall
	inputChars    int
	outputChars   int
	attributes    []heldAttribute
	events, links string
	// heldAt is the time of the events that rows of scores stand for.
	heldAt int64
}

// profile is what many spans have in common, so that it is written for a run of
// them at once.
type profile struct {
	part  partition
	exact bool

	name                             string
	kind                             ptrace.SpanKind
	status                           ptrace.StatusCode
	statusMessage, traceState        string
	flags, droppedAttributes         uint32
	droppedEvents, droppedLinks      uint32
	callKind                         genai.Kind
	counted                          bool
	errorType, operation, provider   string
	requestModel, responseModel      string
	fingerprint, params              string
	promptHash, promptLabel          string
	resolution, unresolved           string
	toolsetHash, completeness        string
	modelHash, paramsHash, variantID string
	system, tools                    string
	toolName, toolVersion            string
	isReplay                         bool
	contentMode                      string
	redactions                       int64
	// toolVersions is where a list that spans share begins.
	toolVersions *string
	toolCount    int

	// types and lifted are columns; held is the number of score events.
	types  string
	lifted int64
	held   int32
	flat   bool
}

// profiles finds the profile that a row shares.
type profiles struct {
	memory arena[profile]
	recent [recentProfiles]*profile
	next   int
}

// recentProfiles is how many of the last ones are compared.
const recentProfiles = 16

// of returns the one profile of these values, and whether it is new.
func (s *profiles) of(p profile) (shared *profile, fresh bool) {
	for i := range recentProfiles {
		known := s.recent[(s.next+recentProfiles-1-i)%recentProfiles]
		if known == nil {
			break
		}
		if *known == p {
			return known, false
		}
	}
	shared = s.memory.next()
	*shared = p
	s.recent[s.next] = shared
	s.next = (s.next + 1) % recentProfiles
	return shared, true
}

// release forgets all.
func (s *profiles) release() {
	s.memory.reset()
	s.recent, s.next = [recentProfiles]*profile{}, 0
}

// origin is what spans of one resource and scope share.
type origin struct {
	resource, scope      string
	service, environment string
	faithful             bool
	rs                   ptrace.ResourceSpans
	ss                   ptrace.ScopeSpans
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
