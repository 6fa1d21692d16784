// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// footer describes what was written of a file so far. The same memory serves file
// after file.
type footer struct {
	// head and tail are the footer before and after the rows: the schema, and the
	// file's metadata.
	head, tail []byte

	groups []groupEntry
	// chunks are those of all groups, one group after the other.
	chunks []chunkEntry
	// described are the chunks' ColumnMetaData, filters the bloom filters with
	// their headers, columns and pages the two parts of the page index.
	described, filters, columns, pages []byte
	// several tells that a chunk has more than one page.
	several bool
}

type groupEntry struct {
	rows                             int
	offset, compressed, uncompressed int64
}

// extent is a part of one of the footer's buffers, empty for nothing.
type extent struct{ from, to int }

func (e extent) empty() bool { return e.from == e.to }

func (e extent) size() int32 { return int32(e.to - e.from) }

type chunkEntry struct {
	offset int64
	// described ends after the field last, without the end of the struct.
	described              extent
	last                   int
	filter, columns, pages extent
}

// newFooter takes what never changes from the footer of a file without rows.
func newFooter(s *schema.Schema, props *parquet.WriterProperties, meta [][2]string) (footer, error) {
	pairs := metadata.NewKeyValueMetadata()
	for _, pair := range meta {
		if err := pairs.Append(pair[0], pair[1]); err != nil {
			return footer{}, err
		}
	}
	empty, err := metadata.NewFileMetadataBuilder(s, props, pairs).Finish()
	if err != nil {
		return footer{}, err
	}
	var b bytes.Buffer
	if _, err := empty.WriteTo(&b, nil); err != nil {
		return footer{}, err
	}
	ends, err := fieldEnds(b.Bytes())
	if err != nil {
		return footer{}, err
	}
	if ends[footerSchema] == 0 || ends[footerGroups] == 0 {
		return footer{}, errThrift
	}
	return footer{head: b.Bytes()[:ends[footerSchema]], tail: b.Bytes()[ends[footerGroups]:]}, nil
}

// Fields of the structs of a footer (parquet.thrift).
const (
	footerSchema = 2
	footerRows   = 3
	footerGroups = 4

	groupColumns    = 1
	groupBytes      = 2
	groupRowCount   = 3
	groupOffset     = 5
	groupCompressed = 6
	groupOrdinal    = 7

	chunkOffset      = 2
	chunkMeta        = 3
	chunkPagesAt     = 4
	chunkPagesSize   = 5
	chunkColumnsAt   = 6
	chunkColumnsSize = 7

	metaType          = 1
	metaEncodings     = 2
	metaPath          = 3
	metaCodec         = 4
	metaValues        = 5
	metaUncompressed  = 6
	metaCompressed    = 7
	metaDataPage      = 9
	metaDictionary    = 11
	metaStatistics    = 12
	metaEncodingStats = 13
	metaFilterAt      = 14
	metaFilterSize    = 15
)

// reset forgets the file.
func (f *footer) reset() {
	f.groups, f.chunks, f.several = f.groups[:0], f.chunks[:0], false
	f.described, f.filters, f.columns, f.pages = f.described[:0], f.filters[:0], f.columns[:0], f.pages[:0]
}

// beginGroup notes a row group; its chunks follow.
func (f *footer) beginGroup(rows int) {
	f.groups = append(f.groups, groupEntry{rows: rows})
}

// addChunk notes a chunk that is in the file from an offset on.
func (f *footer) addChunk(c *Column, base int64) {
	group := &f.groups[len(f.groups)-1]
	if group.offset == 0 {
		group.offset = base
	}
	group.compressed += int64(len(c.chunk))
	group.uncompressed += c.uncompressed
	f.several = f.several || len(c.pages) > 1
	e := chunkEntry{offset: base}
	e.described.from = len(f.described)
	f.described, e.last = c.describe(f.described, base)
	e.described.to = len(f.described)
	if c.bloom {
		e.filter.from = len(f.filters)
		f.filters = c.appendFilter(f.filters)
		e.filter.to = len(f.filters)
	}
	e.columns.from = len(f.columns)
	f.columns = c.appendColumnIndex(f.columns)
	e.columns.to = len(f.columns)
	e.pages.from = len(f.pages)
	f.pages = c.appendOffsetIndex(f.pages, base)
	e.pages.to = len(f.pages)
	f.chunks = append(f.chunks, e)
}

// append writes filters, page index and footer behind the chunks, and returns the
// size of the footer. A file with one
// page a chunk needs no page index: the chunks' statistics say the same.
func (f *footer) append(out []byte) (file []byte, size int) {
	filters := int64(len(out))
	out = append(out, f.filters...)
	columns := int64(len(out))
	if f.several {
		out = append(out, f.columns...)
	}
	pages := int64(len(out))
	if f.several {
		out = append(out, f.pages...)
	}
	start, rows := len(out), int64(0)
	for _, g := range f.groups {
		rows += int64(g.rows)
	}
	c := &compact{dst: append(out, f.head...), last: footerSchema}
	c.i64(footerRows, rows)
	c.list(footerGroups, len(f.groups), thriftStruct)
	each := 0
	if len(f.groups) > 0 {
		each = len(f.chunks) / len(f.groups)
	}
	for i, g := range f.groups {
		outer := c.begin(0)
		c.list(groupColumns, each, thriftStruct)
		for k := range each {
			f.appendChunk(c, &f.chunks[i*each+k], filters, columns, pages)
		}
		c.i64(groupBytes, g.uncompressed)
		c.i64(groupRowCount, int64(g.rows))
		c.i64(groupOffset, g.offset)
		c.i64(groupCompressed, g.compressed)
		c.i16(groupOrdinal, int16(i))
		c.end(outer)
	}
	c.dst = append(c.dst, f.tail...)
	return c.dst, len(c.dst) - start
}

// appendChunk writes a ColumnChunk; the others are where its filter and its page
// index are counted from.
func (f *footer) appendChunk(c *compact, e *chunkEntry, filters, columns, pages int64) {
	outer := c.begin(0)
	c.i64(chunkOffset, e.offset)
	within := c.begin(chunkMeta)
	c.dst, c.last = append(c.dst, f.described[e.described.from:e.described.to]...), e.last
	if !e.filter.empty() {
		c.i64(metaFilterAt, filters+int64(e.filter.from))
		c.i32(metaFilterSize, e.filter.size())
	}
	c.end(within)
	if f.several {
		c.i64(chunkPagesAt, pages+int64(e.pages.from))
		c.i32(chunkPagesSize, e.pages.size())
		if !e.columns.empty() {
			c.i64(chunkColumnsAt, columns+int64(e.columns.from))
			c.i32(chunkColumnsSize, e.columns.size())
		}
	}
	c.end(outer)
}

// describe appends the ColumnMetaData of the chunk that lies at an offset in the
// file, without its end, and returns its last field.
func (c *Column) describe(dst []byte, base int64) (described []byte, last int) {
	t := &compact{dst: dst}
	t.i32(metaType, c.physical)
	c.listEncodings(t)
	t.field(metaPath, thriftList)
	t.dst = append(t.dst, c.names...)
	t.i32(metaCodec, c.codec)
	t.i64(metaValues, int64(c.values))
	t.i64(metaUncompressed, c.uncompressed)
	t.i64(metaCompressed, int64(len(c.chunk)))
	t.i64(metaDataPage, base+c.pages[0].offset)
	if c.useDictionary {
		t.i64(metaDictionary, base)
	}
	if c.maxRep == 0 {
		outer := t.begin(metaStatistics)
		c.appendStatistics(t)
		t.end(outer)
	}
	if c.useDictionary {
		t.list(metaEncodingStats, 2, thriftStruct)
		appendEncodingStats(t, pageDictionary, encodingPlain, 1)
		appendEncodingStats(t, pageData, encodingDictionary, len(c.pages))
	}
	return t.dst, t.last
}

func (c *Column) listEncodings(t *compact) {
	encodings := []byte{byte(c.encodingNumber()), encodingRLE, encodingPlain}
	if !c.useDictionary {
		encodings = encodings[:2]
	}
	t.list(metaEncodings, len(encodings), thriftI32)
	for _, e := range encodings {
		t.dst = append(t.dst, e<<1)
	}
}

// appendEncodingStats tells how many pages of a kind there are: readers look into
// a dictionary only where that is for all of them.
func appendEncodingStats(t *compact, kind, encoding int32, pages int) {
	outer := t.begin(0)
	t.i32(1, kind)
	t.i32(2, encoding)
	t.i32(3, int32(pages))
	t.end(outer)
}
