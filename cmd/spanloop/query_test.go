// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/query"
)

// threeCalls has a call on each of three days.
func threeCalls(t testing.TB) *desk {
	t.Helper()
	var calls []call
	for i := range 3 {
		c := resolved("explicit", "support", fmt.Sprintf("v%d", i))
		c.minutes = 24 * 60 * i
		calls = append(calls, c)
	}
	return emptyDesk(t).write(t, calls...)
}

func TestQuery(t *testing.T) {
	d := threeCalls(t)
	var answer struct {
		Columns []struct{ Name, Type string }
		Rows    []map[string]any
	}
	d.json(exitDone, "spanloop.query/1", &answer, "query", "SELECT prompt_version, count(*) AS n FROM spans GROUP BY ALL ORDER BY 1")
	assert.Len(t, answer.Rows, 3)
	assert.Equal(t, "BIGINT", answer.Columns[1].Type)
	assert.Equal(t, map[string]any{"prompt_version": "v0", "n": 1.0}, answer.Rows[0])

	got := d.run("query", "SELECT prompt_version FROM spans ORDER BY 1")
	assert.Equal(t, "prompt_version\nv0\nv1\nv2\n", got.out)
	assert.Equal(t, "3 rows\n", got.err)
	assert.Empty(t, d.run("query", "SELECT 1", "--quiet").err)

	d.in = "SELECT 41 + 1 AS answer"
	assert.Equal(t, "answer\n    42\n", d.must(exitDone, "query", "-"))
}

func TestQueryWindow(t *testing.T) {
	d := threeCalls(t)
	count := func(args ...string) string {
		return strings.TrimSpace(strings.TrimPrefix(d.must(exitDone, append([]string{"query", "SELECT count(*) AS n FROM spans", "-q"}, args...)...), "n"))
	}
	assert.Equal(t, "3", count())
	assert.Equal(t, "2", count("--since", "24h"))
	assert.Equal(t, "1", count("--until", "24h"), "until is exclusive")
	assert.Equal(t, "1", count("--since", "2d", "--until", "24h"))
	got := d.run("query", "SELECT * FROM spans", "--since", "2030-01-01")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.err, "holds no spans between --since and --until")
}

func TestQueryLimit(t *testing.T) {
	d := threeCalls(t)
	for _, test := range []struct {
		args  []string
		lines int
		note  string
	}{
		{[]string{"SELECT range FROM range(1200)"}, 1001, "the first 1000 rows; --limit 0 prints all"},
		{[]string{"SELECT range FROM range(1200)", "--limit", "0"}, 1201, "1200 rows"},
		{[]string{"SELECT range FROM range(1200)", "--limit", "2"}, 3, "the first 2 rows"},
		{[]string{"SELECT range FROM range(2)", "--limit", "2"}, 3, "2 rows"},
		{[]string{"SELECT range FROM range(1200)", "--format", "csv"}, 1201, ""},
		{[]string{"SELECT range FROM range(1200)", "--format", "csv", "--limit", "5"}, 6, "the first 5 rows"},
	} {
		got := d.run(append([]string{"query"}, test.args...)...)
		require.Equal(t, exitDone, got.code, got.err)
		assert.Equal(t, test.lines, strings.Count(got.out, "\n"), "%v", test.args)
		assert.Contains(t, got.err, test.note, "%v", test.args)
	}
}

// A wrong statement is bad usage, and says where; one that would write, or read
// anything but the dataset, is refused.
func TestQueryRefuses(t *testing.T) {
	d := threeCalls(t)
	secret := d.file("secret.csv", "a\n1\n")
	target := d.dataset + "/out.csv"
	for _, statement := range []string{
		"", "  \n", "SELEC 1", "SELECT nothing FROM spans", "SELECT * FROM nowhere",
		"COPY (SELECT 1) TO '" + target + "'", "CREATE TABLE t AS SELECT 1", "DROP VIEW spans",
		"SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM '" + secret + "'", "ATTACH '" + target + "'",
		"INSTALL httpfs", "SELECT 1; COPY (SELECT 1) TO '" + target + "'",
	} {
		got := d.run("query", statement)
		assert.Equal(t, exitUsage, got.code, "%s\n%s", statement, got.err)
		assert.Empty(t, got.out, statement)
		assert.NotEmpty(t, got.err, statement)
	}
	assert.NoFileExists(t, target)

	d.in = strings.Repeat("-", maxStatement+1)
	got := d.run("query", "-")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "longer than")
}

func TestQueryOfHostileText(t *testing.T) {
	hostile := resolved("explicit", "x", "v1")
	hostile.attrs["gen_ai.conversation.id"] = "\x1b[31m=cmd()|'\n<img src=x onerror=alert(1)>"
	d := emptyDesk(t).write(t, hostile)
	for _, format := range []string{"table", "json", "html"} {
		out := d.must(exitDone, "query", "SELECT session_id FROM spans", "--format", format)
		assert.NotContains(t, out, "\x1b", format)
		assert.False(t, format == "html" && strings.Contains(out, "<img"), out)
	}
	records, err := csv.NewReader(strings.NewReader(d.must(exitDone, "query", "SELECT session_id FROM spans", "--format", "csv"))).ReadAll()
	require.NoError(t, err)
	assert.Contains(t, records[1][0], "<img", "a pipe gets what the span holds")
}

// The schema lists every view, and only columns that can be asked for.
func TestQuerySchema(t *testing.T) {
	d := threeCalls(t)
	var schema struct {
		Rows []struct{ View, Column, Type, Meaning string }
	}
	d.json(exitDone, "spanloop.schema/1", &schema, "query")
	columns := map[string][]string{}
	for _, row := range schema.Rows {
		columns[row.View] = append(columns[row.View], `"`+row.Column+`"`)
		assert.NotEmpty(t, row.Meaning, "%s.%s", row.View, row.Column)
		assert.NotEmpty(t, row.Type, "%s.%s", row.View, row.Column)
	}
	for _, view := range query.Views {
		require.NotEmpty(t, columns[view], view)
		d.must(exitDone, "query", "SELECT "+strings.Join(columns[view], ", ")+" FROM "+view, "--format", "csv")
	}
	assert.Contains(t, d.must(exitDone, "query", "--dataset", "/nowhere"), "prompt_resolution", "the schema needs no dataset")
}

// Releases come from the registry; what is wrong there is said beside them.
func TestQueryReleases(t *testing.T) {
	d := exampleDesk(t).write(t, resolved("explicit", "support-agent", "v3.1"))
	out := d.must(exitDone, "query", "SELECT count(*) AS n FROM releases WHERE prompt = 'support-agent'", "-q")
	assert.NotEqual(t, "n\n0\n", out)
	bad := d.registry + "/prompts/support-agent/versions/v9.yaml"
	require.NoError(t, os.WriteFile(bad, []byte("version: [\n"), 0o600))
	got := d.run("query", "SELECT count(*) FROM releases")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.err, "v9.yaml")
}

func TestTextOfValues(t *testing.T) {
	for want, value := range map[string]any{
		"": nil, "text": "text", "0": 0.0, "0.25": 0.25, "-3": -3.0, "1e-05": 1e-5, "1e+20": 1e20, "NaN": math.NaN(), "+Inf": math.Inf(1),
		"123456.789": 123456.789, "7": int64(7), "true": true, `["a",null]`: []any{"a", nil}, `{"k":1}`: map[string]any{"k": 1},
		"2026-11-01 12:00:00.5": time.Date(2026, 11, 1, 12, 0, 0, 5e8, time.UTC),
	} {
		assert.Equal(t, want, textOf(value))
	}
}
