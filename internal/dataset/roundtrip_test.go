// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// flat returns each span alone with its resource and scope as OTLP protobuf,
// attributes in a fixed order, by trace and span id.
func flat(t testing.TB, td ptrace.Traces) map[spanKey][]byte {
	t.Helper()
	spans := map[spanKey][]byte{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				one := ptrace.NewTraces()
				rs1 := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(rs1.Resource())
				rs1.SetSchemaUrl(rs.SchemaUrl())
				ss1 := rs1.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(ss1.Scope())
				ss1.SetSchemaUrl(ss.SchemaUrl())
				span.CopyTo(ss1.Spans().AppendEmpty())
				order(rs1.Resource().Attributes())
				order(ss1.Scope().Attributes())
				copied := ss1.Spans().At(0)
				order(copied.Attributes())
				for _, event := range copied.Events().All() {
					order(event.Attributes())
				}
				for _, link := range copied.Links().All() {
					order(link.Attributes())
				}
				encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(one)
				require.NoError(t, err)
				spans[spanKey{trace: span.TraceID(), span: span.SpanID()}] = encoded
			}
		}
	}
	return spans
}

// order sorts a map's attributes: OTLP's maps have no order.
func order(m pcommon.Map) {
	type pair struct {
		key   string
		value pcommon.Value
	}
	var pairs []pair
	for key, value := range m.All() {
		copied := pcommon.NewValueEmpty()
		value.CopyTo(copied)
		pairs = append(pairs, pair{key, copied})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	m.RemoveIf(func(string, pcommon.Value) bool { return true })
	for _, p := range pairs {
		p.value.CopyTo(m.PutEmpty(p.key))
	}
}

func requireEqualTraces(t testing.TB, want, got ptrace.Traces) {
	t.Helper()
	wants, gots := flat(t, want), flat(t, got)
	require.ElementsMatch(t, slices.Collect(maps.Keys(wants)), slices.Collect(maps.Keys(gots)))
	for key, encoded := range wants {
		if bytes.Equal(encoded, gots[key]) {
			continue
		}
		a, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(encoded)
		require.NoError(t, err)
		b, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(gots[key])
		require.NoError(t, err)
		left, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(a)
		right, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(b)
		require.Equal(t, string(left), string(right), "span %x", key.span)
		require.Equal(t, encoded, gots[key], "span %x", key.span)
	}
}

// What goes in comes out equal, for spans of every shape.
func TestRoundTripOfGeneratedSpans(t *testing.T) {
	for seed := range uint64(12) {
		dir := t.TempDir()
		w, err := NewWriter(dir, WriterOptions{Include: IncludeAll})
		require.NoError(t, err)
		td := newGenerator(seed).traces(60)
		want := ptrace.NewTraces()
		td.CopyTo(want)
		result, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		assert.Equal(t, 60, result.Spans)
		d, err := Open(dir)
		require.NoError(t, err)
		got, err := d.ReadTraces(t.Context(), Filter{})
		require.NoError(t, err)
		requireEqualTraces(t, want, got)
		v, err := d.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, v.Findings)
		assert.EqualValues(t, result.Files, v.Files)
	}
}

// A batch that is sent again makes the same files.
func TestRepeatedBatchAddsNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, WriterOptions{Include: IncludeAll})
	require.NoError(t, err)
	td := newGenerator(1).traces(40)
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	before, err := d.Info(t.Context())
	require.NoError(t, err)
	again, err := NewWriter(dir, WriterOptions{Include: IncludeAll})
	require.NoError(t, err)
	_, err = again.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	after, err := d.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestReadOneSpan(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, WriterOptions{Include: IncludeAll})
	require.NoError(t, err)
	td := newGenerator(3).traces(50)
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	d, err := Open(dir)
	require.NoError(t, err)
	got, err := d.ReadTraces(t.Context(), Filter{SpanIDs: []string{"0000000000000007"}})
	require.NoError(t, err)
	require.Equal(t, 1, got.SpanCount())
	none, err := d.ReadTraces(t.Context(), Filter{SpanIDs: []string{"00000000000fffff"}})
	require.NoError(t, err)
	assert.Zero(t, none.SpanCount())
}
