// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	searchTool = `{"type":"function","name":"search","description":"Searches the help pages, edition %s.",` +
		`"parameters":{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}}`
	searchEditions = 3
)

// registerSearchTools writes the editions of the tool into a registry as v1, v2, v3.
func registerSearchTools(t *testing.T, registry string) {
	t.Helper()
	dir := filepath.Join(registry, "tools", "search")
	require.NoError(t, os.MkdirAll(dir, 0o750))
	for i := range searchEditions {
		version := fmt.Sprint("v", i+1)
		text := fmt.Sprintf("version: %s\ntime: 2026-01-0%dT00:00:00Z\ndefinition: "+searchTool+"\n", version, i+1, version)
		require.NoError(t, os.WriteFile(filepath.Join(dir, version+".yaml"), []byte(text), 0o600))
	}
}

// agentTrace makes the spans of one agent's run one after the other.
type agentTrace struct {
	id      uint64
	began   time.Time
	session string
	version string
	spans   []ptrace.Span
}

// interleavedTraces are n runs of an agent that overlap: a root with the session, two
// model calls that say nothing of prompt or session, and three runs of a tool. The
// prompt is named by the root or by a span beside the calls. One run in twenty gets
// another edition of the tool between its calls.
func interleavedTraces(n int) (spans []ptrace.Span) {
	r := rand.New(rand.NewPCG(7, 7))
	epoch := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range n {
		run := &agentTrace{
			id: uint64(i + 1), began: epoch.Add(time.Duration(r.IntN(10_000)) * time.Millisecond),
			session: fmt.Sprint("session-", i), version: fmt.Sprint(1 + i%2),
		}
		edition := fmt.Sprint("v", 1+r.IntN(searchEditions))
		later := edition
		if i%20 == 0 {
			later = fmt.Sprint("v", 1+r.IntN(searchEditions))
		}
		run.fill(i%3 == 0, edition, later)
		spans = append(spans, run.spans...)
	}
	return spans
}

// fill adds the spans of a run: times are seconds since it began.
func (a *agentTrace) fill(promptBeside bool, edition, later string) {
	root := a.add("invoke_agent", 0, 60)
	root.SetParentSpanID(pcommon.SpanID{})
	root.Attributes().PutStr("gen_ai.conversation.id", a.session)
	names := root
	if promptBeside {
		names = a.add("", 1, 2)
		names.Attributes().PutStr("openinference.span.kind", "PROMPT")
	}
	names.Attributes().PutStr("gen_ai.prompt.name", "search")
	names.Attributes().PutStr("gen_ai.prompt.version", a.version)
	a.call(5, edition)
	a.run(16, edition)
	a.run(18, edition)
	a.call(30, later)
	a.run(42, later)
}

func (a *agentTrace) call(second int, edition string) {
	at := a.add("chat", second, second+10).Attributes()
	at.PutStr("gen_ai.request.model", "gpt-4o-mini")
	at.PutStr("gen_ai.tool.definitions", "["+fmt.Sprintf(searchTool, edition)+"]")
	at.PutStr("gen_ai.input.messages", fmt.Sprintf(
		`[{"role":"system","parts":[{"type":"text","content":"You search."}]},{"role":"user","parts":[{"type":"text","content":"Question %d"}]}]`, a.id))
}

func (a *agentTrace) run(second int, edition string) {
	at := a.add("execute_tool", second, second+1).Attributes()
	at.PutStr("gen_ai.tool.name", "search")
	at.PutStr("truth.tool", edition)
}

// add makes a span below the root.
func (a *agentTrace) add(operation string, from, to int) ptrace.Span {
	span := ptrace.NewSpan()
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:8], 0x1e)
	binary.BigEndian.PutUint64(trace[8:], a.id)
	span.SetTraceID(trace)
	span.SetSpanID(a.spanID(len(a.spans)))
	span.SetParentSpanID(a.spanID(0))
	span.SetName(operation)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(a.began.Add(time.Duration(from) * time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(a.began.Add(time.Duration(to) * time.Second)))
	if operation != "" {
		span.Attributes().PutStr("gen_ai.operation.name", operation)
	}
	span.Attributes().PutStr("truth.session", a.session)
	span.Attributes().PutStr("truth.version", a.version)
	a.spans = append(a.spans, span)
	return span
}

func (a *agentTrace) spanID(i int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], a.id<<8|uint64(i+1))
	return id
}
