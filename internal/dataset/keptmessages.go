// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
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

// place is a folder of messages, and the partition of the spans in it that refer to
// them.
type place struct {
	dir  string
	part partition
}

// follow copies the messages that spans refer to into the folders that the spans
// move to from a mixed one. The mixed folder keeps its own.
func (c *compactor) follow(ctx context.Context, from, moved []File) ([]File, error) {
	mixed, wanted := path.Dir(from[0].Path), wantedMessages{}
	for _, f := range moved {
		if dir := path.Dir(f.Path); dir != mixed {
			columns := append([]string{refsColumn, "date"}, partitionColumns...)
			err := c.eachChosen(ctx, f, "span_id", nil, columns, func(rows *parquetfile.Rows, chosen []int) error {
				for _, i := range chosen {
					wanted.add(dir, rows, i)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return c.copyMessages(ctx, from, wanted)
}

// wantedMessages are the hashes of messages that spans refer to.
type wantedMessages map[place]map[string]struct{}

// add notes what a row of the table spans refers to that is in a folder now.
func (w wantedMessages) add(dir string, rows *parquetfile.Rows, i int) {
	if !rows.Has(refsColumn) {
		return
	}
	for _, hash := range rows.Texts(refsColumn, i) {
		part, _ := partitionOf(rows, i)
		key := place{messagesFolder(dir), part}
		if w[key] == nil {
			w[key] = map[string]struct{}{}
		}
		w[key][hash] = struct{}{}
	}
}

// copyMessages copies messages from the folder that spans leave to those where
// they are wanted.
func (c *compactor) copyMessages(ctx context.Context, from []File, wanted wantedMessages) ([]File, error) {
	places := map[string][]place{}
	for to, hashes := range wanted {
		for hash := range hashes {
			places[hash] = append(places[hash], to)
		}
	}
	first, last := timesOf(from)
	var files []File
	for _, f := range nearestTo(File{MaxTime: last}, c.messagesOf(path.Dir(from[0].Path))) {
		if len(places) == 0 {
			break
		}
		for key := range c.alike(ctx, []File{f}) {
			copied, err := c.copyFrom(ctx, f, key, places)
			if err != nil {
				return nil, err
			}
			files = append(files, copied...)
		}
	}
	if len(places) > 0 {
		return nil, errNoMessages
	}
	for i := range files {
		// Readers look for messages by the times of their spans.
		files[i].MinTime, files[i].MaxTime = first, last
	}
	return files, nil
}

// messagesOf are the files of messages that spans of a folder may refer to.
func (c *compactor) messagesOf(spans string) (files []File) {
	for _, f := range c.m.files {
		if f.Table == TableMessages && path.Dir(f.Path) == messagesFolder(spans) {
			files = append(files, f)
		}
	}
	return files
}

// copyFrom copies messages of a file to their places, which are done then.
func (c *compactor) copyFrom(ctx context.Context, f File, columns string, places map[string][]place) ([]File, error) {
	writer, err := c.copier(ctx, TableMessages, columns, f)
	if err != nil {
		return nil, err
	}
	r := &rewrite{store: c.store, table: TableMessages, inputs: []File{f}, writer: writer, taken: c.taken()}
	c.bounded(r)
	s := newScatter(r)
	where := func(rows *parquetfile.Rows, i int) bool {
		hash, _ := rows.Text("hash", i)
		return len(places[hash]) > 0
	}
	err = c.eachChosen(ctx, f, "hash", where, nil, func(rows *parquetfile.Rows, chosen []int) error {
		lots := map[place][]int{}
		for _, i := range chosen {
			hash, _ := rows.Text("hash", i)
			for _, to := range places[hash] {
				lots[to] = append(lots[to], i)
			}
			delete(places, hash)
		}
		for _, to := range slices.SortedFunc(maps.Keys(lots), comparePlaces) {
			picked := rows.Pick(lots[to])
			for i := range picked.N {
				picked.SetText("prompt_name", i, to.part.name)
				picked.SetText("prompt_version", i, to.part.version)
				picked.SetInt("date", i, to.part.day)
			}
			if err := s.put(ctx, to.dir, picked); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

func comparePlaces(a, b place) int {
	return cmp.Or(strings.Compare(a.dir, b.dir), comparePartitions(a.part, b.part))
}
