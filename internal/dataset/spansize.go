// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// largerThan tells whether a span is larger as OTLP than a bound. Only spans that
// may be are measured exactly.
func largerThan(span ptrace.Span, bound int) bool {
	return mostBytes(span) > bound && sizer.SpanSize(span) > bound
}

// Upper bounds of what protobuf adds: tags, lengths and numbers of a span's own
// fields, of an event or link, of a key with its value, and of a nested value.
const (
	spanRoom  = 256
	entryRoom = 128
	pairRoom  = 64
)

// mostBytes is at least the size of a span as OTLP.
func mostBytes(span ptrace.Span) int {
	size := spanRoom + len(span.Name()) + len(span.TraceState().AsRaw()) + len(span.Status().Message()) + mostOfMap(span.Attributes())
	for _, event := range span.Events().All() {
		size += entryRoom + len(event.Name()) + mostOfMap(event.Attributes())
	}
	for _, link := range span.Links().All() {
		size += entryRoom + len(link.TraceState().AsRaw()) + mostOfMap(link.Attributes())
	}
	return size
}

func mostOfMap(m pcommon.Map) int {
	size := 0
	for key, value := range m.All() {
		size += pairRoom + len(key) + mostOfValue(value)
	}
	return size
}

func mostOfValue(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return len(v.Str())
	case pcommon.ValueTypeBytes:
		return v.Bytes().Len()
	case pcommon.ValueTypeMap:
		return pairRoom + mostOfMap(v.Map())
	case pcommon.ValueTypeSlice:
		size := pairRoom
		for _, item := range v.Slice().All() {
			size += pairRoom + mostOfValue(item)
		}
		return size
	}
	return 0
}
