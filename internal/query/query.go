// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package query answers SQL over a dataset with an embedded DuckDB. The views
// spans, scores, prompts, tools and releases are those of docs/dataset.md.
//
// What a user asks (Query, Each) can read the dataset and nothing else, and
// writes nothing. Packages that compute on the dataset use the handle (SQL).
package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
)

// Options say what to open.
type Options struct {
	// Dataset is the dataset's folder or URL.
	Dataset string
	// Registry is the registry's folder; empty for none. It fills the view
	// releases.
	Registry string
	// Since (inclusive) and Until (exclusive) bound the views spans, by start
	// time, and scores, by their span; zero is open.
	Since, Until time.Time
	// Threads bounds DuckDB's threads; 0 leaves the choice to it.
	Threads int
	// MemoryLimit bounds DuckDB's memory ("2GB"), beyond which it uses temporary
	// files; empty means 80 % of the machine's.
	MemoryLimit string
}

// DB is an open dataset.
type DB struct {
	sql       *sql.DB
	connector *duckdb.Connector
	// spill is the folder of DuckDB's temporary files.
	spill string
	// window bounds the spans; histories tells that some are rebuilt from messages.
	window    window
	histories bool
	late      late
	once      once
	// release gives the dataset's files back.
	release  func() error
	problems []registry.Problem
}

// Open opens a dataset for queries. dataset.ErrNoDataset is returned when the
// folder does not exist; an empty dataset has views without rows. Queries can
// read the dataset's files and nothing else.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, err := dataset.Open(o.Dataset)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	dir, release, err := d.Local(ctx, dataset.Filter{Since: o.Since, Until: o.Until}, dataset.Cache{})
	if err != nil {
		return nil, err
	}
	db, err := openLocal(ctx, o, dir)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	db.release = release
	return db, nil
}

// openLocal opens the files in a local folder.
func openLocal(ctx context.Context, o Options, dir string) (*DB, error) {
	views, err := dataset.ViewsOf(dir)
	if err != nil {
		return nil, err
	}
	spill, err := os.MkdirTemp("", "spanloop-query-")
	if err != nil {
		return nil, fmt.Errorf("folder for temporary files: %w", err)
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start DuckDB: %w", err), os.RemoveAll(spill))
	}
	db := &DB{sql: sql.OpenDB(connector), connector: connector, spill: spill, once: newOnce(), release: func() error { return nil }}
	// Time zone and temporary views belong to the connection, and one keeps
	// memory in bounds.
	db.sql.SetMaxOpenConns(1)
	if err := db.prepare(ctx, o, dir, views); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) prepare(ctx context.Context, o Options, root string, views dataset.Views) error {
	db.window, db.histories = windowOf(o.Since, o.Until), views.Histories()
	settings := []string{
		"SET TimeZone = 'UTC'", "SET preserve_insertion_order = false",
		"SET temp_directory = " + literal(db.spill),
	}
	if o.Threads > 0 {
		settings = append(settings, fmt.Sprintf("SET threads = %d", o.Threads))
	}
	if o.MemoryLimit != "" {
		settings = append(settings, "SET memory_limit = "+literal(o.MemoryLimit))
	}
	if err := db.executeAll(ctx, settings...); err != nil {
		return fmt.Errorf("set up DuckDB: %w", err)
	}
	files, err := db.look(ctx, root, views)
	if err != nil {
		return err
	}
	if files.count <= cachedFooters {
		// Files never change, and statements are planned twice.
		if err := db.execute(ctx, "SET parquet_metadata_cache = true"); err != nil {
			return fmt.Errorf("set up DuckDB: %w", err)
		}
	}
	if err := db.executeAll(ctx, slices.Concat([]string{views.SQL(files.alike)}, dataset.LateTables, db.window.views())...); err != nil {
		return noViews(root, err)
	}
	if err := db.fillReleases(ctx, o.Registry); err != nil {
		return fmt.Errorf("registry %q: make the view releases: %w", o.Registry, err)
	}
	err = db.executeAll(ctx,
		// The views' globs are compared with it as they are written.
		fmt.Sprintf("SET allowed_directories = [%s, %s]", literal(root), literal(dataset.GlobLiteral(root))),
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	)
	if err != nil {
		return fmt.Errorf("dataset %q: restrict file access: %w", root, err)
	}
	return nil
}

func noViews(root string, err error) error {
	return fmt.Errorf("dataset %q: make its views: %w (`spanloop dataset verify` looks for broken files)", root, err)
}

func (db *DB) executeAll(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if err := db.execute(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// window is the condition that bounds spans by start time, "" without bounds.
type window string

func windowOf(since, until time.Time) window {
	var bounds []string
	for _, bound := range []struct {
		operator string
		at       time.Time
	}{{">=", since}, {"<", until}} {
		if !bound.at.IsZero() {
			bounds = append(bounds, "start_time "+bound.operator+" TIMESTAMP "+literal(bound.at.UTC().Format("2006-01-02 15:04:05.999999")))
		}
	}
	if len(bounds) == 0 {
		return ""
	}
	return window(" WHERE " + strings.Join(bounds, " AND "))
}

// view is the statement for a temporary view that stands before the dataset's of
// the same name and shows a window of another one.
func (w window) view(name, source string) string {
	return "CREATE OR REPLACE TEMP VIEW " + name + " AS SELECT * FROM memory.main." + source + string(w)
}

// views are temporary views that show the window; none without bounds.
func (w window) views() []string {
	if w == "" {
		return nil
	}
	return []string{
		w.view("spans", "spans"), w.view("lean_spans", "lean_spans"),
		"CREATE TEMP VIEW scores AS SELECT * FROM memory.main.scores SEMI JOIN temp.main.lean_spans USING (trace_id, span_id)",
	}
}

// literal writes a string as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// RegistryProblems are the broken files of the registry, whose releases are
// missing from the view.
func (db *DB) RegistryProblems() []registry.Problem { return db.problems }

// Close releases the database and its temporary files.
func (db *DB) Close() error {
	return errors.Join(db.sql.Close(), db.connector.Close(), os.RemoveAll(db.spill), db.release())
}
