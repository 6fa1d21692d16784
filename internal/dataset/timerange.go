// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

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
