// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package store keeps the complete, immutable files of a dataset, in a folder or in
// an object store.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrDiffers is returned by Put when a name holds other content. It wraps no
// system error: what to do is the caller's choice.
var ErrDiffers = errors.New("the name holds other content")

// ErrUnavailable is in every error of an object store other than fs.ErrNotExist:
// it says nothing about what the name holds.
var ErrUnavailable = errors.New("the object store does not answer")

// Store holds files under names: slash-separated, relative, without empty or dot
// segments. It is safe for concurrent use, also by several processes. A name that
// holds nothing is fs.ErrNotExist.
type Store interface {
	// Root is the folder's absolute path, or the URL without its parameters.
	Root() string
	// Put makes content visible under a name, whole or not at all, unless the name
	// is taken. It returns nil when the name holds exactly this content then,
	// whoever wrote it; of several that race with different content one wins, the
	// others get ErrDiffers. What was put is durable after Sync.
	Put(ctx context.Context, name string, content []byte) error
	// Sync makes what was put under the names durable.
	Sync(ctx context.Context, names []string) error
	// Replace is Put over whatever the name holds: readers see the old content or
	// the new one.
	Replace(ctx context.Context, name string, content []byte) error
	// Open opens a file for reading at any offset.
	Open(ctx context.Context, name string) (*File, error)
	// Read returns a file's whole content.
	Read(ctx context.Context, name string) ([]byte, error)
	// Stat describes a file.
	Stat(ctx context.Context, name string) (Info, error)
	// List hands over every file below a folder ("" is the root), in no order that
	// may be relied on; a folder that does not exist has none. fs.SkipAll ends it
	// without an error.
	List(ctx context.Context, folder string, each func(Info) error) error
	// Remove removes a file; one that is gone is no error.
	Remove(ctx context.Context, name string) error
	// Close releases connections.
	Close() error
}

// Info describes a file.
type Info struct {
	Name     string
	Size     int64
	Modified time.Time
}

// File is a file that is open for reading.
type File struct {
	*io.SectionReader
	source io.Closer
}

// Close releases the file.
func (f *File) Close() error { return f.source.Close() }

// newFile reads size bytes from a source.
func newFile(source interface {
	io.ReaderAt
	io.Closer
}, size int64,
) *File {
	return &File{SectionReader: io.NewSectionReader(source, 0, size), source: source}
}
