// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package cost measures what a run of a benchmark used.
package cost

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Used is what a process used.
type Used struct {
	Processor time.Duration
	// Allocations and Allocated are objects and bytes, freed ones included.
	Allocations, Allocated uint64
}

// Now is what this process used so far; its processor time is that in user and
// kernel mode.
func Now() (Used, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return Used{}, err
	}
	return Used{time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), memory.Mallocs, memory.TotalAlloc}, nil
}

// Since is what was used after before.
func (u Used) Since(before Used) Used {
	return Used{u.Processor - before.Processor, u.Allocations - before.Allocations, u.Allocated - before.Allocated}
}

// Bytes is the size of all files in a folder.
func Bytes(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
