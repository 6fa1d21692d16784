// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// lock makes this the only process that compacts or repairs, until unlock is
// called: a folder by a lock on a file, which ends with the process however that
// ends.
func lock(ctx context.Context, s store.Store, now func() time.Time) (context.Context, func(), error) {
	if _, isFolder := s.(*store.Folder); !isFolder {
		return takeLease(ctx, s, now)
	}
	dir := filepath.Join(s.Root(), manifestDir)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil, ErrBusy
		}
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	return ctx, func() { _ = f.Close() }, nil
}
