// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Eight characters of ASCII at a time, of which the highest bit of a byte marks
// those that are looked for.
const (
	everyByte = 0x0101010101010101
	highBits  = everyByte << 7
)

// load reads eight bytes from i on.
func load(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// runeCount is utf8.RuneCountInString for texts that are mostly ASCII.
func runeCount(text string) (n int) {
	for i := 0; i < len(text); n++ {
		if i+8 <= len(text) && load(text, i)&highBits == 0 {
			i, n = i+8, n+7
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return n
}

// wordCount counts what stands between white space, as strings.Fields does.
func wordCount(text string) (n int) {
	// before is the mark of the character before: white space at first.
	before := uint64(highBits >> 56)
	for i := 0; i < len(text); {
		if i+8 <= len(text) {
			if w := load(text, i); w&highBits == 0 {
				spaces := spacesIn(w)
				n += bits.OnesCount64(^spaces & (spaces<<8 | before) & highBits)
				before = spaces >> 56
				i += 8
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		isSpace := unicode.IsSpace(r)
		if !isSpace && before != 0 {
			n++
		}
		if before = 0; isSpace {
			before = highBits >> 56
		}
		i += size
	}
	return n
}

// spacesIn marks the white space among eight characters of ASCII: the blank, and
// tab to carriage return.
func spacesIn(w uint64) uint64 {
	// Bytes below 0x80 do not carry into their neighbours here.
	notBlank := (w ^ everyByte*' ') + everyByte*0x7f
	fromTab, afterReturn := w+everyByte*(0x80-'\t'), w+everyByte*(0x80-'\r'-1)
	return (^notBlank | fromTab&^afterReturn) & highBits
}
