// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const greetVersion = "version: v%d\ntime: 2026-01-01T00:00:00Z\nmessages:\n  - {role: system, content: \"You greet {{name}} %s.\"}\n"

// Calls have their content in log events only, which come before the spans of one
// half and after those of the other. Both halves are of the right version, with
// their variables, tools and one variant; the second half in the views at once and
// in the files after compaction.
func TestPromptsOfLogEvents(t *testing.T) {
	const n = 20
	c := newCollector(t, defaults)
	for i, manner := range []string{"politely", "briefly"} {
		name := filepath.Join(c.registry, "prompts/greet/versions", fmt.Sprintf("v%d.yaml", i+1))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, fmt.Appendf(nil, greetVersion, i+1, manner), 0o600))
	}
	c.start(t)
	early, late := bareCalls(0, n), bareCalls(n, n)
	require.NoError(t, c.sendLogs(greetings(early)))
	require.NoError(t, c.sendTraces(early))
	require.NoError(t, c.sendTraces(late))
	require.NoError(t, c.sendLogs(greetings(late)))
	require.Eventually(t, func() bool { return c.stored(t) == 2*n }, time.Minute, 250*time.Millisecond)
	c.stop(t)

	const right = `SELECT count(*) AS n FROM %s WHERE prompt_name = 'greet' AND prompt_version = CASE WHEN prompt_variables['name'] LIKE '%%-0' THEN 'v1' ELSE 'v2' END
		AND prompt_resolution = 'template' AND tool_versions[1] LIKE 'get_weather@%%' AND toolset_completeness = 'full' AND late_identity IS %s`
	check := func(table string, stamped, filled int) {
		t.Helper()
		assert.EqualValues(t, stamped, c.count(t, fmt.Sprintf(right, table, "NULL")), "%s: stamped", table)
		assert.EqualValues(t, filled, c.count(t, fmt.Sprintf(right, table, "NOT NULL")), "%s: filled in", table)
		if filled > 0 {
			assert.EqualValues(t, 2, c.count(t, "SELECT count(DISTINCT variant_id) AS n FROM "+table), "%s: variants", table)
		}
	}
	check("spans", n, n)
	check("spans_files", n, 0)
	sent := func() int {
		exported, stderr, code := c.spanloop(t, "dataset", "export")
		require.Zero(t, code, stderr)
		return strings.Count(exported, `"no_content"`)
	}
	assert.Equal(t, n, sent())
	stdout, stderr, code := c.spanloop(t, "dataset", "compact", "--grace", "0s", "--settle", "0s")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, fmt.Sprintf("late identity: %d spans got", n))
	check("spans", n, n)
	check("spans_files", n, n)
	assert.Equal(t, n, sent(), "spans as they were sent")
	assert.EqualValues(t, 2*n, callsAt(t, c.answer(t, "coverage"), "resolved"))
}

// bareCalls are model calls without content.
func bareCalls(from, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{7, byte(from + i), 1})
		span.SetSpanID(pcommon.SpanID{7, byte(from + i)})
		span.SetName("chat gpt-4o-mini")
		start := time.Now().Add(-time.Minute)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
		span.Attributes().PutStr("gen_ai.provider.name", "openai")
		span.Attributes().PutStr("gen_ai.request.model", "gpt-4o-mini")
	}
	return td
}

// greetings are the log events of calls, one each.
func greetings(td ptrace.Traces) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		manner := [...]string{"politely", "briefly"}[i%2]
		record := records.AppendEmpty()
		record.SetTraceID(span.TraceID())
		record.SetSpanID(span.SpanID())
		record.SetTimestamp(span.EndTimestamp())
		record.SetEventName("gen_ai.client.inference.operation.details")
		a := record.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.input.messages", fmt.Sprintf(`[{"role":"system","parts":[{"type":"text","content":"You greet guest%d-%d %s."}]},
			{"role":"user","parts":[{"type":"text","content":"Hi"}]}]`, i, i%2, manner))
		a.PutStr("gen_ai.tool.definitions", `[{"type":"function","name":"get_weather","description":"Weather of a city","parameters":{"type":"object"}}]`)
	}
	return ld
}
