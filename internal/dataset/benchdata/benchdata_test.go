// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package benchdata

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Benchmarks mean something only while the spans are of real ones' size and
// the text compresses as English does.
func TestSizesAndEntropy(t *testing.T) {
	td := New(1, 12).Traces(400)
	encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	size := len(encoded) / td.SpanCount()
	assert.InDelta(t, 12600, size, 1500, "bytes of a span as OTLP")

	text := New(2, 1).text(1 << 20)
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	ratio := float64(len(text)) / float64(out.Len())
	t.Logf("%d bytes a span, text compresses %.2f to 1", size, ratio)
	assert.InDelta(t, 2.5, ratio, 0.3)
}

func TestSeedDecides(t *testing.T) {
	one, two, other := New(3, 2).Traces(5), New(3, 2).Traces(5), New(4, 2).Traces(5)
	marshal := func(td ptrace.Traces) []byte {
		encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		return encoded
	}
	assert.Equal(t, marshal(one), marshal(two))
	assert.NotEqual(t, marshal(one), marshal(other))
}

func TestMessagesAreJSON(t *testing.T) {
	span := New(5, 2).Traces(1).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	for _, key := range []string{"gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.input.messages", "gen_ai.output.messages"} {
		value, ok := span.Attributes().Get(key)
		require.True(t, ok, key)
		assert.True(t, json.Valid([]byte(value.Str())), key)
	}
}

// The calls of a conversation repeat what was said before.
func TestConversations(t *testing.T) {
	last := map[string]string{}
	repeated := 0
	for _, rs := range NewConversations(6, 2).Traces(3000).ResourceSpans().All() {
		for _, span := range rs.ScopeSpans().At(0).Spans().All() {
			id, _ := span.Attributes().Get("gen_ai.conversation.id")
			input, _ := span.Attributes().Get("gen_ai.input.messages")
			require.True(t, json.Valid([]byte(input.Str())))
			if before, ok := last[id.Str()]; ok {
				require.True(t, strings.HasPrefix(input.Str(), strings.TrimSuffix(before, "]")+","))
				repeated++
			}
			last[id.Str()] = input.Str()
		}
	}
	assert.InDelta(t, 2000, repeated, 300, "calls that are not the first of their conversation")
}

// The shape that the aims were set on is that of research, figure for figure.
func TestAimedShape(t *testing.T) {
	td := NewAimed(1, AimedVersions).Traces(4000)
	encoded := (&ptrace.ProtoMarshaler{}).TracesSize(td)
	sizes := map[string]int{}
	for _, rs := range td.ResourceSpans().All() {
		for _, span := range rs.ScopeSpans().At(0).Spans().All() {
			require.Equal(t, 20, span.Attributes().Len())
			require.Equal(t, 3, span.Events().Len())
			for key, value := range span.Attributes().All() {
				sizes[key] += len(value.AsString())
			}
		}
	}
	mean := func(key string) int { return sizes[key] / td.SpanCount() }
	assert.InDelta(t, 12600, encoded/td.SpanCount(), 500, "bytes of a span as OTLP")
	assert.InDelta(t, 2000, mean("gen_ai.system_instructions"), 100)
	assert.InDelta(t, 6200, mean("gen_ai.tool.definitions"), 300)
	// With roles, types and a quarter of tool calls around it.
	assert.InDelta(t, 2080+200, mean("gen_ai.input.messages")+mean("gen_ai.output.messages"), 100)
}
