// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// scatter writes rows to several folders. It holds so many that limit allows; when
// there are more, the folder with most of them gets a file.
type scatter struct {
	*rewrite
	limit int
	held  map[string]*heldRows
	bytes int
	files []File
}

// heldRows are rows for a folder.
type heldRows struct {
	lots  []*parquetfile.Rows
	bytes int
}

// scatterBytes is what a scatter holds when nothing bounds it otherwise.
const scatterBytes = 64 << 20

func newScatter(r *rewrite) *scatter {
	limit := r.buffer
	if limit <= 0 {
		limit = scatterBytes
	}
	return &scatter{rewrite: r, limit: limit, held: map[string]*heldRows{}}
}

// put takes rows for a folder.
func (s *scatter) put(ctx context.Context, dir string, rows *parquetfile.Rows) error {
	h := s.held[dir]
	if h == nil {
		h = &heldRows{}
		s.held[dir] = h
	}
	h.lots = append(h.lots, rows)
	h.bytes += rows.Bytes
	s.bytes += rows.Bytes
	for s.bytes > s.limit {
		most := ""
		for dir, h := range s.held {
			if most == "" || h.bytes > s.held[most].bytes || h.bytes == s.held[most].bytes && dir < most {
				most = dir
			}
		}
		if err := s.write(ctx, most); err != nil {
			return err
		}
	}
	return nil
}

// write makes a file of the rows that are held for a folder.
func (s *scatter) write(ctx context.Context, dir string) error {
	h := s.held[dir]
	delete(s.held, dir)
	s.bytes -= h.bytes
	out := &outputs{rewrite: s.rewrite}
	var window []rowRef
	for _, rows := range h.lots {
		for i := range rows.N {
			window = append(window, rowRef{rows, i})
		}
	}
	if err := out.write(window); err != nil {
		return err
	}
	files, err := out.finish(ctx, dir)
	if err != nil {
		return err
	}
	s.files = append(s.files, files...)
	return s.rest(ctx)
}

// finish writes what is held and returns all files.
func (s *scatter) finish(ctx context.Context) ([]File, error) {
	for _, dir := range sortedKeys(s.held) {
		if err := s.write(ctx, dir); err != nil {
			return nil, err
		}
	}
	return s.files, nil
}

// guarded turns a panic of decoding what is not what it seems to be into an error.
func guarded(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read: %v", p)
		}
	}()
	return work()
}
