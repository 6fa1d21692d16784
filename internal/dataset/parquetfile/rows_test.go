// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readAll decodes all row groups of a file.
func readAll(t testing.TB, content []byte) []*Rows {
	t.Helper()
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	require.NoError(t, err)
	var groups []*Rows
	for i := range reader.NumRowGroups() {
		rows, err := ReadRows(reader, i)
		require.NoError(t, err)
		groups = append(groups, rows)
	}
	return groups
}

// Rows that are read and copied make the same file, null by null, list by list,
// also from what arrow-go's writer wrote.
func TestCopyEqualsOriginal(t *testing.T) {
	for seed := range uint64(20) {
		root, props := testSchema(t, compress.Codecs.Zstd)
		rows := randomRows(seed, 1+int(seed)*40)
		for name, content := range map[string][]byte{
			"ours": encodeOnce(t, rows), "reference": reference(t, root, props, rows),
		} {
			w, err := New(root, props, nil)
			require.NoError(t, err)
			for _, group := range readAll(t, content) {
				for i := range group.N {
					require.NoError(t, w.Copy(group, i))
				}
			}
			copied, err := w.Finish()
			require.NoError(t, err)
			requireEqualTables(t, decode(t, content), decode(t, copied))
			if name == "ours" {
				assert.Equal(t, content, copied)
			}
		}
	}
}

func encodeOnce(t testing.TB, rows []row) []byte {
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	return bytes.Clone(encode(t, w, rows))
}

// Values are found by row, and one that is set is copied in the place of the old
// one or of a null.
func TestRowsValues(t *testing.T) {
	rows := randomRows(7, 200)
	content := encodeOnce(t, rows)
	group := readAll(t, content)[0]
	for i, r := range rows {
		id, ok := group.Text("id", i)
		require.True(t, ok)
		require.Equal(t, r.id, id)
		word, ok := group.Text("word", i)
		require.Equal(t, r.word != nil, ok)
		if ok {
			require.Equal(t, *r.word, word)
		}
		at, _ := group.Long("time", i)
		require.Equal(t, r.time, at)
		small, _ := group.Long("small", i)
		require.EqualValues(t, r.small, small)
		require.ElementsMatch(t, r.tags, group.Texts("tags.list.element", i))
	}
	_, ok := group.Text("unknown", 0)
	require.False(t, ok)
	require.False(t, group.Has("unknown"))

	word := "set"
	for i := range rows {
		switch i % 3 {
		case 0:
			group.SetText("word", i, word)
			rows[i].word = &word
		case 1:
			group.SetNull("word", i)
			rows[i].word = nil
		}
		if i%5 < 2 {
			rows[i].tags = [][]string{nil, {"a"}, {"b", "", "c"}}[i%7%3]
			group.SetTexts("tags.list.element", i, rows[i].tags)
			require.Equal(t, len(rows[i].tags), len(group.Texts("tags.list.element", i)))
		}
		if i%5 == 1 {
			rows[i].keys, rows[i].values = []string{"k"}, []string{"v"}
			group.SetTexts("pairs.key_value.key", i, rows[i].keys)
			group.SetTexts("pairs.key_value.value", i, rows[i].values)
		}
	}
	root, props := testSchema(t, compress.Codecs.Zstd)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	for i := range rows {
		require.NoError(t, w.Copy(group, i))
	}
	copied, err := w.Finish()
	require.NoError(t, err)
	requireEqualTables(t, decode(t, encodeOnce(t, rows)), decode(t, copied))

	// Some of them, in another order, are a table of their own.
	var numbers []int
	var some []row
	for i := range rows {
		if at := (i * 7) % len(rows); at%3 > 0 {
			numbers, some = append(numbers, at), append(some, rows[at])
		}
	}
	picked := group.Pick(numbers)
	require.Less(t, picked.Bytes, group.Bytes)
	for i := range some {
		require.NoError(t, w.Copy(picked, i))
	}
	copied, err = w.Finish()
	require.NoError(t, err)
	requireEqualTables(t, decode(t, encodeOnce(t, some)), decode(t, copied))
}

// A writer refuses rows that lack one of its columns.
func TestCopyRefusesOtherColumns(t *testing.T) {
	root, props := testSchema(t, compress.Codecs.Zstd)
	reader, err := file.NewParquetReader(bytes.NewReader(encodeOnce(t, randomRows(1, 5))))
	require.NoError(t, err)
	some, err := ReadRows(reader, 0, "id", "word")
	require.NoError(t, err)
	w, err := New(root, props, nil)
	require.NoError(t, err)
	require.ErrorContains(t, w.Copy(some, 0), "column long_text is missing")
}
