// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What must not be in a dataset whose content is redacted, nor in one of hashes.
var personal = []string{"bob.personal@example.com", "4111 1111 1111 1111", "4111111111111111", "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789", "DE89370400440532013000", "C-123456"}

// personalSpans are calls that hold the values everywhere a span has room for text.
func personalSpans(n int) ptrace.Traces {
	td := chatSpans(n, 5)
	rs := td.ResourceSpans().At(0)
	rs.Resource().Attributes().PutStr("service.owner", personal[0])
	rs.ScopeSpans().At(0).Scope().Attributes().PutStr("note", personal[4])
	for _, span := range rs.ScopeSpans().At(0).Spans().All() {
		a := span.Attributes()
		all := strings.Join(personal, " and ")
		a.PutStr("gen_ai.input.messages", fmt.Sprintf(
			`[{"role":"system","parts":[{"type":"text","content":"You report the weather to %[1]s."}]},`+
				`{"role":"user","parts":[{"type":"text","content":"I am %[2]s"}]},`+
				`{"role":"assistant","parts":[{"type":"text","content":"Hello %[2]s"}]},`+
				`{"role":"user","parts":[{"type":"text","content":"I said %[2]s"}]}]`, personal[0], all))
		a.PutStr("gen_ai.output.messages", fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"get_weather",`+
			`"arguments":{"city":"%s"}}],"finish_reason":"tool_calls"}]`, all))
		a.PutStr("gen_ai.tool.definitions", strings.Replace(weatherTools, "Weather of a city.", "Weather of a city, ask "+personal[0]+".", 1))
		a.PutStr("app.note", all)
		a.PutEmptyMap("app.map").PutStr(personal[0], all)
		a.PutStr("gen_ai.prompt.variable.customer", personal[5])
		span.Status().SetMessage("failed for " + all)
		event := span.Events().AppendEmpty()
		event.SetName("gen_ai.evaluation.result")
		event.SetTimestamp(span.EndTimestamp())
		event.Attributes().PutStr("gen_ai.evaluation.name", "helpful")
		event.Attributes().PutDouble("gen_ai.evaluation.score.value", 1)
		event.Attributes().PutStr("gen_ai.evaluation.explanation", "told "+all)
		link := span.Links().AppendEmpty()
		link.Attributes().PutStr("why", all)
	}
	return td
}

// With content redacted, or hashes only, no personal value that a rule knows is in
// any file of the dataset, from spans and from logs; the prompt is known, one value
// has one token, and the collector's own log has none of them either.
func TestPersonalDataStaysOut(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	for _, mode := range []string{"redacted", "hashes"} {
		t.Run(mode, func(t *testing.T) {
			c := newCollector(t, defaults)
			c.settings = []string{
				"exporters::genai_parquet::content: " + mode, "exporters::genai_parquet::redaction_key: " + key,
				`exporters::genai_parquet::redaction::patterns: [{name: customer, regex: 'C-\d{6}'}]`,
			}
			c.start(t)
			td := personalSpans(12)
			require.NoError(t, c.sendTraces(td))
			call := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			bare := laterSpans(call)
			require.NoError(t, c.sendTraces(bare))
			require.NoError(t, c.sendLogs(userMessage(call.TraceID(), bare.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SpanID(),
				"I am "+strings.Join(personal, ", "))))
			c.stop(t)

			require.EqualValues(t, 14, c.count(t, "SELECT count(*) AS n FROM spans"))
			assert.EqualValues(t, 12, c.count(t, "SELECT count(*) AS n FROM spans WHERE prompt_name = 'weather' AND prompt_version = '7' AND content_mode = '"+mode+"'"))
			assert.NotZero(t, c.count(t, "SELECT count(*) AS n FROM scores WHERE name = 'helpful'"))
			if mode == "redacted" {
				assert.EqualValues(t, 1, c.count(t, "SELECT count(DISTINCT regexp_extract(CAST(input_messages AS VARCHAR), '\\[email:[a-z]+\\]')) AS n FROM spans WHERE len(input_messages) > 0"),
					"one value, one token, in spans and in log events")
			}
			assert.NotContains(t, c.log(t), key)
			noneOf(t, c.log(t), "the collector's log")
			tables := everyRow(t, c.dataset)
			for _, table := range []string{"spans", "scores", "content", "tools"} {
				assert.NotEmpty(t, tables[table], "no row of %s was looked at", table)
			}
			assert.Equal(t, mode == "redacted", tables["messages"] != "", "messages whose texts are hashes stay in their spans")
			for table, text := range tables {
				noneOf(t, text, table)
			}
			for path, text := range everyByte(t, c.dataset) {
				noneOf(t, text, path)
			}
		})
	}
}

func noneOf(t *testing.T, text, where string) {
	t.Helper()
	for _, value := range personal {
		assert.False(t, strings.Contains(text, value), "%q is in %s", value, where)
	}
}

// everyRow is the text of all columns of each table's files, decompressed by a
// DuckDB that knows nothing of the dataset.
func everyRow(t *testing.T, dir string) map[string]string {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	tables := map[string]string{}
	for path := range everyByte(t, dir) {
		if !strings.HasSuffix(path, ".parquet") {
			continue
		}
		rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT to_json(r)::VARCHAR FROM read_parquet('%s', hive_partitioning = false) r",
			strings.ReplaceAll(filepath.Join(dir, path), "'", "''")))
		require.NoError(t, err)
		table, _, _ := strings.Cut(filepath.ToSlash(path), "/")
		for rows.Next() {
			var row string
			require.NoError(t, rows.Scan(&row))
			tables[table] += row + "\n"
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return tables
}

// everyByte are the files of a folder, by their path in it.
func everyByte(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = name + "\n" + string(content)
		return err
	}))
	return files
}
