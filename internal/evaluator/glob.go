// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import "unicode/utf8"

// Glob tells whether text matches a pattern in which * stands for any text and
// ? for one character; everything else, slashes included, stands for itself. It
// takes at most len(pattern) * len(text) steps.
func Glob(pattern, text string) bool {
	p, t := 0, 0
	star, retry := -1, 0
	for t < len(text) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, retry = p, t
				p++
				continue
			}
			if size := matchOne(pattern[p:], text[t:]); size > 0 {
				if pattern[p] == '?' {
					p++
				} else {
					p += size
				}
				t += size
				continue
			}
		}
		if star < 0 {
			return false
		}
		// Let the last star take one character more.
		_, size := utf8.DecodeRuneInString(text[retry:])
		retry += size
		p, t = star+1, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne returns the size of the text's first character when the pattern's
// first one stands for it, else 0.
func matchOne(pattern, text string) int {
	_, size := utf8.DecodeRuneInString(text)
	if pattern[0] == '?' || len(pattern) >= size && pattern[:size] == text[:size] {
		return size
	}
	return 0
}
