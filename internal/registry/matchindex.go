// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"
)

// The index finds, in one pass over a text, the few versions whose fixed text
// occurs in it. Each pattern is anchored at one window of one of its literals:
// the literal that the fewest patterns share, at the place where it differs from
// the literals most like it. The windows of a text are looked up by their hashes.
//
// Texts are scanned between a begin and an end mark, so that a literal at an
// end of its template is told from the same words elsewhere.
const (
	beginMark = "\x02"
	endMark   = "\x03"
	// hashBase is odd and large: it carries each bit into the highest ones.
	hashBase = 0x9E3779B97F4A7C15
	// filterBits is how many bits of a hash choose a word of the filter.
	filterBits  = 12
	filterWords = 1 << filterBits
)

// windowSizes are the sizes of windows, largest first.
var windowSizes = [...]int{16, 8, 3}

// entry is one distinct pattern with all versions that have it.
type entry struct {
	// marks, of which there are so many, are looked at before all else.
	marks     [maxMarks]mark
	markCount int
	pattern   pattern
	// trimmed patterns are those without the line ends of their messages.
	trimmed  bool
	versions []VersionRef
	id       int
}

// among returns the entry's versions that are also in the list, or all of them.
func (e *entry) among(refs []VersionRef) []VersionRef {
	if refs == nil {
		return e.versions
	}
	var out []VersionRef
	for _, v := range e.versions {
		if slices.Contains(refs, v) {
			out = append(out, v)
		}
	}
	return out
}

// anchor is where an entry's window lies.
type anchor struct {
	entry *entry
	// others have their window in the same place of the same literal.
	others  []*entry
	message int
	// literal is marked text; offset is the window's place in it.
	literal string
	offset  int
}

type matcher struct {
	entries []*entry
	byRef   map[VersionRef][]*entry
	// longest is the most messages that a version begins with, up to a placeholder.
	longest int
	// gaps is true when a version has messages behind a placeholder.
	gaps bool
	// static holds the entries whose first message has no variables.
	static map[string][]*entry
	// scans are the window sizes in use.
	scans []*windowTable
	// always holds entries without a literal of three bytes.
	always []*entry
}

func newMatcher(refs []VersionRef) *matcher {
	m := &matcher{static: map[string][]*entry{}, byRef: map[VersionRef][]*entry{}}
	known := map[string]*entry{}
	for _, ref := range refs {
		p := ref.Version.body.pattern
		if !p.usable() {
			continue
		}
		m.longest = max(m.longest, p.lead(), 1)
		m.gaps = m.gaps || p.gaps != nil
		m.add(known, ref, p, false)
		if short, ok := p.trimmed(); ok {
			m.add(known, ref, short, true)
		}
	}
	m.anchorAll()
	return m
}

func (m *matcher) add(known map[string]*entry, ref VersionRef, p pattern, trimmed bool) {
	key := p.key()
	if trimmed {
		key += "\x01"
	}
	e := known[key]
	if e == nil {
		e = &entry{pattern: p, trimmed: trimmed, id: len(m.entries)}
		known[key] = e
		m.entries = append(m.entries, e)
	}
	e.versions = append(e.versions, ref)
	m.byRef[ref] = append(m.byRef[ref], e)
}

// most is how many messages of a call are looked at.
func (m *matcher) most() int {
	if m.gaps {
		return max(maxHistory, m.longest+maxBefore)
	}
	return m.longest + maxBefore
}

// literals are the marked literals of an entry with their message, of those
// messages whose place is fixed.
func (e *entry) literals(visit func(message int, literal string)) {
	for i, tokens := range e.pattern.messages[:e.pattern.lead()] {
		for k, t := range tokens {
			if t.variable >= 0 {
				continue
			}
			literal := t.literal
			if k == 0 {
				literal = beginMark + literal
			}
			if k == len(tokens)-1 {
				literal += endMark
			}
			visit(i, literal)
		}
	}
}

// static is the text of the entry's first message if it is always the first one
// and has no variables.
func (e *entry) static() (string, bool) {
	if e.pattern.lead() == 0 {
		return "", false
	}
	return static(e.pattern.messages[0])
}

func (m *matcher) anchorAll() {
	count := map[string]int{}
	for _, e := range m.entries {
		if text, ok := e.static(); ok {
			m.static[text] = append(m.static[text], e)
			if e.pattern.letters < minMoved {
				continue
			}
		}
		e.literals(func(_ int, literal string) { count[literal]++ })
	}
	differs := divergences(count)
	for _, e := range m.entries {
		e.mark(differs)
		if _, ok := e.static(); ok && e.pattern.letters < minMoved {
			continue
		}
		best := anchor{entry: e}
		e.literals(func(message int, literal string) {
			if best.literal == "" || better(count, literal, message, best) {
				best.message, best.literal = message, literal
			}
		})
		best.offset = differs[best.literal]
		m.place(best)
	}
}

// better prefers literals long enough for a large window, then rare ones, then
// ones in an early message, then long ones.
func better(count map[string]int, literal string, message int, than anchor) bool {
	a, b := windowClass(literal), windowClass(than.literal)
	if a != b && max(a, b) == len(windowSizes) {
		return a < b
	}
	// A handful of patterns in one place costs less than another pass.
	if x, y := max(8, count[literal]), max(8, count[than.literal]); x != y {
		return x < y
	}
	if a != b {
		return a < b
	}
	if message != than.message {
		return message < than.message
	}
	return len(literal) > len(than.literal)
}

// place enters an anchor into the table of its window size, with the window
// around the byte at offset.
func (m *matcher) place(a anchor) {
	class := windowClass(a.literal)
	if class == len(windowSizes) {
		m.always = append(m.always, a.entry)
		return
	}
	size := windowSizes[class]
	s := m.table(size)
	a.offset = max(0, min(a.offset-size/2, len(a.literal)-size))
	if a.offset == 0 && strings.HasPrefix(a.literal, beginMark) && len(a.literal) > size {
		a.offset = 1 // a preamble may stand before it
	}
	s.enter(a)
}

// candidate is an entry that may explain the texts from the one at shift on. It is
// whole when its text stands at the begin of its message, as far as was looked.
type candidate struct {
	entry *entry
	shift int
	whole bool
}

// candidates returns the entries that may explain the texts, each once a shift.
func (m *matcher) candidates(roles, texts []string, among []VersionRef) []candidate {
	f := finder{texts: texts, lead: leading(roles)}
	if among != nil {
		for shift := 0; shift <= f.lead && shift < len(texts); shift++ {
			for _, ref := range among {
				f.addAll(m.byRef[ref], shift)
			}
		}
		return f.found
	}
	for shift := 0; shift <= f.lead && shift < len(texts); shift++ {
		f.addAll(m.static[texts[shift]], shift)
	}
	f.addAll(m.always, 0)
	for i := range texts {
		m.scan(&f, i)
	}
	return f.found
}
