// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// lateColumns are read of each score and each piece of content; content has no
// names.
var lateColumns = []string{"prompt_name", "prompt_version", timeColumn[TableScores], "trace_id", "span_id"}

// findLate looks for files of scores and content of which rows may go, and for
// the ids of rows that are claimed. Scores come at any time after their span.
func (s *pruneStep) findLate(ctx context.Context) ([]touched, error) {
	var found []touched
	for _, f := range s.m.files {
		if f.Table != TableScores && f.Table != TableContent || s.skipped[f.Path] || len(s.pruned) == 0 && !s.mayHold(f) {
			continue
		}
		t := touched{File: f}
		err := s.scanLate(ctx, &t, func(rows *parquetfile.Rows, i int) {
			key, ok := keyOf(rows, i)
			if ok && !in(s.pruned, key) {
				s.claimed[key] = struct{}{}
			}
		})
		if err != nil {
			if err := s.leave(ctx, f, err); err != nil {
				return nil, err
			}
			continue
		}
		if t.gone > 0 {
			found = append(found, t)
		}
	}
	return found, nil
}

// scanLate counts the rows of a file that go, and hands each over.
func (s *pruneStep) scanLate(ctx context.Context, t *touched, goes func(*parquetfile.Rows, int)) error {
	return s.scan(ctx, t.File, lateColumns, nil, func(rows *parquetfile.Rows) {
		t.rows += int64(rows.N)
		for i := range rows.N {
			if !s.goes(t.Table, rows, i) {
				t.keep(rows, i)
				continue
			}
			t.gone++
			goes(rows, i)
		}
	})
}

// settleLate counts again the rows of a file that go, now that is known which
// spans stay.
func (s *pruneStep) settleLate(ctx context.Context, t touched) error {
	var err error
	if len(s.kept) > 0 || s.doubt {
		t = touched{File: t.File}
		err = s.scanLate(ctx, &t, func(*parquetfile.Rows, int) {})
	}
	if err == nil && t.gone > 0 && t.gone < t.rows {
		err = s.sound(ctx, t.File)
	}
	if err != nil {
		return s.leave(ctx, t.File, err)
	}
	if t.gone > 0 {
		s.touched = append(s.touched, t)
	}
	return nil
}
