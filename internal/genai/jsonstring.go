// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "math/bits"

// Eight bytes at a time: a byte's highest bit is set where it holds.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// load reads eight bytes from i on.
func load(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainUntil returns the index of the first quote, backslash or control
// character at or after i; len(s) when there is none. Nearly all of the text on
// a span stands between two of them.
func plainUntil(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		w := load(s, i)
		quote, backslash := w^(lowBits*'"'), w^(lowBits*'\\')
		// A mark may be wrong above a right one, by a borrow: the lowest is right.
		found := ((quote-lowBits)&^quote | (backslash-lowBits)&^backslash | (w-lowBits*' ')&^w) & highBits
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return len(s)
}
