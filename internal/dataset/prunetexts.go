// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// pruneTexts removes the texts of versions of which no span is left, as far as the
// conditions name them and no writer relies on them. It finds again what an
// earlier run had to leave.
func (p *pruner) pruneTexts(ctx context.Context) error {
	if len(p.m.broken) > 0 {
		return nil
	}
	left, all, err := p.versionsLeft(ctx)
	if err != nil || !all {
		return err
	}
	inUse := map[promptVersion]bool{}
	for v := range left {
		inUse[promptVersion{trueName(v.prompt), trueName(v.version)}] = true
	}
	goes := func(rows *parquetfile.Rows, i int) bool {
		name, named := rows.Text("name", i)
		version, versioned := rows.Text("version", i)
		return named && versioned && !inUse[promptVersion{name, version}] &&
			(p.whole.prompt == "" || p.whole.prompt == name) && (p.whole.version == "" || trueName(p.whole.version) == version)
	}
	var added, removed []File
	for _, f := range p.m.files {
		if f.Table != TablePrompts || p.skipped[f.Path] {
			continue
		}
		fresh, gone, err := p.pruneText(ctx, f, goes)
		if err != nil {
			return err
		}
		if gone {
			added, removed = append(added, fresh...), append(removed, f)
		}
	}
	if len(removed) == 0 || p.options.DryRun {
		return nil
	}
	return p.commit(ctx, added, removedOf(removed, added))
}

// pruneText removes rows of a file of texts.
func (p *pruner) pruneText(ctx context.Context, f File, goes func(*parquetfile.Rows, int) bool) (fresh []File, gone bool, err error) {
	t := touched{File: f}
	err = p.scan(ctx, f, []string{"name", "version"}, nil, func(rows *parquetfile.Rows) {
		t.rows += int64(rows.N)
		for i := range rows.N {
			if goes(rows, i) {
				t.gone++
			}
		}
	})
	if err == nil && t.gone > 0 && t.gone < t.rows {
		err = p.sound(ctx, f)
	}
	if err != nil {
		return nil, false, p.leave(ctx, f, err)
	}
	if t.gone == 0 {
		return nil, false, nil
	}
	old, err := p.olderThan(ctx, []File{f}, contentLease)
	if err != nil || len(old) == 0 {
		return nil, false, err
	}
	if t.gone < t.rows && !p.options.DryRun {
		if fresh, err = p.rewritten(ctx, f, goes); err != nil {
			return nil, false, err
		}
	}
	p.note(t, fresh)
	return fresh, true, nil
}
