// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"net/netip"
	"strings"
)

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }

// begins tells whether a value can begin at i: no letter or digit of ASCII stands
// before it, or only that of an escape, as in JSON that was cut.
func begins(s string, i int) bool {
	if i == 0 || !isAlnum(s[i-1]) {
		return true
	}
	return i > 1 && s[i-2] == '\\' && strings.IndexByte("ntrbf", s[i-1]) >= 0
}

// ends tells whether a value can end before i.
func ends(s string, i int) bool { return i >= len(s) || !isAlnum(s[i]) }

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// numberAt finds the value that the run of digits s[i:end] begins.
func numberAt(s string, i, end int, on ruleSet) (rule string, start, stop int) {
	if on&ibans != 0 && end-i >= 2 && i >= 2 {
		if stop := ibanAt(s, i-2); stop > 0 {
			return RuleIBAN, i - 2, stop
		}
	}
	if !begins(s, i) {
		return "", 0, 0
	}
	if on&addresses != 0 && end-i <= 3 && end < len(s) && s[end] == '.' {
		if stop := ipv4At(s, i); stop > 0 {
			return RuleIP, i, stop
		}
	}
	if on&cards != 0 && (end-i >= 12 || end-i == 4) {
		if stop := cardAt(s, i, end); stop > 0 {
			return RuleCard, i, stop
		}
	}
	if on&phones != 0 {
		if start, stop := phoneAt(s, i, end); stop > 0 {
			return RulePhone, start, stop
		}
	}
	return "", 0, 0
}

// cardAt finds a payment card's number: of a known range and length, in one piece
// or in its usual groups, with a right check digit (Luhn, ISO/IEC 7812-1).
func cardAt(s string, i, end int) int {
	if i > 1 && s[i-1] == '.' && isDigit(s[i-2]) {
		return 0 // decimals
	}
	var room [20]byte
	if end-i >= 12 {
		if end-i > 19 || !ends(s, end) || !isCard(append(room[:0], s[i:end]...)) {
			return 0
		}
		return end
	}
	if end >= len(s) || s[end] != ' ' && s[end] != '-' {
		return 0
	}
	digits, separator := append(room[:0], s[i:end]...), s[end]
	for groups := 1; groups < 5 && end < len(s) && s[end] == separator; groups++ {
		next := digitsEnd(s, end+1)
		size := next - end - 1
		if size == 0 || len(digits)+size > 19 {
			break
		}
		digits = append(digits, s[end+1:next]...)
		end = next
		// 4-6-5 and 4-6-4 have a group of six; the others have fours, the last may
		// be shorter.
		last := size != 4 && (groups != 1 || size != 6)
		if len(digits) >= 13 && ends(s, end) && isCard(digits) {
			return end
		}
		if last {
			break
		}
	}
	return 0
}

// isCard tells whether digits are those of a card.
func isCard(digits []byte) bool {
	return knownIssuer(digits) && luhn(digits)
}

// knownIssuer tells whether a number is in a range that card schemes issue
// (ISO/IEC 7812), with a length that they use.
func knownIssuer(d []byte) bool {
	n := len(d)
	if n < 12 || n > 19 {
		return false
	}
	two := int(d[0]-'0')*10 + int(d[1]-'0')
	four := two*100 + int(d[2]-'0')*10 + int(d[3]-'0')
	switch {
	case d[0] == '4':
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case two == 34, two == 37:
		return n == 15
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059, four == 3095:
		return n >= 14
	case four >= 3528 && four <= 3589:
		return n >= 16
	case two == 50, two >= 56 && two <= 69:
		return true // Maestro, Discover, UnionPay
	}
	return false
}

func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// ibanLength is the length of account numbers by country (SWIFT's IBAN registry).
var ibanLength = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
	"IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
	"LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18,
	"NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
	"SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
	"VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// ibanAt finds an account number with right check digits (ISO 13616), in one
// piece or in groups; 0 when there is none.
func ibanAt(s string, i int) int {
	if !isLetter(s[i]) || !isLetter(s[i+1]) || !begins(s, i) {
		return 0
	}
	country := [2]byte{s[i] &^ 32, s[i+1] &^ 32}
	length := ibanLength[string(country[:])]
	if length == 0 {
		return 0
	}
	var room [34]byte
	iban := room[:0]
	at := i
	for ; at < len(s) && len(iban) < length; at++ {
		c := s[at]
		if (c == ' ' || c == '-') && len(iban)%4 == 0 && at+1 < len(s) && isAlnum(s[at+1]) {
			continue
		}
		if !isAlnum(c) {
			return 0
		}
		if isLetter(c) {
			c &^= 32
		}
		iban = append(iban, c)
	}
	if len(iban) < length || !ends(s, at) {
		return 0
	}
	remainder := 0
	for k := range iban {
		c := iban[(k+4)%length]
		if isDigit(c) {
			remainder = (remainder*10 + int(c-'0')) % 97
		} else {
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		}
	}
	if remainder != 1 {
		return 0
	}
	return at
}

// ipv4At finds four numbers up to 255 with dots between; 0 when there are none.
func ipv4At(s string, i int) int {
	if i > 1 && s[i-1] == '.' && isDigit(s[i-2]) {
		return 0
	}
	at := i
	for part := range 4 {
		end := digitsEnd(s, at)
		if end == at || end-at > 3 || end-at == 3 && s[at:end] > "255" {
			return 0
		}
		at = end
		if part < 3 {
			if at >= len(s) || s[at] != '.' {
				return 0
			}
			at++
		}
	}
	if !ends(s, at) || at+1 < len(s) && s[at] == '.' && isDigit(s[at+1]) {
		return 0
	}
	return at
}

// maxIPv6 is the longest text of an IPv6 address.
const maxIPv6 = 45

func isIPv6Byte(c byte) bool { return isDigit(c) || c == ':' || c|32 >= 'a' && c|32 <= 'f' || c == '.' }

// ipv6At finds the address around a colon.
func ipv6At(s string, i int) (start, end int, ok bool) {
	for start = i; start > 0 && i-start <= maxIPv6 && isIPv6Byte(s[start-1]) && s[start-1] != '.'; start-- {
	}
	for end = i + 1; end < len(s) && end-start <= maxIPv6 && isIPv6Byte(s[end]); end++ {
	}
	for end > start && (s[end-1] == '.' || s[end-1] == ':' && end-start > 1 && s[end-2] != ':') {
		end--
	}
	if s[start] == ':' && start+1 < end && s[start+1] != ':' {
		start++
	}
	text := s[start:end]
	if end-start < 7 || strings.Count(text, ":") < 2 || !strings.ContainsAny(text, "0123456789") || !begins(s, start) || !ends(s, end) {
		return 0, 0, false
	}
	_, err := netip.ParseAddr(text)
	return start, end, err == nil
}
