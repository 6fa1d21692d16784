// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/genai"
)

// Style is what a text looks like, as numbers; NaN for an empty text.
type Style struct {
	// Chars counts characters, Words words, Lines lines that are not blank.
	Chars, Words, Lines float64
	// DigitShare is the share of characters that are digits.
	DigitShare float64
	// The others are 1 or 0: a code fence, a bulleted or numbered list, text
	// that parses as JSON, an answer tag like [Yes] or (A), an end with
	// punctuation, a first character in upper case.
	Fence, Bullets, JSON, Tag, EndsPunctuated, Capitalised float64
}

func noStyle() Style {
	n := math.NaN()
	return Style{n, n, n, n, n, n, n, n, n, n}
}

// maxStyled bounds how much of a text its style is read from.
const maxStyled = 1 << 16

// StyleOf measures a text.
func StyleOf(text string) Style {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return noStyle()
	}
	s := Style{Chars: float64(utf8.RuneCountInString(text))}
	if len(trimmed) > maxStyled {
		trimmed = trimmed[:maxStyled]
	}
	digits, runes := 0.0, 0.0
	for _, r := range trimmed {
		runes++
		if unicode.IsDigit(r) {
			digits++
		}
	}
	s.DigitShare = digits / runes
	for line := range strings.Lines(trimmed) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		s.Lines++
		if isListItem(line) {
			s.Bullets = 1
		}
	}
	for range strings.FieldsSeq(trimmed) {
		s.Words++
	}
	s.Fence = flag(strings.Contains(trimmed, "```"))
	s.JSON = flag((trimmed[0] == '{' || trimmed[0] == '[') && genai.ValidJSON(trimmed))
	s.Tag = flag(hasTag(trimmed))
	last, _ := utf8.DecodeLastRuneInString(trimmed)
	s.EndsPunctuated = flag(strings.ContainsRune(".!?。！？…", last))
	first, _ := utf8.DecodeRuneInString(trimmed)
	s.Capitalised = flag(unicode.IsUpper(first))
	return s
}

func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func isListItem(line string) bool {
	if rest := strings.TrimLeft(line, "-*•"); len(rest) < len(line) && strings.HasPrefix(rest, " ") {
		return true
	}
	number := strings.TrimLeft(line, "0123456789")
	return len(number) < len(line) && (strings.HasPrefix(number, ". ") || strings.HasPrefix(number, ") "))
}

// hasTag finds a short word in brackets, as prompts ask answers to be marked.
func hasTag(text string) bool {
	for _, pair := range []string{"[]", "()"} {
		rest := text
		for {
			start := strings.IndexByte(rest, pair[0])
			if start < 0 {
				break
			}
			rest = rest[start+1:]
			end := strings.IndexByte(rest, pair[1])
			if end < 0 {
				break
			}
			if word := rest[:end]; end > 0 && end <= 12 && isWord(word) && (pair == "[]" || end <= 2) {
				return true
			}
		}
	}
	return false
}

func isWord(text string) bool {
	for _, r := range text {
		if !unicode.IsLetter(r) {
			return false
		}
	}
	return true
}
