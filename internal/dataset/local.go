// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// DefaultCacheBytes bounds what is kept of object stores.
const DefaultCacheBytes = 10 << 30

// Cache keeps files of object stores on the local disk, by their SHA-256: they
// never change.
type Cache struct {
	// Dir is its folder; empty for SPANLOOP_CACHE, or the user's cache folder.
	Dir string
	// MaxBytes bounds what stays from one use to the next; 0 for DefaultCacheBytes.
	MaxBytes int64
}

// downloads is how many files are fetched at once.
const downloads = 8

// staleSession is how old the folder of a use must be to count as left by a
// crash.
const staleSession = 7 * 24 * time.Hour

// Local returns a folder with the dataset's files under their names, for engines
// that read local files: the dataset's own, or, for an object store, one that
// holds those files of the manifest that the filter's times do not exclude.
// Release ends its use.
func (d *Dataset) Local(ctx context.Context, filter Filter, cache Cache) (dir string, release func() error, err error) {
	if _, isFolder := d.store.(*store.Folder); isFolder {
		return d.Root(), func() error { return nil }, nil
	}
	files, err := readManifest(ctx, d.store)
	if err != nil {
		return "", nil, fmt.Errorf("dataset %q: %w", d.Root(), err)
	}
	files = slices.DeleteFunc(files, filter.needless)
	if err := cache.prepare(); err != nil {
		return "", nil, err
	}
	dir, err = os.MkdirTemp(cache.Dir, "use-")
	if err != nil {
		return "", nil, fmt.Errorf("cache: %w (SPANLOOP_CACHE names another folder)", err)
	}
	release = func() error { return os.RemoveAll(dir) }
	if err := d.fetchAll(ctx, files, cache, dir); err != nil {
		return "", nil, errors.Join(fmt.Errorf("dataset %q: %w", d.Root(), err), release())
	}
	return dir, release, cache.shrink()
}

// needless tells that a view of the selected times needs no row of a file.
func (f *Filter) needless(file File) bool {
	if file.Table != TableSpans && file.Table != TableScores {
		return false
	}
	window := Filter{Since: f.Since, Until: f.Until}
	return window.excludes(file)
}

// fetchAll puts files into a folder, several at once.
func (d *Dataset) fetchAll(ctx context.Context, files []File, cache Cache, dir string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan File)
	var workers sync.WaitGroup
	for range min(downloads, len(files)) {
		workers.Go(func() {
			for f := range next {
				if err := cache.fetch(ctx, d.store, f, dir); err != nil {
					cancel(fmt.Errorf("%s: %w", f.Path, err))
				}
			}
		})
	}
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		next <- f
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// prepare makes the folder, and removes what a crash left of earlier uses.
func (c *Cache) prepare() error {
	if c.Dir == "" {
		c.Dir = os.Getenv("SPANLOOP_CACHE")
	}
	if c.Dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("cache: %w (SPANLOOP_CACHE names a folder)", err)
		}
		c.Dir = filepath.Join(user, "spanloop")
	}
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultCacheBytes)
	if err := os.MkdirAll(c.files(), 0o700); err != nil {
		return fmt.Errorf("cache: %w (SPANLOOP_CACHE names another folder)", err)
	}
	left, _ := filepath.Glob(filepath.Join(c.Dir, "use-*"))
	for _, use := range left {
		if info, err := os.Stat(use); err == nil && time.Since(info.ModTime()) > staleSession {
			_ = os.RemoveAll(use)
		}
	}
	return nil
}

func (c *Cache) files() string { return filepath.Join(c.Dir, "files") }

// fetch puts one file into a folder, from the cache when it is there.
func (c *Cache) fetch(ctx context.Context, s store.Store, f File, dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if len(f.SHA256) != 64 || strings.Trim(f.SHA256, "0123456789abcdef") != "" {
		return errors.New("the manifest holds no SHA-256 of it")
	}
	cached := filepath.Join(c.files(), f.SHA256)
	if info, err := os.Stat(cached); err == nil && info.Size() == f.Bytes && linkOrCopy(cached, target) == nil {
		now := time.Now()
		_ = os.Chtimes(cached, now, now)
		return nil
	}
	if err := download(ctx, s, f, target); err != nil {
		return err
	}
	// What is in the cache is whole: it is linked there once it is written.
	_ = os.Remove(cached)
	if err := os.Link(target, cached); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil // the file system has no links: nothing is kept
	}
	return nil
}

// download writes a file of the store to the disk, if it is what the manifest
// says.
func download(ctx context.Context, s store.Store, f File, target string) error {
	damaged := errors.New("it is not what the manifest says; `spanloop dataset verify` names what is damaged")
	source, err := s.Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer source.Close()
	if source.Size() != f.Bytes {
		return damaged
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), source)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return damaged
	}
	return nil
}

// linkOrCopy gives a file a second name.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// shrink removes the files that were used least lately, beyond the bound. Uses
// hold links of their own.
func (c *Cache) shrink() error {
	list, err := os.ReadDir(c.files())
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	var kept []fs.FileInfo
	var total int64
	for _, item := range list {
		if info, err := item.Info(); err == nil {
			kept = append(kept, info)
			total += info.Size()
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range kept {
		if total <= c.MaxBytes {
			break
		}
		if os.Remove(filepath.Join(c.files(), info.Name())) == nil {
			total -= info.Size()
		}
	}
	return nil
}
