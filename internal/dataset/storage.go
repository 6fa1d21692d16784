// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// inProgress ends the name of a file that is not complete. No glob for .parquet
// matches it.
const inProgress = ".inprogress"

// storage puts complete immutable files below a folder.
type storage struct {
	root string
	// create and sync are replaced by tests that make the disk fail.
	create func(path string) (*os.File, error)
	sync   func(*os.File) error
	serial atomic.Int64
}

func newStorage(root string) *storage {
	return &storage{
		root: root,
		create: func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
		},
		sync: (*os.File).Sync,
	}
}

// digest names content.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// put makes content durable under a name (slash-separated, relative): written
// beside it, synced, then linked. When the name exists nothing changes and
// existed is true: names are made from content. dirty receives the folders that
// syncFolders must still sync.
func (s *storage) put(name string, content []byte, dirty map[string]bool) (existed bool, err error) {
	target := filepath.Join(s.root, filepath.FromSlash(name))
	// Whoever made the file or its folders may have failed before their entries
	// were synced, or be about to sync them.
	s.markFolders(filepath.Dir(target), dirty)
	if info, err := os.Stat(target); err == nil && info.Size() == int64(len(content)) {
		return true, nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return false, fmt.Errorf("create folder: %w", err)
	}
	// Two pushes may write the same content at once.
	temporary := fmt.Sprintf("%s.%d-%d%s", target, os.Getpid(), s.serial.Add(1), inProgress)
	if err := s.writeFile(temporary, content); err != nil {
		_ = os.Remove(temporary)
		return false, err
	}
	defer func() { _ = os.Remove(temporary) }()
	err = os.Link(temporary, target)
	if errors.Is(err, fs.ErrExist) {
		return true, nil
	}
	if err != nil {
		// File systems without links: a rename is as atomic, and the name is
		// made from the content.
		err = os.Rename(temporary, target)
	}
	if err != nil {
		return false, fmt.Errorf("publish: %w", err)
	}
	return false, nil
}

// markFolders marks a folder and those above it, the dataset's own included.
func (s *storage) markFolders(dir string, dirty map[string]bool) {
	for ; !dirty[dir]; dir = filepath.Dir(dir) {
		dirty[dir] = true
		if dir == s.root {
			return
		}
	}
}

func (s *storage) writeFile(path string, content []byte) error {
	f, err := s.create(path)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = s.sync(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// syncFolders makes new entries of folders durable.
func (s *storage) syncFolders(dirty map[string]bool) error {
	for dir := range dirty {
		f, err := os.Open(dir)
		if err != nil {
			return fmt.Errorf("sync folder: %w", err)
		}
		err = s.sync(f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("sync folder %s: %w", dir, err)
		}
	}
	return nil
}

// staleAfter is how old an unfinished file must be to be removed.
const staleAfter = time.Hour

// removeStale removes files that a crash left unfinished.
func (s *storage) removeStale(now time.Time) error {
	return filepath.WalkDir(s.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, inProgress) {
			return err
		}
		info, err := entry.Info()
		if err != nil || now.Sub(info.ModTime()) < staleAfter {
			return nil
		}
		return os.Remove(path)
	})
}
