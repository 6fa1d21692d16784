// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package sharedtest locates the folder of recorded material that conformance
// tests read. The material is not part of the project: without the folder the
// tests that need it say so and are skipped.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Environment names the variable that points at the folder.
const Environment = "SPANLOOP_SHARED"

// Dir returns the folder of shared material, from the environment or as
// ../shared beside the checkout, and skips the test when there is none.
func Dir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Environment); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("working directory: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			if shared := filepath.Join(dir, "..", "shared"); isDir(shared) {
				return shared
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skipf("no shared folder beside the checkout; set %s to run this test", Environment)
		}
		dir = parent
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
