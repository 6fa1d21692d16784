// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
)

// readerScript counts and describes a dataset with Python's DuckDB, which shares
// no code with ours: by glob, with Hive partitions.
const readerScript = `
import duckdb, json, os, sys
root = sys.argv[1]
result = {"version": duckdb.__version__}
for table in sys.argv[2:]:
    source = f"read_parquet('{root}/{table}/**/*.parquet', hive_partitioning = true, union_by_name = true, " \
        "hive_types = {'prompt_name': VARCHAR, 'prompt_version': VARCHAR, 'date': DATE})"
    keys = "trace_id, span_id" if table == "spans" else "trace_id, span_id, name, evaluator_version"
    rows, distinct = duckdb.sql(f"SELECT count(*), count(DISTINCT ({keys})) FROM {source}").fetchone()
    result[table] = {
        "rows": rows, "distinct": distinct,
        "types": {r[0]: r[1] for r in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()},
        "partitions": {f"{r[0]}@{r[1]}": r[2] for r in duckdb.sql(
            f"SELECT prompt_name, prompt_version, count(*) FROM {source} GROUP BY ALL").fetchall()},
    }
os.chdir(root)
views = duckdb.connect()
views.execute(open("views.sql").read())
for table in sys.argv[2:]:
    result[table]["viewed"] = views.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
result["views"] = {t: views.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ["spans", "scores", "prompts", "tools"]}
print(json.dumps(result))
`

// readTable is what the independent reader says of a table.
type readTable struct {
	Rows, Distinct int64
	// Viewed is the number of rows of the view in views.sql.
	Viewed     int64
	Types      map[string]string
	Partitions map[string]int64
}

// readIndependently runs the reader on a dataset; false when there is no Python
// with DuckDB ("make reader" makes one).
func readIndependently(t *testing.T, dir string, tables ...string) (map[string]readTable, bool) {
	t.Helper()
	python := readerPython(t)
	if _, err := os.Stat(python); err != nil {
		return nil, false
	}
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-c", readerScript, dir}, tables...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	var parts map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(out, &parts), string(out))
	read := map[string]readTable{}
	for _, table := range tables {
		var r readTable
		require.NoError(t, json.Unmarshal(parts[table], &r))
		read[table] = r
	}
	return read, true
}

// TestConformanceIndependentReader sends spans to the built collector and reads
// the dataset with a DuckDB that is not ours: as many rows as spans, none twice,
// the documented columns and types, and the partitions by their names.
func TestConformanceIndependentReader(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)
	const requests, perRequest = 20, 100
	names := []string{"weather", "a b/c", "Wetter ü", "../x"}
	sent := map[string]int64{}
	for seed := range uint64(requests) {
		td := chatSpans(perRequest, seed+1)
		for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			name, version := names[i%len(names)], fmt.Sprint(seed%3)
			span.Attributes().PutStr("gen_ai.prompt.name", name)
			span.Attributes().PutStr("gen_ai.prompt.version", version)
			sent[name+"@"+version]++
		}
		require.NoError(t, c.sendTraces(td))
	}
	c.stop(t)
	read, ok := readIndependently(t, c.dataset, "spans", "scores")
	if !ok {
		fmt.Println("conformance: independent reader: no Python with DuckDB (make reader): nothing compared")
		return
	}
	spans := read["spans"]
	assert.EqualValues(t, requests*perRequest, spans.Rows)
	assert.Equal(t, spans.Rows, spans.Distinct, "no row twice")
	assert.Equal(t, sent, spans.Partitions)
	assert.Equal(t, spans.Rows, spans.Viewed, "views.sql")
	assert.Equal(t, read["scores"].Rows, read["scores"].Distinct, "no score twice")
	assert.GreaterOrEqual(t, read["scores"].Rows, spans.Rows)
	columns := 0
	for _, table := range []string{"spans", "scores"} {
		for _, c := range dataset.Columns()[table] {
			assert.Equal(t, storedType(c), strings.ReplaceAll(read[table].Types[c.Name], `"`, ""), "%s.%s", table, c.Name)
			columns++
		}
	}
	fmt.Printf("conformance: independent reader: %d/%d spans, %d twice, %d columns as documented\n",
		spans.Rows, requests*perRequest, spans.Rows-spans.Distinct, columns)
}

// storedType is the type in the files of a column of the views.
func storedType(c dataset.ColumnDoc) string {
	switch c.Type {
	case "JSON":
		return "VARCHAR"
	case "TIMESTAMP":
		return "TIMESTAMP WITH TIME ZONE"
	}
	return strings.ReplaceAll(c.Type, `"`, "")
}
