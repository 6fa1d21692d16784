// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// refsColumn is the column of spans with the hashes of their messages.
const refsColumn = "input_refs.list.element"

// errNoMessages is returned for spans whose messages cannot go with them.
var errNoMessages = errors.New("messages that its spans refer to are missing")

func isMessages(name string) bool { return strings.HasPrefix(name, TableMessages+"/") }

// messagesFolder is the folder of the messages that spans of a folder refer to.
func messagesFolder(spans string) string {
	return TableMessages + strings.TrimPrefix(spans, TableSpans)
}

// referred are the hashes of the messages that the spans of files refer to.
func (k *keeper) referred(ctx context.Context, files []File) (refs map[string]struct{}, err error) {
	defer func() {
		// Decoding what is not what it seems to be may panic.
		if p := recover(); p != nil {
			err = fmt.Errorf("spans cannot be read: %v", p)
		}
	}()
	refs = map[string]struct{}{}
	r := &rewrite{store: k.store, inputs: files}
	columns := []string{refsColumn}
	if k.without != nil {
		columns = append(columns, spanIDColumns...)
	}
	err = r.eachGroup(ctx, columns, func(rows *parquetfile.Rows, _ int) error {
		if !rows.Has(refsColumn) {
			return nil
		}
		for i := range rows.N {
			if k.without != nil && k.without(rows, i) {
				continue
			}
			for _, hash := range rows.Texts(refsColumn, i) {
				refs[hash] = struct{}{}
			}
		}
		return nil
	})
	return refs, err
}

// settled are those of files of messages that no push on its way relies on: the
// lease of their messages was over before the manifest was read. There are none
// when the manifest does not tell all spans.
func (k *keeper) settled(ctx context.Context, files []File) ([]File, error) {
	if len(k.m.broken) > 0 {
		return nil, nil
	}
	return k.olderThan(ctx, files, MessageLease)
}

// olderThan are those of files that were written so long before the manifest was
// read.
func (k *keeper) olderThan(ctx context.Context, files []File, age time.Duration) (old []File, err error) {
	for _, f := range files {
		info, err := k.store.Stat(ctx, f.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if k.read.Sub(info.Modified) >= age {
			old = append(old, f)
		}
	}
	return old, nil
}

// unreferred tells which rows of a folder's files of messages no span needs; nil
// when that cannot be told.
func (k *keeper) unreferred(ctx context.Context, files []File) (func(*parquetfile.Rows, int) bool, error) {
	old, err := k.settled(ctx, files)
	if err != nil || len(old) < len(files) {
		return nil, err
	}
	return k.needless(ctx, path.Dir(files[0].Path))
}

// needless tells which messages of a folder no span refers to; nil when that
// cannot be told.
func (k *keeper) needless(ctx context.Context, dir string) (func(*parquetfile.Rows, int) bool, error) {
	var spans []File
	for _, f := range k.m.files {
		if f.Table == TableSpans && messagesFolder(path.Dir(f.Path)) == dir {
			spans = append(spans, f)
		}
	}
	refs, err := k.referred(ctx, spans)
	if err != nil {
		// A span file that cannot be read may refer to any of them.
		return nil, ctx.Err()
	}
	return func(rows *parquetfile.Rows, i int) bool {
		hash, ok := rows.Text("hash", i)
		_, needed := refs[hash]
		return ok && !needed
	}, nil
}

// abandoned are files of messages in folders without spans.
func (k *keeper) abandoned(ctx context.Context) ([]File, error) {
	inhabited := map[string]bool{}
	for _, f := range k.m.files {
		if f.Table == TableSpans {
			inhabited[messagesFolder(path.Dir(f.Path))] = true
		}
	}
	var files []File
	for _, f := range k.m.files {
		if f.Table == TableMessages && !inhabited[path.Dir(f.Path)] {
			files = append(files, f)
		}
	}
	return k.settled(ctx, files)
}

// follow copies the messages that spans refer to into the folders that the spans
// move to from a mixed one. The mixed folder keeps its own.
func (c *compactor) follow(ctx context.Context, from, moved []File) ([]File, error) {
	mixed := path.Dir(from[0].Path)
	wanted := map[string]map[string]struct{}{}
	for _, f := range moved {
		if dir := path.Dir(f.Path); dir != mixed {
			refs, err := c.referred(ctx, []File{f})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Path, err)
			}
			wanted[messagesFolder(dir)] = refs
		}
	}
	missing := 0
	for _, refs := range wanted {
		missing += len(refs)
	}
	if missing == 0 {
		return nil, nil
	}
	var files []File
	kinds := c.alike(ctx, c.messagesBeside(from))
	for _, key := range sortedKeys(kinds) {
		writer, err := c.copier(ctx, TableMessages, key, kinds[key][0])
		if err != nil {
			return nil, err
		}
		r := &rewrite{store: c.store, table: TableMessages, inputs: kinds[key], writer: writer, taken: c.taken()}
		c.bounded(r)
		r.route = func(rows *parquetfile.Rows, i int) string {
			dir, _ := folderOf(TableMessages, rows, i)
			return dir
		}
		r.drop = func(rows *parquetfile.Rows, i int) bool {
			hash, _ := rows.Text("hash", i)
			refs := wanted[r.route(rows, i)]
			_, needed := refs[hash]
			if needed {
				delete(refs, hash)
				missing--
			}
			return !needed
		}
		added, err := r.run(ctx)
		if err != nil {
			return nil, err
		}
		files = append(files, added...)
	}
	if missing > 0 {
		return nil, errNoMessages
	}
	return files, nil
}

// messagesBeside are the files of messages that came with spans of mixed files:
// pushes put no others there.
func (c *compactor) messagesBeside(spans []File) (files []File) {
	first, last := timesOf(spans)
	for _, f := range c.m.files {
		if f.Table == TableMessages && path.Dir(f.Path) == messagesFolder(path.Dir(spans[0].Path)) &&
			!f.MinTime.After(last) && !f.MaxTime.Before(first) {
			files = append(files, f)
		}
	}
	return files
}
