// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// blockSize is how much of an object one request reads; blocksKept bounds the
// memory of an open file.
const (
	blockSize  = 1 << 20
	blocksKept = 16
)

// ranges reads an object block by block.
type ranges struct {
	ctx    context.Context
	bucket *Bucket
	name   string
	size   int64

	mu     sync.Mutex
	blocks map[int64][]byte
	// order are the blocks kept, the latest last.
	order []int64
}

// start reads the first block, which tells the size.
func (r *ranges) start() error {
	content, size, err := r.bucket.readRange(r.ctx, r.name, 0, blockSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// S3 has no range of an empty object.
		if info, statErr := r.bucket.Stat(r.ctx, r.name); statErr == nil && info.Size == 0 {
			return nil
		}
	}
	if err != nil {
		return err
	}
	r.size = size
	r.keep(0, content)
	return nil
}

func (r *ranges) keep(block int64, content []byte) {
	r.blocks[block] = content
	r.order = append(r.order, block)
	if len(r.order) > blocksKept {
		delete(r.blocks, r.order[0])
		r.order = r.order[1:]
	}
}

// ReadAt implements io.ReaderAt.
func (r *ranges) ReadAt(p []byte, offset int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(p) {
		at := offset + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		content, err := r.block(at / blockSize)
		if err != nil {
			return n, err
		}
		from := at % blockSize
		if from >= int64(len(content)) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(p[n:], content[from:])
	}
	return n, nil
}

func (r *ranges) block(block int64) ([]byte, error) {
	if content, kept := r.blocks[block]; kept {
		return content, nil
	}
	content, _, err := r.bucket.readRange(r.ctx, r.name, block*blockSize, blockSize)
	if err != nil {
		return nil, err
	}
	r.keep(block, content)
	return content, nil
}

// Close implements io.Closer.
func (r *ranges) Close() error { return nil }
