// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Querier runs SQL over the views of a dataset; *sql.DB is one.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// ErrUnknownKey says that a declared stratum key is no column to stratify by.
var ErrUnknownKey = errors.New("unknown key")

// Arm selects the calls of one side; an empty text selects all.
type Arm struct {
	Prompt, Version, Environment string
	// From is the first moment, Until the first one after; zero is open.
	From, Until time.Time
}

// Options bound what is read.
type Options struct {
	// Keys are columns whose values become strata: service_name, environment,
	// request_model, var:NAME (a prompt variable) or attr:NAME.
	Keys []string
	// MaxCalls is the number of calls of an arm above which clusters are
	// sampled by hash; 0 means 20000.
	MaxCalls int
}

const defaultMaxCalls = 20000

// source knows which columns the views have.
type source struct {
	db      Querier
	columns map[string]bool
	scored  map[string]bool
}

func newSource(ctx context.Context, db Querier) (*source, error) {
	s := &source{db: db}
	var err error
	if s.columns, err = describe(ctx, db, "spans"); err != nil {
		return nil, err
	}
	s.scored, err = describe(ctx, db, "scores")
	return s, err
}

func describe(ctx context.Context, db Querier, view string) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT column_name FROM (DESCRIBE "+view+")")
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", view, err)
	}
	defer rows.Close()
	columns := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("view %s: %w", view, err)
		}
		columns[name] = true
	}
	return columns, rows.Err()
}

// column is the column when the view has it, else a null of its type.
func (s *source) column(name, kind string) string {
	if s.columns[name] {
		return name
	}
	return "CAST(NULL AS " + kind + ")"
}

// clusterSQL is what a call belongs to.
const clusterSQL = "coalesce(nullif(session_id, ''), nullif(trace_id, ''), span_id)"

// where selects an arm's production model calls: the calls themselves, no
// wrapper that repeats them, no replay.
func (s *source) where(a Arm) (string, []any) {
	conditions := []string{"coalesce(is_replay, false) = false"}
	var args []any
	if a.Prompt != "" {
		conditions, args = append(conditions, "prompt_name = ?"), append(args, a.Prompt)
	}
	if s.columns["counted"] && s.columns["call_kind"] {
		conditions = append(conditions, "counted", "call_kind = 'inference'")
	} else {
		conditions = append(conditions, "operation IN ('chat', 'generate_content', 'text_completion')")
	}
	if a.Version != "" {
		conditions, args = append(conditions, "prompt_version = ?"), append(args, a.Version)
	}
	if a.Environment != "" {
		conditions, args = append(conditions, "environment = ?"), append(args, a.Environment)
	}
	if !a.From.IsZero() {
		conditions, args = append(conditions, "start_time >= ?"), append(args, a.From.UTC())
	}
	if !a.Until.IsZero() {
		conditions, args = append(conditions, "start_time < ?"), append(args, a.Until.UTC())
	}
	return strings.Join(conditions, " AND "), args
}

// keyColumns are the columns that strata can be declared by.
var keyColumns = []string{"service_name", "environment", "request_model", "response_model", "provider", "operation", "name", "toolset_hash", "user_id"}

// Keys are the columns that strata can be declared by, beside var:NAME and
// attr:NAME.
func Keys() []string { return slices.Clone(keyColumns) }

// keySQL makes the expression of a declared key; names inside maps go in as
// arguments.
func (s *source) keySQL(key string) (string, []any, error) {
	if name, ok := strings.CutPrefix(key, "var:"); ok {
		return "coalesce(CAST(prompt_variables[?] AS VARCHAR), '')", []any{name}, nil
	}
	if name, ok := strings.CutPrefix(key, "attr:"); ok {
		return "coalesce(CAST(attributes[?] AS VARCHAR), '')", []any{name}, nil
	}
	if !slices.Contains(keyColumns, key) || !s.columns[key] {
		return "", nil, fmt.Errorf("%w %q: use one of %s, var:NAME or attr:NAME", ErrUnknownKey, key, strings.Join(keyColumns, ", "))
	}
	return "coalesce(" + key + ", '')", nil, nil
}

// Extent is how much traffic an arm has, before sampling.
type Extent struct {
	Calls    int `json:"calls"`
	Clusters int `json:"clusters"`
	// First and Last are the starts of the first and the last call.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// SampledOneIn is the modulus of the cluster sample; 1 means all.
	SampledOneIn int `json:"sampled_one_in"`
}

func (s *source) extent(ctx context.Context, a Arm, maxCalls int) (Extent, error) {
	where, args := s.where(a)
	rows, err := s.db.QueryContext(ctx, "SELECT count(*), count(DISTINCT "+clusterSQL+"), min(start_time), max(start_time) FROM lean_spans WHERE "+where, args...)
	if err != nil {
		return Extent{}, fmt.Errorf("count calls: %w", err)
	}
	defer rows.Close()
	e := Extent{SampledOneIn: 1}
	for rows.Next() {
		var first, last sql.NullTime
		if err := rows.Scan(&e.Calls, &e.Clusters, &first, &last); err != nil {
			return Extent{}, fmt.Errorf("count calls: %w", err)
		}
		e.First, e.Last = first.Time.UTC(), last.Time.UTC()
	}
	// A power of two, so that a larger dataset's sample is part of a smaller
	// one's.
	for e.Calls > maxCalls*e.SampledOneIn {
		e.SampledOneIn *= 2
	}
	return e, rows.Err()
}

// Measure counts an arm's traffic.
func Measure(ctx context.Context, db Querier, a Arm) (Extent, error) {
	s, err := newSource(ctx, db)
	if err != nil {
		return Extent{}, err
	}
	return s.extent(ctx, a, defaultMaxCalls)
}

// LatestVersion is the version of a prompt with the most recent production call;
// empty when there is none.
func LatestVersion(ctx context.Context, db Querier, a Arm) (string, error) {
	s, err := newSource(ctx, db)
	if err != nil {
		return "", err
	}
	where, args := s.where(a)
	rows, err := db.QueryContext(ctx, "SELECT prompt_version FROM lean_spans WHERE "+where+" AND prompt_version IS NOT NULL ORDER BY start_time DESC, prompt_version LIMIT 1", args...)
	if err != nil {
		return "", fmt.Errorf("latest version: %w", err)
	}
	defer rows.Close()
	version := ""
	for rows.Next() {
		if err := rows.Scan(&version); err != nil {
			return "", fmt.Errorf("latest version: %w", err)
		}
	}
	return version, rows.Err()
}

// Seen is a name with how many production calls bear it and when.
type Seen struct {
	Name        string
	Calls       int
	First, Last time.Time
}

// SeenVersions are the versions of a prompt among an arm's production calls, the
// first seen first.
func SeenVersions(ctx context.Context, db Querier, a Arm) ([]Seen, error) {
	return seen(ctx, db, a, "prompt_version")
}

// SeenPrompts are the prompts among the production calls, by first call.
func SeenPrompts(ctx context.Context, db Querier, a Arm) ([]Seen, error) {
	return seen(ctx, db, a, "prompt_name")
}

// SeenEnvironments are the environments of an arm's production calls, by first
// call.
func SeenEnvironments(ctx context.Context, db Querier, a Arm) ([]Seen, error) {
	return seen(ctx, db, a, "environment")
}

func seen(ctx context.Context, db Querier, a Arm, column string) ([]Seen, error) {
	s, err := newSource(ctx, db)
	if err != nil {
		return nil, err
	}
	where, args := s.where(a)
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT %s, count(*), min(start_time), max(start_time) FROM lean_spans WHERE %s AND %s IS NOT NULL GROUP BY 1 ORDER BY 3, 1", column, where, column), args...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", column, err)
	}
	defer rows.Close()
	var list []Seen
	for rows.Next() {
		var one Seen
		if err := rows.Scan(&one.Name, &one.Calls, &one.First, &one.Last); err != nil {
			return nil, fmt.Errorf("list %s: %w", column, err)
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// Versions describes the versions of a prompt that have production calls, the
// most frequent first, at most 50.
func Versions(ctx context.Context, db Querier, prompt string) ([]string, error) {
	list, err := SeenVersions(ctx, db, Arm{Prompt: prompt})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b Seen) int { return b.Calls - a.Calls })
	var versions []string
	for _, v := range list[:min(50, len(list))] {
		versions = append(versions, fmt.Sprintf("%s (%d calls)", v.Name, v.Calls))
	}
	return versions, nil
}
