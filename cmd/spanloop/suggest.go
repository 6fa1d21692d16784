// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spanloop/spanloop/internal/nearest"
)

// suggest names the known names that are most like a wrong one, as the end of
// an error message.
func suggest(wrong string, known []string) string {
	if len(known) == 0 {
		return "; there is none yet"
	}
	close := nearest.Names(wrong, known, 3)
	more := ""
	if len(known) > len(close) {
		more = ", …"
	}
	return "; there is " + strings.Join(close, ", ") + more
}
