// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWidth bounds width and precision of a format specification.
const maxWidth = 1000

// Spec is a format specification, as in "{x:>8.2f}".
type Spec struct {
	fill      rune
	align     byte
	sign      byte
	width     int
	separator byte
	precision int
	kind      byte
}

var specForm = regexp.MustCompile(`^(?s:(.)?([<>=^]))?([-+ ])?(0)?([1-9][0-9]*)?([,_])?(?:\.([0-9]+))?([sdfFeE%])?$`)

// ParseSpec reads a format specification. The types s, d, f, F, e, E and % are
// read, the alternative form (#) and the others are not.
func ParseSpec(text string) (*Spec, error) {
	m := specForm.FindStringSubmatch(text)
	if m == nil || !utf8.ValidString(text) {
		return nil, fmt.Errorf("the format specification %q is not supported: [[fill]align][sign][0][width][,][.precision][type] is, with the types s, d, f, F, e, E and %%", text)
	}
	s := &Spec{fill: ' ', precision: -1, align: first(m[2]), sign: first(m[3]), separator: first(m[6]), kind: first(m[8])}
	if m[1] != "" {
		s.fill, _ = utf8.DecodeRuneInString(m[1])
	}
	if m[4] != "" && m[1] == "" {
		s.fill = '0'
	}
	if m[4] != "" && s.align == 0 {
		s.align = '0'
	}
	var err error
	if m[5] != "" {
		if s.width, err = strconv.Atoi(m[5]); err != nil || s.width > maxWidth {
			return nil, errors.New("a width of more than 1000")
		}
	}
	if m[7] != "" {
		if s.precision, err = strconv.Atoi(m[7]); err != nil || s.precision > maxWidth {
			return nil, errors.New("a precision of more than 1000")
		}
	}
	return s, nil
}

func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// Format is Python's format(value, spec).
func (s *Spec) Format(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return s.text(v)
	case bool:
		n := big.NewInt(0)
		if v {
			n.SetInt64(1)
		}
		return s.integer(n)
	case *big.Int:
		return s.integer(v)
	case float64:
		return s.float(v)
	}
	return "", fmt.Errorf("%s takes no format specification", kindName(value))
}

func kindName(value any) string {
	switch value.(type) {
	case nil:
		return "None"
	case List:
		return "a list"
	}
	return "an object"
}

func (s *Spec) text(v string) (string, error) {
	if s.sign != 0 || s.separator != 0 || s.align == '=' || (s.kind != 0 && s.kind != 's') {
		return "", errors.New("the format specification is for numbers, the value is a text")
	}
	if s.precision >= 0 {
		n := 0
		for i := range v {
			if n == s.precision {
				v = v[:i]
				break
			}
			n++
		}
	}
	return s.pad("", v, '<'), nil
}

func (s *Spec) integer(v *big.Int) (string, error) {
	switch s.kind {
	case 0, 'd':
		if s.precision >= 0 {
			return "", errors.New("a precision is not allowed for a whole number")
		}
		return s.number(v.Sign() < 0, new(big.Int).Abs(v).String(), ""), nil
	case 's':
		return "", errors.New("the format specification is for texts, the value is a number")
	}
	f, _ := new(big.Float).SetInt(v).Float64()
	return s.float(f)
}

func (s *Spec) float(v float64) (string, error) {
	precision, suffix := s.precision, ""
	if precision < 0 {
		precision = 6
	}
	form := s.kind
	switch s.kind {
	case 0:
		if s.precision >= 0 {
			return "", errors.New("a precision needs a type, as in .2f")
		}
		form = 'r'
	case 'F':
		form = 'f'
	case '%':
		v *= 100
		form, suffix = 'f', "%"
	case 's', 'd':
		return "", errors.New("the format specification does not fit a number with a fraction")
	}
	text := reprFloat(v)
	if form != 'r' {
		text = strconv.FormatFloat(v, form, precision, 64)
	}
	negative := strings.HasPrefix(text, "-")
	whole := strings.TrimPrefix(text, "-")
	rest := ""
	if at := strings.IndexAny(whole, ".eE"); at >= 0 {
		whole, rest = whole[:at], whole[at:]
	}
	return s.number(negative, whole, rest+suffix), nil
}

// number puts sign, separators and padding around digits.
func (s *Spec) number(negative bool, whole, rest string) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case s.sign == '+' || s.sign == ' ':
		sign = string(s.sign)
	}
	inner := (s.align == '=' || s.align == '0') && s.fill == '0'
	if inner {
		room := s.width - len(sign) - len(rest)
		return sign + s.zeroes(whole, room) + rest
	}
	return s.pad(sign, s.group(whole)+rest, '>')
}

// zeroes fills up with zeroes, which are separated as the digits are.
func (s *Spec) zeroes(whole string, room int) string {
	for len(s.group(whole)) < room {
		whole = "0" + whole
	}
	return s.group(whole)
}

func (s *Spec) group(whole string) string {
	if s.separator == 0 {
		return whole
	}
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(s.separator)
		}
		b.WriteByte(whole[i])
	}
	return b.String()
}

func (s *Spec) pad(sign, body string, standard byte) string {
	room := s.width - utf8.RuneCountInString(sign) - utf8.RuneCountInString(body)
	if room <= 0 {
		return sign + body
	}
	align := s.align
	switch {
	case align == 0 || (align == '0' && standard == '<'):
		align = standard
	case align == '0':
		align = '='
	}
	fill := func(n int) string { return strings.Repeat(string(s.fill), n) }
	switch align {
	case '<':
		return sign + body + fill(room)
	case '^':
		return fill(room/2) + sign + body + fill(room-room/2)
	case '=':
		return sign + fill(room) + body
	}
	return fill(room) + sign + body
}
