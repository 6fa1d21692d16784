// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"cmp"
	"encoding/binary"
	"strings"
)

// bounds are the smallest and largest value of a page.
type bounds struct {
	set              bool
	minLong, maxLong int64
	minText, maxText string
}

func (b *bounds) long(v int64) {
	if !b.set {
		b.set, b.minLong, b.maxLong = true, v, v
		return
	}
	b.minLong, b.maxLong = min(b.minLong, v), max(b.maxLong, v)
}

func (b *bounds) text(s string) {
	switch {
	case !b.set:
		b.set, b.minText, b.maxText = true, s, s
	case s < b.minText:
		b.minText = s
	case s > b.maxText:
		b.maxText = s
	}
}

// maxStatistic bounds texts in statistics; longer ones have none.
const maxStatistic = 64

// pageBounds are those of the values since the last page; not set when the column
// has no statistics or they are too long.
func (c *Column) pageBounds() bounds {
	if !c.stats || len(c.bounds.minText) > maxStatistic || len(c.bounds.maxText) > maxStatistic {
		return bounds{}
	}
	return c.bounds
}

// bounded tells whether every page has bounds or no values at all.
func (c *Column) bounded() bool {
	for i := range c.pages {
		if p := &c.pages[i]; !p.empty() && !p.bounds.set {
			return false
		}
	}
	return c.stats
}

// low is the least value of bounds as statistics hold it.
func (c *Column) low(b *bounds) []byte { return c.encodeBound(b.set, b.minLong, b.minText) }

// high is the greatest one.
func (c *Column) high(b *bounds) []byte { return c.encodeBound(b.set, b.maxLong, b.maxText) }

// encodeBound returns bytes that are good until the next call.
func (c *Column) encodeBound(set bool, number int64, text string) []byte {
	c.bound = c.bound[:0]
	switch {
	case !set:
	case c.isText():
		c.bound = append(c.bound, text...)
	case c.kind == plainInt:
		c.bound = binary.LittleEndian.AppendUint32(c.bound, uint32(number))
	default:
		c.bound = binary.LittleEndian.AppendUint64(c.bound, uint64(number))
	}
	return c.bound
}

func (c *Column) compareLow(a, b *bounds) int {
	if c.isText() {
		return strings.Compare(a.minText, b.minText)
	}
	return cmp.Compare(a.minLong, b.minLong)
}

func (c *Column) compareHigh(a, b *bounds) int {
	if c.isText() {
		return strings.Compare(a.maxText, b.maxText)
	}
	return cmp.Compare(a.maxLong, b.maxLong)
}

// appendStatistics writes the chunk's: those of its pages together. Min and max of
// the format's first version, which nobody should read, are left out.
func (c *Column) appendStatistics(t *compact) {
	t.i64(3, int64(c.nulls))
	if !c.bounded() {
		return
	}
	var least, greatest *bounds
	for i := range c.pages {
		b := &c.pages[i].bounds
		if !b.set {
			continue
		}
		if least == nil || c.compareLow(b, least) < 0 {
			least = b
		}
		if greatest == nil || c.compareHigh(b, greatest) > 0 {
			greatest = b
		}
	}
	if least != nil {
		t.binary(5, c.high(greatest))
		t.binary(6, c.low(least))
	}
}
