// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// batchRows is how many rows of all columns a batch holds, narrowRows how many of
// a few small ones.
const (
	batchRows  = 1024
	narrowRows = 8192
)

// selection is the part of a file that is read.
type selection struct {
	// leaves are the numbers of the leaf columns, groups those of the row groups;
	// nil for all.
	leaves, groups []int
	// batch is the number of rows that are handed over at once.
	batch int64
}

func (s selection) open(ctx context.Context, reader *file.Reader) (pqarrow.RecordReader, error) {
	properties := pqarrow.ArrowReadProperties{BatchSize: s.batch}
	arrowReader, err := pqarrow.NewFileReader(reader, properties, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	return arrowReader.GetRecordReader(ctx, s.leaves, s.groups)
}

// eachRecord hands over what is selected of a file, batch by batch.
func eachRecord(ctx context.Context, reader *file.Reader, s selection, take func(arrow.RecordBatch) error) error {
	records, err := s.open(ctx, reader)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := take(records.RecordBatch()); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// eachRow hands over single rows of what is selected, each in a batch of its own.
// Rows are counted from the first selected row group.
func eachRow(ctx context.Context, reader *file.Reader, s selection, rows []int64, take func(arrow.RecordBatch) error) error {
	s.batch = 1
	records, err := s.open(ctx, reader)
	if err != nil {
		return err
	}
	defer records.Release()
	for _, row := range rows {
		if err := records.SeekToRow(row); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
		if !records.Next() {
			return fmt.Errorf("row %d: %w", row, errors.Join(records.Err(), io.ErrUnexpectedEOF))
		}
		if err := take(records.RecordBatch()); err != nil {
			return err
		}
	}
	return nil
}

// leavesAt finds leaf columns by their paths.
func leavesAt(reader *file.Reader, paths ...string) ([]int, error) {
	leaves := make([]int, len(paths))
	for i, path := range paths {
		if leaves[i] = reader.MetaData().Schema.ColumnIndexByName(path); leaves[i] < 0 {
			return nil, fmt.Errorf("column %s is missing", path)
		}
	}
	return leaves, nil
}

// readFile hands over the row groups of a file that may hold the spans, all
// without ids.
func readFile(ctx context.Context, s store.Store, name string, spanIDs []string, take func(arrow.RecordBatch) error) error {
	reader, err := openFile(ctx, s, name)
	if err != nil {
		return err
	}
	defer reader.Close()
	groups, err := selectGroups(reader, "span_id", spanIDs)
	if err != nil || len(groups) == 0 {
		return err
	}
	return eachRecord(ctx, reader, selection{groups: groups, batch: batchRows}, take)
}

// readColumns hands over columns of a file, of one leaf each, in batches.
func readColumns(ctx context.Context, s store.Store, name string, columns []string, take func(arrow.RecordBatch) error) error {
	reader, err := openFile(ctx, s, name)
	if err != nil {
		return err
	}
	defer reader.Close()
	leaves, err := leavesAt(reader, columns...)
	if err != nil {
		return err
	}
	return eachRecord(ctx, reader, selection{leaves: leaves, batch: narrowRows}, take)
}
