// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Upper bounds of what protobuf adds: tags, lengths and numbers of a span's own
// fields, of an event or link, of a key with its value, and of a nested value.
const (
	spanRoom  = 256
	entryRoom = 128
	pairRoom  = 64
)

// mostBytes is at least the size of a row's span as OTLP.
func (r *spanReading) mostBytes(attributes int) int {
	s := r.span
	size := spanRoom + len(s.Name()) + len(s.TraceState().AsRaw()) + len(s.Status().Message()) + attributes + r.eventBytes
	for _, link := range s.Links().All() {
		size += entryRoom + len(link.TraceState().AsRaw()) + mostOfMap(link.Attributes())
	}
	return size
}

func mostOfEvent(event ptrace.SpanEvent) int {
	return entryRoom + len(event.Name()) + mostOfMap(event.Attributes())
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
