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
	"slices"
	"strings"
	"time"
)

// ErrUnsupported is returned for a path of a kind that is no store.
var ErrUnsupported = errors.New("is not supported")

// schemes are those of the object stores.
var schemes = []string{"s3", "gs", "azblob"}

// Check tells whether a path can name a store, without touching it.
func Check(path string) error {
	if path == "" {
		return errors.New("a directory is expected")
	}
	scheme, _, isURL := strings.Cut(path, "://")
	if !isURL {
		return nil
	}
	if !slices.Contains(schemes, scheme) {
		return fmt.Errorf("%s:// %w: give a local directory, or a URL of an object store: %s://bucket/prefix", scheme, ErrUnsupported, strings.Join(schemes, "://, "))
	}
	_, _, err := parseURL(path)
	return err
}

// Display is a path as it may be shown: a URL without what may be secret in it.
func Display(path string) string {
	scheme, rest, isURL := strings.Cut(path, "://")
	if !isURL {
		return path
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") {
		rest = rest[strings.LastIndex(host, "@")+1:]
	}
	return scheme + "://" + rest
}

// IsURL tells whether a path names an object store rather than a folder.
func IsURL(path string) bool { return strings.Contains(path, "://") }

// Open opens a store for reading; fs.ErrNotExist when there is none.
func Open(ctx context.Context, path string) (Store, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	if IsURL(path) {
		return openFilled(ctx, path)
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

// openFilled opens an object store that holds something under the prefix.
func openFilled(ctx context.Context, path string) (Store, error) {
	b, err := openBucket(ctx, path)
	if err != nil {
		return nil, err
	}
	empty := true
	err = b.List(ctx, "", func(Info) error {
		empty = false
		return fs.SkipAll
	})
	if err == nil && empty {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Create opens a store for writing. A folder is made, and what a crash left
// unfinished in it an hour ago or earlier is removed. Of an object store nothing is
// asked yet.
func Create(ctx context.Context, path string) (Store, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	if IsURL(path) {
		return openBucket(ctx, path)
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
