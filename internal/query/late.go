// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"sync"

	"github.com/spanloop/spanloop/internal/dataset"
)

// filledColumns finds the names of columns that other spans of a trace may fill
// in in a statement's plan, which names what it reads of the files.
var filledColumns = regexp.MustCompile(
	`\b(session_id|user_id|prompt_(name|version|hash|label|resolution|unresolved_reason|variables)|variant_id|tool_versions?|toolset_(hash|completeness))\b`)

// filledIn finds a statement that may read late_identity, which every plan names.
var filledIn = regexp.MustCompile(`(?i)late_identity|columns\s*\(`)

// late keeps what the views fill in, in tables: it is found out once, when the
// first statement reads a column that it matters to, and not by each.
type late struct {
	mu    sync.Mutex
	known bool
}

// find fills the tables.
func (l *late) find(ctx context.Context, db runner) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return nil
	}
	for _, statement := range dataset.LateRows {
		if err := db.execute(ctx, statement); err != nil {
			return fmt.Errorf("late identity: %w", err)
		}
	}
	l.known = true
	return nil
}

func (l *late) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// Handle runs SQL of packages of this program over the views.
type Handle struct{ db *DB }

// SQL is a handle for packages that run queries of their own. It has one
// connection: rows must be closed before the next query.
func (db *DB) SQL() *Handle { return &Handle{db} }

// QueryContext runs a query.
func (h *Handle) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := h.db.once.ready(ctx, h.db, query, ""); err != nil {
		return nil, err
	}
	if err := h.db.late.find(ctx, h.db); err != nil {
		return nil, err
	}
	return h.db.sql.QueryContext(ctx, query, args...)
}
