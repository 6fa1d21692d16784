// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

func newQueryCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   `query ["SQL" | -]`,
		Short: "Run SQL over the dataset, or print its schema",
		Long: `Runs one DuckDB statement over the views spans, scores, prompts, tools and
releases. With - the statement is read from standard input. Without SQL it
prints every column with its type, unit and meaning.

Queries read the dataset's files and nothing else.`,
		Example: `  spanloop query
  spanloop query "SELECT prompt_name, prompt_version, count(*) FROM spans GROUP BY ALL"
  spanloop query "SELECT * FROM scores WHERE label = 'fail'" --format csv > failures.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return schemaTable().Write(a.Out, report.Format(a.Format), report.Options{Color: a.options().Color, MaxCell: -1})
			}
			statement := args[0]
			if statement == "-" {
				text, err := io.ReadAll(io.LimitReader(a.In, 1<<20))
				if err != nil {
					return fmt.Errorf("query: standard input: %w", err)
				}
				statement = string(text)
			}
			if strings.TrimSpace(statement) == "" {
				return usage(fmt.Errorf("query: the statement is empty"))
			}
			db, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			return runQuery(cmd, a, db, statement)
		},
	}
}

// schemaTable lists the views' columns.
func schemaTable() *report.Table {
	t := &report.Table{
		Schema: "spanloop.schema/1", Title: "Views of the dataset",
		Columns: []report.Column{{Name: "view"}, {Name: "column"}, {Name: "type"}, {Name: "unit"}, {Name: "meaning"}},
	}
	docs := dataset.Columns()
	docs["releases"] = []dataset.ColumnDoc{
		{Name: "prompt", Type: "VARCHAR", Meaning: "prompt that was released"},
		{Name: "environment", Type: "VARCHAR", Meaning: "environment or label"},
		{Name: "version", Type: "VARCHAR", Meaning: "version that it served"},
		{Name: "weight", Type: "DOUBLE", Meaning: "share of the traffic, relative to the release's other versions"},
		{Name: "from_time", Type: "TIMESTAMP", Unit: "UTC", Meaning: "since when"},
		{Name: "to_time", Type: "TIMESTAMP", Unit: "UTC", Meaning: "until when; null for what is served now"},
		{Name: "author", Type: "VARCHAR", Meaning: "who released it"},
		{Name: "reason", Type: "VARCHAR", Meaning: "why"},
	}
	for _, view := range []string{"spans", "scores", "prompts", "tools", "releases"} {
		for _, c := range docs[view] {
			t.Rows = append(t.Rows, []report.Cell{report.Text(view), report.Text(c.Name), report.Text(c.Type), report.Text(c.Unit), report.Text(c.Meaning)})
		}
	}
	return t
}

// runQuery prints a result. CSV is streamed; the other formats need all rows.
func runQuery(cmd *cobra.Command, a *app, db *query.DB, statement string) error {
	table := &report.Table{Schema: "spanloop.query/1"}
	head := func(columns []query.Column) error {
		for _, c := range columns {
			table.Columns = append(table.Columns, report.Column{Name: c.Name, Align: alignOf(c.Type)})
		}
		return nil
	}
	if a.Format == string(report.FormatCSV) {
		return streamCSV(cmd, a, db, statement, table, head)
	}
	err := db.Each(cmd.Context(), statement, nil, head, func(row []any) error {
		table.Rows = append(table.Rows, cellsOf(row))
		return nil
	})
	if err != nil {
		return err
	}
	if a.Format == string(report.FormatTable) {
		a.note("%d rows", len(table.Rows))
	}
	return table.Write(a.Out, report.Format(a.Format), a.options())
}

// streamCSV prints rows in blocks, so that a result of any size fits.
func streamCSV(cmd *cobra.Command, a *app, db *query.DB, statement string, table *report.Table, head func([]query.Column) error) error {
	out := bufio.NewWriter(a.Out)
	headed := false
	flush := func() error {
		err := table.WriteRows(out, !headed)
		headed, table.Rows = true, table.Rows[:0]
		return err
	}
	err := db.Each(cmd.Context(), statement, nil, head, func(row []any) error {
		table.Rows = append(table.Rows, cellsOf(row))
		if len(table.Rows) < 1000 {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func alignOf(kind string) report.Align {
	for _, prefix := range []string{"BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "DECIMAL", "FLOAT", "UBIGINT", "SMALLINT", "TINYINT"} {
		if strings.HasPrefix(kind, prefix) {
			return report.Right
		}
	}
	return report.Left
}

func cellsOf(row []any) []report.Cell {
	cells := make([]report.Cell, len(row))
	for i, value := range row {
		cells[i] = report.Cell{Text: textOf(value), Value: value}
		if value == nil {
			cells[i].Style = report.Muted
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
		return fmt.Sprintf("%.6g", value)
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
