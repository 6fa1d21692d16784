// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"
)

// ErrNotCanonical is returned for documents that RFC 8785 excludes: those with
// duplicate members or lone surrogates.
var ErrNotCanonical = errors.New("no canonical form")

// Canonical writes the RFC 8785 form. A number that is another one after it
// went through an IEEE 754 double is written as the string
// "number:<source text>", as appendix D of the RFC advises, so that two large
// numbers never count as one.
func (v *Value) Canonical() ([]byte, error) {
	if duplicates := v.Duplicates(); len(duplicates) > 0 {
		return nil, fmt.Errorf("%w: duplicate member %s", ErrNotCanonical, duplicates[0])
	}
	out, err := jcs.Transform(v.appendLossless(nil))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotCanonical, strings.ToLower(err.Error()))
	}
	return out, nil
}

// Duplicates returns pointers to the members that occur more than once in
// their object, in document order.
func (v *Value) Duplicates() []string { return v.duplicates(nil, "") }

func (v *Value) duplicates(found []string, at string) []string {
	for i, item := range v.Items() {
		found = item.duplicates(found, JoinIndex(at, i))
	}
	seen := make(map[string]bool, len(v.Members()))
	for _, m := range v.Members() {
		below := Join(at, m.Name)
		if seen[m.Name] {
			found = append(found, below)
		}
		seen[m.Name] = true
		found = m.Value.duplicates(found, below)
	}
	return found
}

// appendLossless writes the value with the numbers that lose digits as strings.
func (v *Value) appendLossless(dst []byte) []byte {
	switch v.Kind() {
	case Number:
		if LosesDigits(v.text) {
			return append(append(append(dst, `"number:`...), v.text...), '"')
		}
	case Array:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendLossless(dst)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i, m := range v.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.Value.appendLossless(append(append(dst, m.text...), ':'))
		}
		return append(dst, '}')
	case Null:
		return append(dst, "null"...)
	}
	return append(dst, v.text...)
}

// LosesDigits tells whether a JSON number is another one after it went through
// a double: 0.1 comes back as 0.1 and does not, 9007199254740993 does.
func LosesDigits(literal string) bool {
	if len(literal) <= 15 && !strings.ContainsAny(literal, "eE") {
		return false
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil || len(literal) > 400 {
		return true
	}
	if _, exponent, found := strings.Cut(strings.ToLower(literal), "e"); found && len(exponent) > 4 {
		return true
	}
	back, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	given, ok2 := new(big.Rat).SetString(literal)
	return !ok || !ok2 || back.Cmp(given) != 0
}

// Equal tells whether two values are the same JSON: order of members, escapes
// and the notation of numbers do not matter. A missing value equals none.
func Equal(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.kind != b.kind || len(a.items) != len(b.items) || len(a.members) != len(b.members) {
		return false
	}
	switch a.kind {
	case String:
		return equalStrings(a.text, b.text)
	case Number:
		return equalNumbers(a.text, b.text)
	case Bool:
		return a.text == b.text
	case Array:
		for i := range a.items {
			if !Equal(a.items[i], b.items[i]) {
				return false
			}
		}
	case Object:
		return equalMembers(a, b)
	}
	return true
}

func equalMembers(a, b *Value) bool {
	others := make(map[string][]*Value, len(b.members))
	for _, m := range b.members {
		others[m.Name] = append(others[m.Name], m.Value)
	}
	for _, m := range a.members {
		rest := others[m.Name]
		if len(rest) == 0 || !Equal(m.Value, rest[0]) {
			return false
		}
		others[m.Name] = rest[1:]
	}
	return true
}

func equalStrings(a, b string) bool {
	if a == b {
		return true
	}
	x, y := decodeString(a), decodeString(b)
	// Two different lone surrogates decode to the same replacement character.
	return x == y && !strings.ContainsRune(x, '\ufffd')
}

func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	if LosesDigits(a) || LosesDigits(b) {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
