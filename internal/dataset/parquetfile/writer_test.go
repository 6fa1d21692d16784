// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func randomRows(seed uint64, n int) []row {
	r := rand.New(rand.NewPCG(seed, 3))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	maybe := func(s string) *string {
		if r.IntN(3) == 0 {
			return nil
		}
		return &s
	}
	alike := int64(r.IntN(3))
	rows := make([]row, n)
	for i := range rows {
		c := &rows[i]
		c.id = fmt.Sprintf("%016x", r.Uint64())
		c.word = maybe(pick("", "chat", "stop", "hé\x00", "tool_calls"))
		c.longText = maybe(strings.Repeat(fmt.Sprint(r.Uint64()), r.IntN(40)))
		c.blob = maybe("\xff\x00" + fmt.Sprint(r.IntN(5)))
		c.time = 1e18 + int64(i)*1e9 + r.Int64N(1e6)*alike
		if r.IntN(50) == 0 {
			c.time = []int64{math.MaxInt64, math.MinInt64, 0}[r.IntN(3)]
		}
		if v := r.Int64(); r.IntN(2) == 0 {
			c.maybeTime = &v
		}
		c.small = int32(r.Uint32())
		if v := r.NormFloat64(); r.IntN(2) == 0 {
			c.ratio = &v
		}
		c.flag = r.IntN(2) == 0
		for range r.IntN(4) {
			c.tags = append(c.tags, pick("a", "b", "", fmt.Sprint(r.IntN(1000))))
		}
		for range r.IntN(5) {
			c.keys, c.values = append(c.keys, pick("k1", "k2", "k3")), append(c.values, fmt.Sprint(r.Uint64()))
		}
	}
	return rows
}

// The files hold what arrow-go's own column writers would have written.
func TestEqualsReference(t *testing.T) {
	for _, codec := range []compress.Compression{compress.Codecs.Zstd, compress.Codecs.Snappy, compress.Codecs.Uncompressed} {
		root, props := testSchema(t, codec)
		w, err := New(root, props, [][2]string{{"answer", "42"}})
		require.NoError(t, err)
		for _, n := range []int{1, 2, 7, 8, 9, 127, 128, 129, 1000, 9000} {
			rows := randomRows(uint64(n), n)
			requireEqualTables(t, decode(t, reference(t, root, props, rows)), decode(t, encode(t, w, rows)))
		}
	}
}

// Pages fill up, row groups fill up, and a writer is used for file after file.
func TestManyPagesAndGroups(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	rows := randomRows(1, 30000)
	long := strings.Repeat("0123456789", 40000)
	longer := strings.Repeat(long, 11)
	for i := 0; i < 100; i++ {
		rows[i*31].longText = &long
	}
	for i := range 5 {
		rows[i].longText = &longer
	}
	content := bytes.Clone(encode(t, w, rows))
	requireEqualTables(t, decode(t, reference(t, root, props, rows)), decode(t, content))
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	require.NoError(t, err)
	defer reader.Close()
	assert.Greater(t, reader.NumRowGroups(), 2)
	index, err := reader.GetPageIndexReader().RowGroup(0)
	require.NoError(t, err)
	offsets, err := index.GetOffsetIndex(2)
	require.NoError(t, err)
	assert.Greater(t, len(offsets.GetPageLocations()), 5, "pages of long_text")
	again := encode(t, w, rows[:10])
	requireEqualTables(t, decode(t, reference(t, root, props, rows[:10])), decode(t, again))
}

// Rows that are repeated are the same rows written again, byte for byte.
func TestRepeat(t *testing.T) {
	for seed := range uint64(30) {
		root, props := testSchema(t, compress.Codecs.Zstd)
		w, err := New(root, props, nil)
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(seed, 5))
		var expanded []row
		for _, r := range randomRows(seed, 1+int(seed)*7) {
			n := 1 + random.IntN(12)*random.IntN(2)
			entries := map[string]int{
				"tags.list.element": len(r.tags), "pairs.key_value.key": len(r.keys), "pairs.key_value.value": len(r.values),
			}
			writeRow(t, w, &r)
			for _, c := range w.columns {
				c.Repeat(n-1, max(entries[c.path], 1))
			}
			for range n {
				expanded = append(expanded, r)
				require.False(t, w.Fills(r.size()))
				require.NoError(t, w.EndRow(r.size()))
			}
		}
		content, err := w.Finish()
		require.NoError(t, err)
		require.Equal(t, encodeOnce(t, expanded), content, "seed %d", seed)
	}
}

// A file without rows can be read.
func TestEmptyFile(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	content, err := w.Finish()
	require.NoError(t, err)
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	require.NoError(t, err)
	assert.Zero(t, reader.NumRows())
	require.NoError(t, reader.Close())
}

// Equal rows make equal bytes, whatever the writer wrote before.
func TestDeterministic(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	fresh, err := New(root, props, nil)
	require.NoError(t, err)
	used, err := New(root, props, nil)
	require.NoError(t, err)
	encode(t, used, randomRows(9, 500))
	rows := randomRows(4, 700)
	assert.Equal(t, encode(t, fresh, rows), encode(t, used, rows))
}

func TestBloomFilterAndStatistics(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	rows := randomRows(2, 2000)
	low, high := rows[0].id, rows[0].id
	for i := range rows {
		low, high = min(low, rows[i].id), max(high, rows[i].id)
	}
	reader, err := file.NewParquetReader(bytes.NewReader(encode(t, w, rows)))
	require.NoError(t, err)
	defer reader.Close()
	group, err := reader.GetBloomFilterReader().RowGroup(0)
	require.NoError(t, err)
	filter, err := group.GetColumnBloomFilter(0)
	require.NoError(t, err)
	typed := metadata.TypedBloomFilter[parquet.ByteArray]{BloomFilter: filter}
	for i := range rows {
		require.True(t, typed.Check(parquet.ByteArray(rows[i].id)))
	}
	wrong := 0
	for i := range 10000 {
		if typed.Check(parquet.ByteArray(fmt.Sprintf("no-%d", i))) {
			wrong++
		}
	}
	assert.Less(t, wrong, 300, "false positives in 10000")
	chunk, err := reader.MetaData().RowGroup(0).ColumnChunk(0)
	require.NoError(t, err)
	stats, err := chunk.Statistics()
	require.NoError(t, err)
	assert.Equal(t, low, string(stats.EncodeMin()))
	assert.Equal(t, high, string(stats.EncodeMax()))
}

// FuzzRoundTrip compares random tables with the reference.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint16(3))
	f.Add(uint64(2), uint16(260))
	root, props := testSchema(f, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		rows := randomRows(seed, int(n%2000)+1)
		requireEqualTables(t, decode(t, reference(t, root, props, rows)), decode(t, encode(t, w, rows)))
	})
}

// Texts that change after they were written make the same file as ones that
// stay.
func TestBytesThatChange(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	write := func(list func(c *Column, items []string), text func(c *Column, s string)) []byte {
		w, err := New(root, props, nil)
		require.NoError(t, err)
		for _, r := range randomRows(6, 400) {
			text(columnAt(t, w, "id"), r.id)
			for path, s := range map[string]*string{"word": r.word, "long_text": r.longText, "blob": r.blob} {
				if s == nil {
					columnAt(t, w, path).Null()
				} else {
					text(columnAt(t, w, path), *s)
				}
			}
			columnAt(t, w, "time").Long(r.time)
			columnAt(t, w, "maybe_time").Null()
			columnAt(t, w, "small").Int(r.small)
			columnAt(t, w, "ratio").Null()
			columnAt(t, w, "flag").Bool(r.flag)
			list(columnAt(t, w, "tags.list.element"), r.tags)
			list(columnAt(t, w, "pairs.key_value.key"), r.keys)
			list(columnAt(t, w, "pairs.key_value.value"), r.values)
			require.NoError(t, w.EndRow(1))
		}
		content, err := w.Finish()
		require.NoError(t, err)
		return content
	}
	var buffer []byte
	fill := func(s string) []byte {
		for i := range buffer {
			buffer[i] = '!'
		}
		buffer = append(buffer[:0], s...)
		return buffer
	}
	want := write((*Column).List, (*Column).Text)
	got := write(func(c *Column, items []string) {
		if len(items) == 0 {
			c.Null()
		}
		for i, s := range items {
			c.ItemBytes(i, fill(s))
		}
	}, func(c *Column, s string) { c.TextBytes(fill(s)) })
	require.Equal(t, want, got)
}

func TestUnknownColumn(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	_, err = w.Column("tags")
	assert.EqualError(t, err, `no column "tags" in the schema`)
}
