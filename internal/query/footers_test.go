// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spanFile returns the dataset's only file of spans.
func spanFile(t testing.TB, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "spans", "*", "*", "*", "*.parquet"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	return paths[0]
}

// withoutColumn writes a file beside another one as a version would have that did
// not know a column yet.
func withoutColumn(t testing.TB, path, column string) {
	t.Helper()
	connector, err := duckdb.NewConnector("", nil)
	require.NoError(t, err)
	defer connector.Close()
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), fmt.Sprintf("COPY (SELECT * EXCLUDE (%s) FROM read_parquet(%s)) TO %s (FORMAT parquet)",
		column, literal(path), literal(filepath.Join(filepath.Dir(path), "earlier.parquet"))))
	require.NoError(t, err)
}

// Columns of files are united only where they differ: DuckDB holds all footers for
// that.
func TestFilesOfLikeColumns(t *testing.T) {
	dir := write(t, t.TempDir(), 3, "support")
	united := func() any {
		db := open(t, Options{Dataset: dir})
		assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM spans"))
		assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM scores"))
		return one(t, db, "SELECT list(view_name ORDER BY view_name) FROM duckdb_views() WHERE sql LIKE '%union_by_name%'")
	}
	assert.Nil(t, united())

	path := spanFile(t, dir)
	withoutColumn(t, path, "late_identity")
	assert.Equal(t, []any{"spans_files"}, united())
	db := open(t, Options{Dataset: dir})
	assert.EqualValues(t, 6, one(t, db, "SELECT count(*) FROM spans_files"))

	// All files may be of an earlier version.
	require.NoError(t, os.Remove(path))
	db = open(t, Options{Dataset: dir})
	assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM spans WHERE late_identity IS NULL"))
}
