// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// readColumns hands over columns of a file, of one leaf each, in batches.
func readColumns(ctx context.Context, s store.Store, name string, columns []string, take func(arrow.RecordBatch) error) error {
	reader, err := openFile(ctx, s, name)
	if err != nil {
		return err
	}
	defer reader.Close()
	leaves := make([]int, len(columns))
	for i, column := range columns {
		if leaves[i] = reader.MetaData().Schema.ColumnIndexByName(column); leaves[i] < 0 {
			return fmt.Errorf("column %s is missing", column)
		}
	}
	arrowReader, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{BatchSize: 8192}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	records, err := arrowReader.GetRecordReader(ctx, leaves, nil)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := take(records.RecordBatch()); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// timeRange is what a manifest entry states of the times in a file: none for
// tables without, the days of the spans for messages.
func timeRange(ctx context.Context, s store.Store, name, table string) (first, last time.Time, err error) {
	column := map[string]string{
		TableSpans: "start_unix_nano", TableScores: "time_unix_nano", TableContent: "time_unix_nano", TableMessages: "date",
	}[table]
	if column == "" {
		return time.Time{}, time.Time{}, nil
	}
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	err = readColumns(ctx, s, name, []string{column}, func(record arrow.RecordBatch) error {
		switch values := record.Column(0).(type) {
		case *array.Int64:
			for i := range values.Len() {
				low, high = min(low, values.Value(i)), max(high, values.Value(i))
			}
		case *array.Date32:
			for i := range values.Len() {
				day := int64(values.Value(i)) * nanosPerDay
				low, high = min(low, day), max(high, day+nanosPerDay-1)
			}
		default:
			return fmt.Errorf("column %s has type %s", column, values.DataType())
		}
		return nil
	})
	if err != nil || low > high {
		return time.Time{}, time.Time{}, err
	}
	return time.Unix(0, low).UTC(), time.Unix(0, high).UTC(), nil
}
