// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"math/bits"
)

// Sizes of DELTA_BINARY_PACKED: a block is four miniblocks.
const (
	deltaBlock = 128
	deltaMinis = 4
	deltaMini  = deltaBlock / deltaMinis
)

// appendDelta appends numbers as DELTA_BINARY_PACKED. Differences wrap around
// as the format wants.
func appendDelta(dst []byte, values []int64) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaMinis)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return binary.AppendVarint(dst, 0)
	}
	dst = binary.AppendVarint(dst, values[0])
	var deltas [deltaBlock]int64
	for at := 1; at < len(values); at += deltaBlock {
		n := min(deltaBlock, len(values)-at)
		least := values[at] - values[at-1]
		for i := range n {
			deltas[i] = values[at+i] - values[at+i-1]
			least = min(least, deltas[i])
		}
		dst = appendDeltaBlock(dst, deltas[:n], least)
	}
	return dst
}

func appendDeltaBlock(dst []byte, deltas []int64, least int64) []byte {
	dst = binary.AppendVarint(dst, least)
	widths := len(dst)
	dst = append(dst, make([]byte, deltaMinis)...)
	for mini := range deltaMinis {
		if mini*deltaMini >= len(deltas) {
			break
		}
		part := deltas[mini*deltaMini : min(len(deltas), (mini+1)*deltaMini)]
		var all uint64
		for _, d := range part {
			all |= uint64(d - least)
		}
		width := bits.Len64(all)
		dst[widths+mini] = byte(width)
		dst = appendMini(dst, part, least, width)
	}
	return dst
}

// appendMini packs a miniblock, filled with zeros to its full length.
func appendMini(dst []byte, deltas []int64, least int64, width int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, width*deltaMini/8)...)
	packed := dst[start:]
	for i, d := range deltas {
		v, at := uint64(d-least), i*width
		for left := width; left > 0; {
			free := 8 - at%8
			packed[at/8] |= byte(v << (at % 8))
			v >>= free
			at += free
			left -= free
		}
	}
	return dst
}
