// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

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
