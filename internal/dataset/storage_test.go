// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// folder is the store of a writer to a folder.
func folder(w *Writer) *store.Folder { return w.storage.(*store.Folder) }

// tree lists the files below a folder with their sizes.
func tree(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		relative, _ := filepath.Rel(dir, path)
		files[relative] = info.Size()
		return err
	}))
	return files
}

// manyParts is a batch of several partitions, scores and a reject.
func manyParts() ptrace.Traces {
	td := chat(6)
	for i := range 6 {
		span := spanAt(td, i)
		span.Attributes().PutStr("gen_ai.prompt.name", fmt.Sprint("p", i%3))
		newGenerator(uint64(i)).scores(span)
	}
	spanAt(td, 5).SetTraceID(pcommon.TraceID{})
	return td
}

// The disk fails at the n-th operation, for every n: the push fails, what is
// visible is whole, and the same push succeeds later without adding anything.
func TestDiskFailsAnywhere(t *testing.T) {
	t.Parallel()
	td := manyParts()
	w, clean := newWriter(t, WriterOptions{Include: IncludeAll})
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	want := tree(t, clean)
	for fail := 1; ; fail++ {
		w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
		operations := 0
		create := folder(w).CreateFile
		folder(w).CreateFile = func(path string) (*os.File, error) {
			if operations++; operations == fail {
				return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
			}
			return create(path)
		}
		folder(w).SyncFile = func(f *os.File) error {
			if operations++; operations == fail {
				return syscall.EIO
			}
			return nil
		}
		_, err := w.WriteTraces(t.Context(), td)
		if operations < fail {
			require.NoError(t, err)
			assert.Greater(t, fail, 10, "operations of a push")
			break
		}
		require.Error(t, err, "operation %d", fail)
		for path, size := range tree(t, dir) {
			if path == "views.sql" {
				continue // It says which tables have files.
			}
			require.Equal(t, want[path], size, "%s is visible after operation %d failed", path, fail)
		}
		_, err = w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		require.Equal(t, want, tree(t, dir))
	}
}

// A disk that is full in the middle of a file leaves no part of it.
func TestWriteStopsInTheMiddle(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	create := folder(w).CreateFile
	folder(w).CreateFile = func(path string) (*os.File, error) {
		f, err := create(path)
		if err != nil {
			return nil, err
		}
		require.NoError(t, f.Close())
		// Writing to a file that is open for reading fails as a full disk does.
		return os.Open(path)
	}
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.Error(t, err)
	assert.Contains(t, err.Error(), dir)
	assert.Equal(t, []string{"views.sql"}, keys(tree(t, dir)))
}

func keys(m map[string]int64) (list []string) {
	for key := range m {
		list = append(list, key)
	}
	return list
}

// A folder that cannot be written is an error when the writer starts or at the
// push, never a loss.
func TestFolderThatIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := NewWriter(file, WriterOptions{})
	require.Error(t, err)
	w, dir := newWriter(t, WriterOptions{})
	require.NoError(t, os.WriteFile(filepath.Join(dir, TableSpans), nil, 0o600))
	_, err = w.WriteTraces(t.Context(), chat(1))
	require.Error(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, TableSpans)))
	_, err = w.WriteTraces(t.Context(), chat(1))
	require.NoError(t, err)
}

func TestPathIsChecked(t *testing.T) {
	for _, path := range []string{"", "ftp://bucket/x", "s3://"} {
		_, err := NewWriter(path, WriterOptions{})
		require.Error(t, err, path)
	}
}

// What a crash left unfinished goes away when it is old, and is never read.
func TestStaleFiles(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(1))
	require.NoError(t, err)
	folder := filepath.Join(dir, TableSpans, "prompt_name=x")
	require.NoError(t, os.MkdirAll(folder, 0o750))
	old, fresh := filepath.Join(folder, "a.parquet"+store.InProgress), filepath.Join(folder, "b.parquet"+store.InProgress)
	for _, path := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(path, []byte("PAR1 cut"), 0o600))
	}
	past := time.Now().Add(-2 * store.StaleAfter)
	require.NoError(t, os.Chtimes(old, past, past))
	_, err = NewWriter(dir, WriterOptions{})
	require.NoError(t, err)
	assert.NoFileExists(t, old)
	assert.FileExists(t, fresh)
	assert.Equal(t, 1, readAll(t, dir, Filter{}).SpanCount())
}

// Several pushes at once, the same among them.
func TestConcurrentPushes(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	errs := make(chan error, 8)
	for i := range 8 {
		go func() {
			_, err := w.WriteTraces(t.Context(), newGenerator(uint64(i%4)*2).traces(30))
			errs <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
	d, err := Open(dir)
	require.NoError(t, err)
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
	for path := range tree(t, dir) {
		assert.False(t, strings.HasSuffix(path, store.InProgress), path)
	}
}

// A push that meets the files of one whose folders were never synced syncs them
// itself before it is acknowledged.
func TestFoldersOfAnEarlierPushAreSynced(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	folder(w).SyncFile = func(f *os.File) error {
		if info, err := f.Stat(); err != nil || info.IsDir() {
			return syscall.EIO
		}
		return nil
	}
	_, err := w.WriteTraces(t.Context(), chat(2))
	require.Error(t, err)
	synced := map[string]bool{}
	folder(w).SyncFile = func(f *os.File) error {
		synced[f.Name()] = true
		return nil
	}
	_, err = w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	for path := range tree(t, dir) {
		if path == "views.sql" {
			continue
		}
		for folder := filepath.Dir(filepath.Join(dir, path)); ; folder = filepath.Dir(folder) {
			assert.True(t, synced[folder], folder)
			if folder == dir {
				break
			}
		}
	}
}
