// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package report prints results: aligned text for terminals, JSON, CSV and
// self-contained HTML. All text may come from spans and is made harmless.
package report

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// EscapeTerminal makes text harmless for a terminal: control characters, among
// them those that begin escape sequences, and characters that change the
// direction of text are shown as \u escapes. Line breaks and tabs stay.
func EscapeTerminal(s string) string {
	if !strings.ContainsFunc(s, isHostile) && strings.ToValidUTF8(s, "") == s {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		if !isHostile(r) {
			b.WriteRune(r)
			continue
		}
		const digits = "0123456789abcdef"
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(digits[(r>>shift)&15])
		}
	}
	return b.String()
}

func isHostile(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// cellText makes one line of a cell's text.
func cellText(s string) string {
	return EscapeTerminal(strings.NewReplacer("\r\n", "⏎", "\n", "⏎", "\t", " ").Replace(s))
}

// Width is the number of columns that text takes in a terminal.
func Width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func isWide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// Truncate cuts text to a number of columns and marks the cut.
func Truncate(s string, columns int) string {
	if columns <= 0 || Width(s) <= columns {
		return s
	}
	n := 0
	for i, r := range s {
		w := Width(string(r))
		if n+w > columns-1 {
			return s[:i] + "…"
		}
		n += w
	}
	return s
}
