// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/dataset"
)

// cachedFooters is the number of files up to which their footers are kept in
// memory: one of a file of spans takes 163 KB.
const cachedFooters = 2000

// likeness is what a dataset's files have in common.
type likeness struct {
	count int64
	// alike are the tables all of whose files have the columns of this version.
	alike map[string]bool
}

// look reads the footers of all files. It refuses files that a later version of
// Spanloop wrote: their columns may mean something else.
func (db *DB) look(ctx context.Context, root string, views dataset.Views) (likeness, error) {
	found := likeness{alike: map[string]bool{}}
	query := views.Kinds()
	if query == "" {
		return found, nil
	}
	rows, err := db.sql.QueryContext(ctx, query)
	if err != nil {
		return found, noViews(root, err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind dataset.Kind
		if err := rows.Scan(&kind.Table, &kind.Format, &kind.Columns, &kind.Files, &kind.Path); err != nil {
			return found, noViews(root, err)
		}
		if !kind.Known() {
			return found, newerFile(root, kind)
		}
		before, seen := found.alike[kind.Table]
		found.alike[kind.Table] = kind.Alike() && (before || !seen)
		found.count += kind.Files
	}
	if err := rows.Err(); err != nil {
		return found, noViews(root, err)
	}
	return found, nil
}

func newerFile(root string, kind dataset.Kind) error {
	path := kind.Path
	if name, inside := strings.CutPrefix(path, root+"/"); inside {
		path = name
	}
	return fmt.Errorf("dataset %q: %s: %w", root, path, dataset.NewerFormat(kind.Format))
}
