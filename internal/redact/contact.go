// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// scanEmails finds addresses around @, or %40 as in URLs.
func scanEmails(s string, found []match) []match {
	for _, sign := range []string{"@", "%40"} {
		for from := 0; from < len(s); {
			at := strings.Index(s[from:], sign)
			if at < 0 {
				break
			}
			at += from
			if start, end, ok := emailAt(s, from, at, at+len(sign)); ok {
				found = append(found, match{start, end, RuleEmail})
			}
			from = at + len(sign)
		}
	}
	return found
}

func isLocalByte(c byte) bool {
	return isAlnum(c) || c >= 0x80 || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\''
}

// emailAt finds the address whose sign is s[at:after] and that begins at low or
// later.
func emailAt(s string, low, at, after int) (start, end int, ok bool) {
	for start = at; start > low && isLocalByte(s[start-1]); start-- {
	}
	if start > 0 && s[start-1] == '\\' && start+1 < at && strings.IndexByte("ntrbf", s[start]) >= 0 {
		start++
	}
	for start < at && !isAlnum(s[start]) && s[start] < 0x80 && s[start] != '_' {
		start++
	}
	end = domainEnd(s, after)
	return start, end, start < at && end > after
}

// domainEnd is the end of the domain of two labels or more that begins at i, the
// last of letters; i when there is none.
func domainEnd(s string, i int) int {
	end, label := i, i
	for at := i; ; at++ {
		if at < len(s) && (isAlnum(s[at]) || s[at] >= 0x80 || s[at] == '-' && at > label) {
			continue
		}
		stop := at
		for stop > label && s[stop-1] == '-' {
			stop--
		}
		if label > i && isTopLevel(s[label:stop]) {
			end = stop
		}
		if at >= len(s) || s[at] != '.' || at == label {
			return end
		}
		label = at + 1
	}
}

// isTopLevel tells whether a label is two letters or more, or punycode.
func isTopLevel(label string) bool {
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	for i := range len(label) {
		if !isLetter(label[i]) && label[i] < 0x80 {
			return false
		}
	}
	return len(label) >= 2
}

// maxPhone is the most digits of a telephone number (ITU-T E.164).
const maxPhone = 15

// phoneAt finds a telephone number at the run of digits s[i:end]: international
// with + or 00, North American in groups of three, three and four, or with a
// leading 0 and groups. Digits in one piece without + are no telephone number:
// they can be anything.
func phoneAt(s string, i, end int) (start, stop int) {
	start = i
	if i > 0 && s[i-1] == '(' {
		start = i - 1
	}
	international := start > 0 && s[start-1] == '+'
	if international {
		start--
		if !begins(s, start) {
			return 0, 0
		}
	}
	size := end - i
	if !international && s[i] != '0' && size != 3 && (size != 1 || s[i] != '1') {
		return 0, 0
	}
	var room [maxPhoneGroups]digitGroup
	groups := phoneGroups(s, i, end, room[:0])
	switch {
	case international:
		stop = longestPhone(groups, 7)
	case s[i] == '0':
		// 030 1234567, 0049 30 1234567, 01 23 45 67 89.
		if len(groups) > 1 && s[end] != '.' && !isDate(groups) {
			stop = longestPhone(groups, 9)
		}
		if stop == end || stop < len(s) && s[stop] == ':' {
			return 0, 0 // in one piece, or before a time of day
		}
	default:
		stop = northAmerican(s, i, groups)
	}
	if stop == 0 || !ends(s, stop) {
		return 0, 0
	}
	return start, stop
}

// digitGroup is a run of digits: how many, and where it ends.
type digitGroup struct{ size, end int }

// longestPhone is the end of as many groups as one number can have, 0 when they
// have fewer digits than least.
func longestPhone(groups []digitGroup, least int) int {
	digits, stop := 0, 0
	for _, g := range groups {
		if digits += g.size; digits > maxPhone {
			break
		}
		if digits >= least {
			stop = g.end
		}
	}
	return stop
}

// isDate tells whether groups begin like 25-11-2026.
func isDate(groups []digitGroup) bool {
	return len(groups) > 2 && groups[0].size == 2 && groups[1].size == 2 && groups[2].size == 4
}

// northAmerican is the end of 415-555-0123 or 1-415-555-0123.
func northAmerican(s string, i int, groups []digitGroup) int {
	if groups[0].size == 1 && s[i] == '1' {
		groups = groups[1:]
	}
	if len(groups) >= 3 && groups[0].size == 3 && groups[1].size == 3 && groups[2].size == 4 {
		return groups[2].end
	}
	return 0
}

func isPhoneSeparator(c byte) bool {
	return c == ' ' || c >= '(' && c <= '/' && c != '*' && c != '+' && c != ','
}

// maxPhoneGroups is the most groups that are looked at.
const maxPhoneGroups = 8

// phoneGroups reads groups of digits with at most two separators between, as in
// "(415) 555-0123".
func phoneGroups(s string, i, end int, groups []digitGroup) []digitGroup {
	groups, stop := append(groups, digitGroup{end - i, end}), end
	for len(groups) < maxPhoneGroups {
		at := stop
		for at < len(s) && at-stop < 2 && isPhoneSeparator(s[at]) {
			at++
		}
		next := digitsEnd(s, at)
		if at == stop || next == at {
			break
		}
		groups = append(groups, digitGroup{next - at, next})
		stop = next
	}
	return groups
}
