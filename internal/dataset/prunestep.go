// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// pruneStep removes the rows of one condition with one manifest entry: spans go
// with the scores and the content that are known by their ids, or neither does.
type pruneStep struct {
	*pruner
	condition
	// pruned are the ids of spans that go, claimed those of other scores and
	// content that the condition selects, kept those of either that a span which
	// stays bears.
	pruned, claimed, kept map[spanKey]struct{}
	// first and last are the times of the spans that go.
	first, last int64
	// doubt tells that not all spans of the dataset can be read: what is claimed
	// may belong to one that stays.
	doubt   bool
	touched []touched
}

// touched is a file of which rows go.
type touched struct {
	File
	rows, gone int64
	// oldest and newest are the times of the rows that stay.
	oldest, newest int64
}

// keep notes the time of a row that stays.
func (t *touched) keep(rows *parquetfile.Rows, i int) {
	at, ok := rows.Long(timeColumn[t.Table], i)
	if !ok {
		return
	}
	if t.oldest == 0 && t.newest == 0 {
		t.oldest, t.newest = at, at
	}
	t.oldest, t.newest = min(t.oldest, at), max(t.newest, at)
}

func (s *pruneStep) run(ctx context.Context) error {
	for _, f := range s.m.files {
		if f.Table == TableSpans && !s.skipped[f.Path] && s.mayHold(f) {
			if err := s.findSpans(ctx, f); err != nil {
				return err
			}
		}
	}
	late, err := s.findLate(ctx)
	if err != nil {
		return err
	}
	if err := s.findKept(ctx); err != nil {
		return err
	}
	for _, t := range late {
		if err := s.settleLate(ctx, t); err != nil {
			return err
		}
	}
	return s.replace(ctx)
}

// spanIDColumns are read of each span that may go.
var spanIDColumns = []string{"prompt_name", "prompt_version", timeColumn[TableSpans], "trace_id", "span_id"}

// findSpans looks for rows of a span file that go.
func (s *pruneStep) findSpans(ctx context.Context, f File) error {
	t := touched{File: f}
	prompts := map[promptVersion]int64{}
	type going struct {
		key spanKey
		at  int64
	}
	var ids []going
	err := s.scan(ctx, f, spanIDColumns, nil, func(rows *parquetfile.Rows) {
		t.rows += int64(rows.N)
		for i := range rows.N {
			if !s.holds(TableSpans, rows, i) {
				if !s.whole.holds(TableSpans, rows, i) {
					t.keep(rows, i)
				}
				continue
			}
			t.gone++
			name, _ := rows.Text("prompt_name", i)
			version, _ := rows.Text("prompt_version", i)
			prompts[promptVersion{name, version}]++
			if key, ok := keyOf(rows, i); ok {
				at, _ := rows.Long(timeColumn[TableSpans], i)
				ids = append(ids, going{key, at})
			}
		}
	})
	if err == nil && t.gone > 0 && t.gone < t.rows {
		err = s.sound(ctx, f)
	}
	if err != nil {
		s.doubt = true
		return s.leave(ctx, f, err)
	}
	if t.gone == 0 {
		return nil
	}
	s.touched = append(s.touched, t)
	for version, n := range prompts {
		s.prompts[version] += n
	}
	for _, g := range ids {
		if len(s.pruned) == 0 {
			s.first, s.last = g.at, g.at
		}
		s.pruned[g.key] = struct{}{}
		s.first, s.last = min(s.first, g.at), max(s.last, g.at)
	}
	return nil
}

// fewIDs is how many ids bloom filters tell apart from those of a row group.
const fewIDs = 64

// findKept looks for spans that stay among the ids: those of a span that was sent
// twice, of which one row stays, and those whose scores bear a time before their
// own.
func (s *pruneStep) findKept(ctx context.Context) error {
	var few []string
	if len(s.claimed) <= fewIDs {
		for key := range s.claimed {
			few = append(few, hex.EncodeToString(key.span[:]))
		}
	}
	partly := map[string]bool{}
	for _, t := range s.touched {
		partly[t.Path] = t.gone < t.rows
	}
	for _, f := range s.m.files {
		stays, isTouched := partly[f.Path]
		together := len(s.pruned) > 0 && (f.MaxTime.IsZero() || nanos(f.MinTime) <= s.last && nanos(f.MaxTime) >= s.first)
		if f.Table != TableSpans || isTouched && !stays || !together && len(s.claimed) == 0 {
			continue
		}
		ids := few
		if together {
			ids = nil
		}
		err := s.scan(ctx, f, spanIDColumns, ids, func(rows *parquetfile.Rows) {
			for i := range rows.N {
				if stays && s.holds(TableSpans, rows, i) {
					continue
				}
				if key, ok := keyOf(rows, i); ok && (in(s.pruned, key) || in(s.claimed, key)) {
					s.kept[key] = struct{}{}
				}
			}
		})
		if err != nil {
			s.doubt = true
			if err := s.leave(ctx, f, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func in(set map[spanKey]struct{}, key spanKey) bool {
	_, ok := set[key]
	return ok
}

// replace writes what stays of the files that rows go from, and puts it in their
// place.
func (s *pruneStep) replace(ctx context.Context) error {
	var added, removed []File
	for _, t := range s.touched {
		var fresh []File
		if t.gone < t.rows && !s.options.DryRun {
			var err error
			drop := func(rows *parquetfile.Rows, i int) bool { return s.goes(t.Table, rows, i) }
			if fresh, err = s.rewritten(ctx, t.File, drop); err != nil {
				return err
			}
		}
		s.note(t, fresh)
		added, removed = append(added, fresh...), append(removed, t.File)
	}
	switch {
	case len(removed) == 0:
		return nil
	case s.options.DryRun:
		s.forget()
		return nil
	}
	return s.commit(ctx, added, removedOf(removed, added))
}

// goes tells whether a row goes.
func (s *pruneStep) goes(table string, rows *parquetfile.Rows, i int) bool {
	if table == TableSpans {
		return s.holds(table, rows, i)
	}
	if key, ok := keyOf(rows, i); ok {
		if in(s.kept, key) {
			return false
		}
		if in(s.pruned, key) {
			return true
		}
	}
	return !s.doubt && s.claims(table, rows, i)
}

// rewritten writes the rows of a file anew but for those that are dropped.
func (p *pruner) rewritten(ctx context.Context, f File, drop func(*parquetfile.Rows, int) bool) ([]File, error) {
	reader, err := openFile(ctx, p.store, f.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	columns := columnsKey(reader)
	if err := reader.Close(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	writer, err := p.copier(ctx, f.Table, columns, f)
	if err != nil {
		return nil, err
	}
	r := &rewrite{store: p.store, table: f.Table, inputs: []File{f}, writer: writer, taken: p.taken(), drop: drop}
	return r.run(ctx)
}

// scan hands over columns of a file, group by group: of the groups that may bear
// the span ids, of all without ids.
func (p *pruner) scan(ctx context.Context, f File, columns, spanIDs []string, take func(*parquetfile.Rows)) (err error) {
	defer func() {
		// Decoding what is not what it seems to be may panic.
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read: %v", r)
		}
	}()
	reader, err := openFile(ctx, p.store, f.Path)
	if err != nil {
		return err
	}
	defer reader.Close()
	groups, err := selectGroups(reader, "span_id", spanIDs)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := parquetfile.ReadRows(reader, group, columns...)
		if err != nil {
			return err
		}
		take(rows)
	}
	return nil
}
