// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Whatever a sender does wrong has a stated reason, and the good spans beside
// it land.
func TestBadInput(t *testing.T) {
	c := newCollector(t, defaults)
	brokenRegistry(t, c.registry)
	c.start(t)

	td := chatSpans(12, 1)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	attr := func(i int) pcommon.Map { return spans.At(i).Attributes() }
	attr(0).PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"cut o`)
	attr(1).PutStr("gen_ai.tool.definitions", `{"type": function}`)
	attr(1).PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"say "hi" now"}]}]`)
	attr(2).PutStr("gen_ai.usage.input_tokens", "many")
	attr(3).PutDouble("gen_ai.request.model", 4.5)
	attr(4).PutStr("gen_ai.prompt.name", "../../escape")
	attr(5).PutStr("gen_ai.prompt.version", "no-such-version")
	attr(6).PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"`+strings.Repeat("five megabytes ", 350_000)+`"}]}]`)
	spans.At(7).SetTraceID(pcommon.TraceID{})
	spans.At(8).SetSpanID(pcommon.SpanID{})
	spans.At(9).CopyTo(spans.AppendEmpty())
	attr(10).PutStr("gen_ai.prompt.name", "a\x00b\x1b[31m/'; DROP TABLE spans; --")
	require.NoError(t, c.sendTraces(td))

	status, answer, err := c.post("traces", "application/json", []byte(`{"resourceSpans":[{`))
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, status, answer)
	require.NoError(t, c.sendTraces(ptrace.NewTraces()), "an empty request is no error")
	c.stop(t)

	assert.EqualValues(t, 10, c.count(t, "SELECT count(*) AS n FROM spans WHERE service_name = 'weather'"),
		"12 spans, of which two have no id; the duplicate counts once")
	assert.EqualValues(t, 1, c.count(t, "SELECT count(*) AS n FROM spans WHERE prompt_name = '../../escape'"))
	assert.EqualValues(t, 1, c.count(t, "SELECT count(*) AS n FROM spans WHERE length(input_messages) > 5000000"))
	assert.EqualValues(t, 1, c.count(t, "SELECT count(*) AS n FROM spans WHERE prompt_version = 'no-such-version' AND prompt_unresolved_reason = 'version_unknown'"))
	problems := fmt.Sprint(c.query(t, "SELECT attributes['spanloop.problems'] AS p FROM spans WHERE attributes['spanloop.problems'] IS NOT NULL"))
	for _, reason := range []string{"gen_ai.input.messages", "gen_ai.tool.definitions", "gen_ai.output.messages", "gen_ai.usage.input_tokens", "gen_ai.request.model"} {
		assert.Contains(t, problems, reason)
	}
	assertRejected(t, c.dataset, 2)
	assertInside(t, filepath.Dir(c.dataset))

	stdout, stderr, code := c.spanloop(t, "prompt", "check")
	assert.Equal(t, 2, code, stderr)
	assert.Regexp(t, filepath.Join("versions", `2\.yaml`)+` +3 `, stdout, "file and line of the broken registry file")
	_, stderr, code = c.spanloop(t, "dataset", "verify")
	assert.Zero(t, code, stderr)
}

// A sender that repeats a request, since the answer got lost, makes no row twice.
func TestSentTwice(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)
	td := chatSpans(20, 3)
	require.NoError(t, c.sendTraces(td))
	require.NoError(t, c.sendTraces(td))
	c.stop(t)
	c.start(t)
	require.NoError(t, c.sendTraces(td))
	c.stop(t)
	assert.EqualValues(t, 20, c.count(t, "SELECT count(*) AS n FROM spans"))
	assert.EqualValues(t, 20, c.count(t, "SELECT count(DISTINCT span_id) AS n FROM spans"))
	assert.EqualValues(t, 20, c.count(t, "SELECT count(*) AS n FROM scores WHERE name = 'tool_args_schema'"))
}

// Many prompt names, as when an application puts a user's id into them, end in a
// bounded number of files and are all there.
func TestManyPrompts(t *testing.T) {
	const names = 10_000
	c := newCollector(t, defaults)
	c.start(t)
	require.NoError(t, c.sendTraces(manyPrompts(names)))
	c.stop(t)
	assert.EqualValues(t, names, c.count(t, "SELECT count(DISTINCT prompt_name) AS n FROM spans"))
	assert.EqualValues(t, names, c.count(t, "SELECT count(*) AS n FROM spans"))
	files := 0
	require.NoError(t, filepath.WalkDir(c.dataset, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".parquet") {
			files++
		}
		return err
	}))
	assert.Less(t, files, 1000, "few files")
}

// brokenRegistry writes one good version and one that is no YAML.
func brokenRegistry(t *testing.T, dir string) {
	t.Helper()
	versions := filepath.Join(dir, "prompts", "weather", "versions")
	require.NoError(t, os.MkdirAll(versions, 0o750))
	good := "version: \"7\"\ntime: 2026-01-01T00:00:00Z\ntemplate: You report the weather.\n"
	require.NoError(t, os.WriteFile(filepath.Join(versions, "7.yaml"), []byte(good), 0o600))
	bad := "version: \"2\"\ntime: 2026-01-01T00:00:00Z\ntemplate: [unclosed\n"
	require.NoError(t, os.WriteFile(filepath.Join(versions, "2.yaml"), []byte(bad), 0o600))
}

func manyPrompts(n int) ptrace.Traces {
	td := chatSpans(n, 2)
	rs := td.ResourceSpans().At(0)
	rs.Resource().Attributes().PutStr("service.name", "many")
	spans := rs.ScopeSpans().At(0).Spans()
	for i := range n {
		spans.At(i).Attributes().PutStr("gen_ai.prompt.name", fmt.Sprintf("prompt-%05d", i))
	}
	return td
}

func assertRejected(t *testing.T, dataset string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dataset, "_rejected", "*"))
	require.NoError(t, err)
	got := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		got += strings.Count(string(content), "missing_id")
	}
	assert.Equal(t, want, got, "spans in reject files with their reason")
}

// assertInside proves that no name led out of the folders of the test.
func assertInside(t *testing.T, dir string) {
	t.Helper()
	allowed := map[string]bool{"dataset": true, "registry": true, "storage": true, "collector.log": true}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		assert.True(t, allowed[entry.Name()], "%s is outside the dataset", entry.Name())
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "dataset"), func(path string, _ fs.DirEntry, err error) error {
		assert.NotEqual(t, "..", filepath.Base(path))
		return err
	}))
}
