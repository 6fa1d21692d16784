// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package parquetfile writes rows as one Parquet file in memory, column by
// column without an intermediate copy of the rows. It writes what arrow-go's
// column writers write (its tests compare the two), at a fraction of their
// time: pages and their headers are made here, the footer, the bloom filters
// and the page index by arrow-go's metadata package.
package parquetfile

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Bounds of a row group and of a data page, before compression.
const (
	GroupRows  = 20000
	GroupBytes = 32 << 20
	PageBytes  = 4 << 20
)

const magic = "PAR1"

// Writer collects rows and turns them into a file. It can be used again for the
// next file. It is not safe for concurrent use.
type Writer struct {
	schema  *schema.Schema
	props   *parquet.WriterProperties
	meta    [][2]string
	columns []*Column
	byPath  map[string]*Column
	// long are the columns whose pages can fill up before the row group does.
	long  []*Column
	press *press

	out     sink
	file    *metadata.FileMetaDataBuilder
	blooms  *metadata.FileBloomFilterBuilder
	indexes *metadata.PageIndexBuilder
	begun   bool
	groups  int
	rows    int
	size    int
}

// New returns a writer of files with a schema. The properties say which columns
// have a dictionary, a bloom filter, statistics or delta encoding, and the codec;
// meta is the file's key-value metadata.
func New(root *schema.GroupNode, props *parquet.WriterProperties, meta [][2]string) (*Writer, error) {
	w := &Writer{schema: schema.NewSchema(root), props: props, meta: meta, byPath: map[string]*Column{}}
	var err error
	if w.press, err = newPress(props.Compression(), props.CompressionLevel()); err != nil {
		return nil, err
	}
	for i := range w.schema.NumColumns() {
		c, err := newColumn(w.schema.Column(i), props)
		if err != nil {
			return nil, err
		}
		w.columns = append(w.columns, c)
		w.byPath[c.path] = c
		if c.kind == lengthText {
			w.long = append(w.long, c)
		}
	}
	return w, w.open()
}

// ShareCodec takes the compressor of another writer with the same codec, whose
// memory is much of a writer's. The two must then not be used by two goroutines
// at the same time.
func (w *Writer) ShareCodec(other *Writer) { w.press = other.press }

func (w *Writer) open() error {
	w.rows, w.size, w.groups, w.begun = 0, 0, 0, false
	pairs := metadata.NewKeyValueMetadata()
	for _, pair := range w.meta {
		if err := pairs.Append(pair[0], pair[1]); err != nil {
			return err
		}
	}
	w.file = metadata.NewFileMetadataBuilder(w.schema, w.props, pairs)
	w.blooms = &metadata.FileBloomFilterBuilder{Schema: w.schema}
	w.indexes = &metadata.PageIndexBuilder{Schema: w.schema}
	return nil
}

// begin starts the file, over the memory of the one before.
func (w *Writer) begin() {
	if !w.begun {
		w.out, w.begun = append(w.out[:0], magic...), true
	}
}

// Column returns the column at a path ("attributes.key_value.key").
func (w *Writer) Column(path string) (*Column, error) {
	c, ok := w.byPath[path]
	if !ok {
		return nil, fmt.Errorf("no column %q in the schema", path)
	}
	return c, nil
}

// Fills tells whether a row of about size bytes ends the row group: EndRow then
// writes it.
func (w *Writer) Fills(size int) bool { return w.rows+1 >= GroupRows || w.size+size >= GroupBytes }

// EndRow closes a row of about size bytes. Every column must have got its values
// of the row.
func (w *Writer) EndRow(size int) error {
	full := w.Fills(size)
	w.rows++
	w.size += size
	if full {
		return w.flush()
	}
	for _, c := range w.long {
		if len(c.data)-headroom >= PageBytes {
			if err := c.closePage(w.press, w.rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// EndGroup ends the row group before it is full, for who holds less memory.
func (w *Writer) EndGroup() error { return w.flush() }

// Finish returns the file and makes the writer ready for the next one. The bytes
// are valid until the next row is ended.
func (w *Writer) Finish() ([]byte, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	w.begin()
	if err := w.blooms.WriteTo(&w.out); err != nil {
		return nil, fmt.Errorf("bloom filters: %w", err)
	}
	w.indexes.Finish()
	var at metadata.PageIndexLocation
	if err := w.indexes.WriteTo(&w.out, &at); err != nil {
		return nil, fmt.Errorf("page index: %w", err)
	}
	if err := w.file.SetPageIndexLocation(at); err != nil {
		return nil, fmt.Errorf("page index: %w", err)
	}
	footer, err := w.file.Finish()
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	n, err := footer.WriteTo(&w.out, nil)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(n))
	w.out = append(w.out, magic...)
	return w.out, w.open()
}

// flush writes the rows so far as a row group.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	w.begin()
	group := w.file.AppendRowGroup()
	group.SetNumRows(w.rows)
	if err := w.indexes.AppendRowGroup(); err != nil {
		return err
	}
	filters := map[string]metadata.BloomFilterBuilder{}
	for i, c := range w.columns {
		if err := w.flushColumn(i, c, group.NextColumnChunk()); err != nil {
			return fmt.Errorf("column %s: %w", c.path, err)
		}
		if c.bloom {
			filters[c.path] = c.filter()
		}
		c.reset()
	}
	if err := group.Finish(0, int16(w.groups)); err != nil {
		return err
	}
	w.blooms.AppendRowGroup(group, filters)
	w.groups++
	w.rows, w.size = 0, 0
	return nil
}

// flushColumn appends a column chunk to the file and describes it.
func (w *Writer) flushColumn(i int, c *Column, chunk *metadata.ColumnChunkMetaDataBuilder) error {
	if err := c.closeChunk(w.press, w.rows); err != nil {
		return err
	}
	base := int64(len(w.out))
	w.out = append(grow(w.out, len(c.chunk)), c.chunk...)
	offsets, err := w.indexes.GetOffsetIndexBuilder(i)
	if err != nil {
		return err
	}
	for _, p := range c.pages {
		if err := offsets.AddPage(p.offset, p.firstRow, p.size); err != nil {
			return err
		}
	}
	if err := offsets.Finish(base); err != nil {
		return err
	}
	if err := w.indexColumn(i, c); err != nil {
		return err
	}
	if stats := c.statistics(); stats.IsSet() {
		chunk.SetStats(stats)
	}
	info := metadata.ChunkMetaInfo{
		NumValues: int64(c.values), IndexPageOffset: -1, DataPageOffset: base + c.pages[0].offset,
		CompressedSize: int64(len(c.chunk)), UncompressedSize: c.uncompressed,
	}
	counts := metadata.EncodingStats{DataEncodingStats: map[parquet.Encoding]int32{c.pageEncoding(): int32(len(c.pages))}}
	if c.useDictionary {
		info.DictPageOffset = base
		counts.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
	}
	return chunk.Finish(info, c.useDictionary, false, counts)
}

// indexColumn writes the page index of a column whose pages have bounds.
func (w *Writer) indexColumn(i int, c *Column) error {
	if !c.bounded() {
		return nil
	}
	index, err := w.indexes.GetColumnIndexBuilder(i)
	if err != nil {
		return err
	}
	for k := range c.pages {
		if err := index.AddPage(&c.pages[k].stats); err != nil {
			return err
		}
	}
	return index.Finish()
}

// sink is a byte slice that arrow-go can write to.
type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

func (s *sink) Tell() int64 { return int64(len(*s)) }
