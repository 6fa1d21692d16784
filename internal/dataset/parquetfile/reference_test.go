// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"
)

// testSchema has a column of every kind that a Writer writes.
func testSchema(t testing.TB, codec compress.Compression) (*schema.GroupNode, *parquet.WriterProperties) {
	t.Helper()
	props := parquet.NewWriterProperties(
		parquet.WithCompression(codec), parquet.WithDictionaryDefault(false), parquet.WithPageIndexEnabled(true),
		parquet.WithDictionaryFor("word", true), parquet.WithDictionaryFor("tags.list.element", true),
		parquet.WithDictionaryFor("pairs.key_value.key", true),
		parquet.WithEncodingFor("time", parquet.Encodings.DeltaBinaryPacked),
		parquet.WithBloomFilterEnabledFor("id", true), parquet.WithBloomFilterFPPFor("id", 0.01),
		parquet.WithStatsFor("long_text", false),
	)
	pairs := arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	pairs.SetItemNullable(false)
	s := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "word", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "long_text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "blob", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "time", Type: arrow.PrimitiveTypes.Int64},
		{Name: "maybe_time", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "small", Type: arrow.PrimitiveTypes.Int32},
		{Name: "ratio", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "tags", Type: arrow.ListOfNonNullable(arrow.BinaryTypes.String)},
		{Name: "pairs", Type: pairs},
	}, nil)
	sc, err := pqarrow.ToParquet(s, props, pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	return sc.Root(), props
}

// row is one row of the test's table; nil pointers are nulls.
type row struct {
	id             string
	word, longText *string
	blob           *string
	time           int64
	maybeTime      *int64
	small          int32
	ratio          *float64
	flag           bool
	tags           []string
	keys, values   []string
}

func columnAt(t testing.TB, w *Writer, path string) *Column {
	t.Helper()
	c, err := w.Column(path)
	require.NoError(t, err)
	return c
}

// encode writes rows with the Writer under test.
func encode(t testing.TB, w *Writer, rows []row) []byte {
	t.Helper()
	for i := range rows {
		writeRow(t, w, &rows[i])
		require.NoError(t, w.EndRow(rows[i].size()))
	}
	content, err := w.Finish()
	require.NoError(t, err)
	return content
}

func (r *row) size() int {
	if r.longText == nil {
		return len(r.id)
	}
	return len(r.id) + len(*r.longText)
}

// writeRow writes a row's values.
func writeRow(t testing.TB, w *Writer, r *row) {
	t.Helper()
	text := func(path string, s *string) {
		if s == nil {
			columnAt(t, w, path).Null()
		} else {
			columnAt(t, w, path).Text(*s)
		}
	}
	columnAt(t, w, "id").Text(r.id)
	text("word", r.word)
	text("long_text", r.longText)
	text("blob", r.blob)
	columnAt(t, w, "time").Long(r.time)
	if r.maybeTime == nil {
		columnAt(t, w, "maybe_time").Null()
	} else {
		columnAt(t, w, "maybe_time").Long(*r.maybeTime)
	}
	columnAt(t, w, "small").Int(r.small)
	if r.ratio == nil {
		columnAt(t, w, "ratio").Null()
	} else {
		columnAt(t, w, "ratio").Double(*r.ratio)
	}
	columnAt(t, w, "flag").Bool(r.flag)
	columnAt(t, w, "tags.list.element").List(r.tags)
	columnAt(t, w, "pairs.key_value.key").List(r.keys)
	columnAt(t, w, "pairs.key_value.value").List(r.values)
}

// columnData is a column's values and levels, as arrow-go takes them.
type columnData[T any] struct {
	values   []T
	def, rep []int16
}

func (d *columnData[T]) optional(v *T) {
	if v == nil {
		d.def = append(d.def, 0)
		return
	}
	d.def, d.values = append(d.def, 1), append(d.values, *v)
}

func (d *columnData[T]) list(items []T) {
	if len(items) == 0 {
		d.def, d.rep = append(d.def, 0), append(d.rep, 0)
	}
	for i, item := range items {
		d.def, d.rep, d.values = append(d.def, 1), append(d.rep, int16(min(i, 1))), append(d.values, item)
	}
}

// reference writes rows with arrow-go's column writers.
func reference(t testing.TB, root *schema.GroupNode, props *parquet.WriterProperties, rows []row) []byte {
	t.Helper()
	var id, word, long, blob, tags, keys, values columnData[parquet.ByteArray]
	var time, maybe columnData[int64]
	var small columnData[int32]
	var ratio columnData[float64]
	var flag columnData[bool]
	raw := func(s *string) *parquet.ByteArray {
		if s == nil {
			return nil
		}
		b := parquet.ByteArray(*s)
		return &b
	}
	raws := func(items []string) (list []parquet.ByteArray) {
		for _, s := range items {
			list = append(list, parquet.ByteArray(s))
		}
		return list
	}
	for i := range rows {
		r := &rows[i]
		id.values = append(id.values, parquet.ByteArray(r.id))
		word.optional(raw(r.word))
		long.optional(raw(r.longText))
		blob.optional(raw(r.blob))
		time.values, small.values, flag.values = append(time.values, r.time), append(small.values, r.small), append(flag.values, r.flag)
		maybe.optional(r.maybeTime)
		ratio.optional(r.ratio)
		tags.list(raws(r.tags))
		keys.list(raws(r.keys))
		values.list(raws(r.values))
	}
	var out bytes.Buffer
	w, err := file.NewParquetWriterWithError(&out, root, file.WithWriterProps(props))
	require.NoError(t, err)
	group, err := w.AppendRowGroupChecked()
	require.NoError(t, err)
	for _, c := range []any{&id, &word, &long, &blob, &time, &maybe, &small, &ratio, &flag, &tags, &keys, &values} {
		writer, err := group.NextColumn()
		require.NoError(t, err)
		switch c := c.(type) {
		case *columnData[parquet.ByteArray]:
			_, err = writer.(*file.ByteArrayColumnChunkWriter).WriteBatch(c.values, c.def, c.rep)
		case *columnData[int64]:
			_, err = writer.(*file.Int64ColumnChunkWriter).WriteBatch(c.values, c.def, c.rep)
		case *columnData[int32]:
			_, err = writer.(*file.Int32ColumnChunkWriter).WriteBatch(c.values, c.def, c.rep)
		case *columnData[float64]:
			_, err = writer.(*file.Float64ColumnChunkWriter).WriteBatch(c.values, c.def, c.rep)
		case *columnData[bool]:
			_, err = writer.(*file.BooleanColumnChunkWriter).WriteBatch(c.values, c.def, c.rep)
		}
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	}
	require.NoError(t, group.Close())
	require.NoError(t, w.Close())
	return out.Bytes()
}

// decode reads a file into an Arrow table.
func decode(t testing.TB, content []byte) arrow.Table {
	t.Helper()
	table, err := pqarrow.ReadTable(context.Background(), bytes.NewReader(content), parquet.NewReaderProperties(memory.DefaultAllocator),
		pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	require.NoError(t, err)
	return table
}

func requireEqualTables(t testing.TB, want, got arrow.Table) {
	t.Helper()
	require.Equal(t, want.NumRows(), got.NumRows())
	require.True(t, want.Schema().Equal(got.Schema()), "%s\n%s", want.Schema(), got.Schema())
	for i := range int(want.NumCols()) {
		require.True(t, array.ChunkedEqual(want.Column(i).Data(), got.Column(i).Data()), "column %s differs", want.Schema().Field(i).Name)
	}
}
