// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

// fingerprintPrefix begins names and versions that stand for a fixed text.
const fingerprintPrefix = "fp-"

// fingerprint hashes a text with numbers, dates, ids, addresses and labelled user
// names taken out; it is empty for a text of nothing else.
func fingerprint(text string) string {
	fixed := normalise(text)
	if fixed == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(fixed))
	return registry.HashPrefix + hex.EncodeToString(sum[:])
}

// normalise writes a text as its fixed part: what usually changes from request
// to request becomes a mark, and white space counts once.
func normalise(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	lineStart, afterNumber := true, false
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			lineStart = true
			i++
			blank(&b)
		case c == ' ' || c == '\t' || c == '\r':
			i++
			blank(&b)
		case lineStart && labelled(text[i:]) > 0:
			n := labelled(text[i:])
			b.WriteString(text[i : i+n])
			b.WriteByte('#')
			i += n
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(text)
			}
			lineStart = false
		case isWord(c):
			end := wordEnd(text, i)
			mark := classify(text[i:end], afterNumber)
			afterNumber = strings.HasPrefix(mark, "#")
			b.WriteString(mark)
			i = end
			lineStart = false
		default:
			b.WriteByte(c)
			i++
			lineStart = false
		}
	}
	return strings.TrimSpace(b.String())
}

// blank writes one space between words.
func blank(b *strings.Builder) {
	if s := b.String(); s != "" && s[len(s)-1] != ' ' {
		b.WriteByte(' ')
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// wordEnd finds the end of a word, which may hold joints like those of
// 2026-01-02T10:00, 3,000.50, ann@example.org and a-b.
func wordEnd(text string, i int) int {
	for i < len(text) {
		if isWord(text[i]) {
			i++
			continue
		}
		if strings.IndexByte("-:.,@/+%", text[i]) < 0 || i+1 == len(text) || !isWord(text[i+1]) {
			return i
		}
		i++
	}
	return i
}

// classify returns a word, or the mark for what it is.
func classify(word string, afterNumber bool) string {
	digits, letters, at := 0, 0, false
	for i := range len(word) {
		switch c := word[i]; {
		case isDigit(c):
			digits++
		case c == '@':
			at = true
		case isWord(c):
			letters++
		}
	}
	switch {
	case at:
		return "@"
	case digits == 0:
		return calendar(word, afterNumber)
	case letters == 0 || isTimestamp(word) || isIdentifier(word, digits):
		return "#"
	}
	return maskDigits(word)
}

// isTimestamp knows 2026-01-02T10:00:00Z, 10:30am and 3rd by their begin and
// the few letters they have.
func isTimestamp(word string) bool {
	if !isDigit(word[0]) {
		return false
	}
	letters := strings.ToLower(strings.Map(func(r rune) rune {
		if r < 0x80 && (isDigit(byte(r)) || !isWord(byte(r))) {
			return -1
		}
		return r
	}, word))
	switch letters {
	case "t", "tz", "z", "am", "pm", "st", "nd", "rd", "th", "ms", "s", "h":
		return true
	}
	return false
}

// isIdentifier knows UUIDs, hashes and other long words of digits and letters.
func isIdentifier(word string, digits int) bool {
	if len(word) < 16 || digits < 4 {
		return false
	}
	for i := range len(word) {
		if c := word[i]; !isWord(c) && c != '-' {
			return false
		}
	}
	return true
}

// maskDigits writes each run of digits as one mark.
func maskDigits(word string) string {
	var b strings.Builder
	for i := range len(word) {
		switch {
		case !isDigit(word[i]):
			b.WriteByte(word[i])
		case i == 0 || !isDigit(word[i-1]):
			b.WriteByte('0')
		}
	}
	return b.String()
}

// calendar marks names of months and days, and am and pm after a number.
func calendar(word string, afterNumber bool) string {
	if len(word) > 9 {
		return word
	}
	switch strings.ToLower(word) {
	case "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
		"december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun":
		return "#"
	case "am", "pm":
		if afterNumber {
			return "#"
		}
	}
	return word
}

// labelled returns the length of a line's label when the rest of the line names
// a user, else 0.
func labelled(line string) int {
	if len(line) < 5 || (line[0]|0x20 != 'u' && line[0]|0x20 != 'c') {
		return 0
	}
	for _, label := range [...]string{"user:", "username:", "user name:", "user id:", "user email:", "customer:", "customer name:", "customer id:"} {
		if len(line) >= len(label) && strings.EqualFold(line[:len(label)], label) {
			return len(label)
		}
	}
	return 0
}

// Fingerprint is the hash of a text's fixed part, as on the fingerprint rung; empty
// for a text without one.
func Fingerprint(text string) string { return fingerprint(text) }
