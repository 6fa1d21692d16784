// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package report prints results: aligned text for terminals, JSON, CSV and
// self-contained HTML. All text may come from spans and is made harmless.
package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// EscapeTerminal makes text harmless for a terminal: control characters, among
// them those that begin escape sequences, characters that change the direction
// of text and other invisible ones are shown as \u escapes. Line breaks, tabs
// and the joiners of emoji and of many scripts stay.
func EscapeTerminal(s string) string {
	if !strings.ContainsFunc(s, isHostile) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isHostile(r) {
			writeEscape(&b, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isHostile tells which characters are shown as escapes.
func isHostile(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case '\u2028', '\u2029':
		return true
	}
	return r < ' ' || r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

const digits = "0123456789abcdef"

// writeEscape writes a character as \u00ab, or \U000e0001 beyond 16 bits.
func writeEscape(b *strings.Builder, r rune) {
	shift := 12
	b.WriteByte('\\')
	if r > 0xffff {
		shift = 28
		b.WriteByte('U')
	} else {
		b.WriteByte('u')
	}
	for ; shift >= 0; shift -= 4 {
		b.WriteByte(digits[(r>>shift)&15])
	}
}

// Width is the number of columns that text takes in a terminal.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Truncate cuts text to a number of columns and marks the cut; a limit of 0 or
// below cuts nothing.
func Truncate(s string, columns int) string {
	if columns <= 0 || len(s) <= columns {
		return s
	}
	n, cut := 0, 0
	for i, r := range s {
		w := runeWidth(r)
		if n+w > columns {
			return s[:cut] + "…"
		}
		if n += w; n < columns {
			cut = i + utf8.RuneLen(r)
			if r == utf8.RuneError {
				cut = i + 1
			}
		}
	}
	return s
}

// bytesPerColumn bounds how much of a cell is looked at: more bytes in a column
// are stacked marks or escape sequences.
const bytesPerColumn = 16

// breaks shows the end of a line within a cell.
var breaks = strings.NewReplacer("\r\n", "⏎", "\n", "⏎", "\t", " ")

// cellText makes one harmless line of at most so many columns.
func cellText(s string, columns int) string {
	if bound := bytesPerColumn * (columns + 1); columns > 0 && len(s) > bound {
		s = strings.ToValidUTF8(s[:bound], "") + "…"
	}
	return Truncate(EscapeTerminal(breaks.Replace(s)), columns)
}
