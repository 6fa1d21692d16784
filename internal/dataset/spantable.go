// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// spanTable writes rows of the spans table.
type spanTable struct {
	enc    *parquetfile.Writer
	leaves map[string]*parquetfile.Column
	types  []byte
	// dirty is set while a row is written that holds invalid UTF-8, which
	// Parquet strings must not.
	dirty bool
}

func newSpanTable(codec string) (*spanTable, error) {
	enc, err := newEncoder(TableSpans, codec)
	if err != nil {
		return nil, err
	}
	return &spanTable{enc: enc, leaves: enc.Columns()}, nil
}

func (t *spanTable) clean(s string) string {
	if t.dirty {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return s
}

func (t *spanTable) text(path, s string)     { t.leaves[path].Text(t.clean(s)) }
func (t *spanTable) optional(path, s string) { t.leaves[path].Optional(t.clean(s)) }

// write adds one span.
func (t *spanTable) write(r *spanRow) error {
	faithful := r.faithful()
	t.dirty = !faithful
	t.writePlace(r)
	t.writeCall(r)
	t.writeIdentity(r)
	size := t.writeContent(r)
	size += t.writeRest(r)
	otlp := t.leaves["otlp"]
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
	t.text("prompt_name", r.part.name)
	t.text("prompt_version", r.part.version)
	t.leaves["date"].Int(r.part.day)
	t.text("trace_id", r.traceID)
	t.text("span_id", r.spanID)
	parent := ""
	if id := s.ParentSpanID(); !id.IsEmpty() {
		parent = hex.EncodeToString(id[:])
	}
	t.optional("parent_span_id", parent)
	t.leaves["start_time"].Long(start / 1000)
	t.leaves["start_unix_nano"].Long(start)
	t.leaves["duration_ns"].Long(int64(s.EndTimestamp()) - start)
	t.text("name", s.Name())
	t.text("kind", orElse(kindNames[s.Kind()], "unspecified"))
	t.text("status", statusName(s.Status().Code()))
	t.optional("status_message", s.Status().Message())
	t.optional("error_type", r.call.ErrorType)
	t.optional("service_name", r.origin.service)
	t.optional("environment", r.origin.environment)
	t.optional("session_id", r.call.SessionID)
	t.optional("user_id", r.call.UserID)
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
	c := r.call
	t.text("call_kind", callKinds[c.Kind])
	t.leaves["counted"].Bool(c.Counted)
	for _, column := range []string{"operation", "provider", "request_model", "response_model", "response_id", "system_fingerprint"} {
		t.optional(column, r.textOf(column))
	}
	t.optional("params", r.params)
	for _, column := range countColumns {
		if count := r.countOf(column); count.Set {
			t.leaves[column].Long(count.Value)
		} else {
			t.leaves[column].Null()
		}
	}
	if r.cost.Set {
		t.leaves["cost_usd"].Double(r.cost.Value)
	} else {
		t.leaves["cost_usd"].Null()
	}
	t.list("finish_reasons", c.FinishReasons)
}

var countColumns = []string{"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "time_to_first_token_ns"}

func (t *spanTable) list(column string, items []string) {
	l := t.leaves[column+".list.element"]
	if len(items) == 0 {
		l.Null()
		return
	}
	for i, s := range items {
		l.Item(i, t.clean(s))
	}
}

func (t *spanTable) writeIdentity(r *spanRow) {
	for _, column := range []string{
		"prompt_hash", "prompt_label", "prompt_resolution", "prompt_unresolved_reason",
		"toolset_hash", "toolset_completeness", "model_hash", "params_hash", "variant_id",
	} {
		t.optional(column, identityText(&r.identity, column))
	}
	keys, values := t.leaves["prompt_variables.key_value.key"], t.leaves["prompt_variables.key_value.value"]
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
	t.list("tool_versions", r.identity.ToolVersions)
}

// writeContent writes messages and tools and returns their size.
func (t *spanTable) writeContent(r *spanRow) int {
	t.optional("system_instructions", r.system)
	t.optional("input_messages", r.input)
	t.optional("output_messages", r.output)
	t.optional("tool_definitions", r.tools)
	ids, names, arguments := t.leaves[callIDs], t.leaves[callNames], t.leaves[callArguments]
	writeCalls(ids, names, arguments, r.calls, t.clean)
	t.optional("tool_name", r.toolName())
	t.optional("tool_version", r.identity.ToolVersion)
	t.leaves["input_chars"].Int(clampInt32(len(r.input) + len(r.system)))
	t.leaves["output_chars"].Int(clampInt32(utf8.RuneCountInString(r.call.OutputText())))
	t.leaves["tool_call_count"].Int(clampInt32(len(r.calls)))
	t.leaves["is_replay"].Bool(identity.IsReplay(r.span.Attributes()))
	return len(r.system) + len(r.input) + len(r.output) + len(r.tools)
}

// The leaves of tool_calls.
const (
	callIDs       = "tool_calls.list.element.id"
	callNames     = "tool_calls.list.element.name"
	callArguments = "tool_calls.list.element.arguments"
)

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
	keys, values := t.leaves["attributes.key_value.key"], t.leaves["attributes.key_value.value"]
	t.types = t.types[:0]
	for key, value := range s.Attributes().All() {
		if bit, ok := r.lifts(key, value); ok && !t.dirty {
			lifted |= 1 << bit
			continue
		}
		if r.flat && strings.HasPrefix(key, evaluator.AttrFlatPrefix) {
			continue
		}
		printed, letter := encodeValue(value)
		keys.Item(n, t.clean(key))
		values.Item(n, t.clean(printed))
		t.types = append(t.types, letter)
		size += len(key) + len(printed)
		n++
	}
	if n == 0 {
		keys.Null()
		values.Null()
	}
	t.leaves["attribute_types"].Text(string(t.types))
	t.leaves["lifted"].Long(lifted)
	events, links := string(appendEvents(nil, r)), linksText(s.Links())
	t.optional("events", events)
	t.leaves["score_events"].Int(r.held)
	if r.held > 0 {
		t.leaves["scored_unix_nano"].Long(r.heldAt)
	} else {
		t.leaves["scored_unix_nano"].Null()
	}
	t.leaves["flat_scores"].Bool(r.flat)
	t.optional("links", links)
	t.optional("trace_state", s.TraceState().AsRaw())
	t.leaves["flags"].Int(int32(s.Flags()))
	t.leaves["dropped_attributes"].Int(int32(s.DroppedAttributesCount()))
	t.leaves["dropped_events"].Int(int32(s.DroppedEventsCount()))
	t.leaves["dropped_links"].Int(int32(s.DroppedLinksCount()))
	t.optional("resource", r.origin.resource)
	t.optional("scope", r.origin.scope)
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
