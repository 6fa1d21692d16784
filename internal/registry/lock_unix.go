// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"os"
	"syscall"
)

// lockFileExclusive waits for the lock; closing the file gives it back.
func lockFileExclusive(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}
