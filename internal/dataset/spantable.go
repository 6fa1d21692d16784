// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// spanTable writes rows of the spans table.
type spanTable struct {
	enc *parquetfile.Writer
	c   spanLeaves
	// messages takes the histories that are stored by reference.
	messages *messageTable
	types    []byte
	// scratch is what JSON is built in; the columns' texts are strings of their
	// own.
	scratch []byte
	// valid are of the push that is written now.
	valid validTexts
	// dirty is set while a row is written that holds invalid UTF-8, which
	// Parquet strings must not.
	dirty bool
}

func newSpanTable(codec string, messages *messageTable) (*spanTable, error) {
	enc, err := newEncoder(TableSpans, codec)
	if err != nil {
		return nil, err
	}
	t := &spanTable{enc: enc, messages: messages}
	return t, bind(enc, &t.c)
}

func (t *spanTable) clean(s string) string {
	if t.dirty {
		return clean(s)
	}
	return s
}

func (t *spanTable) cleanBytes(s []byte) []byte {
	if t.dirty {
		return bytes.ToValidUTF8(s, []byte("\ufffd"))
	}
	return s
}

func (t *spanTable) text(c *parquetfile.Column, s string)     { c.Text(t.clean(s)) }
func (t *spanTable) optional(c *parquetfile.Column, s string) { c.Optional(t.clean(s)) }

// write adds one span.
func (t *spanTable) write(r *spanRow) error {
	faithful := r.faithful(&t.valid)
	t.dirty = !faithful
	t.writePlace(r)
	t.writeCall(r)
	t.writeIdentity(r)
	size, err := t.writeContent(r)
	if err != nil {
		return err
	}
	size += t.writeRest(r)
	otlp := t.c.Otlp
	if faithful {
		otlp.Null()
	} else {
		encoded, err := protoOf(r)
		if err != nil {
			return err
		}
		otlp.Text(encoded)
		size += len(encoded)
	}
	return t.enc.EndRow(size)
}

func (t *spanTable) writePlace(r *spanRow) {
	s := r.span
	start := int64(s.StartTimestamp())
	t.text(t.c.PromptName, r.part.name)
	t.text(t.c.PromptVersion, r.part.version)
	t.c.Date.Int(r.part.day)
	t.text(t.c.TraceID, r.traceID)
	t.text(t.c.SpanID, r.spanID)
	t.optional(t.c.ParentSpanID, r.parentID)
	t.c.StartTime.Long(start / 1000)
	t.c.StartUnixNano.Long(start)
	t.c.DurationNS.Long(int64(s.EndTimestamp()) - start)
	t.text(t.c.Name, s.Name())
	t.text(t.c.Kind, orElse(kindNames[s.Kind()], "unspecified"))
	t.text(t.c.Status, statusName(s.Status().Code()))
	t.optional(t.c.StatusMessage, s.Status().Message())
	t.optional(t.c.ErrorType, r.call.ErrorType)
	t.optional(t.c.ServiceName, r.origin.service)
	t.optional(t.c.Environment, r.origin.environment)
	t.optional(t.c.SessionID, r.call.SessionID)
	t.optional(t.c.UserID, r.call.UserID)
}

func statusName(code ptrace.StatusCode) string {
	switch code {
	case ptrace.StatusCodeOk:
		return "ok"
	case ptrace.StatusCodeError:
		return "error"
	}
	return "unset"
}

func (t *spanTable) writeCall(r *spanRow) {
	c := &r.call
	t.text(t.c.CallKind, callKinds[c.Kind])
	t.c.Counted.Bool(c.Counted)
	t.optional(t.c.Operation, c.Operation)
	t.optional(t.c.Provider, c.Provider)
	t.optional(t.c.RequestModel, c.RequestModel)
	t.optional(t.c.ResponseModel, c.ResponseModel)
	t.optional(t.c.ResponseID, c.ResponseID)
	t.optional(t.c.SystemFingerprint, c.SystemFingerprint)
	t.optional(t.c.Params, r.params)
	long(t.c.InputTokens, c.Usage.InputTokens)
	long(t.c.OutputTokens, c.Usage.OutputTokens)
	long(t.c.CacheReadTokens, c.Usage.CacheReadTokens)
	long(t.c.CacheWriteTokens, c.Usage.CacheWriteTokens)
	long(t.c.ReasoningTokens, c.Usage.ReasoningTokens)
	long(t.c.TimeToFirstTokenNS, c.TimeToFirstTokenNS)
	if r.cost.Set {
		t.c.CostUSD.Double(r.cost.Value)
	} else {
		t.c.CostUSD.Null()
	}
	t.list(t.c.FinishReasons, c.FinishReasons)
}

func long(c *parquetfile.Column, v genai.Opt[int64]) {
	if v.Set {
		c.Long(v.Value)
	} else {
		c.Null()
	}
}

func (t *spanTable) list(c *parquetfile.Column, items []string) {
	if len(items) == 0 {
		c.Null()
	}
	for i, s := range items {
		c.Item(i, t.clean(s))
	}
}

func (t *spanTable) writeIdentity(r *spanRow) {
	id := &r.identity
	t.optional(t.c.PromptHash, id.PromptHash)
	t.optional(t.c.PromptLabel, id.PromptLabel)
	t.optional(t.c.PromptResolution, id.Resolution)
	t.optional(t.c.PromptUnresolvedReason, id.UnresolvedReason)
	t.optional(t.c.ToolsetHash, id.ToolsetHash)
	t.optional(t.c.ToolsetCompleteness, id.ToolsetCompleteness)
	t.optional(t.c.ModelHash, id.ModelHash)
	t.optional(t.c.ParamsHash, id.ParamsHash)
	t.optional(t.c.VariantID, id.VariantID)
	keys, values := t.c.PromptVariablesKeys, t.c.PromptVariablesValues
	variables := r.identity.Variables
	if len(variables) == 0 {
		variables = r.call.Prompt.Variables
	}
	if len(variables) == 0 {
		keys.Null()
		values.Null()
	}
	for i, v := range variables {
		keys.Item(i, t.clean(v.Name))
		values.Item(i, t.clean(v.Value))
	}
	t.list(t.c.ToolVersions, r.identity.ToolVersions)
}

// writeContent writes messages and tools and returns their size.
func (t *spanTable) writeContent(r *spanRow) (int, error) {
	t.optional(t.c.SystemInstructions, r.system)
	inline, err := t.writeHistory(r)
	if err != nil {
		return 0, err
	}
	t.optional(t.c.OutputMessages, r.output)
	t.optional(t.c.ToolDefinitions, r.tools)
	ids, names, arguments := t.c.CallIDs, t.c.CallNames, t.c.CallArguments
	writeCalls(ids, names, arguments, r.calls, t.clean)
	t.optional(t.c.ToolName, r.toolName())
	t.optional(t.c.ToolVersion, r.identity.ToolVersion)
	inputChars, outputChars := r.sizes()
	t.c.InputChars.Int(clampInt32(inputChars))
	t.c.OutputChars.Int(clampInt32(outputChars))
	t.c.ToolCallCount.Int(clampInt32(len(r.calls)))
	t.c.IsReplay.Bool(identity.IsReplay(r.span.Attributes()))
	mode, redactions := r.mode()
	t.c.ContentMode.Text(mode)
	t.c.Redactions.Int(clampInt32(int(redactions)))
	// What spans that come later reveal is written by compaction.
	t.c.LateIdentity.Null()
	return len(r.system) + inline + len(r.output) + len(r.tools), nil
}

// writeHistory writes the input messages, or the hashes of those that the table
// messages holds, and returns the size of what it wrote.
func (t *spanTable) writeHistory(r *spanRow) (int, error) {
	var refs []string
	if !t.dirty {
		var err error
		if refs, err = t.messages.refer(r.part, r.input); err != nil {
			return 0, err
		}
	}
	t.list(t.c.InputRefs, refs)
	if len(refs) > 0 {
		t.c.InputMessages.Null()
		return len(refs) * hashSize, nil
	}
	t.optional(t.c.InputMessages, r.input)
	return len(r.input), nil
}

// writeCalls writes a row's tool calls.
func writeCalls(ids, names, arguments *parquetfile.Column, calls []genai.ToolCall, clean func(string) string) {
	if len(calls) == 0 {
		ids.Null()
		names.Null()
		arguments.Null()
	}
	for i, call := range calls {
		ids.Item(i, clean(call.ID))
		names.Item(i, clean(call.Name))
		arguments.Item(i, clean(call.Arguments))
	}
}

func clampInt32(n int) int32 { return int32(min(n, 1<<31-1)) }

// writeRest writes what has no column of its own and returns its size.
func (t *spanTable) writeRest(r *spanRow) int {
	s := r.span
	size, lifted, n := 0, int64(0), 0
	keys, values := t.c.AttributesKeys, t.c.AttributesValues
	t.types = t.types[:0]
	for key, value := range s.Attributes().All() {
		if bit, ok := r.lifts(key, value); ok && !t.dirty {
			lifted |= 1 << bit
			continue
		}
		if r.flat && strings.HasPrefix(key, evaluator.AttrFlatPrefix) {
			continue
		}
		keys.Item(n, t.clean(key))
		letter, printed := byte(letterString), 0
		if value.Type() == pcommon.ValueTypeStr {
			values.Item(n, t.clean(value.Str()))
			printed = len(value.Str())
		} else {
			t.scratch, letter = appendPrinted(t.scratch[:0], value)
			values.ItemBytes(n, t.cleanBytes(t.scratch))
			printed = len(t.scratch)
		}
		t.types = append(t.types, letter)
		size += len(key) + printed
		n++
	}
	if n == 0 {
		keys.Null()
		values.Null()
	}
	t.c.AttributeTypes.TextBytes(t.types)
	t.c.Lifted.Long(lifted)
	t.scratch = appendEvents(t.scratch[:0], r)
	events, links := string(t.scratch), linksText(s.Links())
	t.optional(t.c.Events, events)
	t.c.ScoreEvents.Int(r.held)
	if r.held > 0 {
		t.c.ScoredUnixNano.Long(r.heldAt)
	} else {
		t.c.ScoredUnixNano.Null()
	}
	t.c.FlatScores.Bool(r.flat)
	t.optional(t.c.Links, links)
	t.optional(t.c.TraceState, s.TraceState().AsRaw())
	t.c.Flags.Int(int32(s.Flags()))
	t.c.DroppedAttributes.Int(int32(s.DroppedAttributesCount()))
	t.c.DroppedEvents.Int(int32(s.DroppedEventsCount()))
	t.c.DroppedLinks.Int(int32(s.DroppedLinksCount()))
	t.optional(t.c.Resource, r.origin.resource)
	t.optional(t.c.Scope, r.origin.scope)
	return size + len(events) + len(links)
}

// protoOf encodes a span with its resource and scope as OTLP protobuf.
func protoOf(r *spanRow) (string, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	r.origin.rs.Resource().CopyTo(rs.Resource())
	rs.SetSchemaUrl(r.origin.rs.SchemaUrl())
	ss := rs.ScopeSpans().AppendEmpty()
	r.origin.ss.Scope().CopyTo(ss.Scope())
	ss.SetSchemaUrl(r.origin.ss.SchemaUrl())
	r.span.CopyTo(ss.Spans().AppendEmpty())
	encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	return string(encoded), err
}
