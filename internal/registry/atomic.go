// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// lockFile is held while a registry is written.
const lockFile = ".spanloop.lock"

// folder is a registry that is being written. Writers take turns; readers need
// no lock, since files only ever appear whole. Nothing is written outside of it,
// not through symbolic links either.
type folder struct {
	dir  string
	root *os.Root
	lock *os.File
}

// openFolder waits for its turn to write. The folder is made when it is missing.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	f, err := root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("registry %s cannot be written: %w", dir, err), root.Close())
	}
	if err := lockFileExclusive(f); err != nil {
		return nil, errors.Join(fmt.Errorf("registry %s: %w", dir, err), f.Close(), root.Close())
	}
	return &folder{dir: dir, root: root, lock: f}, nil
}

// close lets the next writer in.
func (f *folder) close() {
	_ = f.lock.Close()
	_ = f.root.Close()
}

// read builds a snapshot of the files that matter to one change. It has no index.
func (f *folder) read(matters func(sourceFile) bool) (*Snapshot, []*parsedFile) {
	l := newLoader(f.dir)
	files, problems := scan(f.dir, f.root)
	kept := files[:0]
	for _, file := range files {
		if matters(file) {
			kept = append(kept, file)
		}
	}
	parsed, _ := l.parseAll(f.root, kept)
	b := newBuilder(f.dir, parsed)
	s := b.snapshot()
	s.problems = slices.Concat(problems, b.problems)
	return s, parsed
}

// taken tells whether a version's file exists, readable or not.
func (f *folder) taken(in string) func(version string) bool {
	return func(version string) bool {
		for _, end := range []string{".yaml", ".yml", ".json"} {
			if _, err := f.root.Lstat(path.Join(in, version+end)); err == nil {
				return true
			}
		}
		return false
	}
}

// create writes a new file and fails when it exists.
func (f *folder) create(file string, content []byte) error {
	temp, err := f.writeTemp(file, content)
	if err != nil {
		return err
	}
	defer func() { _ = f.root.Remove(temp) }()
	// A link, unlike a rename, never replaces what is there. Where the file system
	// has no links, writers of ours are kept away by the lock.
	err = f.root.Link(temp, file)
	if _, missing := f.root.Lstat(file); err != nil && errors.Is(missing, fs.ErrNotExist) {
		err = f.root.Rename(temp, file)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("registry: %s exists already: versions are never overwritten", file)
	case err != nil:
		return fmt.Errorf("registry: %w", err)
	}
	return f.sync(path.Dir(file))
}

// replace writes a file whole or not at all.
func (f *folder) replace(file string, content []byte) error {
	temp, err := f.writeTemp(file, content)
	if err != nil {
		return err
	}
	if err := f.root.Rename(temp, file); err != nil {
		return errors.Join(fmt.Errorf("registry: %w", err), f.root.Remove(temp))
	}
	return f.sync(path.Dir(file))
}

// writeTemp writes a durable file beside another one under a name that readers
// ignore.
func (f *folder) writeTemp(file string, content []byte) (string, error) {
	if err := f.root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	temp := path.Join(path.Dir(file), ".new-"+rand.Text())
	out, err := f.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	_, err = out.Write(content)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("registry: %w", err), f.root.Remove(temp))
	}
	return temp, nil
}

// sync makes a folder's entries durable, where the file system can.
func (f *folder) sync(name string) error {
	opened, err := f.root.Open(name)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	_ = opened.Sync()
	return opened.Close()
}
