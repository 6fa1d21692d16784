// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/cespare/xxhash/v2"
)

// kind is how a column is written.
type kind uint8

const (
	// lengthText has the lengths of a page's texts before the texts.
	lengthText kind = iota
	// dictText has a dictionary where that is smaller.
	dictText
	plainLong
	deltaLong
	plainInt
	plainDouble
	plainBool
)

// headroom is what a page's data leaves free before the values, for its levels
// and lengths.
const headroom = 8 << 10

// Column collects the values of one leaf column of a row group. Texts are not
// copied: they must stay as they are until the row group is written.
type Column struct {
	path           string
	kind           kind
	maxDef, maxRep uint8
	bloom, stats   bool

	def, rep []uint8
	// data is headroom, then the current page's numbers or its texts. longs are
	// the values of delta columns and the lengths of texts.
	data  []byte
	longs []int64
	bools []bool

	entries   map[string]int32
	distinct  []string
	indices   []int32
	last      string
	lastIndex int32
	textBytes int

	bounds bounds
	bound  []byte
	hashes []uint64
	filter []uint32

	// physical, codec and names are the column's in the footer: its type, its codec
	// and the list of its path.
	physical, codec int32
	names           []byte

	// The chunk so far.
	chunk         []byte
	pages         []page
	firstRow      int
	values, nulls int
	pageValues    int
	pageNulls     int
	uncompressed  int64
	useDictionary bool
}

func newColumn(descr *schema.Column, props *parquet.WriterProperties) (*Column, error) {
	c := &Column{
		path: descr.Path(), maxDef: uint8(descr.MaxDefinitionLevel()), maxRep: uint8(descr.MaxRepetitionLevel()),
		bloom: props.BloomFilterEnabledFor(descr.Path()), stats: props.StatisticsEnabledFor(descr.Path()),
	}
	switch descr.PhysicalType() {
	case parquet.Types.ByteArray:
		c.kind = lengthText
		if props.DictionaryEnabledFor(c.path) {
			c.kind, c.entries = dictText, map[string]int32{}
		}
	case parquet.Types.Int64:
		c.kind = plainLong
		if props.EncodingFor(c.path) == parquet.Encodings.DeltaBinaryPacked {
			c.kind = deltaLong
		}
	case parquet.Types.Int32:
		c.kind = plainInt
	case parquet.Types.Double:
		c.kind, c.stats = plainDouble, false
	case parquet.Types.Boolean:
		c.kind, c.stats = plainBool, false
	default:
		return nil, fmt.Errorf("column %s: type %s is not supported", c.path, descr.PhysicalType())
	}
	if c.bloom && c.kind != lengthText {
		return nil, fmt.Errorf("column %s: a bloom filter is for text without a dictionary", c.path)
	}
	c.physical, c.codec = int32(descr.PhysicalType()), int32(props.CompressionFor(c.path))
	path := descr.ColumnPath()
	t := &compact{}
	t.list(1, len(path), thriftBinary)
	for _, name := range path {
		t.text([]byte(name))
	}
	c.names = t.dst[1:]
	c.stats = c.stats && c.maxRep == 0
	c.resetPage()
	return c, nil
}

func (c *Column) isText() bool { return c.kind <= dictText }

func (c *Column) level(def, rep uint8) {
	if c.maxDef > 0 {
		c.def = append(c.def, def)
	}
	if c.maxRep > 0 {
		c.rep = append(c.rep, rep)
	}
	c.pageValues++
}

// Null writes no value: of an optional column, or an empty list's.
func (c *Column) Null() {
	c.level(c.maxDef-1, 0)
	c.pageNulls++
}

// Text writes a text.
func (c *Column) Text(s string) {
	c.level(c.maxDef, 0)
	c.put(s)
}

// Optional writes a text, or null when it is empty.
func (c *Column) Optional(s string) {
	if s == "" {
		c.Null()
		return
	}
	c.Text(s)
}

// Item writes element i of a list; the first one starts the row's list.
func (c *Column) Item(i int, s string) {
	c.level(c.maxDef, uint8(min(i, 1)))
	c.put(s)
}

// ItemBytes is Item for a text that may change when the call returned.
func (c *Column) ItemBytes(i int, s []byte) {
	c.level(c.maxDef, uint8(min(i, 1)))
	c.putBytes(s)
}

// TextBytes is Text for a text that may change when the call returned.
func (c *Column) TextBytes(s []byte) {
	c.level(c.maxDef, 0)
	c.putBytes(s)
}

// putBytes makes a string of its own of what the column would keep.
func (c *Column) putBytes(s []byte) {
	switch {
	case c.kind == dictText:
		if len(c.indices) > 0 && string(s) == c.last {
			c.put(c.last)
		} else if index, ok := c.entries[string(s)]; ok {
			c.put(c.distinct[index])
		} else {
			c.put(string(s))
		}
	case c.stats:
		c.put(string(s))
	default:
		c.put(unsafe.String(unsafe.SliceData(s), len(s)))
	}
}

// List writes a list of texts.
func (c *Column) List(items []string) {
	if len(items) == 0 {
		c.Null()
	}
	for i, s := range items {
		c.Item(i, s)
	}
}

// Repeat writes the values of the last row n more times, of a column whose pages
// end with the row group. Entries is how many values the row has in it, a null
// counts as one.
func (c *Column) Repeat(n, entries int) {
	if n <= 0 {
		return
	}
	nulls := 0
	if c.maxDef > 0 {
		row := c.def[len(c.def)-entries:]
		for _, def := range row {
			if def < c.maxDef {
				nulls++
			}
		}
		c.def = repeat(c.def, entries, n)
	}
	if c.maxRep > 0 {
		c.rep = repeat(c.rep, entries, n)
	}
	c.pageValues += n * entries
	c.pageNulls += n * nulls
	if entries -= nulls; entries == 0 {
		return
	}
	switch c.kind {
	case dictText:
		for _, index := range c.indices[len(c.indices)-entries:] {
			c.textBytes += n * (len(c.distinct[index]) + 4)
		}
		c.indices = repeat(c.indices, entries, n)
	case lengthText:
		c.repeatTexts(n, entries)
	case deltaLong:
		c.longs = repeat(c.longs, entries, n)
	case plainBool:
		c.bools = repeat(c.bools, entries, n)
	default:
		c.data = repeat(c.data, entries*c.width(), n)
	}
}

// repeatTexts is Repeat for texts without a dictionary.
func (c *Column) repeatTexts(n, entries int) {
	size := 0
	for _, length := range c.longs[len(c.longs)-entries:] {
		size += int(length)
	}
	c.longs = repeat(c.longs, entries, n)
	c.data = repeat(c.data, size, n)
	if c.bloom {
		c.hashes = repeat(c.hashes, entries, n)
	}
}

// repeat appends the last values of a list n times.
func repeat[T any](list []T, values, n int) []T {
	if values == 1 {
		last := list[len(list)-1]
		start := len(list)
		list = slices.Grow(list, n)[:start+n]
		for i := start; i < len(list); i++ {
			list[i] = last
		}
		return list
	}
	for range n {
		list = append(list, list[len(list)-values:]...)
	}
	return list
}

// width is the size of a number.
func (c *Column) width() int {
	if c.kind == plainInt {
		return 4
	}
	return 8
}

// Long writes an INT64.
func (c *Column) Long(v int64) {
	c.level(c.maxDef, 0)
	c.bounds.long(v)
	if c.kind == deltaLong {
		c.longs = append(c.longs, v)
		return
	}
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
}

// Int writes an INT32.
func (c *Column) Int(v int32) {
	c.level(c.maxDef, 0)
	c.bounds.long(int64(v))
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
}

// Double writes a DOUBLE.
func (c *Column) Double(v float64) {
	c.level(c.maxDef, 0)
	c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
}

// Bool writes a BOOLEAN.
func (c *Column) Bool(v bool) {
	c.level(c.maxDef, 0)
	c.bools = append(c.bools, v)
}

func (c *Column) put(s string) {
	if c.kind == dictText {
		c.putDistinct(s)
		return
	}
	if c.stats {
		c.bounds.text(s)
	}
	if c.bloom {
		c.hashes = append(c.hashes, xxhash.Sum64String(s))
	}
	c.append(s)
}

// append adds a text to the page's data.
func (c *Column) append(s string) {
	c.longs = append(c.longs, int64(len(s)))
	c.data = append(grow(c.data, len(s)), s...)
}

// putDistinct writes a text as the index of its entry. The same string as before
// is told by its address, and the common case of a repeated short value by the
// entry written last.
func (c *Column) putDistinct(s string) {
	c.textBytes += len(s) + 4
	if len(c.indices) > 0 && len(s) == len(c.last) && (unsafe.StringData(s) == unsafe.StringData(c.last) || s == c.last) {
		c.indices = append(c.indices, c.lastIndex)
		return
	}
	index, ok := c.entries[s]
	if !ok {
		index = int32(len(c.distinct))
		c.entries[s] = index
		c.distinct = append(c.distinct, s)
	}
	c.last, c.lastIndex = s, index
	c.indices = append(c.indices, index)
}

// reset forgets the row group and keeps the memory.
func (c *Column) reset() {
	c.resetPage()
	clear(c.entries)
	clear(c.distinct)
	c.distinct, c.indices, c.last, c.lastIndex, c.textBytes = c.distinct[:0], c.indices[:0], "", 0, 0
	c.hashes = c.hashes[:0]
	clear(c.pages)
	c.chunk, c.pages, c.firstRow = c.chunk[:0], c.pages[:0], 0
	c.values, c.nulls, c.uncompressed, c.useDictionary = 0, 0, 0, false
}

// resetPage forgets the page and keeps the memory.
func (c *Column) resetPage() {
	if c.data == nil {
		c.data = make([]byte, headroom)
	}
	c.def, c.rep, c.data, c.longs, c.bools = c.def[:0], c.rep[:0], c.data[:headroom], c.longs[:0], c.bools[:0]
	c.pageValues, c.pageNulls, c.bounds = 0, 0, bounds{}
}
