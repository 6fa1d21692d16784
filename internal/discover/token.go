// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Types of what a slot holds.
const (
	TypeText   = "text"
	TypeDate   = "date"
	TypeTime   = "time"
	TypeNumber = "number"
	TypeID     = "id"
	TypeEmail  = "email"
	TypeName   = "name"
)

// token is a piece of a text; the tokens of a text together are the text.
type token struct {
	text string
	// class is the type of a value that changes from call to call; "" for a word,
	// white space or a sign.
	class string
	// letters counts letters and digits of a token without a class.
	letters int
}

// always tells classes that are slots even where one value was seen only: the
// next day has another date. A number or short id that never changed is text.
func always(class string) bool { return class != "" && class != TypeNumber && class != TypeID }

const (
	clockPattern = `[0-2]?\d:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?`
	monthPattern = `(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?`
	dayPattern   = `(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?`
	dayNumber    = `[0-3]?\d(?:st|nd|rd|th)?`
)

// typed are the values that are known by their shape, the longest reading first.
var typed = []struct {
	class string
	shape *regexp.Regexp
}{
	{TypeEmail, regexp.MustCompile(`^[\pL\pN_.+%-]+@[\pL\pN_-]+(?:\.[\pL\pN_-]+)+`)},
	{TypeID, regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b`)},
	{TypeDate, regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:[T ]` + clockPattern + `)?`)},
	{TypeDate, regexp.MustCompile(`^(?:` + dayPattern + `,? (?:the )?)?(?:` + dayNumber + ` (?:of )?` + monthPattern + `(?:,? \d{4}\b)?|` +
		monthPattern + ` (?:` + dayNumber + `\b(?:,? \d{4}\b)?|\d{4}\b))(?:(?:,| at|,? um)? ` + clockPattern + `)?`)},
	{TypeDate, regexp.MustCompile(`^\d{1,4}[/.]\d{1,2}[/.]\d{2,4}\b(?:,? ` + clockPattern + `)?`)},
	{TypeDate, regexp.MustCompile(`^(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b`)},
	{TypeTime, regexp.MustCompile(`^` + clockPattern)},
}

// tokens cuts a text. Lines that begin with a label such as "User:" name somebody.
func tokens(text string) []token {
	out := make([]token, 0, 16+len(text)/3)
	lineStart := true
	for i := 0; i < len(text); {
		rest := text[i:]
		if lineStart {
			if n := labelled(rest); n > 0 {
				out, i = labelledLine(out, text, i, n)
				lineStart = false
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '\n':
			out = append(out, token{text: rest[:1]})
			lineStart = true
			i++
		case unicode.IsSpace(r):
			n := size
			for n < len(rest) {
				r, size := utf8.DecodeRuneInString(rest[n:])
				if !unicode.IsSpace(r) || r == '\n' {
					break
				}
				n += size
			}
			out = append(out, token{text: rest[:n]})
			i += n
		case isWord(r):
			t := word(rest)
			out = append(out, t)
			i += len(t.text)
			lineStart = false
		default:
			out = append(out, token{text: rest[:size]})
			i += size
			lineStart = false
		}
	}
	return out
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// word reads a word or a value at the begin of a text.
func word(text string) token {
	end, digits, letters := 0, 0, 0
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if !isWord(r) {
			break
		}
		if unicode.IsDigit(r) {
			digits++
		} else {
			letters++
		}
		end += size
	}
	if mayBeTyped(text, end, digits) {
		for _, t := range typed {
			if found := t.shape.FindString(head(text)); found != "" {
				return token{text: found, class: t.class}
			}
		}
	}
	if digits > 0 || end < len(text) && text[end] == '-' {
		if t, ok := withDigits(text, end); ok {
			return t
		}
	}
	return token{text: text[:end], letters: digits + letters}
}

// head bounds what the shapes look at.
func head(text string) string { return text[:min(len(text), 200)] }

// mayBeTyped tells words at which a shape may begin without trying them all.
func mayBeTyped(text string, end, digits int) bool {
	if digits > 0 || end < len(text) && strings.IndexByte("@.+-%", text[end]) >= 0 {
		return true
	}
	if end < 3 || end > 9 {
		return false
	}
	switch strings.ToLower(text[:3]) {
	case "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon", "tue", "wed", "thu", "fri", "sat", "sun":
		return true
	}
	return false
}

// withDigits reads a number or an id. A word such as v2 or gpt is none.
func withDigits(text string, end int) (token, bool) {
	// Joints within: 3,000.50, ORD-4711-A, usr_8f3k.
	for end < len(text) {
		n := end
		if strings.IndexByte("-.,:/", text[n]) < 0 || n+1 == len(text) {
			break
		}
		r, _ := utf8.DecodeRuneInString(text[n+1:])
		if !isWord(r) || (text[n] == ',' || text[n] == ':' || text[n] == '/') && !unicode.IsDigit(r) {
			break
		}
		n++
		for n < len(text) {
			r, size := utf8.DecodeRuneInString(text[n:])
			if !isWord(r) {
				break
			}
			n += size
		}
		end = n
	}
	whole := text[:end]
	digits, letters := 0, 0
	for _, r := range whole {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	switch {
	case digits == 0:
		return token{}, false
	case letters == 0:
		return token{text: whole, class: TypeNumber, letters: digits}, true
	case digits >= 3 && digits+letters >= 6:
		return token{text: whole, class: TypeID, letters: digits + letters}, true
	}
	return token{}, false
}

// labels begin lines whose rest names somebody, as for fingerprints.
var labels = []string{"user:", "username:", "user name:", "user id:", "user email:", "customer:", "customer name:", "customer id:"}

func labelled(line string) int {
	if len(line) < 5 || line[0]|0x20 != 'u' && line[0]|0x20 != 'c' {
		return 0
	}
	for _, label := range labels {
		if len(line) > len(label) && strings.EqualFold(line[:len(label)], label) {
			return len(label)
		}
	}
	return 0
}

// labelledLine takes a label, the blanks behind it and the rest of its line.
func labelledLine(out []token, text string, at, label int) ([]token, int) {
	end := len(text)
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		end = at + n
	}
	value := strings.TrimSpace(text[at+label : end])
	if value == "" {
		return append(out, token{text: text[at:end], letters: label - 1}), end
	}
	start := at + label + strings.Index(text[at+label:end], value)
	out = append(out, token{text: text[at:start], letters: label - 1}, token{text: value, class: TypeName})
	if rest := text[start+len(value) : end]; rest != "" {
		out = append(out, token{text: rest})
	}
	return out, end
}
