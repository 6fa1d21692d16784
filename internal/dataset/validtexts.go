// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import "unicode/utf8"

// validTexts are long texts that were found to be valid UTF-8: instructions and
// tools come again on span after span, and to compare them is cheaper.
type validTexts [16]string

// longText is the size from which a text is worth remembering.
const longText = 512

// valid tells whether a text is valid UTF-8. Of a nil receiver nothing is
// remembered.
func (t *validTexts) valid(s string) bool {
	if t == nil || len(s) < longText {
		return utf8.ValidString(s)
	}
	known := &t[len(s)%len(t)]
	if *known == s {
		return true
	}
	if !utf8.ValidString(s) {
		return false
	}
	*known = s
	return true
}
