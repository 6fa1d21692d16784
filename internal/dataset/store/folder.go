// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// InProgress ends the name of a file that is not complete. No glob for .parquet
// matches it.
const InProgress = ".inprogress"

// StaleAfter is how old an unfinished file must be to be removed.
const StaleAfter = time.Hour

// Folder is a store in a local folder.
type Folder struct {
	root string
	// CreateFile and SyncFile are replaced by tests that make the disk fail.
	CreateFile func(path string) (*os.File, error)
	SyncFile   func(*os.File) error
	serial     atomic.Int64
}

// NewFolder makes a store of a folder that exists.
func NewFolder(root string) *Folder {
	return &Folder{
		root: root,
		CreateFile: func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
		},
		SyncFile: (*os.File).Sync,
	}
}

// Root implements Store.
func (s *Folder) Root() string { return s.root }

func (s *Folder) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// Put implements Store: content is written beside the name, synced, then linked.
func (s *Folder) Put(_ context.Context, name string, content []byte) error {
	target := s.path(name)
	if _, err := os.Lstat(target); err == nil {
		return s.compare(target, content)
	}
	temporary, err := s.writeBeside(target, content)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary) }()
	err = os.Link(temporary, target)
	if errors.Is(err, fs.ErrExist) {
		return s.compare(target, content)
	}
	if err != nil {
		// File systems without links: a rename is as atomic.
		err = os.Rename(temporary, target)
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// compare tells whether a file that is there already holds the content.
func (s *Folder) compare(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("publish: %s is a folder", path)
	}
	if info.Size() != int64(len(content)) {
		return ErrDiffers
	}
	there, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(there, content) {
		err = ErrDiffers
	}
	return err
}

// Replace implements Store.
func (s *Folder) Replace(_ context.Context, name string, content []byte) error {
	target := s.path(name)
	temporary, err := s.writeBeside(target, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, target); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// writeBeside writes and syncs a file of another name in the target's folder.
func (s *Folder) writeBeside(target string, content []byte) (string, error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return "", fmt.Errorf("create folder: %w", err)
	}
	// Several pushes may write the same name at once.
	temporary := fmt.Sprintf("%s.%d-%d%s", target, os.Getpid(), s.serial.Add(1), InProgress)
	if err := s.writeFile(temporary, content); err != nil {
		_ = os.Remove(temporary)
		return "", err
	}
	return temporary, nil
}

func (s *Folder) writeFile(path string, content []byte) error {
	f, err := s.CreateFile(path)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = s.SyncFile(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Sync implements Store: it syncs the folders of the names and all above them.
// Whoever made a file or its folders may have failed before their entries were
// synced, or be about to sync them.
func (s *Folder) Sync(_ context.Context, names []string) error {
	dirty := map[string]bool{}
	for _, name := range names {
		for dir := filepath.Dir(s.path(name)); !dirty[dir]; dir = filepath.Dir(dir) {
			dirty[dir] = true
			if dir == s.root {
				break
			}
		}
	}
	for dir := range dirty {
		if err := s.syncFolder(dir); err != nil {
			return fmt.Errorf("sync folder %s: %w", dir, err)
		}
	}
	return nil
}

func (s *Folder) syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = s.SyncFile(f)
	_ = f.Close()
	return err
}

// Open implements Store.
func (s *Folder) Open(_ context.Context, name string) (*File, error) {
	f, err := os.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return newFile(f, info.Size()), nil
}

// Read implements Store.
func (s *Folder) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(s.path(name))
}

// Stat implements Store.
func (s *Folder) Stat(_ context.Context, name string) (Info, error) {
	info, err := os.Stat(s.path(name))
	if err != nil {
		return Info{}, err
	}
	return Info{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil
}

// List implements Store.
func (s *Folder) List(ctx context.Context, folder string, each func(Info) error) error {
	return filepath.WalkDir(s.path(folder), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(s.root, path)
		if err != nil {
			return err
		}
		return each(Info{Name: filepath.ToSlash(relative), Size: info.Size(), Modified: info.ModTime()})
	})
}

// Remove implements Store.
func (s *Folder) Remove(_ context.Context, name string) error {
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close implements Store.
func (s *Folder) Close() error { return nil }

// removeStale removes files that a crash left unfinished.
func (s *Folder) removeStale(now time.Time) error {
	return s.List(context.Background(), "", func(info Info) error {
		if !strings.HasSuffix(info.Name, InProgress) || now.Sub(info.Modified) < StaleAfter {
			return nil
		}
		return s.Remove(context.Background(), info.Name)
	})
}
