// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"
)

// A record batch of an answer holds at most so many rows, and about so many
// bytes of text.
const (
	recordRows  = 4096
	recordBytes = 16 << 20
)

// Records runs one reading statement and hands over its answer as Arrow: the
// schema, then record batches, which are released when body returns. Integers of
// up to 32 bits are int32, larger ones int64, times are in UTC to the
// microsecond; what Arrow has no plain type for (intervals, huge integers) is
// text. Errors are those of Each.
func (db *DB) Records(ctx context.Context, statement string, args []any, head func(*arrow.Schema) error, body func(arrow.RecordBatch) error) error {
	return db.answer(ctx, statement, args, func(rows driver.Rows, types []duckdb.TypeInfo) error {
		r := newRecords(rows.Columns(), types)
		defer r.builder.Release()
		if err := head(r.builder.Schema()); err != nil {
			return err
		}
		err := eachRow(ctx, rows, func(raw []driver.Value) error {
			if err := r.add(raw); err != nil || r.rows < recordRows && r.bytes < recordBytes {
				return err
			}
			return r.flush(body)
		})
		if err != nil || r.rows == 0 {
			return err
		}
		return r.flush(body)
	})
}

// records gathers rows into a record batch.
type records struct {
	types       []duckdb.TypeInfo
	builder     *array.RecordBuilder
	rows, bytes int
}

func newRecords(names []string, types []duckdb.TypeInfo) *records {
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: name, Type: arrowType(typeAt(types, i)), Nullable: true}
	}
	return &records{types: types, builder: array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))}
}

func (r *records) add(raw []driver.Value) error {
	for i, value := range raw {
		if err := r.appendValue(r.builder.Field(i), value, typeAt(r.types, i)); err != nil {
			return fmt.Errorf("column %s: %w", r.builder.Schema().Field(i).Name, err)
		}
	}
	r.rows++
	return nil
}

func (r *records) flush(body func(arrow.RecordBatch) error) error {
	record := r.builder.NewRecordBatch()
	defer record.Release()
	r.rows, r.bytes = 0, 0
	return body(record)
}

// arrowType is the Arrow type that holds a DuckDB type.
func arrowType(info duckdb.TypeInfo) arrow.DataType {
	if info == nil {
		return arrow.BinaryTypes.String
	}
	switch info.InternalType() {
	case duckdb.TYPE_BOOLEAN:
		return arrow.FixedWidthTypes.Boolean
	case duckdb.TYPE_TINYINT, duckdb.TYPE_SMALLINT, duckdb.TYPE_INTEGER, duckdb.TYPE_UTINYINT, duckdb.TYPE_USMALLINT:
		return arrow.PrimitiveTypes.Int32
	case duckdb.TYPE_BIGINT, duckdb.TYPE_UINTEGER:
		return arrow.PrimitiveTypes.Int64
	case duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE:
		return arrow.PrimitiveTypes.Float64
	case duckdb.TYPE_TIMESTAMP, duckdb.TYPE_TIMESTAMP_S, duckdb.TYPE_TIMESTAMP_MS, duckdb.TYPE_TIMESTAMP_NS, duckdb.TYPE_TIMESTAMP_TZ:
		return arrow.FixedWidthTypes.Timestamp_us
	case duckdb.TYPE_DATE:
		return arrow.FixedWidthTypes.Date32
	case duckdb.TYPE_BLOB:
		return arrow.BinaryTypes.Binary
	}
	return nestedType(info)
}

func nestedType(info duckdb.TypeInfo) arrow.DataType {
	switch details := info.Details().(type) {
	case *duckdb.ListDetails:
		return arrow.ListOf(arrowType(details.Child))
	case *duckdb.MapDetails:
		return arrow.MapOf(arrowType(details.Key), arrowType(details.Value))
	case *duckdb.StructDetails:
		fields := make([]arrow.Field, len(details.Entries))
		for i, entry := range details.Entries {
			fields[i] = arrow.Field{Name: entry.Name(), Type: arrowType(entry.Info()), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return arrow.BinaryTypes.String
}

// appendValue adds a value to a column, whose type arrowType chose.
func (r *records) appendValue(into array.Builder, value any, info duckdb.TypeInfo) error {
	if value == nil {
		into.AppendNull()
		return nil
	}
	ok := true
	switch into := into.(type) {
	case *array.BooleanBuilder:
		var v bool
		if v, ok = value.(bool); ok {
			into.Append(v)
		}
	case *array.Int32Builder:
		var v int64
		if v, ok = number(value).(int64); ok {
			into.Append(int32(v))
		}
	case *array.Int64Builder:
		v, isLong := value.(int64)
		if !isLong {
			v, ok = number(value).(int64)
		}
		if ok {
			into.Append(v)
		}
	case *array.Float64Builder:
		v, isDouble := value.(float64)
		if !isDouble {
			v, ok = number(value).(float64)
		}
		if ok {
			into.Append(v)
		}
	case *array.TimestampBuilder:
		var v time.Time
		if v, ok = value.(time.Time); ok {
			into.Append(arrow.Timestamp(v.UnixMicro()))
		}
	case *array.Date32Builder:
		var v time.Time
		if v, ok = value.(time.Time); ok {
			into.Append(arrow.Date32FromTime(v))
		}
	case *array.BinaryBuilder:
		var v []byte
		if v, ok = value.([]byte); ok {
			into.Append(v)
			r.bytes += len(v)
		}
	case *array.StringBuilder:
		v, isText := value.(string)
		if !isText {
			v = fmt.Sprint(convert(value, info))
		}
		into.Append(v)
		r.bytes += len(v)
	default:
		return r.appendNested(into, value, info)
	}
	if !ok {
		return fmt.Errorf("unexpected value of type %T", value)
	}
	return nil
}

// appendNested adds a list, a map or a struct.
func (r *records) appendNested(into array.Builder, value any, info duckdb.TypeInfo) error {
	switch into := into.(type) {
	case *array.MapBuilder:
		details, known := info.Details().(*duckdb.MapDetails)
		v, ok := value.(duckdb.OrderedMap)
		if !ok || !known {
			break
		}
		into.Append(true)
		values := v.Values()
		for i, key := range v.Keys() {
			if err := r.appendValue(into.KeyBuilder(), key, details.Key); err != nil {
				return err
			}
			if err := r.appendValue(into.ItemBuilder(), values[i], details.Value); err != nil {
				return err
			}
		}
		return nil
	case *array.ListBuilder:
		details, known := info.Details().(*duckdb.ListDetails)
		v, ok := value.([]any)
		if !ok || !known {
			break
		}
		into.Append(true)
		for _, item := range v {
			if err := r.appendValue(into.ValueBuilder(), item, details.Child); err != nil {
				return err
			}
		}
		return nil
	case *array.StructBuilder:
		details, known := info.Details().(*duckdb.StructDetails)
		v, ok := value.(map[string]any)
		if !ok || !known {
			break
		}
		into.Append(true)
		for i, entry := range details.Entries {
			if err := r.appendValue(into.FieldBuilder(i), v[entry.Name()], entry.Info()); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("unexpected value of type %T for %s", value, into.Type())
}
