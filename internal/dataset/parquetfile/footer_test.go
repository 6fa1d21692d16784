// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Chunks are described as arrow-go would have described them, statistics of doubles
// and booleans aside, which are left out.
func TestDescribesAsReference(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, [][2]string{{"answer", "42"}})
	require.NoError(t, err)
	for _, n := range []int{1, 3, 500, 9000} {
		rows := randomRows(uint64(n), n)
		got, want := open(t, encode(t, w, rows)).MetaData(), open(t, reference(t, root, props, rows)).MetaData()
		assert.True(t, got.Schema.Equals(want.Schema))
		assert.Equal(t, want.GetNumRows(), got.GetNumRows())
		assert.Equal(t, "42", *got.KeyValueMetadata().FindValue("answer"))
		require.Equal(t, 1, len(got.RowGroups))
		group := got.RowGroup(0)
		var compressed, uncompressed int64
		for i := range group.NumColumns() {
			one, err := group.ColumnChunk(i)
			require.NoError(t, err)
			other, err := want.RowGroup(0).ColumnChunk(i)
			require.NoError(t, err)
			compressed += one.TotalCompressedSize()
			uncompressed += one.TotalUncompressedSize()
			requireEqualChunks(t, one, other)
		}
		assert.Equal(t, compressed, group.TotalCompressedSize())
		assert.Equal(t, uncompressed, group.TotalByteSize())
		assert.Equal(t, int64(len(magic)), group.FileOffset())
	}
}

func open(t testing.TB, content []byte) *file.Reader {
	t.Helper()
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	require.NoError(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	return reader
}

func requireEqualChunks(t *testing.T, got, want *metadata.ColumnChunkMetaData) {
	t.Helper()
	path := got.PathInSchema().String()
	require.Equal(t, want.PathInSchema(), got.PathInSchema())
	require.Equal(t, want.Type(), got.Type(), path)
	require.Equal(t, want.Compression(), got.Compression(), path)
	require.Equal(t, want.NumValues(), got.NumValues(), path)
	has, err := got.StatsSet()
	require.NoError(t, err)
	if !has {
		return
	}
	one, err := got.Statistics()
	require.NoError(t, err)
	other, err := want.Statistics()
	require.NoError(t, err)
	if other == nil {
		return
	}
	require.Equal(t, other.NullCount(), one.NullCount(), path)
	if one.HasMinMax() {
		require.Equal(t, other.EncodeMin(), one.EncodeMin(), path)
		require.Equal(t, other.EncodeMax(), one.EncodeMax(), path)
	} else {
		require.Contains(t, []string{"word", "long_text", "blob", "maybe_time", "ratio", "flag"}, path)
	}
}

// The bounds of pages are those of the rows between one page's first and the next's.
func TestPageIndex(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	rows := randomRows(3, 6000)
	for i := range rows {
		rows[i].id = fmt.Sprintf("%05d", i)
		if i%10 == 5 {
			// Long texts fill pages, and are neither the first nor the last of one.
			rows[i].id = fmt.Sprintf("%05d", i-3) + strings.Repeat("long", 5000)
		}
	}
	reader := open(t, encode(t, w, rows))
	index, err := reader.GetPageIndexReader().RowGroup(0)
	require.NoError(t, err)
	ids, err := index.GetColumnIndex(0)
	require.NoError(t, err)
	typed, ok := ids.(*metadata.TypedColumnIndex[parquet.ByteArray])
	require.True(t, ok)
	offsets, err := index.GetOffsetIndex(0)
	require.NoError(t, err)
	locations := offsets.GetPageLocations()
	require.Greater(t, len(locations), 2)
	require.Len(t, typed.MinValues(), len(locations))
	for i, l := range locations {
		assert.Equal(t, fmt.Sprintf("%05d", l.FirstRowIndex), string(typed.MinValues()[i]))
		if i > 0 {
			before := locations[i-1]
			assert.Equal(t, before.Offset+int64(before.CompressedPageSize), l.Offset)
			assert.Equal(t, fmt.Sprintf("%05d", l.FirstRowIndex-2), string(typed.MaxValues()[i-1]))
		}
	}
	assert.Equal(t, make([]int64, len(locations)), ids.GetNullCounts())
	assert.Equal(t, metadata.Ascending, ids.GetBoundaryOrder())
	long, err := index.GetColumnIndex(2)
	require.NoError(t, err)
	assert.Nil(t, long, "texts without statistics")
}

// Files of one page a chunk have no page index.
func TestNoPageIndex(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	chunk, err := open(t, encode(t, w, randomRows(3, 100))).MetaData().RowGroup(0).ColumnChunk(0)
	require.NoError(t, err)
	assert.Nil(t, chunk.GetOffsetIndexLocation())
	assert.Nil(t, chunk.GetColumnIndexLocation())
}

// Filters are arrow-go's, byte for byte, though they are made before the number
// of distinct values is known.
func TestFilter(t *testing.T) {
	for _, distinct := range []int{0, 1, 20, 700, 5000} {
		c, hashes := &Column{}, make([]uint64, distinct)
		for i := range hashes {
			hashes[i] = xxhash.Sum64String(fmt.Sprintf("%d of %d", i, distinct))
		}
		for range 7 {
			c.hashes = append(c.hashes, hashes...)
		}
		want := metadata.NewBloomFilterFromNDVAndFPP(uint32(distinct), falsePositives, maxFilter, memory.DefaultAllocator)
		want.InsertBulk(hashes)
		var b bytes.Buffer
		_, err := want.WriteTo(&b, nil)
		require.NoError(t, err)
		got := c.appendFilter(nil)
		require.Greater(t, len(got), b.Len())
		assert.Equal(t, b.Bytes(), got[len(got)-b.Len():], "%d values", distinct)
	}
}

// A footer of another shape than arrow-go's is refused, whatever it is.
func TestFieldEnds(t *testing.T) {
	for name, b := range map[string][]byte{
		"cut off in a number": {0x15}, "cut off in a text": {0x18, 0x09, 'a'}, "cut off in a list": {0x19},
		"unknown type": {0x1D, 0x00}, "a field of a long number": {0x05, 0x02, 0x00},
	} {
		_, err := fieldEnds(b)
		assert.ErrorIs(t, err, errThrift, name)
	}
	ends, err := fieldEnds([]byte{0x15, 0x04, 0x19, 0x28, 0x01, 'a', 0x00, 0x00})
	require.NoError(t, err)
	assert.Equal(t, map[int]int{1: 2, 2: 7}, ends)
}
