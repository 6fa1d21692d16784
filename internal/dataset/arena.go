// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// arena hands out rows of a push and takes all back at once, so that the next
// push uses the same memory.
type arena[T any] struct {
	chunks [][]T
	used   int
}

const arenaChunk = 1024

// next returns a zero row. It stays where it is until reset.
func (a *arena[T]) next() *T {
	chunk := a.used / arenaChunk
	if chunk == len(a.chunks) {
		a.chunks = append(a.chunks, make([]T, arenaChunk))
	}
	row := &a.chunks[chunk][a.used%arenaChunk]
	a.used++
	return row
}

// back takes back the row that next gave last.
func (a *arena[T]) back() {
	a.used--
	var zero T
	a.chunks[a.used/arenaChunk][a.used%arenaChunk] = zero
}

// reset forgets all rows and what they refer to. Memory beyond what this push
// needed is given back.
func (a *arena[T]) reset() {
	used := (a.used + arenaChunk - 1) / arenaChunk
	for _, chunk := range a.chunks[:used] {
		clear(chunk)
	}
	clear(a.chunks[used:])
	a.chunks, a.used = a.chunks[:used], 0
}

// rowMemory is what the rows of a push are made in.
type rowMemory struct {
	// touched keeps the compiler from leaving touch out.
	touched uint64
	// reading is the span that is read.
	reading  spanReading
	profiles profiles

	spans  arena[spanRow]
	scores arena[scoreRow]
	// lists and calls are the spans' lists of scores and of tool calls, one after
	// the other. When they grow, rows keep the memory from before.
	lists []*scoreRow
	calls []genai.ToolCall

	walk        attributeWalk
	scoreReader scoreReader
	answers     genai.AnswerReader
	identities  identity.Reader
	params      sameParams
	seen        map[spanKey]ptrace.Span
}

// maxRows bounds the rows that lists are kept for from push to push.
const maxRows = 1 << 16

// release forgets the rows.
func (m *rowMemory) release() {
	if len(m.seen) > maxRows || cap(m.lists) > 16*maxRows || cap(m.calls) > 4*maxRows {
		m.seen, m.lists, m.calls = nil, nil, nil
	}
	m.reading = spanReading{}
	m.profiles.release()
	m.spans.reset()
	m.scores.reset()
	clear(m.lists[:cap(m.lists)])
	clear(m.calls[:cap(m.calls)])
	m.lists, m.calls = m.lists[:0], m.calls[:0]
	m.walk.release()
	m.scoreReader.release()
	m.answers.Release()
	m.identities, m.params = identity.Reader{}, sameParams{}
	clear(m.seen)
}

// sameParams prints request parameters, or takes what it printed for the span
// before.
type sameParams struct {
	params []genai.Param
	text   string
}

func (s *sameParams) json(params []genai.Param) string {
	same := slices.EqualFunc(params, s.params, func(a, b genai.Param) bool {
		return a.Name == b.Name && bytes.Equal(a.Value, b.Value)
	})
	if !same {
		s.params, s.text = params, genai.ParamsJSON(params)
	}
	return s.text
}
