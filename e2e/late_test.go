// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const lateCalls = 40

// The calls come first, saying nothing of their prompt, and the agents above them
// in another batch. The views know at once; after compaction the files alone say
// so too, each call is in its prompt's folder, and every command counts it there.
func TestLateIdentity(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)
	td := chatSpans(lateCalls, 3)
	calls := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	agents := ptrace.NewTraces()
	list := agents.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, call := range calls.All() {
		call.Attributes().Remove("gen_ai.prompt.name")
		call.Attributes().Remove("gen_ai.prompt.version")
		fillAgent(list.AppendEmpty(), call, fmt.Sprint(7+i%2), fmt.Sprint("session-", i))
	}
	require.NoError(t, c.sendTraces(td))
	require.Eventually(t, func() bool { return c.stored(t) == lateCalls }, time.Minute, 250*time.Millisecond)
	require.NoError(t, c.sendTraces(agents))
	require.Eventually(t, func() bool { return c.stored(t) == 2*lateCalls }, time.Minute, 250*time.Millisecond)
	c.stop(t)

	const callsOf = "SELECT count(*) AS n FROM spans WHERE counted AND prompt_name = 'weather' AND prompt_version = '7' AND session_id IS NOT NULL"
	assert.EqualValues(t, lateCalls/2, c.count(t, callsOf), "the views")
	raw := fmt.Sprintf("SELECT count(*) FROM read_parquet('%s/*.parquet', hive_partitioning = false) WHERE counted AND prompt_name = 'weather' AND session_id LIKE 'session-%%'",
		filepath.Join(c.dataset, "spans/prompt_name=weather/prompt_version=7/*"))
	assert.Zero(t, plainCount(t, raw), "the files, before")
	before := c.exported(t)

	stdout, stderr, code := c.spanloop(t, "dataset", "compact", "--grace", "0s")
	require.Zero(t, code, stderr)
	assert.NotContains(t, stdout, "late identity", "their traces may go on")
	stdout, stderr, code = c.spanloop(t, "dataset", "compact", "--grace", "0s", "--settle", "0s")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, fmt.Sprintf("late identity: %d spans got what others of their trace reveal, %d of them went to the folder of another prompt", lateCalls, lateCalls))

	assert.EqualValues(t, lateCalls/2, c.count(t, callsOf), "the views")
	assert.EqualValues(t, lateCalls/2, plainCount(t, raw), "the files")
	assert.EqualValues(t, lateCalls, c.count(t, `SELECT count(*) AS n FROM spans_files WHERE late_identity ->> 'prompt_resolution' = 'fingerprint' AND prompt_resolution = 'explicit'`))
	assert.EqualValues(t, lateCalls/2, c.count(t, "SELECT count(*) AS n FROM scores WHERE prompt_version = '8' AND name = 'tool_args_schema'"))
	assert.Equal(t, before, c.exported(t), "spans as they were sent")
	_, stderr, code = c.spanloop(t, "dataset", "verify")
	require.Zero(t, code, stderr)

	const half = lateCalls / 2
	assert.EqualValues(t, lateCalls, callsAt(t, c.answer(t, "coverage"), "resolved"))
	compared := c.answer(t, "compare", "weather", "7", "8")
	assert.EqualValues(t, half, callsAt(t, compared, "a", "all_calls"))
	assert.EqualValues(t, half, callsAt(t, compared, "b", "all_calls"))
	drifted := c.answer(t, "drift", "weather", "8")
	assert.EqualValues(t, half, callsAt(t, drifted, "baseline", "calls")+callsAt(t, drifted, "current", "calls"))
}

// callsAt is a number in a command's JSON, by the keys on the way.
func callsAt(t *testing.T, answer map[string]any, keys ...string) int64 {
	t.Helper()
	var value any = answer
	for _, key := range keys {
		value = value.(map[string]any)[key]
	}
	return number(t, value)
}

// fillAgent makes an agent's span above a call, which names its prompt.
func fillAgent(agent, call ptrace.Span, version, session string) {
	id := call.SpanID()
	id[0] = 0xa
	call.SetParentSpanID(id)
	agent.SetSpanID(id)
	agent.SetTraceID(call.TraceID())
	agent.SetName("invoke_agent")
	agent.SetStartTimestamp(call.StartTimestamp() - 1000)
	agent.SetEndTimestamp(pcommon.Timestamp(uint64(call.EndTimestamp()) + 1000))
	a := agent.Attributes()
	a.PutStr("gen_ai.operation.name", "invoke_agent")
	a.PutStr("gen_ai.prompt.name", "weather")
	a.PutStr("gen_ai.prompt.version", version)
	a.PutStr("gen_ai.conversation.id", session)
}

// stored is the number of spans in the dataset; there may be none yet.
func (c *collector) stored(t *testing.T) int64 {
	t.Helper()
	if matches, _ := filepath.Glob(filepath.Join(c.dataset, "views.sql")); len(matches) == 0 {
		return 0
	}
	return c.count(t, "SELECT count(*) AS n FROM spans")
}

// exported is how many spans say, as they were sent, that their prompt is known by
// its text alone.
func (c *collector) exported(t *testing.T) int {
	t.Helper()
	stdout, stderr, code := c.spanloop(t, "dataset", "export")
	require.Zero(t, code, stderr)
	return strings.Count(stdout, `"fingerprint"`)
}

// plainCount asks a DuckDB that knows nothing of the dataset.
func plainCount(t *testing.T, query string) (n int64) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil && !strings.Contains(err.Error(), "No files found") {
		require.NoError(t, err)
	}
	return n
}

// answer is a command's JSON.
func (c *collector) answer(t *testing.T, args ...string) map[string]any {
	t.Helper()
	stdout, stderr, _ := c.spanloop(t, append(args, "--format", "json")...)
	var answer map[string]any
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&answer), "%s\n%s", stdout, stderr)
	return answer
}
