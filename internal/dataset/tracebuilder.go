// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/lateidentity"
)

// traceBuilder turns rows back into OTLP.
type traceBuilder struct {
	filter Filter
	// admits selects among the rows that the filter lets through; nil admits all.
	admits func(*row) bool
	traces ptrace.Traces
	scopes map[[2]string]ptrace.ScopeSpans
	seen   map[string]struct{}
	held   map[heldKey]*heldSpan
	// histories are those that messages hold, of the spans added last.
	histories []awaitedHistory
}

func newTraceBuilder(filter Filter) *traceBuilder {
	return &traceBuilder{
		filter: filter, traces: ptrace.NewTraces(),
		scopes: map[[2]string]ptrace.ScopeSpans{}, seen: map[string]struct{}{}, held: map[heldKey]*heldSpan{},
	}
}

// row gives access to one row's columns. The first error is kept.
type row struct {
	record arrow.RecordBatch
	index  int
	err    error
}

func (r *row) text(name string) string {
	c, err := columnByName[*array.String](r.record, name)
	if err != nil {
		r.fail(err)
		return ""
	}
	if c.IsNull(r.index) {
		return ""
	}
	return c.Value(r.index)
}

func (r *row) long(name string) (int64, bool) {
	c, err := columnByName[*array.Int64](r.record, name)
	if err != nil {
		r.fail(err)
		return 0, false
	}
	return c.Value(r.index), !c.IsNull(r.index)
}

func (r *row) int(name string) int32 {
	c, err := columnByName[*array.Int32](r.record, name)
	if err != nil {
		r.fail(err)
		return 0
	}
	return c.Value(r.index)
}

func (r *row) double(name string) (float64, bool) {
	c, err := columnByName[*array.Float64](r.record, name)
	if err != nil {
		r.fail(err)
		return 0, false
	}
	return c.Value(r.index), !c.IsNull(r.index)
}

func (r *row) list(name string) []string {
	c, err := columnByName[*array.List](r.record, name)
	if err != nil {
		r.fail(err)
		return nil
	}
	values, ok := c.ListValues().(*array.String)
	if !ok {
		r.fail(fmt.Errorf("column %s holds no strings", name))
		return nil
	}
	from, to := c.ValueOffsets(r.index)
	var list []string
	for i := from; i < to; i++ {
		list = append(list, values.Value(int(i)))
	}
	return list
}

func (r *row) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (b *traceBuilder) addRecord(record arrow.RecordBatch) error {
	for i := range int(record.NumRows()) {
		r := &row{record: record, index: i}
		if !b.selects(r) {
			continue
		}
		b.add(r)
		if r.err != nil {
			return fmt.Errorf("span %s: %w", r.text("span_id"), r.err)
		}
	}
	return nil
}

// selects applies the filter to a row, and drops spans that were read already.
func (b *traceBuilder) selects(r *row) bool {
	f := &b.filter
	traceID, spanID := r.text("trace_id"), r.text("span_id")
	if len(f.SpanIDs) > 0 && !slices.Contains(f.SpanIDs, spanID) || len(f.TraceIDs) > 0 && !slices.Contains(f.TraceIDs, traceID) {
		return false
	}
	start, _ := r.long("start_unix_nano")
	if !f.Since.IsZero() && start < f.Since.UnixNano() || !f.Until.IsZero() && start >= f.Until.UnixNano() {
		return false
	}
	if f.PromptName != "" && r.text("prompt_name") != f.PromptName || f.PromptVersion != "" && r.text("prompt_version") != f.PromptVersion {
		return false
	}
	if b.admits != nil && !b.admits(r) {
		return false
	}
	key := traceID + spanID
	_, twice := b.seen[key]
	b.seen[key] = struct{}{}
	return !twice
}

func (b *traceBuilder) add(r *row) {
	if blob, err := columnByName[*array.Binary](r.record, "otlp"); err != nil {
		r.fail(err)
		return
	} else if !blob.IsNull(r.index) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(blob.Value(r.index))
		if err != nil {
			r.fail(err)
			return
		}
		td.ResourceSpans().MoveAndAppendTo(b.traces.ResourceSpans())
		return
	}
	span := b.scope(r).Spans().AppendEmpty()
	b.fill(r, span)
}

// scope returns the group of spans with this row's resource and scope.
func (b *traceBuilder) scope(r *row) ptrace.ScopeSpans {
	key := [2]string{r.text("resource"), r.text("scope")}
	if ss, ok := b.scopes[key]; ok {
		return ss
	}
	rs := b.traces.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	if err := readResource(key[0], rs); err != nil {
		r.fail(err)
	}
	if err := readScope(key[1], ss); err != nil {
		r.fail(err)
	}
	b.scopes[key] = ss
	return ss
}

func (b *traceBuilder) fill(r *row, span ptrace.Span) {
	traceID, err := traceIDOf(r.text("trace_id"))
	if err != nil {
		r.fail(err)
	}
	span.SetTraceID(traceID)
	spanID, err := spanIDOf(r.text("span_id"))
	if err != nil {
		r.fail(err)
	}
	span.SetSpanID(spanID)
	parent, err := spanIDOf(r.text("parent_span_id"))
	if err != nil {
		r.fail(err)
	}
	span.SetParentSpanID(parent)
	span.SetName(r.text("name"))
	for kind, name := range kindNames {
		if name == r.text("kind") {
			span.SetKind(kind)
		}
	}
	start, _ := r.long("start_unix_nano")
	duration, _ := r.long("duration_ns")
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetEndTimestamp(pcommon.Timestamp(start + duration))
	switch r.text("status") {
	case "ok":
		span.Status().SetCode(ptrace.StatusCodeOk)
	case "error":
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	span.Status().SetMessage(r.text("status_message"))
	span.TraceState().FromRaw(r.text("trace_state"))
	span.SetFlags(uint32(r.int("flags")))
	span.SetDroppedAttributesCount(uint32(r.int("dropped_attributes")))
	span.SetDroppedEventsCount(uint32(r.int("dropped_events")))
	span.SetDroppedLinksCount(uint32(r.int("dropped_links")))
	if err := readEvents(r.text("events"), span.Events()); err != nil {
		r.fail(err)
	}
	if err := readLinks(r.text("links"), span.Links()); err != nil {
		r.fail(err)
	}
	fillAttributes(r, span.Attributes())
	b.await(r, span)
	b.awaitHistory(r, span)
}

// fillAttributes restores the attributes of the map, and those that columns
// hold.
func fillAttributes(r *row, into pcommon.Map) {
	c, err := columnByName[*array.Map](r.record, "attributes")
	if err != nil {
		r.fail(err)
		return
	}
	keys, isText := c.Keys().(*array.String)
	values, areText := c.Items().(*array.String)
	if !isText || !areText {
		r.fail(fmt.Errorf("column attributes has type %s", c.DataType()))
		return
	}
	types := r.text("attribute_types")
	from, to := c.ValueOffsets(r.index)
	if int(to-from) != len(types) {
		r.fail(fmt.Errorf("%d attributes have %d types", to-from, len(types)))
		return
	}
	for i := from; i < to; i++ {
		value := into.PutEmpty(keys.Value(int(i)))
		if err := decodeValue(values.Value(int(i)), types[i-from], value); err != nil {
			r.fail(err)
		}
	}
	lifted, _ := r.long("lifted")
	before := r.before()
	for bit, k := range liftedKeys {
		if lifted&(1<<bit) == 0 {
			continue
		}
		switch own, filled := before[k.column]; {
		case filled && own == lateidentity.Null:
			// A list that was empty.
			into.PutEmptySlice(k.key)
		case filled:
			into.PutStr(k.key, string(own))
		default:
			restore(r, k.column, into.PutEmpty(k.key))
		}
	}
}

// before are the columns that other spans filled in, each with what the span
// itself gave.
func (r *row) before() map[string]lateidentity.Text {
	if len(r.record.Schema().FieldIndices(lateIdentityColumn)) == 0 {
		return nil
	}
	return lateidentity.Said(lateidentity.Text(r.text(lateIdentityColumn)))
}

// restore puts a column's value back into its attribute.
func restore(r *row, column string, into pcommon.Value) {
	switch column {
	case "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens":
		count, _ := r.long(column)
		into.SetInt(count)
	case "finish_reasons", "tool_versions":
		list := r.list(column)
		slice := into.SetEmptySlice()
		slice.EnsureCapacity(len(list))
		for _, s := range list {
			slice.AppendEmpty().SetStr(s)
		}
	default:
		into.SetStr(r.text(column))
	}
}
