// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package datasettest compares OTLP before and after a dataset, span for span.
package datasettest

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Key names a span.
type Key struct {
	Trace pcommon.TraceID
	Span  pcommon.SpanID
}

// Split returns each span alone with its resource and scope, attributes ordered
// by key: OTLP's maps and groups have no order. Of spans with equal ids the last
// one stays.
func Split(td ptrace.Traces) map[Key]ptrace.Traces {
	spans := map[Key]ptrace.Traces{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans[Key{span.TraceID(), span.SpanID()}] = alone(rs, ss, span)
			}
		}
	}
	return spans
}

func alone(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) ptrace.Traces {
	td := ptrace.NewTraces()
	rs1 := td.ResourceSpans().AppendEmpty()
	rs.Resource().CopyTo(rs1.Resource())
	rs1.SetSchemaUrl(rs.SchemaUrl())
	ss1 := rs1.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(ss1.Scope())
	ss1.SetSchemaUrl(ss.SchemaUrl())
	copied := ss1.Spans().AppendEmpty()
	span.CopyTo(copied)
	order(rs1.Resource().Attributes())
	order(ss1.Scope().Attributes())
	order(copied.Attributes())
	for _, event := range copied.Events().All() {
		order(event.Attributes())
	}
	for _, link := range copied.Links().All() {
		order(link.Attributes())
	}
	return td
}

// order sorts a map's entries by key. A key that stands twice stays so, since a
// map is moved entry by entry through the encoding that keeps both.
func order(m pcommon.Map) {
	keys := map[string]int{}
	for key := range m.All() {
		keys[key]++
	}
	if len(keys) != m.Len() {
		return
	}
	values := map[string]pcommon.Value{}
	for key, value := range m.All() {
		copied := pcommon.NewValueEmpty()
		value.CopyTo(copied)
		values[key] = copied
	}
	m.RemoveIf(func(string, pcommon.Value) bool { return true })
	for _, key := range slices.Sorted(maps.Keys(values)) {
		values[key].CopyTo(m.PutEmpty(key))
	}
}

// Diff compares two sets of spans by their protobuf encoding and returns what
// differs, one line a span, in order of their ids.
func Diff(want, got map[Key]ptrace.Traces) []string {
	var lines []string
	keys := slices.Collect(maps.Keys(want))
	for key := range got {
		if _, both := want[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(bytes.Compare(a.Trace[:], b.Trace[:]), bytes.Compare(a.Span[:], b.Span[:]))
	})
	for _, key := range keys {
		w, inWant := want[key]
		g, inGot := got[key]
		name := hex.EncodeToString(key.Trace[:]) + "/" + hex.EncodeToString(key.Span[:])
		switch {
		case !inGot:
			lines = append(lines, name+" is missing")
		case !inWant:
			lines = append(lines, name+" was never sent")
		default:
			if line := diffSpan(w, g); line != "" {
				lines = append(lines, name+" "+line)
			}
		}
	}
	return lines
}

func diffSpan(want, got ptrace.Traces) string {
	proto := &ptrace.ProtoMarshaler{}
	a, err := proto.MarshalTraces(want)
	b, otherErr := proto.MarshalTraces(got)
	if err != nil || otherErr != nil {
		return fmt.Sprintf("cannot be encoded: %v %v", err, otherErr)
	}
	if bytes.Equal(a, b) {
		return ""
	}
	left, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(want)
	right, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(got)
	return fmt.Sprintf("differs:\n  sent %s\n  read %s", left, right)
}
