// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go"
	sqlcatalog "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/dataset/sample"
)

// totals are what a scan of the Iceberg table adds up to.
type totals struct {
	rows, input, output, duration int64
	cost                          float64
	reasons, variables, noUser    int64
	names                         map[string]int64
}

func scan(t *testing.T, tbl *table.Table, options ...table.ScanOption) totals {
	t.Helper()
	_, records, err := tbl.Scan(options...).ToArrowRecords(t.Context())
	require.NoError(t, err)
	sum := totals{names: map[string]int64{}}
	for record, err := range records {
		require.NoError(t, err)
		sum.rows += record.NumRows()
		for i := range int(record.NumRows()) {
			sum.input += long(t, record, "input_tokens", i)
			sum.output += long(t, record, "output_tokens", i)
			sum.duration += long(t, record, "duration_ns", i)
			if cost := column[*array.Float64](t, record, "cost_usd"); cost.IsValid(i) {
				sum.cost += cost.Value(i)
			}
			sum.reasons += elements(column[array.ListLike](t, record, "finish_reasons"), i)
			sum.variables += elements(column[array.ListLike](t, record, "prompt_variables"), i)
			if column[*array.String](t, record, "user_id").IsNull(i) {
				sum.noUser++
			}
			sum.names[column[*array.String](t, record, "prompt_name").Value(i)]++
		}
		record.Release()
	}
	return sum
}

func column[T arrow.Array](t *testing.T, record arrow.RecordBatch, name string) T {
	t.Helper()
	at := record.Schema().FieldIndices(name)
	require.Len(t, at, 1, name)
	c, ok := record.Column(at[0]).(T)
	require.True(t, ok, "%s is a %T", name, record.Column(at[0]))
	return c
}

func long(t *testing.T, record arrow.RecordBatch, name string, i int) int64 {
	c := column[*array.Int64](t, record, name)
	if c.IsNull(i) {
		return 0
	}
	return c.Value(i)
}

func elements(list array.ListLike, i int) int64 {
	from, to := list.ValueOffsets(i)
	return to - from
}

// newSample writes the sample dataset, and opens it and an empty catalog.
func newSample(t *testing.T) (sample.Figures, *dataset.Dataset, *sqlcatalog.Catalog) {
	t.Helper()
	dir := t.TempDir()
	figures, err := sample.Write(t.Context(), dir)
	require.NoError(t, err)
	set, err := dataset.Open(dir)
	require.NoError(t, err)
	cat, err := openCatalog(t.Context(), t.TempDir(), "spanloop")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	return figures, set, cat
}

// Iceberg takes the files where they are: it reads back what was sent, prunes
// files by their bounds, refuses a file twice, and follows the dataset when
// files come and go.
func TestFilesAsTheyAre(t *testing.T) {
	figures, set, cat := newSample(t)
	files, err := set.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	ident := table.Identifier{"spanloop", dataset.TableSpans}

	change, err := Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	assert.Equal(t, Change{Added: len(files), Files: len(files), Rows: figures.Spans}, change)
	tbl, err := cat.LoadTable(t.Context(), ident)
	require.NoError(t, err)
	got := scan(t, tbl)
	assert.Equal(t, figures.Spans, got.rows)
	assert.Equal(t, figures.InputTokens, got.input)
	assert.Equal(t, figures.OutputTokens, got.output)
	assert.Equal(t, figures.Duration, got.duration)
	assert.InDelta(t, figures.CostUSD, got.cost, 1e-9)
	assert.Equal(t, figures.FinishReasons, got.reasons)
	assert.Equal(t, figures.Variables, got.variables)
	assert.Equal(t, figures.WithoutUser, got.noUser)
	assert.Equal(t, figures.Names, got.names)

	byName := table.WithRowFilter(iceberg.EqualTo(iceberg.Reference("prompt_name"), "../x"))
	assert.Equal(t, figures.Names["../x"], scan(t, tbl, byName).rows)
	pruned, err := tbl.Scan(byName).PlanFiles(t.Context())
	require.NoError(t, err)
	assert.Less(t, len(pruned), len(files)/2)

	tx := tbl.NewTransaction()
	require.ErrorContains(t, tx.AddFiles(t.Context(), []string{pruned[0].File.FilePath()}, nil, false), "already referenced")
	change, err = Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	assert.Equal(t, Change{Files: len(files), Rows: figures.Spans}, change, "a second time")

	w, err := dataset.NewWriter(set.Root(), dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), benchdata.New(1, 2).Traces(50))
	require.NoError(t, err)
	change, err = Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	assert.Equal(t, figures.Spans+50, change.Rows)
	tbl, err = cat.LoadTable(t.Context(), ident)
	require.NoError(t, err)
	assert.Equal(t, change.Rows, scan(t, tbl).rows)
	fmt.Printf("iceberg: %d files, %d rows with the counts and sums that were sent, %d of %d files read for one prompt\n",
		change.Files, change.Rows, len(pruned), len(files))
}

// A file that leaves the manifest leaves the table.
func TestFilesThatWent(t *testing.T) {
	_, set, cat := newSample(t)
	ident := table.Identifier{"spanloop", dataset.TableSpans}
	before, err := Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	entries, err := filepath.Glob(filepath.Join(set.Root(), "_manifest", "*.json"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(entries[0]))
	after, err := Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	assert.Equal(t, before.Files-after.Files, after.Removed)
	assert.Positive(t, after.Removed)
	tbl, err := cat.LoadTable(t.Context(), ident)
	require.NoError(t, err)
	assert.Equal(t, after.Rows, scan(t, tbl).rows)
}

// A table from before a column was added gets it, and reads it as null where
// files lack it.
func TestColumnAdded(t *testing.T) {
	figures, set, cat := newSample(t)
	ident := table.Identifier{"spanloop", dataset.TableSpans}
	var older []arrow.Field
	for _, f := range dataset.Schema(dataset.TableSpans).Fields() {
		if f.Name != "input_chars" {
			older = append(older, f)
		}
	}
	_, err := open(t.Context(), cat, ident, arrow.NewSchema(older, nil))
	require.NoError(t, err)
	change, err := Register(t.Context(), cat, ident, set, dataset.TableSpans)
	require.NoError(t, err)
	assert.Equal(t, figures.Spans, change.Rows)
	tbl, err := cat.LoadTable(t.Context(), ident)
	require.NoError(t, err)
	_, records, err := tbl.Scan(table.WithSelectedFields("span_id", "input_chars")).ToArrowRecords(t.Context())
	require.NoError(t, err)
	var rows, nulls int64
	for record, err := range records {
		require.NoError(t, err)
		rows += record.NumRows()
		nulls += int64(column[*array.Int32](t, record, "input_chars").NullN())
	}
	assert.Equal(t, figures.Spans, rows)
	assert.Equal(t, figures.BeforeColumns, nulls)
}

// A table that was made with partitions takes every file of one prompt; the
// file of several does not fit, and is refused rather than misplaced.
func TestPartitionedTable(t *testing.T) {
	_, set, cat := newSample(t)
	ident := table.Identifier{"spanloop", "partitioned"}
	tbl, err := open(t.Context(), cat, ident, dataset.Schema(dataset.TableSpans))
	require.NoError(t, err)
	tx := tbl.NewTransaction()
	spec := tx.UpdateSpec(true)
	for _, name := range []string{"prompt_name", "prompt_version", "date"} {
		spec = spec.AddField(name, iceberg.IdentityTransform{}, name+"_part")
	}
	require.NoError(t, spec.Commit())
	tbl, err = tx.Commit(t.Context())
	require.NoError(t, err)
	files, err := set.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	var one, mixed []string
	var rows int64
	for _, f := range files {
		path := filepath.Join(set.Root(), f.Path)
		if strings.Contains(f.Path, "prompt_name="+dataset.Mixed+"/") {
			mixed = append(mixed, path)
			continue
		}
		one = append(one, path)
		rows += f.Rows
	}
	require.NotEmpty(t, mixed)
	tx = tbl.NewTransaction()
	require.NoError(t, tx.AddFiles(t.Context(), one, nil, false))
	tbl, err = tx.Commit(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rows, scan(t, tbl).rows)
	require.Error(t, tbl.NewTransaction().AddFiles(t.Context(), mixed, nil, false))
}
