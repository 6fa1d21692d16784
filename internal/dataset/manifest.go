// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// manifestDir holds one entry for each push, and for each change of the files.
const manifestDir = "_manifest"

// compactedPrefix begins the names of files that compact and prune write: one
// that no entry names is of no use, since its rows are in other files.
const compactedPrefix = "c-"

// File is one Parquet file of the dataset, as its manifest entry states it.
type File struct {
	Table string `json:"table"`
	// Path is relative to the dataset, with forward slashes.
	Path    string    `json:"path"`
	Rows    int64     `json:"rows"`
	MinTime time.Time `json:"min_time,omitzero"`
	MaxTime time.Time `json:"max_time,omitzero"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
}

// Removal is a file that is no longer part of the dataset, though other entries
// name it. It stays in its place for a while, for who reads it still.
type Removal struct {
	File
	At time.Time `json:"removed_at"`
}

// entry is the manifest of one push or of one change of the files. An entry
// takes effect as a whole: what it removes goes when what it adds comes.
type entry struct {
	Format  int       `json:"format"`
	Files   []File    `json:"files"`
	Removed []Removal `json:"removed,omitempty"`
}

// manifest is what all entries say together.
type manifest struct {
	// files are those of the dataset, by path.
	files []File
	// removed are those that were taken out of it, by path.
	removed []Removal
	// entries are the readable ones, broken the others, by their paths.
	entries map[string]entry
	broken  map[string]error
}

// ErrNewer is in the errors about what a later version of Spanloop wrote.
var ErrNewer = errors.New("is not known: use a newer spanloop")

// NewerFormat is the error of a file of an unknown format.
func NewerFormat[F int | string](format F) error { return fmt.Errorf("format %v %w", format, ErrNewer) }

// newer is the error of the first entry that a later version wrote. It may name
// files and remove others: without it nobody knows what the dataset holds.
func (m *manifest) newer() error {
	for _, name := range slices.Sorted(maps.Keys(m.broken)) {
		if err := m.broken[name]; errors.Is(err, ErrNewer) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// putManifest writes the entry of a push.
func (p *push) putManifest(ctx context.Context) error {
	name, err := putEntry(ctx, p.writer.storage, entry{Files: p.files})
	p.names = append(p.names, name)
	return err
}

// putEntry writes an entry, to be synced, and returns its path. Its name is made from its
// content, so that a retried push meets its own.
func putEntry(ctx context.Context, s store.Store, e entry) (string, error) {
	e.Format = Format
	slices.SortFunc(e.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	content, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	name := manifestDir + "/" + digest(content)[:32] + ".json"
	return name, putContent(ctx, s, name, content)
}

// knownManifest reads all entries, for who goes by what they say: one of a newer
// format is an error.
func knownManifest(ctx context.Context, s store.Store) (manifest, error) {
	m, err := loadManifest(ctx, s)
	if err == nil {
		err = m.newer()
	}
	return m, err
}

// readManifest returns all files that are part of the dataset, by path.
func readManifest(ctx context.Context, s store.Store) ([]File, error) {
	m, err := knownManifest(ctx, s)
	return m.files, err
}

// maxListings bounds how often a manifest is listed that changes all the time.
const maxListings = 20

// errRestless is returned for a manifest of which entries went each time before they
// could be read: what they named is not known.
var errRestless = errors.New(manifestDir + " changes faster than it can be read; try again")

// loadManifest reads all entries. Entries may come while they are read, and go
// when others were put in their place: they are listed until nothing changes, ever
// more slowly.
func loadManifest(ctx context.Context, s store.Store) (manifest, error) {
	m := manifest{entries: map[string]entry{}, broken: map[string]error{}}
	var before []string
	gone := false
	for try := range maxListings {
		if gone {
			time.Sleep(min(time.Millisecond<<try, 100*time.Millisecond))
		}
		names, err := listEntries(ctx, s)
		if err != nil {
			return manifest{}, err
		}
		if before != nil && slices.Equal(before, names) {
			break
		}
		before = names
		if gone, err = m.readEntries(ctx, s, names); err != nil {
			return manifest{}, err
		}
		if gone {
			before = nil
		}
		if err := ctx.Err(); err != nil {
			return manifest{}, err
		}
	}
	if gone {
		return manifest{}, errRestless
	}
	m.unite()
	return m, nil
}

// listEntries returns the paths of all entries, in order.
func listEntries(ctx context.Context, s store.Store) ([]string, error) {
	names := []string{}
	err := s.List(ctx, manifestDir, func(item store.Info) error {
		if strings.HasSuffix(item.Name, ".json") {
			names = append(names, item.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// entriesAtOnce is how many entries are read at once: each is a request to an
// object store.
const entriesAtOnce = 16

// readEntries makes the entries those of a listing: an entry never changes. It
// tells whether one was gone. A store that does not answer is an error: an entry
// that it withholds is not broken.
func (m *manifest) readEntries(ctx context.Context, s store.Store, names []string) (gone bool, err error) {
	listed := map[string]bool{}
	var unread []string
	for _, name := range names {
		listed[name] = true
		if _, known := m.entries[name]; !known && m.broken[name] == nil {
			unread = append(unread, name)
		}
	}
	next := make(chan string)
	var mu sync.Mutex
	var readers sync.WaitGroup
	for range min(entriesAtOnce, len(unread)) {
		readers.Go(func() {
			for name := range next {
				e, readErr := readEntry(ctx, s, name)
				mu.Lock()
				switch {
				case errors.Is(readErr, fs.ErrNotExist):
					gone = true
				case errors.Is(readErr, store.ErrUnavailable):
					err = readErr
				case readErr != nil:
					m.broken[name] = readErr
				default:
					m.entries[name] = e
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range unread {
		next <- name
	}
	close(next)
	readers.Wait()
	maps.DeleteFunc(m.entries, func(name string, _ entry) bool { return !listed[name] })
	maps.DeleteFunc(m.broken, func(name string, _ error) bool { return !listed[name] })
	return gone, err
}

// unite makes the lists of files. A file that any entry removes is removed,
// whoever else names it.
func (m *manifest) unite() {
	removed := map[string]Removal{}
	for _, name := range slices.Sorted(maps.Keys(m.entries)) {
		for _, r := range m.entries[name].Removed {
			if known, twice := removed[r.Path]; !twice || r.At.After(known.At) {
				removed[r.Path] = r
			}
		}
	}
	seen := map[string]bool{}
	for _, e := range m.entries {
		for _, f := range e.Files {
			if _, gone := removed[f.Path]; !gone && !seen[f.Path] {
				seen[f.Path] = true
				m.files = append(m.files, f)
			}
		}
	}
	m.removed = slices.Collect(maps.Values(removed))
	slices.SortFunc(m.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.removed, func(a, b Removal) int { return strings.Compare(a.Path, b.Path) })
}

func readEntry(ctx context.Context, s store.Store, name string) (entry, error) {
	content, err := s.Read(ctx, name)
	if err != nil {
		return entry{}, err
	}
	var e entry
	if err := json.Unmarshal(content, &e); err != nil {
		return entry{}, err
	}
	if e.Format > Format {
		return entry{}, NewerFormat(e.Format)
	}
	for _, f := range e.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return entry{}, fmt.Errorf("path %q leaves the dataset", f.Path)
		}
	}
	for _, r := range e.Removed {
		if !filepath.IsLocal(filepath.FromSlash(r.Path)) {
			return entry{}, fmt.Errorf("path %q leaves the dataset", r.Path)
		}
	}
	return e, nil
}
