// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
)

// openOnce opens a dataset as if it were large.
func openOnce(t *testing.T, o Options) *DB {
	t.Helper()
	db := open(t, o)
	db.once.from = 0
	return db
}

// Whether rows are compared by their keys or only those whose keys occur again, the
// views show the same, with rows that were stored again and without.
func TestRowsCountOnce(t *testing.T) {
	again, compacted, none := t.TempDir(), t.TempDir(), t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	tellMixed(t, r, 40, again, compacted)
	tell(t, none, randomTrace(r))
	for name, o := range map[string]Options{
		"stored again":           {Dataset: again},
		"stored again, a window": {Dataset: again, Since: noon.Add(time.Second), Until: noon.Add(4 * time.Second)},
		"compacted":              {Dataset: compacted},
		"none again":             {Dataset: none},
	} {
		all, few := open(t, o), openOnce(t, o)
		for _, statement := range []string{
			"SELECT count(*) FROM spans", "FROM spans ORDER BY ALL", "FROM lean_spans ORDER BY ALL", "FROM scores ORDER BY ALL", "FROM tools ORDER BY ALL",
			"SELECT prompt_name, count(*), sum(duration_ns) FROM lean_spans WHERE counted GROUP BY ALL ORDER BY ALL",
			"SELECT scores.name, count(*) FROM scores JOIN spans USING (trace_id, span_id) GROUP BY ALL ORDER BY ALL",
			"SELECT trace_id, count(*) FROM spans WHERE start_time > TIMESTAMP '2000-01-01' GROUP BY ALL ORDER BY ALL",
		} {
			want, err := all.Query(t.Context(), statement)
			require.NoError(t, err, statement)
			got, err := few.Query(t.Context(), statement)
			require.NoError(t, err, statement)
			require.Equal(t, want, got, "%s: %s", name, statement)
		}
		require.True(t, few.once.done[dataset.TableSpans] && few.once.done[dataset.TableScores], name)
	}
}

// Rows that are stored again are there, or the test above shows nothing.
func TestRowsAreStoredAgain(t *testing.T) {
	dir := t.TempDir()
	tellMixed(t, rand.New(rand.NewPCG(3, 4)), 40, dir, t.TempDir())
	result, err := open(t, Options{Dataset: dir}).Query(t.Context(), "SELECT (SELECT count(*) FROM spans_files) - (SELECT count(*) FROM spans)")
	require.NoError(t, err)
	assert.Greater(t, result.Rows[0][0], int64(5))
}

// A look-up by id compares the rows that it reads; only a statement over many rows
// has the keys looked through, and only those of its table.
func TestKeysAreLookedThroughWhenItMatters(t *testing.T) {
	dir := t.TempDir()
	tell(t, dir, randomTrace(rand.New(rand.NewPCG(5, 6))))
	id := lookupTrace(1).String()
	for statement, tables := range map[string][]string{
		fmt.Sprintf("SELECT * FROM spans WHERE trace_id = '%s'", id):                               nil,
		fmt.Sprintf("SELECT name FROM lean_spans WHERE span_id IN ('%s', '%s')", id[:16], id[16:]): nil,
		fmt.Sprintf("SELECT * FROM scores WHERE trace_id = '%s'", id):                              nil,
		"SELECT 1":                         nil,
		"SELECT count(*) FROM spans_files": nil,
		"SELECT count(*) FROM spans":       {dataset.TableSpans},
		"SELECT count(*) FROM spans s JOIN spans p ON s.trace_id = p.trace_id": {dataset.TableSpans},
		"FROM scores": {dataset.TableScores},
		"SELECT count(*) FROM scores SEMI JOIN lean_spans USING (trace_id)": {dataset.TableSpans, dataset.TableScores},
		"PIVOT lean_spans ON counted USING count(*) GROUP BY operation":     {dataset.TableSpans},
	} {
		db := openOnce(t, Options{Dataset: dir})
		_, err := db.Query(t.Context(), statement)
		require.NoError(t, err, statement)
		var done []string
		for _, o := range dataset.Onces {
			if db.once.done[o.Table] {
				done = append(done, o.Table)
			}
		}
		assert.Equal(t, tables, done, statement)
	}
}

// A small dataset is left as it is.
func TestFewRowsAreCompared(t *testing.T) {
	dir := t.TempDir()
	tell(t, dir, randomTrace(rand.New(rand.NewPCG(5, 6))))
	db := open(t, Options{Dataset: dir})
	_, err := db.Query(t.Context(), "SELECT count(*) FROM spans")
	require.NoError(t, err)
	_, err = db.Query(t.Context(), "FROM memory.main.repeated_spans")
	require.ErrorIs(t, err, ErrStatement)
}
