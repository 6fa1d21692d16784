// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spans of other kinds pass without a change, in their order.
func TestOtherSpansPassUntouched(t *testing.T) {
	r := start(t, nil)
	td := ptrace.NewTraces()
	for i, attributes := range []map[string]any{
		{"http.request.method": "GET", "url.full": "https://example.com"}, {}, {"db.system": "x", "gen_aix": "y"},
		{"session.id": "s", "user.id": "u", "error.type": "timeout", "spanloop.prompt.hash": "theirs"},
	} {
		addSpan(t, td, 1, byte(i+1), attributes)
	}
	before := ptrace.NewTraces()
	td.CopyTo(before)
	encode := func(td ptrace.Traces) string {
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		return string(text)
	}
	assert.Equal(t, encode(before), encode(r.through(t, td)))
	assert.Equal(t, encode(ptrace.NewTraces()), encode(r.through(t, ptrace.NewTraces())), "no spans at all")
}

func TestStampsWithRegistry(t *testing.T) {
	r := start(t, func(c *Config) { c.Registry = registryIn(t, t.TempDir(), supportFiles) })
	got := r.one(t, chatOf("You help Anna with orders, politely."))
	assert.Equal(t, "support", got["gen_ai.prompt.name"])
	assert.Equal(t, "v1", got["gen_ai.prompt.version"])
	assert.Equal(t, "template", got["spanloop.prompt.resolution"])
	assert.Equal(t, "Anna", got["gen_ai.prompt.variable.customer"])
	assert.Equal(t, "absent", got["spanloop.toolset.completeness"])
	for _, key := range []string{"spanloop.prompt.hash", "spanloop.model.hash", "spanloop.variant.id"} {
		assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, got[key], key)
	}
	assert.NotContains(t, got, "spanloop.call.duplicate_of")
}

// The environment comes from the configuration, else from the resource.
func TestEnvironment(t *testing.T) {
	dir := registryIn(t, t.TempDir(), supportFiles)
	call := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.prompt.name": "support"}
	send := func(r *rig, key, environment string) string {
		td := ptrace.NewTraces()
		addSpan(t, td, 1, 1, call)
		if key != "" {
			td.ResourceSpans().At(0).Resource().Attributes().PutStr(key, environment)
		}
		return text(spansOf(r.through(t, td))[0], "spanloop.prompt.resolution")
	}
	fromResource := start(t, func(c *Config) { c.Registry = dir })
	assert.Equal(t, "label", send(fromResource, "deployment.environment.name", "production"))
	assert.Equal(t, "label", send(fromResource, "deployment.environment", "production"))
	assert.Equal(t, "none", send(fromResource, "deployment.environment.name", "staging"))
	assert.Equal(t, "none", send(fromResource, "", ""))
	configured := start(t, func(c *Config) { c.Registry, c.Environment = dir, "production" })
	assert.Equal(t, "label", send(configured, "deployment.environment.name", "staging"))
}

func TestKeepOriginals(t *testing.T) {
	dir := registryIn(t, t.TempDir(), supportFiles)
	call := with(chatOf("x"), "gen_ai.prompt.name", "support", "gen_ai.prompt.version", "production")
	kept := start(t, func(c *Config) { c.Registry = dir }).one(t, call)
	assert.Equal(t, "production", kept["gen_ai.prompt.version"])
	assert.Equal(t, "v1", kept["spanloop.prompt.version"])
	replaced := start(t, func(c *Config) { c.Registry, c.KeepOriginals = dir, false }).one(t, call)
	assert.Equal(t, "v1", replaced["gen_ai.prompt.version"])
	assert.NotContains(t, replaced, "spanloop.prompt.version")
	for _, got := range []map[string]any{kept, replaced} {
		assert.Equal(t, "label", got["spanloop.prompt.resolution"])
		assert.Equal(t, "production", got["spanloop.prompt.label"])
	}
}

// What an earlier collector stamped stays as it is; a second pass changes nothing.
func TestStampedSpansKeepTheirIdentity(t *testing.T) {
	first := start(t, func(c *Config) { c.Registry = registryIn(t, t.TempDir(), supportFiles) }).one(t, chatOf("You help Anna with orders, politely."))
	assert.Equal(t, first, start(t, nil).one(t, first), "another collector, without a registry")
	foreign := with(chatOf("x"), "spanloop.prompt.resolution", "explicit", "spanloop.variant.id", "theirs")
	assert.Equal(t, foreign, start(t, nil).one(t, foreign))
	partly := start(t, nil).one(t, with(chatOf("x"), "spanloop.variant.id", "theirs"))
	assert.Regexp(t, "^sha256:", partly["spanloop.variant.id"], "without a resolution the span was not stamped")
}

// Tool spans find their version in their trace: in the same batch, whatever the
// order and the resource, and across batches.
func TestToolSpans(t *testing.T) {
	r := start(t, nil)
	execution := map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}
	td := ptrace.NewTraces()
	addSpan(t, td, 1, 2, execution)
	addSpan(t, td, 1, 1, with(chatOf("x"), "gen_ai.tool.definitions", tool("f", "one")))
	addSpan(t, td, 2, 2, execution)
	out := spansOf(r.through(t, td))
	version := func(span ptrace.Span) string { return text(span, "spanloop.tool.version") }
	offered, _ := out[1].Attributes().Get("spanloop.tool.versions")
	require.Equal(t, 1, offered.Slice().Len())
	assert.Equal(t, offered.Slice().At(0).Str(), "f@"+version(out[0]))
	assert.Empty(t, version(out[2]), "another trace")
	assert.Equal(t, "no_toolset", text(out[2], "spanloop.tool.unresolved_reason"))

	later := ptrace.NewTraces()
	addSpan(t, later, 1, 3, execution)
	assert.Equal(t, version(out[0]), version(spansOf(r.through(t, later))[0]), "the next batch")
}

// 10,000 traces whose calls and tools come in alternating batches, in a memory
// of 10,000 traces.
func TestInterleavedTraces(t *testing.T) {
	const n, perBatch = 10_000, 500
	r := start(t, func(c *Config) { c.MaxTraces = 2 * n })
	batch := func(first int, fill func(i int, span ptrace.Span)) ptrace.Traces {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for i := first; i < first+perBatch; i++ {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1, byte(i >> 8), byte(i)})
			span.SetSpanID(pcommon.SpanID{byte(i >> 8), byte(i), 1})
			span.SetStartTimestamp(1)
			fill(i, span)
		}
		return td
	}
	versions := map[string]string{}
	for first := 0; first < n; first += perBatch {
		out := r.through(t, batch(first, func(i int, span ptrace.Span) {
			span.Attributes().PutStr("gen_ai.operation.name", "chat")
			span.Attributes().PutStr("gen_ai.tool.definitions", tool("f", fmt.Sprint(i%11)))
		}))
		for i, span := range spansOf(out) {
			offered, _ := span.Attributes().Get("spanloop.tool.versions")
			versions[fmt.Sprint((first+i)%11)] = strings.TrimPrefix(offered.Slice().At(0).Str(), "f@")
		}
	}
	wrong := 0
	for first := n - perBatch; first >= 0; first -= perBatch {
		out := r.through(t, batch(first, func(_ int, span ptrace.Span) {
			span.SetSpanID(pcommon.SpanID{9})
			span.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
			span.Attributes().PutStr("gen_ai.tool.name", "f")
		}))
		for i, span := range spansOf(out) {
			if text(span, "spanloop.tool.version") != versions[fmt.Sprint((first+i)%11)] {
				wrong++
			}
		}
	}
	assert.Len(t, versions, 11)
	assert.Zero(t, wrong)
}

// A framework's span around its client's describes one call: the inner one counts.
func TestWrapperSpans(t *testing.T) {
	r := start(t, nil)
	td := ptrace.NewTraces()
	outer := addSpan(t, td, 1, 1, map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 10})
	inner := addSpan(t, td, 1, 2, with(chatOf("x"), "gen_ai.response.id", "r1", "gen_ai.usage.input_tokens", 10))
	inner.SetParentSpanID(outer.SpanID())
	out := spansOf(r.through(t, td))
	assert.Equal(t, inner.SpanID().String(), text(out[0], "spanloop.call.duplicate_of"))
	assert.NotContains(t, out[1].Attributes().AsRaw(), "spanloop.call.duplicate_of")
	assert.EqualValues(t, 1, r.sum(t, "duplicates", "", ""))

	again := ptrace.NewTraces()
	addSpan(t, again, 1, 3, with(chatOf("x"), "gen_ai.response.id", "r1"))
	assert.Equal(t, inner.SpanID().String(), text(spansOf(r.through(t, again))[0], "spanloop.call.duplicate_of"), "the same answer in a later batch")
}

// A prompt that only the wrapper names reaches the call that counts; one that the
// call names itself stays.
func TestWrapperNamesThePrompt(t *testing.T) {
	r := start(t, nil)
	for own, want := range map[string]string{"": "weather", "own": "own"} {
		td := ptrace.NewTraces()
		outer := addSpan(t, td, byte(len(own)), 1, map[string]any{
			"langfuse.observation.type": "generation", "langfuse.observation.prompt.name": "weather", "langfuse.observation.prompt.version": 7,
		})
		call := chatOf("x")
		if own != "" {
			call = with(call, "gen_ai.prompt.name", own, "gen_ai.prompt.version", "7")
		}
		inner := addSpan(t, td, byte(len(own)), 2, call)
		inner.SetParentSpanID(outer.SpanID())
		out := spansOf(r.through(t, td))
		assert.Equal(t, want, text(out[1], "gen_ai.prompt.name"))
		assert.Equal(t, "7", text(out[1], "gen_ai.prompt.version"))
		assert.Equal(t, "explicit", text(out[1], "spanloop.prompt.resolution"))
		assert.Equal(t, inner.SpanID().String(), text(out[0], "spanloop.call.duplicate_of"))
	}
}

// Many senders at once, while the registry changes under them.
func TestConcurrentSenders(t *testing.T) {
	dir := registryIn(t, t.TempDir(), supportFiles)
	r := start(t, func(c *Config) { c.Registry = dir })
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for i := range 40 {
				td := ptrace.NewTraces()
				addSpan(t, td, byte(i), 1, with(chatOf("You help Anna with orders, politely."), "gen_ai.tool.definitions", tool("f", fmt.Sprint(sender))))
				addSpan(t, td, byte(i), 2, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"})
				assert.NoError(t, r.ConsumeTraces(t.Context(), td))
			}
		})
	}
	senders.Go(func() {
		for i := range 20 {
			registryIn(t, dir, map[string]string{fmt.Sprintf("prompts/p%d/versions/1.yaml", i): "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: Text.\n"})
			time.Sleep(time.Millisecond)
		}
	})
	senders.Wait()
	for _, td := range r.out.AllTraces() {
		for _, span := range spansOf(td) {
			assert.Contains(t, span.Attributes().AsRaw(), "spanloop.prompt.resolution")
		}
	}
	assert.EqualValues(t, 8*40*2, r.sum(t, "spans", "resolution", ""))
	assert.EqualValues(t, 8*40, r.sum(t, "tool_spans", "version", "known"))
}

// A registry that is missing at the start is used when it appears; a broken file
// in it is named in the log, and what was good before stays.
func TestRegistryComesAndBreaks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	r := start(t, func(c *Config) { c.Registry = dir })
	assert.Equal(t, "fingerprint", r.one(t, chatOf("You help Anna with orders, politely."))["spanloop.prompt.resolution"])
	require.NotZero(t, r.logs.FilterMessageSnippet("prompt registry").Len(), "the missing folder is in the log")

	registryIn(t, dir, supportFiles)
	require.Eventually(t, func() bool {
		return r.one(t, chatOf("You help Anna with orders, politely."))["spanloop.prompt.resolution"] == "template"
	}, 10*time.Second, 50*time.Millisecond)

	registryIn(t, dir, map[string]string{"prompts/support/versions/v2.yaml": "version: v2\ntime: 2026-01-01T00:00:00Z\ntemplate: [unclosed\n"})
	require.Eventually(t, func() bool { return r.sum(t, "registry_problems", "level", "error") > 0 }, 10*time.Second, 50*time.Millisecond)
	assert.Equal(t, "template", r.one(t, chatOf("You help Anna with orders, politely."))["spanloop.prompt.resolution"], "the last good state")
	broken := r.logs.FilterField(zapFile(filepath.Join(dir, "prompts", "support", "versions", "v2.yaml"))).All()
	require.NotEmpty(t, broken)
	fields := broken[0].ContextMap()
	assert.EqualValues(t, 3, fields["line"])
	assert.NotEmpty(t, fields["reason"])
}
