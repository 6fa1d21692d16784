// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	filterBlock = 32
	maxFilter   = 1 << 20
	// falsePositives is the share of absent values that a filter lets through.
	falsePositives = 0.01
)

// salts are the format's, one for each word of a block.
var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// filterSize is the size of a filter of so many distinct values: a power of two.
func filterSize(distinct int) int {
	size := -float64(distinct) / math.Log(1-math.Pow(falsePositives, 1.0/8))
	if size >= maxFilter {
		return maxFilter
	}
	return 1 << bits.Len(uint(max(size, filterBlock))-1)
}

// appendFilter appends a split block bloom filter of the hashes with its header.
// It is made for as many distinct values as there are hashes, then folded to the
// size for those that there were.
func (c *Column) appendFilter(dst []byte) []byte {
	size := filterSize(len(c.hashes))
	c.filter = append(c.filter[:0], make([]uint32, size/4)...)
	distinct := 0
	for _, hash := range c.hashes {
		if insert(c.filter, hash) {
			distinct++
		}
	}
	words := c.filter
	for want := filterSize(distinct); size > want; size /= 2 {
		words = fold(words)
	}
	t := &compact{dst: dst}
	t.i32(1, int32(size))
	// Algorithm, hash and compression: block, xxHash and none.
	for field := 2; field <= 4; field++ {
		outer := t.begin(field)
		t.end(t.begin(1))
		t.end(outer)
	}
	t.end(0)
	for _, word := range words {
		t.dst = binary.LittleEndian.AppendUint32(t.dst, word)
	}
	return t.dst
}

// insert adds a hash and tells whether that changed the filter.
func insert(words []uint32, hash uint64) (changed bool) {
	at := (hash >> 32) * uint64(len(words)/8) >> 32
	block := (*[8]uint32)(words[at*8:])
	fresh := uint32(0)
	for i, salt := range salts {
		bit := uint32(1) << (uint32(hash) * salt >> 27)
		fresh |= bit &^ block[i]
		block[i] |= bit
	}
	return fresh != 0
}

// fold makes a filter half as large, which is what the hashes would have made of
// it: two neighbours become one block.
func fold(words []uint32) []uint32 {
	for i := range len(words) / 16 {
		for k := range 8 {
			words[i*8+k] = words[i*16+k] | words[i*16+8+k]
		}
	}
	return words[:len(words)/2]
}
