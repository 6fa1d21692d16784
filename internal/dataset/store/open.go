// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnsupported is returned for a path of a kind that is no store.
var ErrUnsupported = errors.New("is not supported")

// Check tells whether a path can name a store, without touching it.
func Check(path string) error {
	if path == "" {
		return errors.New("a directory is expected")
	}
	if scheme, _, found := strings.Cut(path, "://"); found {
		return fmt.Errorf("%s:// %w: give a local directory", scheme, ErrUnsupported)
	}
	return nil
}

// Open opens a store for reading; fs.ErrNotExist when there is none.
func Open(_ context.Context, path string) (Store, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return NewFolder(root), nil
}

// Create opens a store for writing. A folder is made, and what a crash left
// unfinished in it an hour ago or earlier is removed.
func Create(_ context.Context, path string) (Store, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o750); err != nil {
		return nil, err
	}
	s := NewFolder(root)
	return s, s.removeStale(time.Now())
}
