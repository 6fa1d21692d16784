// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

// RowOptions are options of Rows.
type RowOptions struct {
	Format Format
	// Formulas leaves text in CSV that a spreadsheet would run as it is; without,
	// an apostrophe is put before it.
	Formulas bool
	// Progress is called now and then with the number of rows written.
	Progress func(rows int64)
}

// Rows writes the selected rows of a view, with the columns in the order of
// docs/dataset.md and the rows by time and ids. The database is one whose window
// is the selection's.
func Rows(ctx context.Context, db *query.DB, s Selection, o RowOptions, w io.Writer) (Result, error) {
	statement, args, err := s.statement()
	if err != nil {
		return Result{}, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	t := &rowWriter{db: db, statement: statement, args: args, out: out, progress: o.Progress}
	switch o.Format {
	case CSV:
		err = t.csv(ctx, report.Options{Formulas: o.Formulas})
	case JSONLines:
		err = t.jsonLines(ctx)
	case Arrow, ArrowStream:
		err = t.arrow(ctx, o.Format == Arrow)
	default:
		err = fmt.Errorf("format %s holds spans as they were received, no rows of %s", o.Format, s.Table)
	}
	if err == nil {
		err = out.Flush()
	}
	return Result{Rows: t.rows}, err
}

// statement is the SQL of a selection.
func (s *Selection) statement() (statement string, args []any, err error) {
	has := map[string]bool{}
	var columns []string
	for _, c := range query.Columns()[s.Table] {
		has[c.Name] = true
		columns = append(columns, quoted(c.Name))
	}
	if len(columns) == 0 {
		return "", nil, fmt.Errorf("%w: table %q is not one of %s", ErrSelection, s.Table, strings.Join(query.Views, ", "))
	}
	conditions, args, err := s.conditions(has)
	if err != nil {
		return "", nil, err
	}
	statement = "SELECT " + strings.Join(columns, ", ") + " FROM " + quoted(s.Table)
	if len(conditions) > 0 {
		statement += " WHERE " + strings.Join(conditions, " AND ")
	}
	var order []string
	for _, column := range []string{"start_unix_nano", "time_unix_nano", "trace_id", "span_id", "name", "version", "evaluation_id"} {
		if has[column] {
			order = append(order, quoted(column))
		}
	}
	if len(order) > 0 {
		statement += " ORDER BY " + strings.Join(order, ", ")
	}
	return statement, args, nil
}

// conditions are those on a view with these columns.
func (s *Selection) conditions(has map[string]bool) (conditions []string, args []any, err error) {
	name, version := "prompt_name", "prompt_version"
	switch s.Table {
	case "prompts":
		name, version = "name", "version"
	case "releases":
		name, version = "prompt", "version"
	}
	var calls, missing []string
	for _, c := range []struct {
		column, option string
		values         []string
		ofCall         bool
	}{
		{name, "prompt", one(s.Prompt), true}, {version, "version", one(s.Version), true},
		{"span_id", "span id", s.SpanIDs, false}, {"trace_id", "trace id", s.TraceIDs, false},
	} {
		if len(c.values) == 0 {
			continue
		}
		if !has[c.column] {
			missing = append(missing, c.option)
		}
		for _, value := range c.values {
			args = append(args, value)
		}
		condition := quoted(c.column) + " IN (?" + strings.Repeat(", ?", len(c.values)-1) + ")"
		if c.ofCall && s.Table == "scores" {
			calls = append(calls, condition)
		} else {
			conditions = append(conditions, condition)
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%w: %s cannot be selected by %s", ErrSelection, s.Table, strings.Join(missing, " or "))
	}
	if len(calls) > 0 {
		// A score that came late does not know its call's prompt.
		selected := "(trace_id, span_id) IN (SELECT (trace_id, span_id) FROM spans WHERE " + strings.Join(calls, " AND ") + ")"
		conditions = append([]string{selected}, conditions...)
	}
	return conditions, args, nil
}

func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// rowWriter writes an answer's rows.
type rowWriter struct {
	db        *query.DB
	statement string
	args      []any
	out       *bufio.Writer
	rows      int64
	progress  func(int64)
}

// progressRows is how many rows are written between two reports of progress.
const progressRows = 4096

func (t *rowWriter) count(rows int64) {
	before := t.rows / progressRows
	t.rows += rows
	if t.progress != nil && t.rows/progressRows > before {
		t.progress(t.rows)
	}
}

func (t *rowWriter) csv(ctx context.Context, o report.Options) error {
	var rows *report.Rows
	err := t.db.Each(ctx, t.statement, t.args, func(columns []query.Column) (err error) {
		names := make([]report.Column, len(columns))
		for i, c := range columns {
			names[i] = report.Column{Name: c.Name}
		}
		rows, err = report.NewRows(t.out, report.FormatCSV, "", names, o)
		return err
	}, func(values []any) error {
		cells := make([]report.Cell, len(values))
		for i, value := range values {
			cells[i].Value = value
		}
		t.count(1)
		return rows.Write(cells)
	})
	if err != nil {
		return err
	}
	return rows.Close(nil)
}

func (t *rowWriter) jsonLines(ctx context.Context) error {
	var keys [][]byte
	return t.db.Each(ctx, t.statement, t.args, func(columns []query.Column) error {
		for i, c := range columns {
			key, err := json.Marshal(c.Name)
			if err != nil {
				return err
			}
			separator := ","
			if i == 0 {
				separator = "{"
			}
			keys = append(keys, append(append([]byte(separator), key...), ':'))
		}
		return nil
	}, func(values []any) error {
		for i, value := range values {
			encoded, err := report.Marshal(value)
			if err != nil {
				return fmt.Errorf("row %d: %w", t.rows+1, err)
			}
			_, _ = t.out.Write(keys[i])
			_, _ = t.out.Write(encoded)
		}
		t.count(1)
		_, err := t.out.WriteString("}\n")
		return err
	})
}

// recordWriter is a writer of Arrow's file or stream format.
type recordWriter interface {
	Write(arrow.RecordBatch) error
	Close() error
}

func (t *rowWriter) arrow(ctx context.Context, file bool) error {
	var writer recordWriter
	err := t.db.Records(ctx, t.statement, t.args, func(schema *arrow.Schema) (err error) {
		if !file {
			writer = ipc.NewWriter(t.out, ipc.WithSchema(schema))
			return nil
		}
		writer, err = ipc.NewFileWriter(t.out, ipc.WithSchema(schema))
		return err
	}, func(record arrow.RecordBatch) error {
		t.count(record.NumRows())
		return writer.Write(record)
	})
	if err != nil {
		return err
	}
	return writer.Close()
}
