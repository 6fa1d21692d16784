// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// validTexts are what was found valid in a push and mostly comes again on span
// after span: to compare it is cheaper.
type validTexts struct {
	// texts are long ones of valid UTF-8, instructions and tools.
	texts [16]string
	// keys are those of a map in order, valid UTF-8 and none twice.
	keys []string
}

// longText is the size from which a text is worth remembering.
const longText = 512

// valid tells whether a text is valid UTF-8. Of a nil receiver nothing is
// remembered.
func (t *validTexts) valid(s string) bool {
	if t == nil || len(s) < longText {
		return validString(s)
	}
	known := &t.texts[len(s)%len(t.texts)]
	if *known == s {
		return true
	}
	if !validString(s) {
		return false
	}
	*known = s
	return true
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

// maxKnownKeys bounds the keys that are remembered.
const maxKnownKeys = 128

// validKeys tells whether a map's keys are valid UTF-8 and none stands twice. Of
// a nil receiver nothing is remembered.
func (t *validTexts) validKeys(m pcommon.Map) bool {
	if t != nil && m.Len() == len(t.keys) && t.sameKeys(m) {
		return true
	}
	if m.Len() > 1 && hasDuplicate(m) {
		return false
	}
	for key := range m.All() {
		if !utf8.ValidString(key) {
			return false
		}
	}
	if t != nil && m.Len() <= maxKnownKeys {
		t.keys = slices.Grow(t.keys[:0], m.Len())
		for key := range m.All() {
			t.keys = append(t.keys, key)
		}
	}
	return true
}

func (t *validTexts) sameKeys(m pcommon.Map) bool {
	at := 0
	for key := range m.All() {
		if key != t.keys[at] {
			return false
		}
		at++
	}
	return true
}
