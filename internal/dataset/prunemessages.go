// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"path"
	"slices"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// pruneMessages removes messages that no span of their partition refers to, from
// the folders that the conditions select and from those without spans. Younger
// ones than the lease stay: a push on its way may rely on them. The next run
// finds them again, since it selects the same folders.
func (p *pruner) pruneMessages(ctx context.Context) error {
	if len(p.m.broken) > 0 {
		return nil
	}
	inhabited, messages := map[string]bool{}, map[string][]File{}
	for _, f := range p.m.files {
		switch dir := path.Dir(f.Path); f.Table {
		case TableSpans:
			inhabited[messagesFolder(dir)] = true
		case TableMessages:
			messages[dir] = append(messages[dir], f)
		}
	}
	clear(p.pending)
	p.result.WaitingMessages = 0
	for _, dir := range sortedKeys(messages) {
		files := slices.DeleteFunc(messages[dir], func(f File) bool { return p.skipped[f.Path] })
		if inhabited[dir] && !slices.ContainsFunc(files, p.whole.mayHold) {
			continue
		}
		needless := func(*parquetfile.Rows, int) bool { return true }
		if inhabited[dir] {
			var err error
			if needless, err = p.needless(ctx, dir); err != nil {
				return err
			}
		}
		if needless == nil {
			continue
		}
		if err := p.pruneFolder(ctx, files, needless); err != nil {
			return err
		}
	}
	return nil
}

// pruneFolder removes the needless messages of a folder.
func (p *pruner) pruneFolder(ctx context.Context, files []File, needless func(*parquetfile.Rows, int) bool) error {
	settled, err := p.settled(ctx, files)
	if err != nil {
		return err
	}
	var added, removed []File
	for _, f := range files {
		t := touched{File: f}
		err := p.scan(ctx, f, []string{"hash"}, nil, func(rows *parquetfile.Rows) {
			t.rows += int64(rows.N)
			for i := range rows.N {
				if needless(rows, i) {
					t.gone++
				}
			}
		})
		young := !slices.Contains(settled, f)
		if err == nil && t.gone > 0 && t.gone < t.rows && !young {
			err = p.sound(ctx, f)
		}
		if err != nil {
			if err := p.leave(ctx, f, err); err != nil {
				return err
			}
			continue
		}
		if t.gone > 0 && young {
			p.result.WaitingMessages += t.gone
			f.Bytes = int64(float64(f.Bytes) * float64(t.gone) / float64(t.rows))
			p.pending[f.Path] = f
		}
		if t.gone == 0 || young {
			continue
		}
		var fresh []File
		if t.gone < t.rows && !p.options.DryRun {
			if fresh, err = p.rewritten(ctx, f, needless); err != nil {
				return err
			}
		}
		p.note(t, fresh)
		added, removed = append(added, fresh...), append(removed, f)
	}
	if len(removed) == 0 || p.options.DryRun {
		return nil
	}
	return p.commit(ctx, added, removedOf(removed, added))
}
