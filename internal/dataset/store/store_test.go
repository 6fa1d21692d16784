// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

// stores are one of each kind, empty. SPANLOOP_TEST_BUCKET adds an object store
// that answers, by the URL of an empty prefix.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	all := map[string]Store{
		"folder": NewFolder(t.TempDir()),
		"memory": NewBucket(blob.PrefixedBucket(memblob.OpenBucket(nil), "a/b/"), "mem://bucket/a/b"),
	}
	if url := os.Getenv("SPANLOOP_TEST_BUCKET"); url != "" {
		s, err := Create(t.Context(), strings.Replace(url, "?", fmt.Sprintf("/%s-%d?", t.Name(), time.Now().UnixNano()), 1))
		require.NoError(t, err)
		all["server"] = s
	}
	for _, s := range all {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	return all
}

func names(t *testing.T, s Store, folder string) (list []string) {
	t.Helper()
	require.NoError(t, s.List(t.Context(), folder, func(i Info) error {
		list = append(list, i.Name)
		return nil
	}))
	slices.Sort(list)
	return list
}

func TestPutOnce(t *testing.T) {
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			require.NoError(t, s.Put(t.Context(), "spans/x=1/a.parquet", []byte("one")))
			require.NoError(t, s.Put(t.Context(), "spans/x=1/a.parquet", []byte("one")), "a retry meets its own file")
			require.ErrorIs(t, s.Put(t.Context(), "spans/x=1/a.parquet", []byte("two")), ErrDiffers)
			require.ErrorIs(t, s.Put(t.Context(), "spans/x=1/a.parquet", []byte("other size")), ErrDiffers)
			content, err := s.Read(t.Context(), "spans/x=1/a.parquet")
			require.NoError(t, err)
			assert.Equal(t, "one", string(content))
			require.NoError(t, s.Sync(t.Context(), []string{"spans/x=1/a.parquet"}))
			require.NoError(t, s.Replace(t.Context(), "spans/x=1/a.parquet", []byte("three")))
			info, err := s.Stat(t.Context(), "spans/x=1/a.parquet")
			require.NoError(t, err)
			assert.EqualValues(t, 5, info.Size)
			assert.Equal(t, []string{"spans/x=1/a.parquet"}, names(t, s, ""))
		})
	}
}

// Of writers that race for a name exactly one wins.
func TestRace(t *testing.T) {
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			var writers sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				writers.Go(func() { errs[i] = s.Put(t.Context(), "a", fmt.Append(nil, "content ", i)) })
			}
			writers.Wait()
			winner := slices.Index(errs, nil)
			require.GreaterOrEqual(t, winner, 0, errs)
			for i, err := range errs {
				if i != winner {
					require.ErrorIs(t, err, ErrDiffers)
				}
			}
			content, err := s.Read(t.Context(), "a")
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint("content ", winner), string(content))
		})
	}
}

func TestMissing(t *testing.T) {
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			_, err := s.Read(t.Context(), "none")
			require.ErrorIs(t, err, fs.ErrNotExist)
			_, err = s.Stat(t.Context(), "none")
			require.ErrorIs(t, err, fs.ErrNotExist)
			_, err = s.Open(t.Context(), "none")
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.NoError(t, s.Remove(t.Context(), "none"))
			assert.Empty(t, names(t, s, "none"))
		})
	}
}

// Files are read at any offset, across what one request fetches.
func TestReadAt(t *testing.T) {
	content := make([]byte, 3*blockSize+777)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	for kind, s := range stores(t) {
		for size, at := range map[int]int{0: 0, 10: 3, blockSize: blockSize - 5, len(content): 2*blockSize - 9} {
			t.Run(fmt.Sprint(kind, size), func(t *testing.T) {
				name := fmt.Sprint("file", size)
				require.NoError(t, s.Put(t.Context(), name, content[:size]))
				f, err := s.Open(t.Context(), name)
				require.NoError(t, err)
				defer f.Close()
				require.EqualValues(t, size, f.Size())
				part := make([]byte, min(20, size-at))
				n, err := f.ReadAt(part, int64(at))
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
				}
				assert.Equal(t, content[at:at+n], part)
				whole, err := io.ReadAll(f)
				require.NoError(t, err)
				assert.Len(t, whole, size)
				assert.Equal(t, content[:size], whole)
			})
		}
	}
}

// More than a page of names, and names that a library may read as escapes.
func TestList(t *testing.T) {
	hostile := []string{
		"h/prompt_name=__0x41__/a", "h/prompt_name=%2E%2E%2F/a", "h/a b+c&d=e;f", "h/__0x", "h/~é%00", "h/x.parquet.1-2" + InProgress,
	}
	for kind, s := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			var want []string
			for i := range 1005 {
				want = append(want, fmt.Sprintf("many/%04d.json", i))
				require.NoError(t, s.Put(t.Context(), want[i], []byte{'x'}))
			}
			for _, name := range hostile {
				require.NoError(t, s.Put(t.Context(), name, []byte(name)))
				content, err := s.Read(t.Context(), name)
				require.NoError(t, err)
				require.Equal(t, name, string(content))
			}
			require.NoError(t, s.Put(t.Context(), "many2/other", nil))
			assert.Equal(t, want, names(t, s, "many"))
			assert.ElementsMatch(t, hostile, names(t, s, "h"))
			seen := 0
			require.NoError(t, s.List(t.Context(), "", func(Info) error {
				seen++
				return fs.SkipAll
			}))
			assert.Equal(t, 1, seen)
			stop := errors.New("stop")
			require.ErrorIs(t, s.List(t.Context(), "many", func(Info) error { return stop }), stop)
		})
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := stores(t)["memory"]
	require.ErrorIs(t, s.Put(ctx, "a", []byte("x")), context.Canceled)
	assert.Empty(t, names(t, s, ""))
}

func TestCheck(t *testing.T) {
	for _, path := range []string{"./data", "s3://bucket", "s3://bucket/a/b?region=eu-west-1&timeout=5s", "gs://bucket/x", "azblob://container/p"} {
		require.NoError(t, Check(path), path)
	}
	for path, want := range map[string]string{
		"":                             "a directory is expected",
		"ftp://host/x":                 "s3://, gs://, azblob://",
		"s3:///x":                      "needs a bucket",
		"s3://key:hunter2@bucket/x":    "credentials do not belong",
		"s3://bucket/a/../b":           "dot segment",
		"s3://bucket/a//b":             "dot segment",
		"s3://bucket/x?timeout=fast":   "timeout=fast",
		"s3://bucket/x?prefix=y":       "path",
		"s3://bucket/%zz?sig=hunter22": "a URL like",
	} {
		err := Check(path)
		require.ErrorContains(t, err, want, path)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// Signed URLs, as libraries print them, lose what signs them.
func TestSecretsInErrors(t *testing.T) {
	err := scrub(fmt.Errorf("Get %q: %w", "https://h/k?X-Amz-Credential=AKIA&X-Amz-Signature=abc&partNumber=2&sig=def%3D&x-goog-signature=ghi", io.EOF))
	require.ErrorIs(t, err, io.EOF)
	for _, secret := range []string{"AKIA", "abc", "def", "ghi"} {
		assert.NotContains(t, err.Error(), secret)
	}
	assert.Contains(t, err.Error(), "partNumber=2")
}

func TestDisplay(t *testing.T) {
	for path, want := range map[string]string{
		"./data?x":                          "./data?x",
		"s3://bucket/a/b":                   "s3://bucket/a/b",
		"s3://key:hunter2@bucket/a?sig=x":   "s3://bucket/a",
		"azblob://c?sig=hunter2":            "azblob://c",
		"s3://k:hunt@er2@bucket/e@f#secret": "s3://bucket/e@f",
	} {
		assert.Equal(t, want, Display(path))
	}
}

// A bucket that is out of reach says what it was asked, and that it does not
// answer: not that the name holds nothing.
func TestOutOfReach(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "hunter2")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter3")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // It accepts, and says nothing.
	path := fmt.Sprintf("s3://bucket/a?endpoint=http://%s&use_path_style=true&region=us-east-1&timeout=300ms", listener.Addr())
	s, err := Create(t.Context(), path)
	require.NoError(t, err, "nothing is asked yet")
	defer s.Close()
	for what, try := range map[string]func() error{
		"write s3://bucket/a/b/c": func() error { return s.Put(t.Context(), "b/c", []byte("x")) },
		"read s3://bucket/a/b":    func() error { _, err := s.Read(t.Context(), "b"); return err },
		"look up s3://bucket/a/b": func() error { _, err := s.Stat(t.Context(), "b"); return err },
		"remove s3://bucket/a/b":  func() error { return s.Remove(t.Context(), "b") },
		"list s3://bucket/a/b":    func() error { return s.List(t.Context(), "b", func(Info) error { return nil }) },
	} {
		err := try()
		require.ErrorIs(t, err, ErrUnavailable, what)
		require.NotErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, what)
		require.ErrorContains(t, err, "no answer within 300ms")
		assert.NotContains(t, err.Error(), "hunter")
	}
	_, err = Open(t.Context(), path)
	require.ErrorIs(t, err, ErrUnavailable)
}
