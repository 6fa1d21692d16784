// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/parquet/metadata"
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

// pageStatistics are those of the values since the last page.
func (c *Column) pageStatistics() metadata.EncodedStatistics {
	s := metadata.EncodedStatistics{HasNullCount: true, NullCount: int64(c.pageNulls), AllNullValue: c.pageNulls == c.pageValues, Signed: true}
	if !c.stats || !c.bounds.set {
		return s
	}
	low, high := c.encodeBounds()
	if len(low) <= maxStatistic && len(high) <= maxStatistic {
		s.SetMin(low).SetMax(high)
	}
	return s
}

func (c *Column) encodeBounds() (low, high []byte) {
	b := &c.bounds
	switch c.kind {
	case plainLong, deltaLong:
		return binary.LittleEndian.AppendUint64(nil, uint64(b.minLong)), binary.LittleEndian.AppendUint64(nil, uint64(b.maxLong))
	case plainInt:
		return binary.LittleEndian.AppendUint32(nil, uint32(b.minLong)), binary.LittleEndian.AppendUint32(nil, uint32(b.maxLong))
	}
	return []byte(b.minText), []byte(b.maxText)
}

// bounded tells whether every page has bounds or no values at all.
func (c *Column) bounded() bool {
	for i := range c.pages {
		if s := &c.pages[i].stats; !s.AllNullValue && !s.HasMin {
			return false
		}
	}
	return c.stats
}

// statistics are the chunk's: those of its pages together.
func (c *Column) statistics() metadata.EncodedStatistics {
	s := metadata.EncodedStatistics{HasNullCount: c.maxRep == 0, NullCount: int64(c.nulls), Signed: true}
	if !c.bounded() {
		return s
	}
	for i := range c.pages {
		p := &c.pages[i].stats
		if !p.HasMin {
			continue
		}
		if !s.HasMin || c.less(p.Min, s.Min) {
			s.SetMin(p.Min)
		}
		if !s.HasMax || c.less(s.Max, p.Max) {
			s.SetMax(p.Max)
		}
	}
	return s
}

func (c *Column) less(a, b []byte) bool {
	switch c.kind {
	case plainLong, deltaLong:
		return int64(binary.LittleEndian.Uint64(a)) < int64(binary.LittleEndian.Uint64(b))
	case plainInt:
		return int32(binary.LittleEndian.Uint32(a)) < int32(binary.LittleEndian.Uint32(b))
	}
	return bytes.Compare(a, b) < 0
}
