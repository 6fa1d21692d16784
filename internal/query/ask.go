// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// ErrNotRead is returned for statements that would do more than read.
var ErrNotRead = errors.New("only reading is allowed")

// ErrStatement is returned for statements that DuckDB refuses: a mistake of
// whoever wrote them.
var ErrStatement = errors.New("query")

// Column is one column of a result.
type Column struct {
	Name string `json:"name"`
	// Type is DuckDB's name of the type.
	Type string `json:"type"`
}

// Result is a whole result in memory. Values are nil, bool, int64, float64,
// string, time.Time (UTC), []any or map[string]any; dates, times of day, blobs
// (\x and hex), intervals and integers beyond 64 bits are strings.
type Result struct {
	Columns []Column
	Rows    [][]any
}

// Query runs one reading statement and returns its whole result. Parameters are
// written as ? or $1.
func (db *DB) Query(ctx context.Context, statement string, args ...any) (*Result, error) {
	result := &Result{}
	err := db.Each(ctx, statement, args, func(columns []Column) error {
		result.Columns = columns
		return nil
	}, func(row []any) error {
		result.Rows = append(result.Rows, row)
		return nil
	})
	return result, err
}

// Each runs one reading statement and hands over its columns, then row after
// row. ErrNotRead and ErrStatement are returned for what cannot be run.
func (db *DB) Each(ctx context.Context, statement string, args []any, head func([]Column) error, body func([]any) error) error {
	return db.answer(ctx, statement, args, func(rows driver.Rows, types []duckdb.TypeInfo) error {
		return hand(ctx, rows, types, head, body)
	})
}

// answer runs one reading statement and lets take read the answer.
func (db *DB) answer(ctx context.Context, statement string, args []any, take func(driver.Rows, []duckdb.TypeInfo) error) error {
	connection, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	return connection.Raw(func(raw any) error {
		inner, ok := raw.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("unexpected database driver %T", raw)
		}
		named := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		}
		restore, err := db.chooseSpans(ctx, inner, statement, named)
		if err != nil {
			return explain(ctx, err)
		}
		rows, types, err := ask(ctx, inner, statement, named)
		if err != nil {
			return errors.Join(explain(ctx, err), restore())
		}
		return errors.Join(take(rows, types), rows.Close(), restore())
	})
}

// ask executes a statement after checking that it only reads. The types are nil
// when DuckDB splits the statement in several.
func ask(ctx context.Context, conn *duckdb.Conn, statement string, named []driver.NamedValue) (driver.Rows, []duckdb.TypeInfo, error) {
	prepared, err := conn.Prepare(statement)
	if err != nil {
		if !strings.Contains(err.Error(), "multi-statement") {
			return nil, nil, err
		}
		// PIVOT becomes several statements; so may something hostile.
		if err := checkWords(statement); err != nil {
			return nil, nil, err
		}
		rows, err := conn.QueryContext(ctx, statement, named)
		return rows, nil, err
	}
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("unexpected statement %T", prepared), prepared.Close())
	}
	rows, types, err := askOne(ctx, stmt, statement, named)
	if err != nil {
		return nil, nil, errors.Join(err, stmt.Close())
	}
	return &ownedRows{Rows: rows, stmt: stmt}, types, nil
}

func askOne(ctx context.Context, stmt *duckdb.Stmt, statement string, named []driver.NamedValue) (driver.Rows, []duckdb.TypeInfo, error) {
	kind, err := stmt.StatementType()
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case duckdb.STATEMENT_TYPE_SELECT:
	case duckdb.STATEMENT_TYPE_EXPLAIN:
		// EXPLAIN ANALYZE runs what it explains.
		if err := checkWords(statement); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, ErrNotRead
	}
	types, err := typesOf(stmt)
	if err != nil {
		return nil, nil, err
	}
	rows, err := stmt.QueryContext(ctx, named)
	return rows, types, err
}

func typesOf(stmt *duckdb.Stmt) ([]duckdb.TypeInfo, error) {
	n, err := stmt.ColumnCount()
	if err != nil {
		return nil, err
	}
	types := make([]duckdb.TypeInfo, n)
	for i := range types {
		// Types that the driver cannot describe are converted by value.
		types[i], _ = stmt.ColumnTypeInfo(i)
	}
	return types, nil
}

// ownedRows closes its statement with itself.
type ownedRows struct {
	driver.Rows
	stmt *duckdb.Stmt
}

func (r *ownedRows) Close() error { return errors.Join(r.Rows.Close(), r.stmt.Close()) }

// ColumnTypeDatabaseTypeName names a column's type.
func (r *ownedRows) ColumnTypeDatabaseTypeName(i int) string { return typeName(r.Rows, i) }

func typeName(rows driver.Rows, i int) string {
	if named, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return named.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// hand passes columns and rows on.
func hand(ctx context.Context, rows driver.Rows, types []duckdb.TypeInfo, head func([]Column) error, body func([]any) error) error {
	names := rows.Columns()
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = Column{Name: name, Type: typeName(rows, i)}
	}
	if err := head(columns); err != nil {
		return err
	}
	return eachRow(ctx, rows, func(raw []driver.Value) error {
		row := make([]any, len(raw))
		for i, value := range raw {
			row[i] = convert(value, typeAt(types, i))
		}
		return body(row)
	})
}

// eachRow reads rows as the driver gives them; the slice is used again.
func eachRow(ctx context.Context, rows driver.Rows, body func([]driver.Value) error) error {
	raw := make([]driver.Value, len(rows.Columns()))
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := rows.Next(raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return explain(ctx, err)
		}
		if err := body(raw); err != nil {
			return err
		}
	}
}

// typeAt is a column's type; nil when it is not known.
func typeAt(types []duckdb.TypeInfo, i int) duckdb.TypeInfo {
	if i < len(types) {
		return types[i]
	}
	return nil
}

// writing are the words without which no statement writes a file, changes
// settings or loads code.
var writing = regexp.MustCompile(`(?i)\b(copy|export|import|attach|detach|install|load|insert|update|delete|merge|drop|alter|truncate|create|set|reset|call|prepare|execute|vacuum|checkpoint|begin|commit|use|pragma)\b`)

func checkWords(statement string) error {
	if word := writing.FindString(statement); word != "" {
		return fmt.Errorf("%w: several statements, or EXPLAIN, with the word %s", ErrNotRead, strings.ToUpper(word))
	}
	return nil
}

// explain adds what to do to errors that users meet.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := strings.TrimSpace(err.Error())
	hint := ""
	switch {
	case errors.Is(err, ErrNotRead):
		return fmt.Errorf("%w; use SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE or SHOW, one statement at a time", err)
	case strings.Contains(text, "Catalog Error") && strings.Contains(text, "Table with name"):
		hint = "views: " + strings.Join(Views, ", ") + "; `spanloop query` without SQL lists their columns"
	case strings.Contains(text, "Binder Error") && strings.Contains(text, "Referenced column"):
		hint = "`spanloop query` without SQL lists the columns"
	case strings.Contains(text, "Permission Error"):
		hint = "queries read the dataset only; for other files use a DuckDB of your own with the dataset's views.sql"
	case strings.Contains(text, "Out of Memory"):
		hint = "ask for fewer rows or columns, narrow --since, or give it more --memory"
	case strings.Contains(text, "IO Error"), strings.Contains(text, "Invalid Input Error") && strings.Contains(text, ".parquet"):
		return fmt.Errorf("%s\n`spanloop dataset verify` looks for broken files", text)
	}
	if hint != "" {
		text += "\n" + hint
	}
	return fmt.Errorf("%w: %s", ErrStatement, text)
}
