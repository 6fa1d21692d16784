// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/race"
)

// boundOf is the bound that a push compares with its own.
func boundOf(t *testing.T, span ptrace.Span) int {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	o := newOrigin(rs, rs.ScopeSpans().AppendEmpty())
	var m rowMemory
	row := &spanReading{row: m.spans.next()}
	isGenAI := genai.ReadInto(&row.call, span, o.ss.Scope(), rs.Resource())
	row.read(span, o, isGenAI, &m)
	row.holdScores(&m)
	row.readRest(&m)
	return row.mostBytes(m.walk.size)
}

func TestSpansAreNeverLargerThanTheBound(t *testing.T) {
	for _, rs := range newGenerator(11).traces(race.Fewer(3000, 300)).ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				size := sizer.SpanSize(span)
				require.GreaterOrEqual(t, boundOf(t, span), size)
			}
		}
	}
}

// The smallest values have the largest share of what protobuf adds.
func TestBoundHoldsForSmallAndLargeParts(t *testing.T) {
	span := ptrace.NewSpan()
	span.TraceState().FromRaw(strings.Repeat("t", 1<<14))
	span.SetFlags(1<<32 - 1)
	span.SetDroppedAttributesCount(1<<32 - 1)
	span.SetDroppedEventsCount(1<<32 - 1)
	span.SetDroppedLinksCount(1<<32 - 1)
	list := span.Attributes().PutEmptySlice("")
	for i := range 2000 {
		list.AppendEmpty().SetInt(-1)
		list.AppendEmpty()
		list.AppendEmpty().SetEmptyMap().PutEmptyBytes("").FromRaw(make([]byte, i%3))
		span.Attributes().PutInt(strings.Repeat("k", i%200), -1)
		event := span.Events().AppendEmpty()
		event.SetTimestamp(1<<64 - 1)
		event.SetDroppedAttributesCount(1<<32 - 1)
		link := span.Links().AppendEmpty()
		link.SetFlags(1<<32 - 1)
		link.SetTraceID([16]byte{1})
		link.SetSpanID([8]byte{1})
	}
	list.AppendEmpty().SetStr(strings.Repeat("x", 1<<22))
	require.GreaterOrEqual(t, boundOf(t, span), sizer.SpanSize(span))
}
