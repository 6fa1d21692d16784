// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

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

// find rolls the hash over the text and visits the anchors of known windows.
func (s *windowTable) find(text string, visit func(a anchor, at int)) {
	if len(text) < s.size {
		return
	}
	h := hashOf(text[:s.size])
	for at := 0; ; at++ {
		f := filterIndex(h)
		if s.filter[f>>6]&(1<<(f&63)) != 0 {
			for _, a := range s.table[h] {
				visit(a, at)
			}
		}
		if at+s.size == len(text) {
			return
		}
		h = (h-uint64(text[at])*s.top)*hashBase + uint64(text[at+s.size])
	}
}
