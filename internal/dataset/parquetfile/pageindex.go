// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

// Orders of the bounds of a chunk's pages.
const (
	unordered  = 0
	ascending  = 1
	descending = 2
)

// appendColumnIndex appends the bounds of the chunk's pages; nothing when a page
// has values and no bounds.
func (c *Column) appendColumnIndex(dst []byte) []byte {
	if !c.bounded() {
		return dst
	}
	t := &compact{dst: dst}
	t.list(1, len(c.pages), thriftTrue)
	for i := range c.pages {
		empty := byte(thriftTrue + 1)
		if c.pages[i].empty() {
			empty = thriftTrue
		}
		t.dst = append(t.dst, empty)
	}
	t.list(2, len(c.pages), thriftBinary)
	for i := range c.pages {
		t.text(c.low(&c.pages[i].bounds))
	}
	t.list(3, len(c.pages), thriftBinary)
	for i := range c.pages {
		t.text(c.high(&c.pages[i].bounds))
	}
	t.i32(4, c.boundaryOrder())
	t.list(5, len(c.pages), thriftI64)
	for i := range c.pages {
		t.varint(int64(c.pages[i].nulls))
	}
	t.end(0)
	return t.dst
}

// boundaryOrder tells whether the bounds of pages only rise or only fall.
func (c *Column) boundaryOrder() int32 {
	rises, falls := true, true
	var last *bounds
	for i := range c.pages {
		b := &c.pages[i].bounds
		if !b.set {
			continue
		}
		if last != nil {
			low, high := c.compareLow(b, last), c.compareHigh(b, last)
			rises = rises && low >= 0 && high >= 0
			falls = falls && low <= 0 && high <= 0
		}
		last = b
	}
	switch {
	case last == nil:
		return unordered
	case rises:
		return ascending
	case falls:
		return descending
	}
	return unordered
}

// appendOffsetIndex appends where the pages are of a chunk that lies at an offset
// in the file.
func (c *Column) appendOffsetIndex(dst []byte, base int64) []byte {
	t := &compact{dst: dst}
	t.list(1, len(c.pages), thriftStruct)
	for i := range c.pages {
		p := &c.pages[i]
		outer := t.begin(0)
		t.i64(1, base+p.offset)
		t.i32(2, p.size)
		t.i64(3, p.firstRow)
		t.end(outer)
	}
	t.end(0)
	return t.dst
}
