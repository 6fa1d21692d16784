// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// page is a data page of a chunk. Its offset is within the chunk, header
// included.
type page struct {
	offset   int64
	size     int32
	firstRow int64
	// bounds are set unless there are none.
	bounds        bounds
	values, nulls int
}

// empty tells that a page has nulls only.
func (p *page) empty() bool { return p.values == p.nulls }

// Numbers of the format's enumerations (parquet.thrift).
const (
	pageData       = 0
	pageDictionary = 2

	encodingPlain       = 0
	encodingRLE         = 3
	encodingDelta       = 5
	encodingDeltaLength = 6
	encodingDictionary  = 8
)

// press compresses pages of a writer.
type press struct {
	encode  func(dst, src []byte) []byte
	scratch []byte
}

// window is how far back zstd looks on its fastest level: with the 4 MiB of a page
// it needs four times the memory and no less time, for 1 byte in 900
// (docs/decisions/0009). Higher levels, for what is written once, look as far as a
// page goes.
const window = 1 << 20

// newPress returns a press of a codec; the level is zstd's, as its command counts
// them.
func newPress(codec compress.Compression, level int) (*press, error) {
	switch codec {
	case compress.Codecs.Uncompressed:
		return &press{}, nil
	case compress.Codecs.Snappy:
		var buffer []byte
		return &press{encode: func(dst, src []byte) []byte {
			if need := s2.MaxEncodedLen(len(src)); len(buffer) < need {
				buffer = make([]byte, need)
			}
			return append(dst, s2.EncodeSnappy(buffer, src)...)
		}}, nil
	case compress.Codecs.Zstd:
		far := window
		if level > 1 {
			far = PageBytes
		}
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(far), zstd.WithZeroFrames(true), zstd.WithAllLitEntropyCompression(true))
		if err != nil {
			return nil, err
		}
		return &press{encode: func(dst, src []byte) []byte { return encoder.EncodeAll(src, dst) }}, nil
	}
	return nil, fmt.Errorf("codec %s is not supported", codec)
}

// closeChunk closes the last page, and the dictionary if it is worth it.
func (c *Column) closeChunk(p *press, rows int) error {
	if c.kind == dictText {
		c.chooseEncoding()
		if c.useDictionary {
			if err := c.writeDictionary(p); err != nil {
				return err
			}
		}
	}
	if c.pageValues > 0 || len(c.pages) == 0 {
		return c.closePage(p, rows)
	}
	return nil
}

// maxDictionary bounds a dictionary in bytes.
const maxDictionary = 4 << 20

// chooseEncoding decides between dictionary and plain values: a dictionary must
// save half of the bytes.
func (c *Column) chooseEncoding() {
	size := 0
	for _, s := range c.distinct {
		size += len(s) + 4
	}
	c.useDictionary = len(c.indices) > 0 && size <= maxDictionary && size+len(c.indices)*bits.Len(uint(len(c.distinct)))/8 <= c.textBytes/2+16
	if !c.useDictionary {
		for _, index := range c.indices {
			c.append(c.distinct[index])
		}
	}
	if c.stats {
		for _, s := range c.distinct {
			c.bounds.text(s)
		}
	}
}

func (c *Column) writeDictionary(p *press) error {
	p.scratch = p.scratch[:0]
	for _, s := range c.distinct {
		p.scratch = append(binary.LittleEndian.AppendUint32(p.scratch, uint32(len(s))), s...)
	}
	return c.appendPage(p, p.scratch, func(dst []byte, raw, compressed int) []byte {
		dst = appendHeader(dst, pageDictionary, raw, compressed, 0x4C)
		dst = appendField(dst, len(c.distinct))
		return append(appendField(dst, encodingPlain), 0, 0)
	})
}

// closePage writes the values since the last page; rows is the number of rows in
// the row group so far.
func (c *Column) closePage(p *press, rows int) error {
	offset := int64(len(c.chunk))
	err := c.appendPage(p, c.encodePage(p), func(dst []byte, size, compressed int) []byte {
		dst = appendHeader(dst, pageData, size, compressed, 0x2C)
		dst = appendField(dst, c.pageValues)
		dst = appendField(dst, c.encodingNumber())
		dst = appendField(dst, encodingRLE)
		return append(appendField(dst, encodingRLE), 0, 0)
	})
	if err != nil {
		return err
	}
	c.pages = append(c.pages, page{
		offset: offset, size: int32(int64(len(c.chunk)) - offset), firstRow: int64(c.firstRow), bounds: c.pageBounds(), values: c.pageValues, nulls: c.pageNulls,
	})
	c.firstRow = rows
	c.values += c.pageValues
	c.nulls += c.pageNulls
	c.resetPage()
	return nil
}

// encodePage returns a page's levels and values.
func (c *Column) encodePage(p *press) []byte {
	p.scratch = p.scratch[:0]
	if c.maxRep > 0 {
		p.scratch = appendLevels(p.scratch, c.rep, c.maxRep)
	}
	if c.maxDef > 0 {
		p.scratch = appendLevels(p.scratch, c.def, c.maxDef)
	}
	switch {
	case c.useDictionary:
		width := max(bits.Len(uint(len(c.distinct)-1)), 1)
		p.scratch = appendHybrid(append(p.scratch, byte(width)), c.indices, width)
	case c.isText():
		p.scratch = appendDelta(p.scratch, c.longs)
	case c.kind == deltaLong:
		p.scratch = appendDelta(p.scratch, c.longs)
	case c.kind == plainBool:
		p.scratch = appendBits(p.scratch, c.bools)
	}
	if len(c.data) <= headroom {
		return p.scratch
	}
	// The values stay where they are: what comes before them mostly fits into
	// the room there.
	if at := headroom - len(p.scratch); at >= 0 {
		copy(c.data[at:], p.scratch)
		return c.data[at:]
	}
	p.scratch = append(p.scratch, c.data[headroom:]...)
	return p.scratch
}

var errPageTooLarge = errors.New("a page is larger than 2 GiB")

// appendPage adds a page to the chunk: the header needs the compressed size, so
// the page is compressed first, behind room for a header.
func (c *Column) appendPage(p *press, raw []byte, header func(dst []byte, raw, compressed int) []byte) error {
	const room = 64
	start := len(c.chunk)
	// Text becomes less than half of it; what becomes more grows on.
	c.chunk = grow(c.chunk, room+len(raw)/2)
	c.chunk = append(c.chunk, make([]byte, room)...)
	if p.encode == nil {
		c.chunk = append(c.chunk, raw...)
	} else {
		c.chunk = p.encode(c.chunk, raw)
	}
	compressed := len(c.chunk) - start - room
	if len(raw) > math.MaxInt32 || compressed > math.MaxInt32 {
		return errPageTooLarge
	}
	head := header(make([]byte, 0, room), len(raw), compressed)
	copy(c.chunk[start:], head)
	copy(c.chunk[start+len(head):], c.chunk[start+room:])
	c.chunk = c.chunk[:start+len(head)+compressed]
	c.uncompressed += int64(len(head) + len(raw))
	return nil
}

// grow makes room for n more bytes. Large slices double, since append would copy
// them again after every quarter more.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return slices.Grow(b, max(n, cap(b)))
}

func (c *Column) encodingNumber() int {
	switch {
	case c.useDictionary:
		return encodingDictionary
	case c.kind == deltaLong:
		return encodingDelta
	case c.isText():
		return encodingDeltaLength
	}
	return encodingPlain
}

// appendHeader begins a PageHeader in Thrift's compact protocol: type, sizes,
// and the start of the struct of its kind, whose field header is given.
func appendHeader(dst []byte, kind, raw, compressed int, member byte) []byte {
	dst = appendField(dst, kind)
	dst = appendField(dst, raw)
	dst = appendField(dst, compressed)
	return append(dst, member)
}

// appendField appends an i32 that follows the field before it.
func appendField(dst []byte, v int) []byte {
	return binary.AppendVarint(append(dst, 0x15), int64(v))
}
