// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"
)

// defaultTimeout bounds one request with the library's own retries, beside what
// the size of its content needs.
const defaultTimeout = time.Minute

// slowest is the rate, in bytes a second, below which a transfer counts as hung.
const slowest = 256 << 10

// Bucket is a store under a prefix of an object store. An object that can be
// seen is whole and durable. Names are taken by conditional writes
// (If-None-Match, x-goog-if-generation-match).
type Bucket struct {
	bucket  *blob.Bucket
	root    string
	timeout time.Duration
}

// NewBucket makes a store of a bucket whose URL is root.
func NewBucket(bucket *blob.Bucket, root string) *Bucket {
	return &Bucket{bucket: bucket, root: root, timeout: defaultTimeout}
}

// openBucket prepares a bucket; it sends nothing yet.
func openBucket(ctx context.Context, path string) (*Bucket, error) {
	u, timeout, err := parseURL(path)
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(u.Path, "/")
	b := &Bucket{timeout: timeout, root: strings.TrimSuffix(u.Scheme+"://"+u.Host+"/"+prefix, "/")}
	u.Path, u.RawPath = "", ""
	b.bucket, err = blob.DefaultURLMux().OpenBucketURL(ctx, u)
	if err != nil {
		return nil, scrub(err)
	}
	if prefix != "" {
		b.bucket = blob.PrefixedBucket(b.bucket, prefix+"/")
	}
	return b, nil
}

// parseURL takes from a URL what is ours.
func parseURL(path string) (*url.URL, time.Duration, error) {
	u, err := url.Parse(path)
	if err != nil {
		// The text of the error holds the URL.
		return nil, 0, errors.New("a URL like s3://bucket/prefix is expected")
	}
	query := u.Query()
	timeout := defaultTimeout
	switch {
	case u.Host == "":
		return nil, 0, fmt.Errorf("%s:// needs a bucket: %s://bucket/prefix", u.Scheme, u.Scheme)
	case u.User != nil:
		return nil, 0, errors.New("credentials do not belong in the URL: they come from the provider's usual chain (environment, profile, instance)")
	case query.Has("prefix"):
		return nil, 0, errors.New("the prefix belongs in the URL's path: s3://bucket/prefix")
	}
	for _, segment := range strings.Split(strings.Trim(u.Path, "/"), "/") {
		if segment == "." || segment == ".." || segment == "" && strings.Trim(u.Path, "/") != "" {
			return nil, 0, fmt.Errorf("the prefix %q has an empty or a dot segment", u.Path)
		}
	}
	if text := query.Get("timeout"); text != "" {
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 {
			return nil, 0, fmt.Errorf("timeout=%s: a duration like 30s is expected", text)
		}
		query.Del("timeout")
		u.RawQuery = query.Encode()
	}
	return u, timeout, nil
}

// Root implements Store.
func (b *Bucket) Root() string { return b.root }

// The library reads "__0x41__" in a listed key as an escape, which names may hold
// by chance or malice. Names never hold an escaped digit.
var (
	toKey   = strings.NewReplacer("__0x", "__%30x")
	fromKey = strings.NewReplacer("__%30x", "__0x")
)

// bound gives a request its time.
func (b *Bucket) bound(ctx context.Context, size int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.timeout+time.Duration(size/slowest)*time.Second)
}

// conflicts is how often a write is tried that meets another of the same name.
const conflicts = 5

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, name string, content []byte) error {
	var err error
	for try := range conflicts {
		if err = b.write(ctx, name, content, true); !b.conflict(err) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond << try):
		}
	}
	// Also when the answer to a first try was lost, and the library tried again.
	if gcerrors.Code(err) == gcerrors.FailedPrecondition || gcerrors.Code(err) == gcerrors.AlreadyExists {
		return b.compare(ctx, name, content)
	}
	return b.explain("write", name, err)
}

// conflict tells that another write of the name was on its way.
func (b *Bucket) conflict(err error) bool {
	var api smithy.APIError
	return err != nil && b.bucket.ErrorAs(err, &api) && api.ErrorCode() == "ConditionalRequestConflict"
}

func (b *Bucket) compare(ctx context.Context, name string, content []byte) error {
	there, err := b.Read(ctx, name)
	if err == nil && !bytes.Equal(there, content) {
		err = ErrDiffers
	}
	return err
}

// Replace implements Store.
func (b *Bucket) Replace(ctx context.Context, name string, content []byte) error {
	return b.explain("write", name, b.write(ctx, name, content, false))
}

// write sends content in one request, or, beyond 16 MB on S3, as parts of an
// upload that is completed under the same condition. Nothing is visible before.
func (b *Bucket) write(ctx context.Context, name string, content []byte, absent bool) error {
	ctx, cancel := b.bound(ctx, len(content))
	defer cancel()
	return b.bucket.Upload(ctx, toKey.Replace(name), bytes.NewReader(content), &blob.WriterOptions{
		IfNotExist: absent, BufferSize: max(len(content)+1, 8<<20), MaxConcurrency: 1, ContentType: contentType(name),
	})
}

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".parquet"):
		return "application/vnd.apache.parquet"
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	}
	return "application/octet-stream"
}

// Sync implements Store: what was put is durable.
func (b *Bucket) Sync(context.Context, []string) error { return nil }

// Read implements Store.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, error) {
	content, _, err := b.readRange(ctx, name, 0, -1)
	return content, err
}

// readRange reads length bytes from an offset, all for -1, and tells the whole
// size.
func (b *Bucket) readRange(ctx context.Context, name string, offset, length int64) ([]byte, int64, error) {
	ctx, cancel := b.bound(ctx, int(max(length, 0)))
	defer cancel()
	r, err := b.bucket.NewRangeReader(ctx, toKey.Replace(name), offset, length, nil)
	if err != nil {
		return nil, 0, b.explain("read", name, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	return content, r.Size(), b.explain("read", name, err)
}

// Open implements Store. The context bounds all reading of the file.
func (b *Bucket) Open(ctx context.Context, name string) (*File, error) {
	r := &ranges{ctx: ctx, bucket: b, name: name, blocks: map[int64][]byte{}}
	if err := r.start(); err != nil {
		return nil, err
	}
	return newFile(r, r.size), nil
}

// Stat implements Store.
func (b *Bucket) Stat(ctx context.Context, name string) (Info, error) {
	ctx, cancel := b.bound(ctx, 0)
	defer cancel()
	a, err := b.bucket.Attributes(ctx, toKey.Replace(name))
	if err != nil {
		return Info{}, b.explain("look up", name, err)
	}
	return Info{Name: name, Size: a.Size, Modified: a.ModTime}, nil
}

// List implements Store.
func (b *Bucket) List(ctx context.Context, folder string, each func(Info) error) error {
	options := &blob.ListOptions{}
	if folder != "" {
		options.Prefix = toKey.Replace(folder) + "/"
	}
	for items := b.bucket.List(options); ; {
		item, err := b.next(ctx, items)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return b.explain("list", folder, err)
		}
		if err := each(Info{Name: fromKey.Replace(item.Key), Size: item.Size, Modified: item.ModTime}); err != nil {
			if errors.Is(err, fs.SkipAll) {
				return nil
			}
			return err
		}
	}
}

func (b *Bucket) next(ctx context.Context, items *blob.ListIterator) (*blob.ListObject, error) {
	ctx, cancel := b.bound(ctx, 0)
	defer cancel()
	return items.Next(ctx)
}

// Remove implements Store.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := b.bound(ctx, 0)
	defer cancel()
	err := b.bucket.Delete(ctx, toKey.Replace(name))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return b.explain("remove", name, err)
}

// Close implements Store.
func (b *Bucket) Close() error { return b.bucket.Close() }

// explain says what was done where.
func (b *Bucket) explain(what, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s %s/%s: %w: %w", what, b.root, name, fs.ErrNotExist, scrub(err))
	case errors.Is(err, context.DeadlineExceeded):
		return &unavailable{fmt.Errorf("%s %s/%s: no answer within %s (timeout= in the URL): %w", what, b.root, name, b.timeout, scrub(err))}
	}
	return &unavailable{fmt.Errorf("%s %s/%s: %w", what, b.root, name, scrub(err))}
}

// unavailable is an error that says nothing about what a name holds.
type unavailable struct{ error }

func (u *unavailable) Unwrap() error { return u.error }

func (u *unavailable) Is(target error) bool { return target == ErrUnavailable }

// secrets are the query parameters that sign a URL, which libraries may print.
var secrets = regexp.MustCompile(`(?i)([?&](?:sig|signature|[a-z-]*(?:signature|credential|token|secret|key|password)[a-z-]*)=)[^&\s"']+`)

// scrubbed is an error whose text shows no secret.
type scrubbed struct{ error }

func (s *scrubbed) Error() string { return secrets.ReplaceAllString(s.error.Error(), "${1}REDACTED") }

func (s *scrubbed) Unwrap() error { return s.error }

func scrub(err error) error { return &scrubbed{err} }
