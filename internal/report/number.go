// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
)

// Digits prints three significant digits, without an exponent where numbers are
// of ordinary size.
func Digits(v float64) string {
	size := math.Abs(v)
	if size >= 999.5 && size < 1e9 {
		return Group(int64(math.Round(v)))
	}
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if size >= 1e-4 && size < 999.5 || v == 0 {
		rounded, _ := strconv.ParseFloat(text, 64)
		text = strconv.FormatFloat(rounded, 'f', -1, 64)
	}
	return text
}

// Group separates thousands.
func Group(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
