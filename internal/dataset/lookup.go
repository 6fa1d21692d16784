// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// wanted are the values of an id column that rows are looked up by.
type wanted struct {
	column string
	values []string
}

// ids are the columns that a filter looks rows up by.
func (f *Filter) ids() []wanted {
	var ids []wanted
	if len(f.SpanIDs) > 0 {
		ids = append(ids, wanted{"span_id", f.SpanIDs})
	}
	if len(f.TraceIDs) > 0 {
		ids = append(ids, wanted{"trace_id", f.TraceIDs})
	}
	return ids
}

// maxSeeks bounds the rows of a row group that are read one by one; above that
// reading all of it costs less.
const maxSeeks = 32

// maxLookUps bounds the ids that are looked up; for more of them files are read.
const maxLookUps = 1000

// lookUp hands over the rows of files that may bear the ids, file by file in
// their order: others of the same row groups may be among them. Bloom filters
// exclude most row groups, the id columns alone find the rows in the rest, and
// only the pages of these rows are read. done is called after each file with rows.
func (d *Dataset) lookUp(ctx context.Context, s store.Store, files []File, ids []wanted, take func(arrow.RecordBatch) error, done func(File) error) error {
	found, err := d.findAll(ctx, s, files, ids)
	if err != nil {
		return err
	}
	for i, f := range files {
		if len(found[i]) == 0 {
			continue
		}
		if err := d.readRows(ctx, s, f.Path, found[i], take); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := done(f); err != nil {
			return err
		}
	}
	return nil
}

// findAll finds the rows in several files at once; the first error counts.
func (d *Dataset) findAll(ctx context.Context, s store.Store, files []File, ids []wanted) ([]map[int][]int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([]map[int][]int64, len(files))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		workers.Go(func() {
			for i := range next {
				rows, err := d.findRows(ctx, s, files[i].Path, ids)
				if err != nil {
					cancel(fmt.Errorf("%s: %w", files[i].Path, err))
				}
				found[i] = rows
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	workers.Wait()
	return found, context.Cause(ctx)
}

// findRows returns the rows of a file that bear all ids, by row group.
func (d *Dataset) findRows(ctx context.Context, s store.Store, name string, ids []wanted) (map[int][]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reader, err := d.footers.open(ctx, s, name)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var groups []int
	for i, id := range ids {
		may, err := selectGroups(reader, id.column, id.values)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			may = slices.DeleteFunc(may, func(g int) bool { return !slices.Contains(groups, g) })
		}
		if groups = may; len(groups) == 0 {
			return nil, nil
		}
	}
	found := map[int][]int64{}
	for _, group := range groups {
		rows, err := matchRows(ctx, reader, group, ids)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			found[group] = rows
		}
	}
	return found, nil
}

// matchRows reads the id columns of a row group and returns the rows that match.
func matchRows(ctx context.Context, reader *file.Reader, group int, ids []wanted) ([]int64, error) {
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = id.column
	}
	leaves, err := leavesAt(reader, paths...)
	if err != nil {
		return nil, err
	}
	var rows []int64
	first := int64(0)
	ofGroup := selection{leaves: leaves, groups: []int{group}, batch: narrowRows}
	err = eachRecord(ctx, reader, ofGroup, func(record arrow.RecordBatch) error {
		columns := make([]*array.String, len(ids))
		for i, id := range ids {
			var err error
			if columns[i], err = columnByName[*array.String](record, id.column); err != nil {
				return err
			}
		}
		for r := range int(record.NumRows()) {
			matches := true
			for i, id := range ids {
				matches = matches && slices.Contains(id.values, columns[i].Value(r))
			}
			if matches {
				rows = append(rows, first+int64(r))
			}
		}
		first += record.NumRows()
		return nil
	})
	return rows, err
}

// readRows hands over rows of a file, each in a batch of its own, or the whole
// row group where there are many.
func (d *Dataset) readRows(ctx context.Context, s store.Store, name string, found map[int][]int64, take func(arrow.RecordBatch) error) error {
	reader, err := d.footers.open(ctx, s, name)
	if err != nil {
		return err
	}
	defer reader.Close()
	for group := range reader.NumRowGroups() {
		rows, all := found[group], selection{groups: []int{group}, batch: batchRows}
		switch {
		case len(rows) == 0:
		case len(rows) > maxSeeks:
			err = eachRecord(ctx, reader, all, take)
		default:
			err = eachRow(ctx, reader, all, rows, take)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spanIDs are the ids of the spans that wait for scores.
func (b *traceBuilder) spanIDs() []string {
	ids := make([]string, 0, len(b.held))
	for key := range b.held {
		ids = append(ids, key.span.String())
	}
	return ids
}
