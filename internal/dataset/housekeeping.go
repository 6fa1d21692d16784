// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Files are replaced in steps, each of which a crash may end:
//
//  1. The new files are written, complete and synced, under names made from
//     their content. No entry names them, so that readers of the manifest do not
//     see them.
//  2. One manifest entry names the new files and lists the old ones as removed.
//     This is the commit: readers see either all old files or all new ones.
//  3. When nobody reads the old files any more (grace), they are deleted.
//  4. Entries are merged into one, which keeps the list of removed files until no
//     other entry names them.
//
// After a crash the next run removes new files that no entry names and goes on
// with the rest: each step can be repeated.

// ErrBusy is returned when another process compacts, prunes or repairs the dataset.
var ErrBusy = errors.New("the dataset is being compacted, pruned or repaired already: try again when that has ended")

// DefaultGrace is how long replaced files stay for who reads them.
const DefaultGrace = 15 * time.Minute

// forgetAfter is how long removed files stay in the manifest after they were
// deleted. A push that met such a file, and names it, is over long before.
const forgetAfter = time.Hour

// keeper changes the files of a dataset. Only one at a time holds its lock.
type keeper struct {
	store store.Store
	grace time.Duration
	now   func() time.Time
	m     manifest
	// read is when reading the manifest began, changed whether it says more now.
	read    time.Time
	changed bool
	copiers map[string]*parquetfile.Writer
	// without tells which spans a dry run takes for gone; nil for none.
	without func(rows *parquetfile.Rows, row int) bool
	// written are new files that no entry names yet.
	written []string
	// bufferBytes bounds what rewriting holds of rows; 0 is a row group.
	bufferBytes int
}

// keep locks the dataset, brings what an earlier run left undone to its end, and
// calls change with the manifest read. What change left to delete is deleted, as
// far as grace allows.
func (k *keeper) keep(ctx context.Context, change func(context.Context) error) (Cleaning, error) {
	ctx, unlock, err := lock(ctx, k.store, k.now)
	if err != nil {
		return Cleaning{}, err
	}
	defer unlock()
	if err := k.reload(ctx); err != nil {
		return Cleaning{}, err
	}
	if err := k.sweep(ctx); err != nil {
		return Cleaning{}, err
	}
	if err := change(ctx); err != nil {
		k.undo(ctx)
		return Cleaning{}, err
	}
	return k.clean(ctx)
}

// undoTime bounds how long a run that has ended goes on to tidy up.
const undoTime = 5 * time.Second

// undo removes new files that were not committed, so that a run that is ended
// leaves nothing. What it cannot remove now the next run does.
func (k *keeper) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if len(k.written) == 0 || k.reload(ctx) != nil || len(k.m.broken) > 0 {
		return
	}
	named := k.m.paths()
	left := slices.DeleteFunc(k.written, func(name string) bool { _, known := named[name]; return known })
	_ = k.remove(ctx, left)
	k.written = nil
}

func (k *keeper) reload(ctx context.Context) (err error) {
	k.read, k.changed = k.now(), false
	k.m, err = knownManifest(ctx, k.store)
	return err
}

// refresh reads the manifest again after a change.
func (k *keeper) refresh(ctx context.Context) error {
	if !k.changed {
		return nil
	}
	return k.reload(ctx)
}

// sweep deletes new files of a run that ended before it committed them, but not
// those of a later version of Spanloop.
func (k *keeper) sweep(ctx context.Context) error {
	if len(k.m.broken) > 0 {
		// One of them may name the file.
		return nil
	}
	named := map[string]bool{}
	for _, f := range k.m.files {
		named[f.Path] = true
	}
	for _, r := range k.m.removed {
		named[r.Path] = true
	}
	var left []string
	for _, table := range Tables {
		err := k.store.List(ctx, table, func(item store.Info) error {
			if strings.HasPrefix(path.Base(item.Name), compactedPrefix) && strings.HasSuffix(item.Name, ".parquet") && !named[item.Name] {
				left = append(left, item.Name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	left = slices.DeleteFunc(left, func(name string) bool { return errors.Is(formatOf(ctx, k.store, name), ErrNewer) })
	return k.remove(ctx, left)
}

// remove deletes files durably.
func (k *keeper) remove(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := k.store.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return k.store.Sync(ctx, names)
}

// taken are the paths of removed files: what is named so is not part of the
// dataset.
func (k *keeper) taken() map[string]bool {
	paths := map[string]bool{}
	for _, r := range k.m.removed {
		paths[r.Path] = true
	}
	return paths
}

// commit replaces files by new ones, which are in place already.
func (k *keeper) commit(ctx context.Context, added, removed []File) error {
	var names []string
	for _, f := range added {
		names = append(names, f.Path)
	}
	if err := k.store.Sync(ctx, names); err != nil {
		return err
	}
	e := entry{Files: added}
	for _, f := range removed {
		e.Removed = append(e.Removed, Removal{File: f, At: k.now().UTC()})
	}
	// An attempt that failed may take effect later.
	k.changed, k.written = true, nil
	name, err := putEntry(ctx, k.store, e)
	if err != nil {
		return err
	}
	return k.store.Sync(ctx, []string{name})
}

// Cleaning is what was tidied up beside the change itself.
type Cleaning struct {
	// Deleted counts replaced files that are gone now, Waiting those that stay
	// for their readers, of WaitingBytes; the next run deletes them.
	Deleted      int   `json:"deleted_files"`
	Waiting      int   `json:"waiting_files"`
	WaitingBytes int64 `json:"waiting_bytes"`
	// EntriesBefore and EntriesAfter count the manifest's entries.
	EntriesBefore int `json:"manifest_entries_before"`
	EntriesAfter  int `json:"manifest_entries_after"`
}

// clean deletes what was removed long enough ago and merges manifest entries.
func (k *keeper) clean(ctx context.Context) (Cleaning, error) {
	if err := k.reload(ctx); err != nil {
		return Cleaning{}, err
	}
	c := Cleaning{EntriesBefore: len(k.m.entries)}
	gone, err := k.deleteRemoved(ctx, &c)
	if err != nil {
		return c, err
	}
	if err := k.mergeEntries(ctx, gone); err != nil {
		return c, err
	}
	c.EntriesAfter = len(k.m.entries)
	// A table whose last file went has no view over its files.
	return c, writeViews(ctx, k.store)
}

// deleteRemoved deletes removed files whose time has come and returns the paths
// of those that are gone.
func (k *keeper) deleteRemoved(ctx context.Context, c *Cleaning) (map[string]bool, error) {
	gone := map[string]bool{}
	var due []string
	for _, r := range k.m.removed {
		_, err := k.store.Stat(ctx, r.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case k.now().Sub(r.At) < k.grace:
			c.Waiting++
			c.WaitingBytes += r.Bytes
			continue
		default:
			due = append(due, r.Path)
		}
		gone[r.Path] = true
	}
	// Messages go after the spans that refer to them.
	slices.SortStableFunc(due, func(a, b string) int {
		switch {
		case isMessages(a) == isMessages(b):
			return 0
		case isMessages(a):
			return 1
		}
		return -1
	})
	c.Deleted = len(due)
	return gone, k.remove(ctx, due)
}

// Bounds of merging entries: a large entry stays as it is until a quarter of its
// files were removed.
const (
	largeEntry  = 4096
	deadQuarter = 4
)

// mergeEntries puts one entry in the place of all small ones. gone are removed
// files that do not exist any more.
func (k *keeper) mergeEntries(ctx context.Context, gone map[string]bool) error {
	removed := map[string]bool{}
	for _, r := range k.m.removed {
		removed[r.Path] = true
	}
	var names []string
	named := map[string]bool{}
	for name, e := range k.m.entries {
		dead := 0
		for _, f := range e.Files {
			named[f.Path] = true
			if removed[f.Path] {
				dead++
			}
		}
		if len(e.Files)+len(e.Removed) < largeEntry || dead*deadQuarter >= len(e.Files) {
			names = append(names, name)
		}
	}
	merged, changes := k.merged(names, removed, named, gone)
	if len(names) == 0 || len(names) == 1 && !changes {
		return nil
	}
	slices.Sort(names)
	return k.replaceEntries(ctx, names, merged)
}

// merged is what entries say together, without what is of no use any more; it
// tells whether that is less than they say.
func (k *keeper) merged(names []string, removed, named, gone map[string]bool) (merged entry, changes bool) {
	seen := map[string]bool{}
	for _, name := range names {
		for _, f := range k.m.entries[name].Files {
			if removed[f.Path] || seen[f.Path] {
				changes = true
				continue
			}
			seen[f.Path] = true
			merged.Files = append(merged.Files, f)
		}
	}
	latest := map[string]Removal{}
	for _, r := range k.m.removed {
		latest[r.Path] = r
	}
	kept := map[string]bool{}
	for _, name := range names {
		for _, r := range k.m.entries[name].Removed {
			r = latest[r.Path]
			// It is forgotten only when no entry named it before this merge.
			if kept[r.Path] || gone[r.Path] && !named[r.Path] && k.now().Sub(r.At) > k.grace+forgetAfter {
				changes = true
				continue
			}
			kept[r.Path] = true
			merged.Removed = append(merged.Removed, r)
		}
	}
	slices.SortFunc(merged.Removed, func(a, b Removal) int { return strings.Compare(a.Path, b.Path) })
	return merged, changes
}

// replaceEntries makes an entry durable, then deletes those that it replaces.
func (k *keeper) replaceEntries(ctx context.Context, names []string, merged entry) error {
	own := ""
	if len(merged.Files)+len(merged.Removed) > 0 {
		var err error
		if own, err = putEntry(ctx, k.store, merged); err != nil {
			return err
		}
		if err := k.store.Sync(ctx, []string{own}); err != nil {
			return err
		}
	}
	// What is merged already may say just what it said before.
	names = slices.DeleteFunc(names, func(name string) bool { return name == own })
	if err := k.remove(ctx, names); err != nil {
		return err
	}
	for _, name := range names {
		delete(k.m.entries, name)
	}
	if own != "" {
		k.m.entries[own] = merged
	}
	return nil
}
