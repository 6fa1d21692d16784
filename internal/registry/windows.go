// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"
)

// windowTable finds the windows of one size. A window is looked up only when both
// of its bits are in the filter: the table is slow beside a pass over a text.
type windowTable struct {
	size   int
	filter [filterWords]uint64
	table  map[uint64][]window
	// dense is true when every place of a text must be looked at: a literal has no
	// room for a window and the one after it.
	dense bool
	// deepest is the last message that has an anchor.
	deepest int
}

// window is that of an anchor, or the one after it.
type window struct {
	anchor *anchor
	after  bool
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
	s := &windowTable{size: size, table: map[uint64][]window{}}
	m.scans = append(m.scans, s)
	return s
}

// enter makes the window of an anchor known, and the one after it, so that every
// other place of a text is enough.
func (s *windowTable) enter(a anchor) {
	s.deepest = max(s.deepest, a.message)
	h := hashOf(a.literal[a.offset : a.offset+s.size])
	// Entries that are found by their whole text too are each on their own.
	if _, ok := a.entry.static(); !ok {
		for _, w := range s.table[h] {
			if !w.after && w.anchor.takes(a) {
				return
			}
		}
	}
	s.note(h, window{&a, false})
	if a.offset+s.size == len(a.literal) {
		s.dense = true
		return
	}
	s.note(hashOf(a.literal[a.offset+1:a.offset+1+s.size]), window{&a, true})
}

// note enters a window. Those after others come first: what they tell of begins
// earlier in a text.
func (s *windowTable) note(h uint64, w window) {
	list := s.table[h]
	at := len(list)
	if w.after {
		for at > 0 && !list[at-1].after {
			at--
		}
	}
	s.table[h] = slices.Insert(list, at, w)
	word, bits := inFilter(h)
	s.filter[word] |= bits
}

// takes takes the entry of an anchor in the same place.
func (a *anchor) takes(other anchor) bool {
	if a.literal != other.literal || a.offset != other.offset || a.message != other.message {
		return false
	}
	if _, ok := a.entry.static(); ok {
		return false
	}
	a.others = append(a.others, other.entry)
	return true
}

// inFilter is a hash's place in the filter: a word of it, and two bits.
func inFilter(h uint64) (word int, bits uint64) {
	return int(h >> (64 - filterBits)), 1<<(h>>40&63) | 1<<(h>>34&63)
}

// word reads eight bytes from i on.
func word(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Hashes of windows by size. They need nothing of the window before, so that a
// processor works on several at once.
func hash16(s string, i int) uint64 { return (word(s, i)*hashBase + word(s, i+8)) * hashBase }
func hash8(s string, i int) uint64  { return word(s, i) * hashBase }
func hash3(s string, i int) uint64 {
	return (uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16) * hashBase
}

func hashOf(window string) uint64 {
	switch len(window) {
	case 16:
		return hash16(window, 0)
	case 8:
		return hash8(window, 0)
	}
	return hash3(window, 0)
}

// find visits the anchors whose windows stand in the text between its marks, in
// order; at counts from the begin mark on.
func (s *windowTable) find(text string, visit func(a anchor, at int)) {
	last := len(text) + 2 - s.size
	if last < 0 {
		return
	}
	s.look(hashOf(markedWindow(text, 0, s.size)), 0, visit)
	step := 2
	if s.dense {
		step = 1
	}
	switch s.size {
	case 16:
		for i := 0; i < last-1; i += step {
			h := (word(text, i)*hashBase + word(text, i+8)) * hashBase // hash16, which is too large to inline
			if word, bits := inFilter(h); s.filter[word]&bits == bits {
				s.look(h, i+1, visit)
			}
		}
	case 8:
		for i := 0; i < last-1; i += step {
			h := hash8(text, i)
			if word, bits := inFilter(h); s.filter[word]&bits == bits {
				s.look(h, i+1, visit)
			}
		}
	default:
		for i := 0; i < last-1; i += step {
			h := hash3(text, i)
			if word, bits := inFilter(h); s.filter[word]&bits == bits {
				s.look(h, i+1, visit)
			}
		}
	}
	if last > 0 {
		s.look(hashOf(markedWindow(text, last, s.size)), last, visit)
	}
}

func (s *windowTable) look(h uint64, at int, visit func(a anchor, at int)) {
	for _, w := range s.table[h] {
		switch {
		case !w.after:
			visit(*w.anchor, at)
		case !s.dense:
			visit(*w.anchor, at-1)
		}
	}
}

// markedWindow is a window of the text between its marks that holds a mark.
func markedWindow(text string, at, size int) string {
	var room [16]byte
	window := room[:0]
	for i := at; i < at+size; i++ {
		switch {
		case i == 0:
			window = append(window, beginMark...)
		case i <= len(text):
			window = append(window, text[i-1])
		default:
			window = append(window, endMark...)
		}
	}
	return string(window)
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
