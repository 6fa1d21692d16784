// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"math/bits"
)

// appendLevels appends definition or repetition levels of a data page of version
// 1: their size, then the levels as RLE and bit-packed runs.
func appendLevels(dst []byte, levels []uint8, highest uint8) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendHybrid(dst, levels, bits.Len8(highest))
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// minRun is the length from which a run of equal values is worth one of its own.
const minRun = 8

// appendHybrid appends values in the RLE and bit-packing hybrid: runs of equal
// values as such, all others packed in groups of eight.
func appendHybrid[T uint8 | int32](dst []byte, values []T, width int) []byte {
	packed := 0
	for i := 0; i < len(values); {
		run := i + 1
		for run < len(values) && values[run] == values[i] {
			run++
		}
		// Packed values come in eights: the run gives some away to fill the
		// last group before it.
		fill := (8 - (i-packed)%8) % 8
		if run-i-fill < minRun {
			i = run
			continue
		}
		dst = appendPacked(dst, values[packed:i+fill], width)
		dst = binary.AppendUvarint(dst, uint64(run-i-fill)<<1)
		for shift := 0; shift < width; shift += 8 {
			dst = append(dst, byte(uint64(values[i])>>shift))
		}
		i, packed = run, run
	}
	return appendPacked(dst, values[packed:], width)
}

// appendPacked appends bit-packed groups of eight values, the last one filled
// with zeros.
func appendPacked[T uint8 | int32](dst []byte, values []T, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	var word uint64
	used := 0
	for _, v := range values {
		word |= uint64(v) << used
		for used += width; used >= 8; used -= 8 {
			dst = append(dst, byte(word))
			word >>= 8
		}
	}
	for rest := groups*8 - len(values); rest > 0; rest-- {
		for used += width; used >= 8; used -= 8 {
			dst = append(dst, byte(word))
			word >>= 8
		}
	}
	return dst
}

// appendBits appends booleans, the first one in the lowest bit.
func appendBits(dst []byte, values []bool) []byte {
	for i, v := range values {
		if i%8 == 0 {
			dst = append(dst, 0)
		}
		if v {
			dst[len(dst)-1] |= 1 << (i % 8)
		}
	}
	return dst
}
