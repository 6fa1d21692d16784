// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// Pruning is what Prune did, or would do.
type Pruning struct {
	DryRun bool `json:"dry_run"`
	// Until is the time before which spans went, when there is one: by size it is
	// found out.
	Until  time.Time      `json:"until,omitzero"`
	Tables []TablePruning `json:"tables"`
	// Prompts are the versions of which spans went, most spans first.
	Prompts []PromptPruning `json:"prompts"`
	// BytesBefore and BytesAfter are those of all files that are part of the
	// dataset; BytesAfter is estimated in a dry run.
	BytesBefore int64 `json:"bytes_before"`
	BytesAfter  int64 `json:"bytes_after"`
	// WaitingMessages are referred to by no span and stay until pushes on their
	// way can no longer rely on them; a later run removes them.
	WaitingMessages int64 `json:"waiting_messages"`
	// Rejected counts reject files that went.
	Rejected int `json:"rejected_files"`
	Cleaning
	// Skipped are files that were left as they are because they cannot be read.
	Skipped []Finding `json:"skipped"`
}

// TablePruning counts what went of a table.
type TablePruning struct {
	Table string `json:"table"`
	// Rows are all that went, Files and Bytes those of files that went whole.
	Rows  int64 `json:"rows"`
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Rewritten are files of which rows stay; BytesAfter, their bytes then, is
	// estimated from the rows in a dry run.
	Rewritten   int   `json:"rewritten_files"`
	BytesBefore int64 `json:"rewritten_bytes_before"`
	BytesAfter  int64 `json:"rewritten_bytes_after"`
	// FilesLeft, RowsLeft and the times are those of the table afterwards; a dry
	// run knows the times of spans only.
	FilesLeft  int       `json:"files_left"`
	RowsLeft   int64     `json:"rows_left"`
	OldestLeft time.Time `json:"oldest_left,omitzero"`
	NewestLeft time.Time `json:"newest_left,omitzero"`
}

// PromptPruning counts the spans of a version, named as in the columns.
type PromptPruning struct {
	Prompt   string `json:"prompt"`
	Version  string `json:"version"`
	Rows     int64  `json:"rows"`
	RowsLeft int64  `json:"rows_left"`
}

// report makes the result when all is done.
func (p *pruner) report(ctx context.Context, cleaning Cleaning) error {
	r := &p.result
	r.DryRun, r.Cleaning = p.options.DryRun, cleaning
	if p.whole.until != math.MaxInt64 {
		r.Until = time.Unix(0, p.whole.until).UTC()
	}
	for _, table := range Tables {
		r.Tables = append(r.Tables, p.reportTable(table))
	}
	r.BytesAfter = bytesOf(p.m.files)
	if p.options.DryRun {
		r.BytesAfter = r.BytesBefore
		for _, t := range r.Tables {
			r.BytesAfter -= t.Bytes + t.BytesBefore - t.BytesAfter
		}
	}
	slices.SortFunc(r.Skipped, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return p.reportPrompts(ctx)
}

func (p *pruner) reportTable(table string) TablePruning {
	t := TablePruning{Table: table}
	for _, c := range p.changes {
		switch {
		case c.file.Table != table:
		case c.whole():
			t.Files++
			t.Bytes += c.file.Bytes
			t.Rows += c.file.Rows
		default:
			t.Rewritten++
			t.Rows += c.rows
			t.BytesBefore += c.file.Bytes
			t.BytesAfter += bytesOf(c.fresh)
			if p.options.DryRun {
				t.BytesAfter += int64(float64(c.file.Bytes) * float64(c.file.Rows-c.rows) / float64(c.file.Rows))
			}
		}
	}
	left := tableInfo(table, p.left())
	t.FilesLeft, t.RowsLeft = left.Files, left.Rows
	if !p.options.DryRun || table == TableSpans {
		t.OldestLeft, t.NewestLeft = left.MinTime, left.MaxTime
	}
	return t
}

// left are the files that are left, in a dry run those that would be.
func (p *pruner) left() (files []File) {
	if !p.options.DryRun {
		return p.m.files
	}
	for _, f := range p.before {
		c := p.changes[f.Path]
		if c != nil && c.whole() {
			continue
		}
		if c != nil {
			f.Rows -= c.rows
			f.MinTime, f.MaxTime = time.Unix(0, c.oldest).UTC(), time.Unix(0, c.newest).UTC()
		}
		files = append(files, f)
	}
	return files
}

// reportPrompts counts what is left of the versions of which spans went.
func (p *pruner) reportPrompts(ctx context.Context) error {
	if len(p.prompts) == 0 {
		return nil
	}
	left, _, err := p.versionsLeft(ctx)
	if err != nil {
		return err
	}
	for version, rows := range p.prompts {
		p.result.Prompts = append(p.result.Prompts, PromptPruning{version.prompt, version.version, rows, left[version]})
	}
	slices.SortFunc(p.result.Prompts, func(a, b PromptPruning) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Prompt, b.Prompt), strings.Compare(a.Version, b.Version))
	})
	return nil
}

// versionsLeft counts the spans that are left of each version, named as in the
// columns, and tells whether these are all.
func (p *pruner) versionsLeft(ctx context.Context) (left map[promptVersion]int64, all bool, err error) {
	left, all = map[promptVersion]int64{}, true
	for _, f := range p.left() {
		if f.Table != TableSpans {
			continue
		}
		name, named := segmentValue(f.Path, "prompt_name")
		version, versioned := segmentValue(f.Path, "prompt_version")
		if named && versioned {
			left[promptVersion{name, version}] += f.Rows
			continue
		}
		if err := p.countPrompts(ctx, f, left); err != nil {
			if err := p.leave(ctx, f, err); err != nil {
				return nil, false, err
			}
			all = false
		}
	}
	return left, all, nil
}

// countPrompts counts the rows of a file that stay, by their columns.
func (p *pruner) countPrompts(ctx context.Context, f File, left map[promptVersion]int64) error {
	counts := map[promptVersion]int64{}
	columns := spanIDColumns[:2]
	if p.without != nil {
		columns = spanIDColumns
	}
	err := p.scan(ctx, f, columns, nil, func(rows *parquetfile.Rows) {
		for i := range rows.N {
			if p.without != nil && p.without(rows, i) {
				continue
			}
			name, _ := rows.Text("prompt_name", i)
			version, _ := rows.Text("prompt_version", i)
			counts[promptVersion{name, version}]++
		}
	})
	if err != nil {
		return err
	}
	for version, n := range counts {
		left[version] += n
	}
	return nil
}
