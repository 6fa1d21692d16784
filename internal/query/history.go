// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// aboutSpans finds the statements that a view of spans may matter to.
var aboutSpans = regexp.MustCompile(`(?i)\bspans\b`)

// rebuilt is what a plan holds when it rebuilds histories: the function that
// joins messages.
const rebuilt = "string_agg"

// chooseSpans makes the view spans the one without rebuilt histories for a
// statement that does not read them, so that it does not pay for them: DuckDB
// keeps a join of which no column is asked for. The plan tells, not the text.
// restore makes it the whole one again.
func (db *DB) chooseSpans(ctx context.Context, conn *duckdb.Conn, statement string, named []driver.NamedValue) (restore func() error, err error) {
	restore = func() error { return nil }
	if !db.histories || !aboutSpans.MatchString(statement) || strings.Contains(strings.ToLower(statement), "input_messages") {
		return restore, nil
	}
	// What is no single reading statement is refused later, with its reason.
	if !isKind(conn, statement, duckdb.STATEMENT_TYPE_SELECT) {
		return restore, nil
	}
	plan, err := planOf(ctx, conn, "EXPLAIN (FORMAT json) "+statement, named)
	if err != nil || strings.Contains(plan, rebuilt) {
		return restore, ctx.Err()
	}
	if _, err := conn.ExecContext(ctx, db.window.view("spans", "lean_spans"), nil); err != nil {
		return restore, err
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), db.window.view("spans", "spans"), nil)
		return err
	}, nil
}

func isKind(conn *duckdb.Conn, statement string, kind duckdb.StmtType) bool {
	prepared, err := conn.Prepare(statement)
	if err != nil {
		return false
	}
	defer prepared.Close()
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return false
	}
	found, err := stmt.StatementType()
	return err == nil && found == kind
}

// planOf returns the plan of a statement that was found to be a single one.
func planOf(ctx context.Context, conn *duckdb.Conn, statement string, named []driver.NamedValue) (string, error) {
	if !isKind(conn, statement, duckdb.STATEMENT_TYPE_EXPLAIN) {
		return "", ErrNotRead
	}
	rows, err := conn.QueryContext(ctx, statement, named)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var plan strings.Builder
	raw := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(raw)
		if errors.Is(err, io.EOF) {
			return plan.String(), nil
		}
		if err != nil {
			return "", err
		}
		for _, value := range raw {
			if text, ok := value.(string); ok {
				plan.WriteString(text)
			}
		}
	}
}
