// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// Classes of bytes at which a value of a rule can be recognised. Most bytes of
// most texts have none, so that one pass over a text finds what is worth a look.
const (
	classDigit = 1 + iota
	classColon
	classKey
	classCapitalA
	classAt
	classPercent
	classJ
	classScheme
)

var classOf = func() (table [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		table[c] = classDigit
	}
	for c, class := range map[byte]uint8{
		':': classColon, '-': classKey, '_': classKey, '.': classKey, 'A': classCapitalA, '@': classAt, '%': classPercent,
		'J': classJ, 'B': classScheme, 'b': classScheme,
	} {
		table[c] = class
	}
	return table
}()

// What the pass met that needs a search of its own.
const (
	metAt = 1 << iota
	metToken
	metScheme
	metURL
	metDashes
)

// scanBuiltIn finds what the built-in rules match. After a number it looks for
// the next one behind it.
func scanBuiltIn(s string, on ruleSet, found []match) []match {
	met, free := 0, 0
	// A key within another one is part of it.
	var keys keyEnds
	for i := 0; i < len(s); i++ {
		class := classOf[s[i]]
		if class == 0 {
			continue
		}
		switch class {
		case classDigit:
			if i >= free {
				found, free = scanNumber(s, i, on, found)
			}
		case classColon:
			if i+1 == len(s) {
				continue
			}
			if s[i+1] == '/' {
				met |= metURL
			}
			if i >= free && on&addresses != 0 && (isHex(s[i+1]) || s[i+1] == ':') {
				if start, end, ok := ipv6At(s, i); ok {
					found, free = append(found, match{start, end, RuleIP}), max(i+1, end)
				}
			}
		case classKey:
			if on&secrets == 0 || i < 2 {
				continue
			}
			if s[i] == '-' && s[i-1] == '-' && s[i-2] == '-' {
				met |= metDashes
			}
			found = keys.after(s, i+1, found)
		case classCapitalA:
			// AKIA, ASIA and AIza begin as their values do.
			if on&secrets != 0 && i+4 < len(s) && (s[i+1] == 'K' || s[i+1] == 'S' || s[i+1] == 'I') {
				found = keys.after(s, i+4, found)
			}
		case classAt:
			met |= metAt
		case classPercent:
			if strings.HasPrefix(s[i:], "%40") {
				met |= metAt
			}
		case classJ:
			if i > 1 && s[i-1] == 'y' {
				met |= metToken
			}
		case classScheme:
			if i+5 < len(s) && (s[i+1] == 'e' || s[i+1] == 'a') {
				met |= metScheme
			}
		}
	}
	return scanMet(s, met, on, found)
}

// scanNumber finds a value at the first digit of a run, and returns where to look
// for the next number.
func scanNumber(s string, i int, on ruleSet, found []match) ([]match, int) {
	end := digitsEnd(s, i)
	rule, start, stop := numberAt(s, i, end, on)
	if rule == "" {
		return found, end
	}
	return append(found, match{start, stop, rule}), max(stop, end)
}

// scanMet makes the searches for what the pass met.
func scanMet(s string, met int, on ruleSet, found []match) []match {
	if met&metAt != 0 && on&emails != 0 {
		found = scanEmails(s, found)
	}
	if on&secrets == 0 {
		return found
	}
	if met&metDashes != 0 {
		found = scanPrivateKeys(s, found)
	}
	if met&metToken != 0 {
		found = scanTokens(s, found)
	}
	if met&metScheme != 0 {
		for _, scheme := range []string{"Bearer ", "bearer ", "Basic ", "basic "} {
			found = scanAuthorization(s, scheme, found)
		}
	}
	if met&metURL != 0 && met&metAt != 0 {
		found = scanURLs(s, found)
	}
	return found
}

func isHex(c byte) bool { return isDigit(c) || c|32 >= 'a' && c|32 <= 'f' }

// quiet tells, at the cost of one pass, that no built-in rule matches anything
// in a text, be it JSON or not. Within JSON a value may be spelt with escapes;
// a text with others than for white space, quotes and backslashes is not quiet.
func (r *Redactor) quiet(s string) bool {
	for at := strings.IndexByte(s, '\\'); at >= 0; {
		for at < len(s) && s[at] == '\\' {
			at++
		}
		if at < len(s) && (s[at] == 'u' || s[at] == '/' || s[at] == 'b' || s[at] == 'f') {
			return false
		}
		next := strings.IndexByte(s[at:], '\\')
		if next < 0 {
			break
		}
		at += next
	}
	var room [4]match
	return len(scanBuiltIn(s, r.on, room[:0])) == 0
}
