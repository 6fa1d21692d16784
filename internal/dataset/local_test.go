// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// onObjects is a dataset in an object store, with a writer to it.
func onObjects(t *testing.T) (*Dataset, *Writer) {
	t.Helper()
	bucket := store.NewBucket(memblob.OpenBucket(nil), "s3://bucket/prefix")
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return &Dataset{store: bucket}, writerTo(bucket, WriterOptions{Include: IncludeAll})
}

// A batch written twice to an object store is read back once and whole, verified,
// described, and seen through local files.
func TestObjectStore(t *testing.T) {
	d, w := onObjects(t)
	td := manyParts()
	for range 2 {
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	v, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
	got, err := d.ReadTraces(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, 5, got.SpanCount())
	info, err := d.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, info.Rejected)
	assert.EqualValues(t, 5, info.Tables[0].Rows)
	views, err := w.storage.Read(t.Context(), viewsName)
	require.NoError(t, err)
	assert.Contains(t, string(views), "read_parquet('s3://bucket/prefix/spans/**/*.parquet'")

	dir, release, err := d.Local(t.Context(), Filter{}, Cache{Dir: t.TempDir()})
	require.NoError(t, err)
	files, err := readManifest(t.Context(), w.storage)
	require.NoError(t, err)
	assert.Len(t, tree(t, dir), len(files))
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Path))
		require.NoError(t, err)
		assert.Equal(t, f.SHA256, digest(content))
	}
	require.NoError(t, release())
	assert.NoDirExists(t, dir)
}

// Verify names damage in an object store as it does on disk.
func TestVerifyObjectStore(t *testing.T) {
	for kind, damage := range map[string]func(t *testing.T, s store.Store, name string, content []byte){
		FindingMissing: func(t *testing.T, s store.Store, name string, _ []byte) {
			require.NoError(t, s.Remove(t.Context(), name))
		},
		FindingTruncated: func(t *testing.T, s store.Store, name string, content []byte) {
			require.NoError(t, s.Replace(t.Context(), name, content[:50]))
		},
		FindingAltered: func(t *testing.T, s store.Store, name string, content []byte) {
			content[len(content)/2] ^= 1
			require.NoError(t, s.Replace(t.Context(), name, content))
		},
		FindingDuplicated: func(t *testing.T, s store.Store, _ string, content []byte) {
			require.NoError(t, s.Put(t.Context(), "spans/twin.parquet", content))
		},
		FindingOrphan: func(t *testing.T, s store.Store, _ string, _ []byte) {
			require.NoError(t, s.Put(t.Context(), "spans/stranger.parquet", []byte("PAR1")))
		},
	} {
		t.Run(kind, func(t *testing.T) {
			d, w := onObjects(t)
			_, err := w.WriteTraces(t.Context(), chat(3))
			require.NoError(t, err)
			files, err := d.Files(t.Context(), TableSpans)
			require.NoError(t, err)
			content, err := w.storage.Read(t.Context(), files[0].Path)
			require.NoError(t, err)
			damage(t, w.storage, files[0].Path, content)
			v, err := d.Verify(t.Context())
			require.NoError(t, err)
			require.Len(t, v.Findings, 1)
			assert.Equal(t, kind, v.Findings[0].Kind)
			// What is damaged and written again is whole again.
			if kind == FindingTruncated || kind == FindingAltered || kind == FindingMissing {
				_, err = w.WriteTraces(t.Context(), chat(3))
				require.NoError(t, err)
				v, err = d.Verify(t.Context())
				require.NoError(t, err)
				assert.Empty(t, v.Findings)
			}
		})
	}
}

// The cache keeps within its bound, serves what it holds without the store, and
// never serves what is not the manifest's.
func TestCache(t *testing.T) {
	d, w := onObjects(t)
	_, err := w.WriteTraces(t.Context(), chat(4))
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	folder := t.TempDir()
	_, release, err := d.Local(t.Context(), Filter{}, Cache{Dir: folder})
	require.NoError(t, err)
	require.NoError(t, release())
	content, err := w.storage.Read(t.Context(), files[0].Path)
	require.NoError(t, err)

	require.NoError(t, w.storage.Remove(t.Context(), files[0].Path))
	dir, release, err := d.Local(t.Context(), Filter{}, Cache{Dir: folder, MaxBytes: 1})
	require.NoError(t, err, "the file is in the cache")
	assert.FileExists(t, filepath.Join(dir, files[0].Path), "a use keeps its files, whatever the bound")
	assert.Empty(t, tree(t, filepath.Join(folder, "files")))
	require.NoError(t, release())

	_, _, err = d.Local(t.Context(), Filter{}, Cache{Dir: folder})
	require.ErrorContains(t, err, files[0].Path)
	content[40] ^= 1
	require.NoError(t, w.storage.Put(t.Context(), files[0].Path, content))
	_, _, err = d.Local(t.Context(), Filter{}, Cache{Dir: folder})
	require.ErrorContains(t, err, "not what the manifest says")

	dir, release, err = d.Local(t.Context(), Filter{Until: files[0].MinTime.Add(-time.Hour)}, Cache{Dir: folder})
	require.NoError(t, err, "what no asked time needs is not fetched")
	assert.NoDirExists(t, filepath.Join(dir, TableSpans))
	require.NoError(t, release())
	uses, err := filepath.Glob(filepath.Join(folder, "use-*"))
	require.NoError(t, err)
	assert.Empty(t, uses)
}

// silent is a store that does not answer for some names.
type silent struct {
	store.Store
	about string
}

func (s *silent) refuse(name string) error {
	if s.about != "" && strings.Contains(name, s.about) {
		return fmt.Errorf("read %s: %w", name, store.ErrUnavailable)
	}
	return nil
}

func (s *silent) Read(ctx context.Context, name string) ([]byte, error) {
	if err := s.refuse(name); err != nil {
		return nil, err
	}
	return s.Store.Read(ctx, name)
}

func (s *silent) Open(ctx context.Context, name string) (*store.File, error) {
	if err := s.refuse(name); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, name)
}

// A store that does not answer makes a reader fail: it neither reads less nor
// calls a file damaged.
func TestStoreThatDoesNotAnswer(t *testing.T) {
	_, w := onObjects(t)
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.NoError(t, err)
	for _, about := range []string{manifestDir, TableSpans + "/"} {
		d := &Dataset{store: &silent{Store: w.storage, about: about}}
		_, err = d.ReadTraces(t.Context(), Filter{})
		require.ErrorIs(t, err, store.ErrUnavailable, about)
		v, err := d.Verify(t.Context())
		require.ErrorIs(t, err, store.ErrUnavailable, about)
		assert.Empty(t, v.Findings)
		_, _, err = d.Local(t.Context(), Filter{}, Cache{Dir: t.TempDir()})
		require.ErrorIs(t, err, store.ErrUnavailable, about)
	}
	d := &Dataset{store: &silent{Store: w.storage, about: manifestDir}}
	_, err = d.Info(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = d.Stream(t.Context(), Selection{}, 10)
	require.ErrorIs(t, err, store.ErrUnavailable)

	from := &silent{Store: w.storage}
	s, err := (&Dataset{store: from}).Stream(t.Context(), Selection{}, 10)
	require.NoError(t, err)
	from.about = TableSpans + "/"
	err = s.Read(t.Context(), s.Files[0], 0, func(Batch) error { return nil })
	require.ErrorIs(t, err, ErrUnavailable)
}

// A file of another size than the manifest says is not fetched.
func TestCacheRefusesAnotherSize(t *testing.T) {
	d, w := onObjects(t)
	_, err := w.WriteTraces(t.Context(), chat(3))
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.NoError(t, w.storage.Replace(t.Context(), files[0].Path, make([]byte, 5<<20)))
	folder := t.TempDir()
	_, _, err = d.Local(t.Context(), Filter{}, Cache{Dir: folder})
	require.ErrorContains(t, err, "not what the manifest says")
	uses, err := filepath.Glob(filepath.Join(folder, "use-*"))
	require.NoError(t, err)
	assert.Empty(t, uses)
}
