// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"
	"strings"
)

// finder collects candidates.
type finder struct {
	texts []string
	// lead is the largest shift.
	lead  int
	found []candidate
	// seen are those found, by entry and shift, once they are many.
	seen map[[2]int]bool
	// here is the place in the text that was looked at last, and first is the first
	// candidate that was found there.
	here, first int
}

// fewFound are faster to look through than a map.
const fewFound = 16

func (f *finder) addAll(entries []*entry, shift int) {
	for _, e := range entries {
		if !f.has(e, shift) {
			f.add(candidate{e, shift, true})
		}
	}
}

func (f *finder) has(e *entry, shift int) bool {
	if f.seen != nil {
		return f.seen[[2]int{e.id, shift}]
	}
	for i := range f.found {
		if f.found[i].entry == e && f.found[i].shift == shift {
			return true
		}
	}
	return false
}

func (f *finder) add(c candidate) {
	switch {
	case f.seen != nil:
		f.seen[[2]int{c.entry.id, c.shift}] = true
	case f.found == nil:
		f.found = make([]candidate, 0, fewFound)
	case len(f.found) == fewFound:
		f.seen = map[[2]int]bool{{c.entry.id, c.shift}: true}
		for _, other := range f.found {
			f.seen[[2]int{other.entry.id, other.shift}] = true
		}
	}
	f.found = append(f.found, c)
}

// addAnchored adds the entries of an anchor whose window stands at a place. Those of
// one place are in the order of the entries.
func (f *finder) addAnchored(a *anchor, shift int, whole bool, at int) {
	if f.has(a.entry, shift) {
		return
	}
	if at != f.here {
		f.here, f.first = at, len(f.found)
	}
	several := len(f.found) > f.first
	f.add(candidate{a.entry, shift, whole})
	for _, e := range a.others {
		f.add(candidate{e, shift, whole})
	}
	if several {
		slices.SortFunc(f.found[f.first:], func(a, b candidate) int { return cmp.Compare(a.entry.id, b.entry.id) })
	}
}

// scan looks the windows of one text up.
func (m *matcher) scan(f *finder, i int) {
	text := f.texts[i]
	for _, s := range m.scans {
		if i > s.deepest+f.lead {
			continue
		}
		f.here = -1
		s.find(text, func(a anchor, at int) {
			from, shift := at-a.offset, i-a.message
			if shift < 0 || shift > f.lead || from < 0 {
				return
			}
			switch {
			case hasAt(text, from, a.literal):
				f.addAnchored(&a, shift, true, at)
			case strings.HasPrefix(a.literal, beginMark) && from <= len(text) && hasAt(text, from+1, a.literal[1:]):
				f.addAnchored(&a, shift, false, at)
			}
		})
	}
}
