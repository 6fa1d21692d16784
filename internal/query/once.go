// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"database/sql/driver"
	"fmt"
	"regexp"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/spanloop/spanloop/internal/dataset"
)

// onceFrom is the number of rows from which it is worth while to look for keys
// that occur again before a statement reads the rows.
const onceFrom = 1_000_000

// lookUp finds a plan or statement that asks for spans or traces by id: comparing
// the few rows that it reads costs less.
var lookUp = regexp.MustCompile(`\b(trace_id|span_id)"?\s*(=|IN)\s*\(?\s*['?$]`)

// about finds the statements that read a table's view, or one that joins it.
var about = map[string]*regexp.Regexp{
	dataset.TableSpans:  regexp.MustCompile(`(?i)spans\b|\b(prompts|tools)\b`),
	dataset.TableScores: regexp.MustCompile(`(?i)\bscores\b`),
}

// once makes the views of large tables compare only rows whose keys occur again.
type once struct {
	mu sync.Mutex
	// from is onceFrom; tests have few rows.
	from int64
	done map[string]bool
}

func newOnce() once { return once{from: onceFrom, done: map[string]bool{}} }

// runner runs statements on the database.
type runner interface {
	execute(ctx context.Context, statement string) error
	number(ctx context.Context, statement string) (int64, error)
}

// ready changes the views that a statement reads, unless it is a look-up. plan is
// empty where there is none.
func (o *once) ready(ctx context.Context, db runner, statement, plan string) error {
	if lookUp.MatchString(plan) || lookUp.MatchString(statement) {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, table := range dataset.Onces {
		if o.done[table.Table] || !about[table.Table].MatchString(statement) {
			continue
		}
		if err := o.change(ctx, db, table); err != nil {
			return fmt.Errorf("look for %s that were stored again: %w", table.Table, err)
		}
		o.done[table.Table] = true
	}
	return nil
}

func (o *once) change(ctx context.Context, db runner, table dataset.Once) error {
	rows, err := db.number(ctx, "SELECT count(*) FROM memory.main."+table.Table+"_files")
	if err != nil || rows < o.from {
		return err
	}
	if err := db.execute(ctx, table.Find); err != nil {
		return err
	}
	found, err := db.number(ctx, table.Found)
	if err != nil {
		return err
	}
	view := table.None
	if found > 0 {
		view = table.Some
	}
	return db.execute(ctx, view)
}

// execute and number run statements of this package on the handle.
func (db *DB) execute(ctx context.Context, statement string) error {
	_, err := db.sql.ExecContext(ctx, statement)
	return err
}

func (db *DB) number(ctx context.Context, statement string) (n int64, err error) {
	err = db.sql.QueryRowContext(ctx, statement).Scan(&n)
	return n, err
}

// onConn runs statements of this package on a connection that is in use.
type onConn struct{ *duckdb.Conn }

func (c onConn) execute(ctx context.Context, statement string) error {
	_, err := c.ExecContext(ctx, statement, nil)
	return err
}

func (c onConn) number(ctx context.Context, statement string) (int64, error) {
	rows, err := c.QueryContext(ctx, statement, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return 0, err
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%T is no number", row[0])
	}
	return n, nil
}
