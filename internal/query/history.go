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

// aboutSpans finds the statements that read a view of spans, or one that joins
// them.
var aboutSpans = regexp.MustCompile(`(?i)\b(spans|lean_spans|scores|prompts|tools)\b`)

// rebuilt is what a plan holds when it rebuilds histories: the function that
// joins messages.
const rebuilt = "string_agg"

// chooseSpans readies the views for a statement, so that it pays for what it
// reads only: DuckDB keeps a join of which no column is asked for. What other
// spans reveal is found out when it reads a column that it matters to; spans
// becomes the view without rebuilt histories when it does not read those; rows of
// a large dataset are not compared when it reads them all. The plan tells, not the
// text. restore makes spans the whole view again.
func (db *DB) chooseSpans(ctx context.Context, conn *duckdb.Conn, statement string, named []driver.NamedValue) (restore func() error, err error) {
	restore = func() error { return nil }
	whole := !db.histories || strings.Contains(strings.ToLower(statement), "input_messages")
	if !aboutSpans.MatchString(statement) {
		return restore, nil
	}
	on := onConn{conn}
	// What is no single reading statement is refused later, with its reason, or
	// becomes several, as PIVOT does.
	if !isKind(conn, statement, duckdb.STATEMENT_TYPE_SELECT) {
		return restore, errors.Join(db.once.ready(ctx, on, statement, ""), db.late.find(ctx, on))
	}
	plan, err := planOf(ctx, conn, "EXPLAIN (FORMAT json) "+statement, named)
	if err != nil {
		return restore, ctx.Err()
	}
	if err := db.once.ready(ctx, on, statement, plan); err != nil {
		return restore, err
	}
	if filledColumns.MatchString(plan) || filledIn.MatchString(statement) {
		if err := db.late.find(ctx, on); err != nil {
			return restore, err
		}
	}
	if whole || strings.Contains(plan, rebuilt) {
		return restore, nil
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
