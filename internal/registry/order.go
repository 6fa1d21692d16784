// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"strconv"
	"strings"
)

// compareVersions orders v2 before v10: runs of digits compare as numbers.
func compareVersions(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), strings.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// nextVersion counts the last number of the latest version up until the name is
// free: 3.1 is followed by 3.2, v7 by v8, nothing by 1.
func nextVersion(latest string, count int, taken func(string) bool) string {
	end := len(latest)
	for end > 0 && (latest[end-1] < '0' || latest[end-1] > '9') {
		end--
	}
	start := end
	for start > 0 && latest[start-1] >= '0' && latest[start-1] <= '9' {
		start--
	}
	prefix, suffix := latest[:start], latest[end:]
	number, err := strconv.ParseUint(latest[start:end], 10, 32)
	if err != nil {
		prefix, suffix, number = "", "", uint64(count)
	}
	for {
		number++
		next := prefix + strconv.FormatUint(number, 10) + suffix
		if !taken(next) {
			return next
		}
	}
}
