// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package race shortens tests under the race detector. Pure computation is twenty
// times as slow there and has no races to show. `make unit` runs every package under
// it, and once more without it those that are shortened.
package race

import "testing"

// Skip skips a test that computes for long on one goroutine.
func Skip(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("computes for long on one goroutine: runs without the race detector")
	}
}

// Fewer is n, or few under the race detector.
func Fewer(n, few int) int {
	if Enabled {
		return few
	}
	return n
}
