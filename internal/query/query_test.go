// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

func TestMissingDataset(t *testing.T) {
	_, err := Open(t.Context(), Options{Dataset: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, dataset.ErrNoDataset)
	assert.Contains(t, err.Error(), "start the collector")
}

func TestEmptyDataset(t *testing.T) {
	db := open(t, Options{Dataset: t.TempDir()})
	for _, view := range Views {
		assert.EqualValues(t, 0, one(t, db, "SELECT count(*) FROM "+view), view)
	}
}

// The documented columns are those of the views, by name and type, whether or
// not there are files.
func TestColumnsAreThoseOfTheViews(t *testing.T) {
	for name, db := range map[string]*DB{
		"empty": open(t, Options{Dataset: t.TempDir()}),
		"full":  open(t, Options{Dataset: write(t, t.TempDir(), 3)}),
	} {
		for _, view := range Views {
			result, err := db.Query(t.Context(), "DESCRIBE "+view)
			require.NoError(t, err, view)
			got := map[string]string{}
			for _, row := range result.Rows {
				got[row[0].(string)] = strings.ReplaceAll(row[1].(string), `"`, "")
			}
			for _, c := range Columns()[view] {
				want := strings.ReplaceAll(c.Type, `"`, "")
				if want == "JSON" {
					want = "VARCHAR"
				}
				kind := got[c.Name]
				if kind == "TIMESTAMP WITH TIME ZONE" {
					kind = "TIMESTAMP"
				}
				assert.Equal(t, want, kind, "%s: %s.%s", name, view, c.Name)
				assert.NotEmpty(t, c.Meaning, "%s.%s", view, c.Name)
			}
			assert.Len(t, got, len(Columns()[view]), "%s: %s", name, view)
		}
	}
}

// Folders may have any name: quotes and the signs of globs among them.
func TestDatasetFolderOfAnyName(t *testing.T) {
	for _, name := range []string{"plain", "it's", "a [1] b", "ünï cödé", "x{y,z}", "semi;colon", "per%20cent", "st*r", "wh?t", "d[!x]", `back\slash`, "~"} {
		dir := filepath.Join(t.TempDir(), name)
		db := open(t, Options{Dataset: write(t, dir, 4)})
		assert.EqualValues(t, 4, one(t, db, "SELECT count(*) FROM spans"), name)
	}
}

func TestHostilePromptNames(t *testing.T) {
	names := []string{"../../x", "a'b", `"; DROP VIEW spans; --`, "\x1b[31mred", "a/b", "日本", strings.Repeat("n", 500), "*"}
	db := open(t, Options{Dataset: write(t, t.TempDir(), 2*len(names), names...)})
	result, err := db.Query(t.Context(), "SELECT prompt_name, count(*) FROM spans GROUP BY 1")
	require.NoError(t, err)
	var got []string
	for _, row := range result.Rows {
		got = append(got, row[0].(string))
		assert.EqualValues(t, 2, row[1])
	}
	assert.ElementsMatch(t, names, got)
	assert.EqualValues(t, 2, one(t, db, "SELECT count(*) FROM spans WHERE prompt_name = ?", names[2]))
}

// A query sees the dataset, and no other file; it writes none, not even there.
func TestOnlyReadsTheDataset(t *testing.T) {
	dir, outside := write(t, t.TempDir(), 2), t.TempDir()
	secret := filepath.Join(outside, "secret.csv")
	require.NoError(t, os.WriteFile(secret, []byte("a\n1\n"), 0o600))
	db := open(t, Options{Dataset: dir})
	before := files(t, dir)
	inside := filepath.Join(dir, "spans", "x.parquet")
	for _, statement := range []string{
		"SELECT * FROM read_csv('" + secret + "')",
		"SELECT * FROM read_text('" + secret + "')",
		"SELECT * FROM '" + secret + "'",
		"SELECT * FROM glob('" + outside + "/*')",
		"SELECT * FROM read_text('" + dir + "/../" + filepath.Base(outside) + "/secret.csv')",
		"SELECT * FROM read_csv('https://example.com/x.csv')",
		"COPY (SELECT 1 AS a) TO '" + filepath.Join(outside, "out.csv") + "'",
		"COPY (SELECT 1 AS a) TO '" + inside + "'",
		"EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '" + inside + "'",
		"SELECT 1; COPY (SELECT 1 AS a) TO '" + inside + "'",
		"PREPARE p AS COPY (SELECT 1 AS a) TO '" + inside + "'; EXECUTE p",
		"SELECT 1; COPY/**/(SELECT 1 AS a) TO '" + inside + "'; SELECT 2",
		"EXPORT DATABASE '" + dir + "/export'",
		"ATTACH '" + dir + "/x.db'",
		"INSTALL httpfs", "LOAD httpfs",
		"SET enable_external_access = true", "RESET lock_configuration", "SET TimeZone = 'Asia/Tokyo'",
		"PRAGMA enable_profiling = 'json'", "CALL pragma_version()", "CHECKPOINT", "BEGIN",
		"CREATE TABLE t AS SELECT 1", "DROP VIEW spans", "DELETE FROM releases", "INSERT INTO releases (prompt) VALUES ('x')",
		"CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
	} {
		_, err := db.Query(t.Context(), statement)
		assert.True(t, errors.Is(err, ErrNotRead) || errors.Is(err, ErrStatement), "%s: %v", statement, err)
	}
	assert.Equal(t, before, files(t, dir))
	assert.Len(t, files(t, outside), 1)
	assert.EqualValues(t, 2, one(t, db, "SELECT count(*) FROM spans"))
}

func files(t *testing.T, dir string) []string {
	var list []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			list = append(list, path)
		}
		return err
	}))
	slices.Sort(list)
	return list
}

func TestReadingStatements(t *testing.T) {
	db := open(t, Options{Dataset: write(t, t.TempDir(), 4)})
	for statement, rows := range map[string]int{
		"SELECT * FROM spans":         4,
		"FROM scores":                 4,
		"WITH x AS (SELECT 1) FROM x": 1,
		"VALUES (1), (2)":             2,
		"PIVOT (SELECT name FROM scores) ON name USING count(*)": 1,
		"SELECT * FROM spans;":                   4,
		"-- all\nSELECT * FROM spans -- of them": 4,
		"DESCRIBE spans":                         len(Columns()["spans"]),
		"EXPLAIN SELECT 1":                       1,
		"SELECT * FROM spans WHERE name = 'copy, export and create'": 0,
	} {
		result, err := db.Query(t.Context(), statement)
		require.NoError(t, err, statement)
		assert.Len(t, result.Rows, rows, statement)
	}
	for _, statement := range []string{"SHOW TABLES", "SUMMARIZE scores"} {
		_, err := db.Query(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestHints(t *testing.T) {
	db := open(t, Options{Dataset: t.TempDir()})
	for statement, hint := range map[string]string{
		"SELECT * FROM span":                    "views: spans, messages, scores",
		"SELECT promt_name FROM spans":          "without SQL lists the columns",
		"SELEC 1":                               "syntax error",
		"SELECT * FROM read_text('/etc/hosts')": "views.sql",
		"DROP VIEW spans":                       "use SELECT",
		"  ":                                    "empty",
		"SELECT 1; DROP VIEW spans":             "DROP",
	} {
		_, err := db.Query(t.Context(), statement)
		require.Error(t, err, statement)
		assert.Contains(t, err.Error(), hint, statement)
	}
}

func TestWindow(t *testing.T) {
	dir := write(t, t.TempDir(), 10, "p")
	db := open(t, Options{Dataset: dir, Since: noon.Add(2 * time.Minute), Until: noon.Add(5 * time.Minute)})
	assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM spans"))
	assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM scores"))
	assert.EqualValues(t, noon.Add(2*time.Minute), one(t, db, "SELECT min(start_time) FROM spans"))
	half := open(t, Options{Dataset: dir, Since: noon.Add(7 * time.Minute)})
	assert.EqualValues(t, 3, one(t, half, "SELECT count(*) FROM spans"))
}

func TestReleases(t *testing.T) {
	dir := t.TempDir()
	add := func(version string) {
		_, err := registry.AddVersion(dir, registry.NewVersion{Prompt: "p", Version: version, Template: "Text " + version, Author: "ann", Time: noon})
		require.NoError(t, err)
	}
	add("v1")
	add("v2")
	release := func(at time.Time, environment string, targets ...registry.Target) {
		_, err := registry.AddRelease(dir, "p", registry.NewRelease{Environment: environment, Targets: targets, Author: "ann", Reason: "it's time", Time: at})
		require.NoError(t, err)
	}
	release(noon.Add(time.Hour), "production", registry.Target{Version: "v1", Weight: 100})
	release(noon.Add(2*time.Hour), "staging", registry.Target{Version: "v2", Weight: 100})
	release(noon.Add(3*time.Hour), "production", registry.Target{Version: "v1", Weight: 90}, registry.Target{Version: "v2", Weight: 10})
	db := open(t, Options{Dataset: t.TempDir(), Registry: dir})
	result, err := db.Query(t.Context(), "SELECT environment, version, weight, from_time, to_time, author, reason FROM releases ORDER BY ALL")
	require.NoError(t, err)
	assert.Equal(t, [][]any{
		{"production", "v1", 90.0, noon.Add(3 * time.Hour), nil, "ann", "it's time"},
		{"production", "v1", 100.0, noon.Add(time.Hour), noon.Add(3 * time.Hour), "ann", "it's time"},
		{"production", "v2", 10.0, noon.Add(3 * time.Hour), nil, "ann", "it's time"},
		{"staging", "v2", 100.0, noon.Add(2 * time.Hour), nil, "ann", "it's time"},
	}, result.Rows)
	assert.Empty(t, db.RegistryProblems())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts", "p", "versions", "v3.yaml"), []byte("template: ["), 0o600))
	broken := open(t, Options{Dataset: t.TempDir(), Registry: dir})
	assert.NotEmpty(t, broken.RegistryProblems())
	assert.EqualValues(t, 4, one(t, broken, "SELECT count(*) FROM releases"))
}

func TestCancelled(t *testing.T) {
	db := open(t, Options{Dataset: t.TempDir(), Threads: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Query(ctx, "SELECT 1")
	require.ErrorIs(t, err, context.Canceled)
	ctx, cancel = context.WithCancel(t.Context())
	timer := time.AfterFunc(20*time.Millisecond, cancel)
	defer timer.Stop()
	_, err = db.Query(ctx, "SELECT sum(hash(a.range) * hash(b.range)) FROM range(10000000) a, range(10000000) b")
	require.ErrorIs(t, err, context.Canceled)
	assert.EqualValues(t, 1, one(t, db, "SELECT 1"), "the database still answers")
}

// More than fits into the memory limit goes to temporary files, which are gone
// afterwards, and a result that does not fit is an error.
func TestMemoryLimit(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db, err := Open(t.Context(), Options{Dataset: t.TempDir(), MemoryLimit: "60MB", Threads: 1})
	require.NoError(t, err)
	n := 0
	err = db.Each(t.Context(), "SELECT range, hash(range) AS h FROM range(4000000) ORDER BY h", nil,
		func([]Column) error { return nil }, func([]any) error { n++; return nil })
	require.NoError(t, err)
	assert.Equal(t, 4000000, n)
	require.NoError(t, db.Close())
	assert.Empty(t, files(t, os.TempDir()))
}

func TestBrokenFileIsNamed(t *testing.T) {
	dir := write(t, t.TempDir(), 3)
	for _, path := range files(t, filepath.Join(dir, "spans")) {
		require.NoError(t, os.WriteFile(path, []byte("not parquet"), 0o600))
	}
	_, err := Open(t.Context(), Options{Dataset: dir})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "dataset verify")
	assert.Contains(t, err.Error(), ".parquet")
}

// Ids of scores that the files leave out are those that the evaluators gave.
func TestEvaluationIDs(t *testing.T) {
	dir := t.TempDir()
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{0xab, 15: 1})
	span.SetSpanID([8]byte{0xcd, 7: 2})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	var want []string
	for _, name := range []string{"is_json", "hé 日本", "it's"} {
		s := evaluator.Score{Name: name, Value: genai.Some(0.5), EvaluatorVersion: "sha256:12", Kind: evaluator.KindCode, Probability: 1}
		s.EvaluationID = evaluator.EvaluationID(span.TraceID(), span.SpanID(), s.Name, s.EvaluatorVersion)
		want = append(want, s.EvaluationID)
		s.AppendTo(span, pcommon.NewTimestampFromTime(noon))
	}
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	db := open(t, Options{Dataset: dir})
	result, err := db.Query(t.Context(), "SELECT evaluation_id FROM scores ORDER BY event")
	require.NoError(t, err)
	var got []string
	for _, row := range result.Rows {
		got = append(got, row[0].(string))
	}
	assert.Equal(t, want, got)
	assert.EqualValues(t, 3, one(t, db, "SELECT count(*) FROM scores_files WHERE evaluation_id IS NULL"))
}
