// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

// validTexts are what was found valid in a push and mostly comes again on span
// after span: to compare it is cheaper.
type validTexts struct {
	// texts are long ones of valid UTF-8: instructions and tools.
	texts [2][16]string
	// list has valid texts only.
	list []string
}

// longText is the size from which a text is worth remembering.
const longText = 512

// known tells whether a text of a kind is valid UTF-8, and returns the copy of it
// that came first if it is remembered.
func (t *validTexts) known(kind int, s string) (string, bool) {
	if len(s) < longText {
		return s, validString(s)
	}
	known := &t.texts[kind][len(s)%len(t.texts[kind])]
	if *known == s {
		return *known, true
	}
	if !validString(s) {
		return s, false
	}
	*known = s
	return s, true
}

// validString is utf8.ValidString, faster where much of a text is ASCII.
func validString(s string) bool {
	const step, highBits = 32, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for len(b) >= step {
		any := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if any&highBits != 0 {
			break
		}
		b = b[step:]
	}
	return utf8.Valid(b)
}
