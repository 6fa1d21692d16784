// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// settledName is the file that names the span files whose traces were complete
// and looked at, and the content files that were there then. A run looks at other
// files, and at what these hold of the same traces. Without it all are looked at
// again, and found as they are to be.
const settledName = "_late/settled.json"

// settledFiles are span files by what their names say of their content, with how
// far around them in time the rest of their traces was looked for.
type settledFiles struct {
	reaches map[string]time.Duration
	stored  []byte
}

// settledList is the file's content.
type settledList struct {
	Format int                 `json:"format"`
	Files  map[string][]string `json:"files_by_reach"`
}

// readSettled reads the file; what cannot be read names nothing.
func readSettled(ctx context.Context, s store.Store) *settledFiles {
	l := &settledFiles{reaches: map[string]time.Duration{}}
	content, err := s.Read(ctx, settledName)
	var list settledList
	if err != nil || json.Unmarshal(content, &list) != nil || list.Format > Format {
		return l
	}
	l.stored = content
	for text, names := range list.Files {
		reach, err := time.ParseDuration(text)
		if err != nil {
			continue
		}
		for _, name := range names {
			l.reaches[name] = max(l.reaches[name], reach)
		}
	}
	return l
}

// settledKey tells a file from others of any content.
func settledKey(f File) string { return f.SHA256[:min(24, len(f.SHA256))] }

// reach tells whether a file is settled, as far around it as that.
func (l *settledFiles) reach(f File, reach time.Duration) bool {
	known, ok := l.reaches[settledKey(f)]
	return ok && known >= reach
}

func (l *settledFiles) add(f File, reach time.Duration) {
	l.reaches[settledKey(f)] = max(l.reaches[settledKey(f)], reach)
}

func (l *settledFiles) forget(files []File) {
	for _, f := range files {
		delete(l.reaches, settledKey(f))
	}
}

// write stores which of files are settled.
func (l *settledFiles) write(ctx context.Context, s store.Store, files []File) error {
	list := settledList{Format: Format, Files: map[string][]string{}}
	for _, f := range files {
		if reach, ok := l.reaches[settledKey(f)]; ok && (f.Table == TableSpans || f.Table == TableContent) {
			list.Files[reach.String()] = append(list.Files[reach.String()], settledKey(f))
		}
	}
	for _, reach := range slices.Collect(maps.Keys(list.Files)) {
		slices.Sort(list.Files[reach])
	}
	content, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if bytes.Equal(content, l.stored) || len(list.Files) == 0 && l.stored == nil {
		return nil
	}
	if err := s.Replace(ctx, settledName, content); err != nil {
		return fmt.Errorf("%s: %w", settledName, err)
	}
	return nil
}

// inherit makes files settled, and looked at, whose rows are from files that are.
func (c *compactor) inherit(from, to []File) {
	reach, looked := time.Duration(1<<62), true
	for _, f := range from {
		reach = min(reach, c.settled.reaches[settledKey(f)])
		looked = looked && (c.looked[f.Path] || c.settled.reach(f, c.reach()))
	}
	for _, f := range to {
		if f.Table != TableSpans && f.Table != TableContent {
			continue
		}
		if reach > 0 {
			c.settled.add(f, reach)
		}
		c.looked[f.Path] = looked
	}
}
