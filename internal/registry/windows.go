// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import "strings"

type windowTable struct {
	size   int
	top    uint64
	filter [1 << (filterBits - 6)]uint64
	table  map[uint64][]anchor
	// deepest is the last message that has an anchor.
	deepest int
}

// windowClass is the index of the largest window that fits.
func windowClass(literal string) int {
	for i, size := range windowSizes {
		if len(literal) >= size {
			return i
		}
	}
	return len(windowSizes)
}

// divergences returns, for each literal, the first byte at which no other
// literal is like it any more.
func divergences(count map[string]int) map[string]int {
	sorted := sortedKeys(count)
	out := make(map[string]int, len(sorted))
	before := 0
	for i, literal := range sorted {
		after := 0
		if i+1 < len(sorted) {
			after = commonPrefix(literal, sorted[i+1])
		}
		out[literal] = max(before, after)
		before = after
	}
	return out
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func (m *matcher) table(size int) *windowTable {
	for _, s := range m.scans {
		if s.size == size {
			return s
		}
	}
	s := &windowTable{size: size, top: 1, table: map[uint64][]anchor{}}
	for range size - 1 {
		s.top *= hashBase
	}
	m.scans = append(m.scans, s)
	return s
}

func filterIndex(h uint64) uint64 { return h >> (64 - filterBits) }

func hashOf(window string) uint64 {
	var h uint64
	for i := range len(window) {
		h = h*hashBase + uint64(window[i])
	}
	return h
}

// find rolls the hash over the text between its marks, and visits the anchors of
// known windows; at counts from the begin mark on.
func (s *windowTable) find(text string, visit func(a anchor, at int)) {
	if len(text)+2 < s.size {
		return
	}
	h := uint64(beginMark[0])
	for i := 1; i < s.size; i++ {
		h = h*hashBase + uint64(markedByte(text, i))
	}
	s.look(h, 0, visit)
	leaving := uint64(beginMark[0])
	for end := s.size; end <= len(text); end++ {
		at := end - s.size
		h = (h-leaving*s.top)*hashBase + uint64(text[end-1])
		leaving = uint64(text[at])
		if f := filterIndex(h); s.filter[f>>6]&(1<<(f&63)) != 0 {
			s.look(h, at+1, visit)
		}
	}
	if end := len(text) + 1; end >= s.size {
		h = (h-leaving*s.top)*hashBase + uint64(endMark[0])
		s.look(h, end-s.size+1, visit)
	}
}

func (s *windowTable) look(h uint64, at int, visit func(a anchor, at int)) {
	for _, a := range s.table[h] {
		visit(a, at)
	}
}

// markedByte is a byte of the text between its marks.
func markedByte(text string, i int) byte {
	switch {
	case i == 0:
		return beginMark[0]
	case i <= len(text):
		return text[i-1]
	}
	return endMark[0]
}

// hasAt tells whether the text between its marks goes on with the literal, which
// may begin and end with a mark, from there on.
func hasAt(text string, from int, literal string) bool {
	if from == 0 {
		if literal == "" || literal[0] != beginMark[0] {
			return literal == ""
		}
		from, literal = 1, literal[1:]
	}
	if text = text[from-1:]; len(literal) > len(text) {
		last := len(literal) - 1
		return last == len(text) && literal[last] == endMark[0] && literal[:last] == text
	}
	return strings.HasPrefix(text, literal)
}
