// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// spanTable writes rows of the spans table.
type spanTable struct {
	enc *parquetfile.Writer
	c   spanLeaves
	// messages takes the histories that are stored by reference.
	messages *messageTable
	// profile and origin are those of the last rows, as many as profiled and from:
	// what these have in common is written when it ends.
	profile        *profile
	origin         *origin
	profiled, from int

	types []byte
	// scratch is what JSON is built in; the columns' texts are strings of their
	// own.
	scratch []byte
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
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return s
}

func (t *spanTable) cleanBytes(s []byte) []byte {
	if t.dirty {
		return bytes.ToValidUTF8(s, []byte("\ufffd"))
	}
	return s
}

func (t *spanTable) optional(c *parquetfile.Column, s string) { c.Optional(t.clean(s)) }

// write adds one span.
func (t *spanTable) write(r *spanRow) error {
	if r.profile != t.profile {
		t.endProfile()
		t.profile = r.profile
	}
	if r.origin != t.origin {
		t.endOrigin()
		t.origin = r.origin
	}
	t.profiled++
	t.from++
	t.dirty = !r.profile.exact
	t.writePlace(r)
	t.writeUsage(r)
	size, err := t.writeContent(r)
	if err != nil {
		return err
	}
	size += t.writeRest(r)
	if t.dirty {
		encoded, err := protoOf(r)
		if err != nil {
			return err
		}
		t.c.Otlp.Text(encoded)
		size += len(encoded)
	} else {
		t.c.Otlp.Null()
	}
	if t.enc.Fills(size) {
		t.endRuns()
	}
	return t.enc.EndRow(size)
}

// finish returns the file of the rows since the last one.
func (t *spanTable) finish() ([]byte, error) {
	t.endRuns()
	return t.enc.Finish()
}

// endRuns writes what the last rows have in common.
func (t *spanTable) endRuns() {
	t.endProfile()
	t.endOrigin()
}

func (t *spanTable) writePlace(r *spanRow) {
	t.c.TraceID.Text(r.traceID)
	t.c.SpanID.Text(r.spanID)
	t.c.ParentSpanID.Optional(r.parentID)
	t.c.StartTime.Long(r.start / 1000)
	t.c.StartUnixNano.Long(r.start)
	t.c.DurationNS.Long(r.duration)
	t.optional(t.c.StatusMessage, r.profile.statusMessage)
	t.optional(t.c.SessionID, r.sessionID)
	t.optional(t.c.UserID, r.userID)
	t.optional(t.c.ResponseID, r.responseID)
}

func (t *spanTable) writeUsage(r *spanRow) {
	long(t.c.InputTokens, r.usage.InputTokens)
	long(t.c.OutputTokens, r.usage.OutputTokens)
	long(t.c.CacheReadTokens, r.usage.CacheReadTokens)
	long(t.c.CacheWriteTokens, r.usage.CacheWriteTokens)
	long(t.c.ReasoningTokens, r.usage.ReasoningTokens)
	long(t.c.TimeToFirstTokenNS, r.firstToken)
	if r.cost.Set {
		t.c.CostUSD.Double(r.cost.Value)
	} else {
		t.c.CostUSD.Null()
	}
	t.list(t.c.FinishReasons, r.finishReasons)
}

func long(c *parquetfile.Column, v genai.Opt[int64]) {
	if v.Set {
		c.Long(v.Value)
	} else {
		c.Null()
	}
}

func (t *spanTable) list(c *parquetfile.Column, items []string) { writeList(c, items, t.clean) }

func writeList(c *parquetfile.Column, items []string, clean func(string) string) {
	if len(items) == 0 {
		c.Null()
	}
	for i, s := range items {
		c.Item(i, clean(s))
	}
}

// writeVariables writes a row's variables.
func writeVariables(names, values *parquetfile.Column, variables []genai.Variable, clean func(string) string) {
	if len(variables) == 0 {
		names.Null()
		values.Null()
	}
	for i, v := range variables {
		names.Item(i, clean(v.Name))
		values.Item(i, clean(v.Value))
	}
}

// writeContent writes messages, variables and tool calls and returns their size.
func (t *spanTable) writeContent(r *spanRow) (int, error) {
	writeVariables(t.c.PromptVariablesKeys, t.c.PromptVariablesValues, r.variables, t.clean)
	inline, err := t.writeHistory(r)
	if err != nil {
		return 0, err
	}
	t.optional(t.c.OutputMessages, r.output)
	writeCalls(t.c.CallIDs, t.c.CallNames, t.c.CallArguments, r.calls, t.clean)
	t.c.InputChars.Int(clampInt32(r.inputChars))
	t.c.OutputChars.Int(clampInt32(r.outputChars))
	t.c.ToolCallCount.Int(clampInt32(len(r.calls)))
	return len(r.profile.system) + inline + len(r.output) + len(r.profile.tools), nil
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

// writeAttributes writes the attributes that no other column holds and returns
// their size.
func (t *spanTable) writeAttributes(r *spanRow) (size int) {
	keys, values := t.c.AttributesKeys, t.c.AttributesValues
	for n, a := range r.attributes {
		keys.Item(n, a.key)
		values.Item(n, a.text)
		size += len(a.key) + len(a.text)
	}
	if len(r.attributes) == 0 {
		keys.Null()
		values.Null()
	}
	return size
}

// writeUnclean writes all attributes of a row whose columns do not hold it exactly.
func (t *spanTable) writeUnclean(r *spanRow) (size int) {
	keys, values := t.c.AttributesKeys, t.c.AttributesValues
	n := 0
	t.types = t.types[:0]
	for key, value := range r.span.Attributes().All() {
		if r.profile.flat && strings.HasPrefix(key, evaluator.AttrFlatPrefix) {
			continue
		}
		var letter byte
		t.scratch, letter = appendPrinted(t.scratch[:0], value)
		keys.Item(n, t.clean(key))
		values.ItemBytes(n, t.cleanBytes(t.scratch))
		t.types = append(t.types, letter)
		size += len(key) + len(t.scratch)
		n++
	}
	if n == 0 {
		keys.Null()
		values.Null()
	}
	return size
}

// writeRest writes what has no column of its own and returns its size.
func (t *spanTable) writeRest(r *spanRow) int {
	size := 0
	if t.dirty {
		size = t.writeUnclean(r)
		t.c.AttributeTypes.TextBytes(t.types)
	} else {
		size = t.writeAttributes(r)
		t.c.AttributeTypes.Text(r.profile.types)
	}
	t.optional(t.c.Events, r.events)
	if r.profile.held > 0 {
		t.c.ScoredUnixNano.Long(r.heldAt)
	} else {
		t.c.ScoredUnixNano.Null()
	}
	t.optional(t.c.Links, r.links)
	return size + len(r.events) + len(r.links)
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
