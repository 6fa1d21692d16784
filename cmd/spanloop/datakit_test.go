// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// call is a model call as a test writes it, with what the processors stamp.
type call struct {
	attrs map[string]string
	// minutes after the kit's first call.
	minutes int
	replay  bool
}

// firstCall is when the first call of a test's dataset starts.
var firstCall = clock.Add(-48 * time.Hour)

// write adds calls to the desk's dataset.
func (d *desk) write(t testing.TB, calls ...call) *desk {
	t.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, c := range calls {
		c.fill(spans.AppendEmpty(), uint64(i+1))
	}
	w, err := dataset.NewWriter(d.dataset, dataset.WriterOptions{})
	require.NoError(t, err)
	result, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	require.Equal(t, len(calls), result.Spans)
	require.NoError(t, w.Close())
	return d
}

func (c *call) fill(span ptrace.Span, n uint64) {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], n)
	span.SetTraceID(id)
	span.SetSpanID([8]byte(id[8:]))
	span.SetName("chat gpt-4.1")
	start := firstCall.Add(time.Duration(c.minutes) * time.Minute)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4.1")
	a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"ok"}]}]`)
	for key, value := range c.attrs {
		a.PutStr(key, value)
	}
	if c.replay {
		a.PutBool("spanloop.replay", true)
	}
}

// resolved is a call whose prompt was resolved by a rung.
func resolved(rung, prompt, version string) call {
	return call{attrs: map[string]string{
		"spanloop.prompt.name": prompt, "spanloop.prompt.version": version, "spanloop.prompt.resolution": rung,
		"spanloop.toolset.completeness": "full",
		"gen_ai.input.messages":         `[{"role":"user","parts":[{"type":"text","content":"hello"}]}]`,
	}}
}

// unresolved is a call whose prompt was not resolved.
func unresolved(reason string) call {
	return call{attrs: map[string]string{"spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": reason}}
}

// emptyDesk has no registry and no dataset.
func emptyDesk(t testing.TB) *desk {
	t.Helper()
	dir := t.TempDir()
	return &desk{t: t, registry: dir + "/registry", dataset: dir + "/data"}
}
