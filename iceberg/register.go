// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command iceberg registers a dataset's files as an Iceberg table, where they
// are and as they are: nothing is copied or rewritten. Run it again and the
// table follows the dataset. It is a module of its own, since iceberg-go brings
// more dependencies than all of Spanloop.
package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"

	"github.com/spanloop/spanloop/internal/dataset"
)

// Change is what one registration did.
type Change struct {
	Added, Removed int
	// Rows and Files are what the table has now.
	Rows  int64
	Files int
}

// Register makes the Iceberg table ident hold just the files that the dataset's
// manifest names for one of its tables, in one snapshot. The table is made when
// it is missing, without partitions: a file of the partition __mixed__ has
// several prompts, and each file's bounds of prompt_name, prompt_version and
// date prune as well as partitions would.
func Register(ctx context.Context, cat catalog.Catalog, ident table.Identifier, set *dataset.Dataset, name string) (Change, error) {
	files, err := set.Files(ctx, name)
	if err != nil {
		return Change{}, err
	}
	tbl, err := open(ctx, cat, ident, dataset.Schema(name))
	if err != nil {
		return Change{}, fmt.Errorf("table %v: %w", ident, err)
	}
	var change Change
	want := map[string]bool{}
	for _, f := range files {
		// A path, no file:// address: iceberg-go decodes the percent signs of
		// addresses, and our folders' names have some.
		want[filepath.Join(set.Root(), filepath.FromSlash(f.Path))] = true
		change.Rows += f.Rows
		change.Files++
	}
	have, err := registered(ctx, tbl)
	if err != nil {
		return Change{}, fmt.Errorf("table %v: %w", ident, err)
	}
	var add, remove []string
	for path := range want {
		if !have[path] {
			add = append(add, path)
		}
	}
	for path := range have {
		if !want[path] {
			remove = append(remove, path)
		}
	}
	change.Added, change.Removed = len(add), len(remove)
	if len(add)+len(remove) == 0 {
		return change, nil
	}
	slices.Sort(add)
	slices.Sort(remove)
	tx := tbl.NewTransaction()
	if err := tx.ReplaceDataFiles(ctx, remove, add, nil); err != nil {
		return Change{}, fmt.Errorf("table %v: %w", ident, err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		return Change{}, fmt.Errorf("table %v: commit: %w", ident, err)
	}
	return change, nil
}

// open loads the table, with columns added that it lacks, or makes it. All
// columns are optional: a file from before one was added has none of it.
func open(ctx context.Context, cat catalog.Catalog, ident table.Identifier, schema *arrow.Schema) (*table.Table, error) {
	fields := schema.Fields()
	for i := range fields {
		fields[i].Nullable = true
	}
	wanted, err := table.ArrowSchemaToIcebergWithFreshIDs(arrow.NewSchema(fields, nil), false)
	if err != nil {
		return nil, err
	}
	tbl, err := cat.LoadTable(ctx, ident)
	if errors.Is(err, catalog.ErrNoSuchTable) {
		return cat.CreateTable(ctx, ident, wanted)
	}
	if err != nil {
		return nil, err
	}
	added := false
	for _, field := range wanted.Fields() {
		_, known := tbl.Schema().FindFieldByName(field.Name)
		added = added || !known
	}
	if !added {
		return tbl, nil
	}
	tx := tbl.NewTransaction()
	if err := tx.UpdateSchema(true, false).UnionByNameWith(wanted).Commit(); err != nil {
		return nil, err
	}
	// Files without field ids are read by the mapping of names, which AddFiles
	// makes from the schema only where there is none.
	return tx.Commit(ctx)
}

// registered are the paths of the table's data files.
func registered(ctx context.Context, tbl *table.Table) (map[string]bool, error) {
	paths := map[string]bool{}
	if tbl.CurrentSnapshot() == nil {
		return paths, nil
	}
	tasks, err := tbl.Scan().PlanFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		paths[task.File.FilePath()] = true
	}
	return paths, nil
}
