// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// everythingScript opens each file on its own and reads every column of every
// row, then counts spans as the documentation says, and by the views.
const everythingScript = `
import duckdb, glob, json, os, sys
os.chdir(sys.argv[1])
duckdb.execute("SET enable_progress_bar = false")
unreadable = {}
for path in glob.glob("**/*.parquet", recursive=True):
    try:
        duckdb.execute("SELECT max(hash(COLUMNS(*))) FROM read_parquet(?, hive_partitioning = false)", [path]).fetchall()
    except Exception as e:
        unreadable[path] = str(e)
spans = duckdb.execute(f"SELECT count(*) FROM ({sys.argv[2]})").fetchone()[0]
views = duckdb.connect()
views.execute("SET enable_progress_bar = false")
views.execute(open("views.sql").read())
viewed = views.execute("SELECT count(*) FROM spans").fetchone()[0]
print(json.dumps({"unreadable": unreadable, "spans": spans, "viewed": viewed}))
`

// everything is what a DuckDB that is not ours finds in a dataset.
type everything struct {
	Unreadable map[string]string
	// Spans counts by the deduplication of docs/dataset.md, Viewed by views.sql.
	Spans, Viewed int
}

// readEverything reads all of a dataset with Python's DuckDB; false when there
// is none.
func readEverything(t *testing.T, dir string) (everything, bool) {
	t.Helper()
	python := readerPython(t)
	if _, err := os.Stat(python); err != nil {
		return everything{}, false
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", everythingScript, dir, documentedSpans(t))
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	var read everything
	require.NoError(t, json.Unmarshal(out, &read), string(out))
	return read, true
}

// documentedSpans is the query of docs/dataset.md that reads each span once from
// the files alone.
func documentedSpans(t *testing.T) string {
	t.Helper()
	docs, err := os.ReadFile(filepath.Join(absolute(t, repository), "docs", "dataset.md"))
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```sql\n-- Each span once\n(.*?);?\n```").FindSubmatch(docs)
	require.NotNil(t, found, "docs/dataset.md holds the query that reads each span once")
	return string(found[1])
}
