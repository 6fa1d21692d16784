// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import "unsafe"

// textArena keeps texts of a push one after the other. What it returned stays
// where it is until reset.
type textArena struct {
	chunks [][]byte
	// at is the chunk that is being filled.
	at int
}

const (
	textChunk = 64 << 10
	// maxArenaText is the size above which a text is not copied.
	maxArenaText = textChunk / 8
)

// room returns a chunk with room for maxArenaText bytes; what the caller appends
// to it within that is kept by keep.
func (a *textArena) room() []byte {
	if a.at < len(a.chunks) && cap(a.chunks[a.at])-len(a.chunks[a.at]) < maxArenaText {
		a.at++
	}
	if a.at == len(a.chunks) {
		a.chunks = append(a.chunks, make([]byte, 0, textChunk))
	}
	return a.chunks[a.at]
}

// keep takes what the caller appended to room and returns it as text.
func (a *textArena) keep(appended []byte) string {
	current := a.chunks[a.at]
	text := appended[len(current):]
	if len(appended) > cap(current) {
		// It outgrew the chunk.
		return string(text)
	}
	a.chunks[a.at] = appended
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// copy returns a copy of a text of the push, or a long one itself.
func (a *textArena) copy(s string) string {
	if len(s) > maxArenaText {
		return s
	}
	return a.keep(append(a.room(), s...))
}

// reset forgets all texts. Memory beyond what this push needed is given back.
func (a *textArena) reset() {
	used := min(a.at+1, len(a.chunks))
	clear(a.chunks[used:])
	a.chunks = a.chunks[:used]
	for i := range a.chunks {
		a.chunks[i] = a.chunks[i][:0]
	}
	a.at = 0
}
