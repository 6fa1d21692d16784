// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

const (
	// maxStatement bounds SQL from standard input, in bytes.
	maxStatement = 1 << 20
	// defaultLimit is how many rows tables and pages show.
	defaultLimit = 1000
)

func newQueryCommand(a *app) *cobra.Command {
	limit := -1
	cmd := &cobra.Command{
		Use:   `query ["SQL" | -]`,
		Short: "Run SQL over the dataset, or print its schema",
		Long: `Runs one DuckDB statement over the views spans, scores, prompts, tools and
releases. With - the statement is read from standard input. Without SQL it
prints every column with its type, unit and meaning.

Queries read the dataset and nothing else, and change nothing. --since and
--until bound the views spans and scores. CSV and JSON print all rows; tables and
pages the first 1000, unless --limit says otherwise.`,
		Example: `  spanloop query
  spanloop query "SELECT prompt_name, prompt_version, count(*) FROM spans GROUP BY ALL"
  spanloop query "SELECT * FROM scores WHERE label = 'fail'" --format csv > failures.csv
  spanloop query - --since 24h < report.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.print(schemaTable())
			}
			statement, err := a.statement(args[0])
			if err != nil {
				return err
			}
			return a.query(cmd.Context(), statement, limit)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().IntVar(&limit, "limit", -1, "print at most so many `rows`; 0 for all")
	return cmd
}

// statement is the SQL of the command line or of standard input.
func (a *app) statement(arg string) (string, error) {
	statement := arg
	if arg == "-" {
		text, err := io.ReadAll(io.LimitReader(a.In, maxStatement+1))
		if err != nil {
			return "", fmt.Errorf("query: standard input: %w", err)
		}
		if len(text) > maxStatement {
			return "", usage(fmt.Errorf("query: standard input: the statement is longer than %d bytes", maxStatement))
		}
		statement = string(text)
	}
	if strings.TrimSpace(statement) == "" {
		return "", usage(errors.New("query: the statement is empty; `spanloop query` alone prints what can be asked"))
	}
	return statement, nil
}

// schemaTable lists the views' columns.
func schemaTable() *report.Table {
	t := &report.Table{
		Schema: "spanloop.schema/1", Title: "Views of the dataset",
		Columns: []report.Column{{Name: "view"}, {Name: "column"}, {Name: "type"}, {Name: "unit"}, {Name: "meaning"}},
	}
	docs := query.Columns()
	for _, view := range query.Views {
		for _, c := range docs[view] {
			t.Rows = append(t.Rows, []report.Cell{
				{Text: view, Value: view, Style: report.Muted}, report.Text(c.Name), report.Text(c.Type), report.Text(c.Unit), report.Text(c.Meaning),
			})
		}
	}
	return t
}

// query runs a statement and prints its result.
func (a *app) query(ctx context.Context, statement string, limit int) error {
	since, until, err := a.window()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Registry: a.Registry, Since: since, Until: until, MemoryLimit: a.Memory})
	if err != nil {
		return err
	}
	defer db.Close()
	if strings.Contains(strings.ToLower(statement), "releases") {
		for _, problem := range db.RegistryProblems() {
			a.note("registry: %s", problem)
		}
	}
	out := &queryOutput{a: a, limit: limit}
	if limit < 0 && !out.streams() {
		out.limit = defaultLimit
	}
	err = db.Each(ctx, statement, nil, out.head, out.row)
	switch {
	case errors.Is(err, query.ErrStatement), errors.Is(err, query.ErrNotRead):
		return usage(err)
	case err != nil && !errors.Is(err, errEnough):
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	if out.count == 0 {
		a.noteEmpty(ctx, db)
	}
	return nil
}

// noteEmpty says so when there is nothing to find.
func (a *app) noteEmpty(ctx context.Context, db *query.DB) {
	result, err := db.Query(ctx, "SELECT 1 FROM spans LIMIT 1")
	if err == nil && len(result.Rows) == 0 {
		what := "dataset %s holds no spans"
		if a.Since != "" || a.Until != "" {
			what += " between --since and --until"
		}
		a.note(what, dataset.DisplayPath(a.Dataset))
	}
}

// errEnough ends a query when enough rows are printed.
var errEnough = errors.New("enough rows")

// queryOutput prints a result: CSV and JSON row by row, the others at the end.
type queryOutput struct {
	a            *app
	limit, count int
	table        report.Table
	rows         *report.Rows
	more         bool
}

func (o *queryOutput) streams() bool { return o.a.Format == "csv" || o.a.Format == "json" }

func (o *queryOutput) head(columns []query.Column) error {
	o.table.Schema = "spanloop.query/1"
	for _, c := range columns {
		o.table.Columns = append(o.table.Columns, report.Column{Name: c.Name, Align: alignOf(c.Type), Type: c.Type})
	}
	if !o.streams() {
		return nil
	}
	var err error
	o.rows, err = report.NewRows(o.a.Out, report.Format(o.a.Format), o.table.Schema, o.table.Columns, o.a.options())
	return err
}

func (o *queryOutput) row(values []any) error {
	if o.limit > 0 && o.count == o.limit {
		o.more = true
		return errEnough
	}
	o.count++
	if o.rows != nil {
		return o.rows.Write(cellsOf(values))
	}
	o.table.Rows = append(o.table.Rows, cellsOf(values))
	return nil
}

func (o *queryOutput) end() error {
	if o.rows != nil {
		if err := o.rows.Close(nil); err != nil {
			return err
		}
	} else if err := o.a.print(&o.table); err != nil {
		return err
	}
	switch {
	case o.more:
		o.a.note("the first %d rows; --limit 0 prints all", o.count)
	case o.a.Format == "table" && o.count == 1:
		o.a.note("1 row")
	case o.a.Format == "table":
		o.a.note("%d rows", o.count)
	}
	return nil
}

// alignOf puts numbers to the right.
func alignOf(kind string) report.Align {
	if strings.HasSuffix(kind, "]") {
		return report.Left
	}
	for _, prefix := range []string{"BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "DECIMAL", "FLOAT", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"} {
		if strings.HasPrefix(kind, prefix) {
			return report.Right
		}
	}
	return report.Left
}

func cellsOf(values []any) []report.Cell {
	cells := make([]report.Cell, len(values))
	for i, value := range values {
		cells[i] = report.Cell{Text: textOf(value), Value: value}
		if value == nil {
			cells[i] = report.Cell{Text: "", Style: report.Muted}
		}
	}
	return cells
}

// textOf prints a value of a result for people.
func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return floatText(value)
	case time.Time:
		return value.Format("2006-01-02 15:04:05.999999")
	case []any, map[string]any:
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Sprint(value)
		}
		return string(encoded)
	}
	return fmt.Sprint(value)
}

// floatText prints at most six decimals, and exponents only where they help.
func floatText(v float64) string {
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e15) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	text := strconv.FormatFloat(v, 'f', 6, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
