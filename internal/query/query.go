// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package query answers SQL over a dataset with an embedded DuckDB. The views
// spans, scores, prompts, tools and releases are those of docs/dataset.md.
package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
)

// Options say what to open.
type Options struct {
	// Dataset is the dataset's folder.
	Dataset string
	// Registry is the registry's folder; empty for none. It fills the view
	// releases.
	Registry string
	// Threads bounds DuckDB's threads; 0 leaves the choice to it.
	Threads int
}

// DB is an open dataset.
type DB struct {
	sql       *sql.DB
	connector *duckdb.Connector
}

// Open opens a dataset for queries. dataset.ErrNoDataset is returned when the
// folder does not exist; an empty dataset has views without rows. Queries can
// read the dataset's files and nothing else.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, err := dataset.Open(o.Dataset)
	if err != nil {
		return nil, err
	}
	views, err := dataset.ViewsSQL(d.Root())
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	db := &DB{sql: sql.OpenDB(connector), connector: connector}
	// Settings and temporary objects belong to the instance; one connection
	// also keeps memory in bounds.
	db.sql.SetMaxOpenConns(1)
	if err := db.prepare(ctx, o, d.Root(), views); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) prepare(ctx context.Context, o Options, root, views string) error {
	statements := []string{"SET TimeZone = 'UTC'", "SET preserve_insertion_order = false"}
	if o.Threads > 0 {
		statements = append(statements, fmt.Sprintf("SET threads = %d", o.Threads))
	}
	statements = append(statements, views)
	for _, statement := range statements {
		if _, err := db.sql.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("dataset %q: views: %w", root, err)
		}
	}
	if err := db.fillReleases(ctx, o.Registry); err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf("SET allowed_directories = ['%s']", strings.ReplaceAll(root, "'", "''")),
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := db.sql.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("dataset %q: restrict file access: %w", root, err)
		}
	}
	return nil
}

// fillReleases makes the releases table from the registry: what each
// environment served, from when to when, with which weight.
func (db *DB) fillReleases(ctx context.Context, dir string) error {
	_, err := db.sql.ExecContext(ctx, `CREATE TABLE releases (prompt VARCHAR, environment VARCHAR, version VARCHAR,
		weight DOUBLE, from_time TIMESTAMP, to_time TIMESTAMP, author VARCHAR, reason VARCHAR)`)
	if err != nil || dir == "" {
		return err
	}
	snapshot, _ := registry.Load(dir)
	for _, prompt := range snapshot.Prompts() {
		releases := snapshot.Releases(prompt.Name)
		for i, release := range releases {
			var until any
			for _, later := range releases[i+1:] {
				if later.Environment == release.Environment {
					until = later.Time.UTC()
					break
				}
			}
			for _, target := range release.Targets {
				if _, err := db.sql.ExecContext(ctx, "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
					prompt.Name, release.Environment, target.Version, target.Weight, release.Time.UTC(), until,
					release.Author, release.Reason); err != nil {
					return fmt.Errorf("releases: %w", err)
				}
			}
		}
	}
	return nil
}

// SQL is the database handle, for packages that run queries of their own.
func (db *DB) SQL() *sql.DB { return db.sql }

// Close releases the database.
func (db *DB) Close() error { return errors.Join(db.sql.Close(), db.connector.Close()) }

// Column is one column of a result.
type Column struct {
	Name string `json:"name"`
	// Type is DuckDB's name of the type.
	Type string `json:"type"`
}

// Result is a whole result in memory. Values are nil, bool, int64, float64,
// string, time.Time, []any or map[string]any.
type Result struct {
	Columns []Column
	Rows    [][]any
}

// Query runs one statement and returns its whole result.
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

// Each runs one statement and hands over its columns, then row after row, so
// that a result of any size needs little memory.
func (db *DB) Each(ctx context.Context, statement string, args []any, head func([]Column) error, body func([]any) error) error {
	rows, err := db.sql.QueryContext(ctx, statement, args...)
	if err != nil {
		return explain(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return explain(err)
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{Name: t.Name(), Type: t.DatabaseTypeName()}
	}
	if err := head(columns); err != nil {
		return err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		pointers := make([]any, len(columns))
		for i := range row {
			pointers[i] = &row[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return explain(err)
		}
		for i := range row {
			row[i] = plain(row[i])
		}
		if err := body(row); err != nil {
			return err
		}
	}
	return explain(rows.Err())
}

// explain adds what to do to errors that users meet.
func explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "does not exist") && strings.Contains(text, "Catalog Error"):
		return fmt.Errorf("%w (views: spans, scores, prompts, tools, releases; `spanloop query` without SQL lists their columns)", err)
	case strings.Contains(text, "Permission Error"):
		return fmt.Errorf("%w (queries read the dataset's files only; use your own duckdb with views.sql for others)", err)
	}
	return err
}

// plain turns DuckDB's Go values into the few types of Result.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return new(big.Int).SetUint64(v).String()
	case float32:
		return float64(v)
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
		return v.String()
	case []byte:
		return fmt.Sprintf("\\x%x", v)
	case time.Time:
		return v.UTC()
	case duckdb.Decimal:
		return v.Float64()
	case duckdb.Interval:
		return fmt.Sprintf("%d months %d days %s", v.Months, v.Days, time.Duration(v.Micros)*time.Microsecond)
	case duckdb.UUID:
		return v.String()
	case duckdb.Map:
		return plainMap(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = plain(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return fmt.Sprint(v)
}

func plainMap(m duckdb.Map) any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[fmt.Sprint(key)] = plain(value)
	}
	return out
}
