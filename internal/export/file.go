// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists is returned for an output that exists already.
var ErrExists = errors.New("the file exists already")

// File is an output that stands under its name only when it is complete.
type File struct {
	*os.File
	path    string
	replace bool
}

// Create begins a file beside its final path. An existing file is replaced only
// when that is wanted; that it is no longer the old one shows at Commit.
func Create(path string, replace bool) (*File, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.IsDir() {
			return nil, fmt.Errorf("%s: is a folder", path)
		}
		if !replace {
			return nil, fmt.Errorf("%s: %w", path, ErrExists)
		}
	}
	// Exports hold what people wrote: they are their owner's alone.
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.inprogress")
	if err != nil {
		return nil, err
	}
	return &File{File: temporary, path: path, replace: replace}, nil
}

// Commit makes the file durable and gives it its name.
func (f *File) Commit() error {
	err := f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = f.publish()
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (f *File) publish() error {
	if f.replace {
		return os.Rename(f.Name(), f.path)
	}
	// A link fails where a file came to be meanwhile; some file systems have none.
	err := os.Link(f.Name(), f.path)
	switch {
	case err == nil:
		return os.Remove(f.Name())
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", f.path, ErrExists)
	}
	return os.Rename(f.Name(), f.path)
}

// Discard removes what was written. After Commit it does nothing.
func (f *File) Discard() {
	if f.Close() == nil {
		_ = os.Remove(f.Name())
	}
}
