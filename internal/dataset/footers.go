// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// maxFooters bounds the column chunks whose descriptions are kept, to about
// 100 MB: decoding them takes most of the time of a look-up.
const maxFooters = 200_000

// footers keeps the footers of files that look-ups opened: files do not change.
// It is safe for concurrent use; the zero value is empty.
type footers struct {
	mu     sync.Mutex
	byName map[string]*metadata.FileMetaData
	chunks int
}

// open opens a file, with its footer when that is kept.
func (f *footers) open(ctx context.Context, s store.Store, name string) (*file.Reader, error) {
	f.mu.Lock()
	footer := f.byName[name]
	f.mu.Unlock()
	reader, err := openWith(ctx, s, name, footer)
	if err != nil || footer != nil {
		return reader, err
	}
	f.keep(name, reader.MetaData())
	return reader, nil
}

func (f *footers) keep(name string, footer *metadata.FileMetaData) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName[name] != nil {
		return
	}
	chunks := footer.NumRowGroups() * footer.Schema.NumColumns()
	if f.byName == nil || f.chunks+chunks > maxFooters {
		f.byName, f.chunks = map[string]*metadata.FileMetaData{}, 0
	}
	f.byName[name] = footer
	f.chunks += chunks
}
