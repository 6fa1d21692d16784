// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestEscapeTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"plain, ünï 日本 😀":             "plain, ünï 日本 😀",
		"two\nlines\tand a tab":       "two\nlines\tand a tab",
		"\x1b[31mred\x1b[0m":          `\u001b[31mred\u001b[0m`,
		"\x1b]0;title\a":              `\u001b]0;title\u0007`,
		"\u009b31m":                   `\u009b31m`,
		"back\bspace\rreturn\x00\x7f": `back\u0008space\u000dreturn\u0000\u007f`,
		"user\u202egnp.exe":           `user\u202egnp.exe`,
		"\u2066isolate\u2069\u200f":   `\u2066isolate\u2069\u200f`,
		"zero\u200bwidth\ufeff\u00ad": `zero\u200bwidth\ufeff\u00ad`,
		"line\u2028par\u2029":         `line\u2028par\u2029`,
		"tag \U000e0041":              `tag \U000e0041`,
		"می\u200cخواهم 👩\u200d🚀":      "می\u200cخواهم 👩\u200d🚀",
		"bad \xff utf8 \xc3":          "bad \ufffd utf8 \ufffd",
		"\xe2\x80":                    "\ufffd\ufffd",
	} {
		assert.Equal(t, want, EscapeTerminal(in), "%q", in)
	}
}

func TestWidth(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "é": 1, "😀": 2, "…": 1, "a\u200db": 2, "Ａ": 2} {
		assert.Equal(t, want, Width(in), "%q", in)
	}
}

func TestTruncate(t *testing.T) {
	for _, test := range []struct {
		in      string
		columns int
		want    string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abcd", 1, "…"}, {"abcd", 0, "abcd"}, {"abcd", -1, "abcd"},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 2, "…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		assert.Equal(t, test.want, Truncate(test.in, test.columns), "%q %d", test.in, test.columns)
	}
}

func TestCellTextIsOneBoundedLine(t *testing.T) {
	assert.Equal(t, "a⏎b c⏎", cellText("a\r\nb\tc\n", 60))
	huge := strings.Repeat("\u0301", 5<<20)
	assert.LessOrEqual(t, len(cellText(huge, 60)), bytesPerColumn*61+len("…"))
	assert.Equal(t, strings.Repeat("x", 59)+"…", cellText(strings.Repeat("x", 5<<20), 60))
	assert.NotContains(t, cellText(strings.Repeat("\x1b[31m", 1<<20), 60), "\x1b")
}

func FuzzEscapeTerminal(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[2J", "\u202e", "\xff", "日本", "\U000e0001", "a\nb\r"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, s string, columns int) {
		escaped := EscapeTerminal(s)
		if !utf8.ValidString(escaped) {
			t.Fatalf("invalid UTF-8: %q", escaped)
		}
		for _, r := range escaped {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Fatalf("%q lets %U through", s, r)
			}
		}
		if again := EscapeTerminal(escaped); again != escaped {
			t.Fatalf("not idempotent: %q, %q", escaped, again)
		}
		columns %= 1000
		if cell := cellText(s, columns); columns > 0 && Width(cell) > columns || strings.ContainsAny(cell, "\n\r\t\x1b") {
			t.Fatalf("%q in %d columns: %q", s, columns, cell)
		}
	})
}
