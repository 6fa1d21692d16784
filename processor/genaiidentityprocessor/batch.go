// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// reading is a GenAI span that was read.
type reading struct {
	span        ptrace.Span
	call        *genai.Call
	environment string
	// same is the span that counts for this one's call; empty on one that
	// counts itself.
	same pcommon.SpanID
}

// batch is the GenAI spans of one batch. Its memory serves the next one.
type batch struct {
	calls, tools []reading
	// chunks are room for what is read, of which so many calls are in use.
	chunks []*[chunkCalls]genai.Call
	used   int
	// id is the identity of the span that is stamped.
	id identity.Identity
}

const (
	chunkCalls = 32
	// maxKeptCalls bounds the calls whose room is kept for later batches: about a
	// megabyte.
	maxKeptCalls = 1024
)

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch {
	b, ok := batches.Get().(*batch)
	if !ok {
		b = new(batch)
	}
	return b
}

// next is room for a call, the same until add takes it.
func (b *batch) next() *genai.Call {
	chunk := b.used / chunkCalls
	if chunk == len(b.chunks) {
		b.chunks = append(b.chunks, new([chunkCalls]genai.Call))
	}
	return &b.chunks[chunk][b.used%chunkCalls]
}

// add takes a span whose call is in the room that next gave.
func (b *batch) add(r reading) {
	b.used++
	if r.call.Kind == genai.KindTool {
		b.tools = append(b.tools, r)
	} else {
		b.calls = append(b.calls, r)
	}
}

// release forgets the spans, and room beyond that of a usual batch.
func (b *batch) release() {
	for i := range b.used {
		b.chunks[i/chunkCalls][i%chunkCalls] = genai.Call{}
	}
	b.used, b.id = 0, identity.Identity{}
	b.calls, b.tools = emptied(b.calls), emptied(b.tools)
	if kept := maxKeptCalls / chunkCalls; len(b.chunks) > kept {
		clear(b.chunks[kept:])
		b.chunks = b.chunks[:kept]
	}
	batches.Put(b)
}

func emptied(list []reading) []reading {
	if cap(list) > maxKeptCalls {
		return nil
	}
	clear(list)
	return list[:0]
}
