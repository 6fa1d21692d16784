// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// putEntries makes a dataset of manifest entries only.
func putEntries(t testing.TB, entries ...entry) (s *store.Folder, names []string) {
	t.Helper()
	s = store.NewFolder(t.TempDir())
	for _, e := range entries {
		name, err := putEntry(t.Context(), s, e)
		require.NoError(t, err)
		names = append(names, name)
	}
	return s, names
}

func fileAt(path string) File { return File{Table: TableSpans, Path: path, Rows: 1} }

func removalAt(path string, at time.Time) Removal { return Removal{File: fileAt(path), At: at} }

func pathsOf(files []File) []string {
	paths := []string{}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

// A file that one entry removes is gone, whichever entries name it and in which
// order they are read.
func TestManifestRemovals(t *testing.T) {
	noon := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s, _ := putEntries(t,
		entry{Files: []File{fileAt("spans/a.parquet"), fileAt("spans/b.parquet")}},
		entry{Files: []File{fileAt("spans/b.parquet"), fileAt("spans/c.parquet")}},
		entry{Files: []File{fileAt("spans/ab.parquet")}, Removed: []Removal{removalAt("spans/a.parquet", noon), removalAt("spans/b.parquet", noon)}},
		entry{Removed: []Removal{removalAt("spans/a.parquet", noon.Add(time.Hour))}},
	)
	m, err := loadManifest(t.Context(), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"spans/ab.parquet", "spans/c.parquet"}, pathsOf(m.files))
	require.Len(t, m.removed, 2)
	assert.Equal(t, noon.Add(time.Hour), m.removed[0].At, "the latest removal counts")
	assert.Len(t, m.entries, 4)
}

// Entries that cannot be trusted are named, and their files are not read.
func TestManifestBrokenEntries(t *testing.T) {
	for name, content := range map[string]string{
		"no JSON":         `{"format": 1, "files": [`,
		"newer format":    `{"format": 2, "files": []}`,
		"leaving path":    `{"format": 1, "files": [{"path": "../x.parquet"}]}`,
		"leaving removal": `{"format": 1, "files": [], "removed": [{"path": "/etc/passwd"}]}`,
		"wrong type":      `{"format": 1, "files": {}}`,
		"empty":           ``,
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := putEntries(t, entry{Files: []File{fileAt("spans/a.parquet")}})
			require.NoError(t, os.WriteFile(filepath.Join(s.Root(), manifestDir, "x.json"), []byte(content), 0o600))
			m, err := loadManifest(t.Context(), s)
			require.NoError(t, err)
			assert.Equal(t, []string{"spans/a.parquet"}, pathsOf(m.files))
			assert.Len(t, m.broken, 1)
			assert.Error(t, m.broken[manifestDir+"/x.json"])
		})
	}
}

// Entries are merged while they are read again and again: each reader sees all
// files, whichever entries it met.
func TestManifestReadWhileEntriesAreReplaced(t *testing.T) {
	s := store.NewFolder(t.TempDir())
	const files = 40
	all := entry{}
	for i := range files {
		all.Files = append(all.Files, fileAt(fmt.Sprintf("spans/%02d.parquet", i)))
	}
	_, err := putEntry(t.Context(), s, all)
	require.NoError(t, err)
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for round := 0; ; round++ {
			select {
			case <-done:
				return
			default:
			}
			// One entry becomes two, and those become one again, each time put
			// before the others are removed.
			at := 1 + round%(files-1)
			before, _ := listEntries(t.Context(), s)
			for _, part := range []entry{{Files: all.Files[:at:at]}, {Files: all.Files[at:]}} {
				name, _ := putEntry(t.Context(), s, part)
				before = removeName(before, name)
			}
			for _, name := range before {
				_ = os.Remove(filepath.Join(s.Root(), filepath.FromSlash(name)))
			}
		}
	})
	for range 300 {
		m, err := loadManifest(t.Context(), s)
		require.NoError(t, err)
		require.Len(t, m.files, files)
		require.Empty(t, m.broken)
	}
	close(done)
	writer.Wait()
}

func removeName(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

func FuzzReadEntry(f *testing.F) {
	f.Add([]byte(`{"format": 1, "files": [{"table": "spans", "path": "spans/a.parquet", "rows": 1}], "removed": [{"path": "spans/b.parquet", "removed_at": "2026-11-01T12:00:00Z"}]}`))
	f.Add([]byte(`{"format": 1, "files": [{"path": "spans/../../a"}]}`))
	f.Add([]byte(`[]`))
	s := store.NewFolder(f.TempDir())
	path := filepath.Join(s.Root(), "entry.json")
	f.Fuzz(func(t *testing.T, content []byte) {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		e, err := readEntry(t.Context(), s, "entry.json")
		if err != nil {
			return
		}
		for _, file := range e.Files {
			require.True(t, filepath.IsLocal(filepath.FromSlash(file.Path)))
		}
		again, err := json.Marshal(e)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, again, 0o600))
		_, err = readEntry(t.Context(), s, "entry.json")
		require.NoError(t, err)
	})
}
