// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/wire"
)

// limits are lengths at which software cuts attributes.
var limits = []int{128, 256, 512, 1000, 1024, 2048, 4000, 4095, 4096, 8000, 8192, 10000, 12000, 16384, 32766, 32768, 65535, 65536}

// Marks of what cuts and redacts text. Words in angle brackets are capitals, as
// Presidio and its like write them: prompts are full of small ones.
var (
	cutMarks    = regexp.MustCompile(`(?i)\[truncated[^\]]{0,40}\]|<truncated>|\.\.\.\s*\(truncated|\(\d+ (?:more )?(?:chars|characters|bytes) (?:truncated|omitted)\)`)
	ellipses    = regexp.MustCompile(`\[(?:\.\.\.|…)\]`)
	redactMarks = regexp.MustCompile(`(?i:\[(?:redacted|masked|removed|filtered|pii)[^\]]{0,40}\]|<redacted>|<masked>)|\bREDACTED\b|` +
		`<(?:PII|EMAIL|PHONE|SSN|US|UK|CREDIT_CARD|CRYPTO|IBAN|IP|PERSON|NAME|ADDRESS|LOCATION|DATE_TIME|NRP|MEDICAL)(?:_[A-Z]+)*(?:_\d+)?>`)
	asterisks = regexp.MustCompile(`\*{6,}`)
)

func (c *checker) text(text wire.Text) {
	if mark := cutMarks.FindString(text.Text); mark != "" {
		c.add(wire.Error, "truncated", text.Pointer, "the text holds the mark "+quote(mark)+": it was cut")
	} else if mark := ellipses.FindString(text.Text); mark != "" {
		c.add(wire.Warning, "truncated", text.Pointer, "the text holds "+quote(mark)+": it may have been cut")
	}
	mark := redactMarks.FindString(text.Text)
	if mark == "" {
		mark = masked(text.Text)
	}
	if mark != "" {
		c.add(wire.Error, "redacted", text.Pointer, "the text holds "+quote(mark)+": it was redacted, a replay would send another text")
	}
	if slices.Contains(limits, len(text.Text)) && len(text.Text) >= 1000 {
		c.add(wire.Warning, "length-at-limit", text.Pointer, "the text is exactly as long as a common limit: its end may be missing")
	}
}

// masked returns asterisks that stand for a text: those beside a letter or a
// digit, and those in a line that does not begin with asterisks, as headings and
// separators do.
func masked(text string) string {
	for rest := text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		heading := strings.HasPrefix(strings.TrimSpace(line), "*")
		for _, at := range asterisks.FindAllStringIndex(line, -1) {
			before, _ := utf8.DecodeLastRuneInString(line[:at[0]])
			next, _ := utf8.DecodeRuneInString(line[at[1]:])
			if isWord(before) || isWord(next) || !heading && strings.IndexFunc(line, isWord) >= 0 {
				return line[at[0]:at[1]]
			}
		}
	}
	return ""
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
