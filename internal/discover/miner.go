// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

const (
	// alike is the part that two texts of one prompt share of both (Dice's coefficient).
	alike = 0.5
	// run is how many letters stand side by side in what counts as shared.
	run = 8
	// shingles are the word triples that are compared first, and candidates the
	// clusters that are looked at closely.
	shingles, candidates = 24, 6
	// prefixTokens begin texts that are one prompt although most of them differs, as
	// with documents in the instructions.
	prefixTokens = 12
	// maxMarked bounds the families that one mark leads to.
	maxMarked = 200
	// checked bounds the texts on which places of static text are checked.
	checked = 200
)

// miner makes proposals from a sample.
type miner struct {
	options Options
	ids     map[string]uint32
	weights weights
}

// doc is a text of the sample in tokens.
type doc struct {
	*sampled
	tokens []token
	ids    []uint32
	// letters are those outside of values.
	letters int
	marks   []uint64
}

// id numbers tokens; values of one class have one number.
func (m *miner) id(t token) uint32 {
	key := t.text
	if t.class != "" {
		key = "\x00" + t.class
	}
	id, ok := m.ids[key]
	if !ok {
		id = uint32(len(m.ids))
		m.ids[key] = id
		m.weights = append(m.weights, t.weight())
	}
	return id
}

// weight is what a token says: its letters, a sign a little, a blank least.
func (t token) weight() uint32 {
	switch {
	case t.class != "":
		return 8
	case t.letters > 0:
		return 4 + 2*uint32(min(t.letters, 20))
	case strings.TrimSpace(t.text) != "":
		return 3
	case strings.Contains(t.text, "\n"):
		return 2
	}
	return 1
}

func (m *miner) doc(s *sampled) *doc {
	d := &doc{sampled: s, tokens: tokens(s.text)}
	d.ids = make([]uint32, len(d.tokens))
	for i, t := range d.tokens {
		d.ids[i] = m.id(t)
		if t.class == "" {
			d.letters += t.letters
		}
	}
	d.marks = marks(d.tokens)
	return d
}

// marks are the lowest hashes of word triples.
func marks(list []token) []uint64 {
	var words, out []uint64
	for _, t := range list {
		if t.class == "" && t.letters > 0 {
			words = append(words, xxhash.Sum64String(t.text))
		}
	}
	for i := range words {
		h := uint64(0)
		for k := i; k < min(i+3, len(words)); k++ {
			h = mix(h ^ words[k])
		}
		out = append(out, h)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.Clip(out[:min(shingles, len(out))])
}

// overlap counts equal marks of two sorted lists.
func overlap(a, b []uint64) int {
	n := 0
	for i, k := 0, 0; i < len(a) && k < len(b); {
		switch c := cmp.Compare(a[i], b[k]); {
		case c == 0:
			n, i, k = n+1, i+1, k+1
		case c < 0:
			i++
		default:
			k++
		}
	}
	return n
}

// similarity is the part of two texts that they share in stretches.
func (m *miner) similarity(a, b *doc) float64 {
	if a.letters == 0 || b.letters == 0 || 3*min(a.letters, b.letters) < max(a.letters, b.letters) {
		return 0
	}
	shared, stretch := 0, 0
	last := pair{-2, -2}
	flush := func() {
		if stretch >= run {
			shared += stretch
		}
		stretch = 0
	}
	for _, p := range align(a.ids, b.ids, m.weights) {
		if p.a != last.a+1 || p.b != last.b+1 {
			flush()
		}
		last = p
		if t := a.tokens[p.a]; t.class == "" {
			stretch += t.letters
		}
	}
	flush()
	return 2 * float64(shared) / float64(a.letters+b.letters)
}

// family are texts that are versions of one prompt.
type family struct {
	docs   []*doc
	weight float64
}

func (f *family) add(d *doc) {
	f.docs = append(f.docs, d)
	f.weight += d.weight
}

// proposals mines the sample, one stated prompt name and role at a time.
func (m *miner) proposals(texts []*sampled) []*Proposal {
	type domain struct{ prompt, role string }
	byDomain := map[domain][]*doc{}
	var order []domain
	for _, s := range texts {
		k := domain{s.prompt, s.role}
		if byDomain[k] == nil {
			order = append(order, k)
		}
		byDomain[k] = append(byDomain[k], m.doc(s))
	}
	slices.SortFunc(order, func(x, y domain) int { return cmp.Or(cmp.Compare(x.prompt, y.prompt), cmp.Compare(x.role, y.role)) })
	var out []*Proposal
	for _, k := range order {
		for _, f := range m.families(byDomain[k]) {
			if p := m.proposal(f, k.prompt, k.role); p != nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// families groups texts that are alike; what is alike in nothing but its begin is
// grouped by that.
func (m *miner) families(docs []*doc) []*family {
	var all []*family
	equal := map[string]*family{}
	byMark := map[uint64][]int{}
	for _, d := range docs {
		key := idsKey(d.ids)
		f := equal[key]
		if f == nil {
			f = m.nearestFamily(all, byMark, d)
		}
		if f == nil {
			f = &family{}
			for _, mark := range d.marks {
				if len(byMark[mark]) < maxMarked {
					byMark[mark] = append(byMark[mark], len(all))
				}
			}
			all = append(all, f)
		}
		equal[key] = f
		f.add(d)
	}
	var out []*family
	byPrefix := map[string]*family{}
	for _, f := range all {
		if f.weight >= float64(m.options.MinCalls) {
			out = append(out, f)
			continue
		}
		for _, d := range f.docs {
			key, ok := d.prefix()
			if !ok {
				continue
			}
			pooled := byPrefix[key]
			if pooled == nil {
				pooled = &family{}
				byPrefix[key] = pooled
				out = append(out, pooled)
			}
			pooled.add(d)
		}
	}
	return slices.DeleteFunc(out, func(f *family) bool { return f.weight < float64(m.options.MinCalls) })
}

func idsKey(ids []uint32) string {
	key := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		key = binary.LittleEndian.AppendUint32(key, id)
	}
	return string(key)
}

func (d *doc) prefix() (string, bool) {
	if len(d.ids) < prefixTokens {
		return "", false
	}
	n := 0
	for _, t := range d.tokens[:prefixTokens] {
		if t.class == "" {
			n += t.letters
		}
	}
	return idsKey(d.ids[:prefixTokens]), n >= minLetters
}

// nearestFamily is the family whose first text is most like a text; nil for none.
func (m *miner) nearestFamily(all []*family, byMark map[uint64][]int, d *doc) *family {
	type near struct {
		at, shared int
	}
	var list []near
	seen := map[int]bool{}
	for _, mark := range d.marks {
		for _, i := range byMark[mark] {
			if seen[i] {
				continue
			}
			seen[i] = true
			first := all[i].docs[0]
			if n := overlap(first.marks, d.marks); n*5 >= min(len(first.marks), len(d.marks)) {
				list = append(list, near{i, n})
			}
		}
	}
	slices.SortFunc(list, func(x, y near) int { return cmp.Compare(x.at, y.at) })
	slices.SortStableFunc(list, func(x, y near) int { return -cmp.Compare(x.shared, y.shared) })
	best, most := -1, alike
	for _, n := range list[:min(candidates, len(list))] {
		if s := m.similarity(all[n.at].docs[0], d); s > most || s >= alike && best < 0 {
			best, most = n.at, s
		}
	}
	if best < 0 {
		return nil
	}
	return all[best]
}

// proposal splits a family into versions; nil when too little is left.
func (m *miner) proposal(f *family, prompt, role string) *Proposal {
	s := splitter{miner: m}
	s.split(f.docs, 0)
	p := &Proposal{Name: prompt, Role: role, Notes: []string{}}
	for _, v := range s.versions {
		if len(p.Versions) == maxVersions || !acceptable(v.Pattern, role) {
			continue
		}
		v.Fingerprint = v.Pattern.fingerprint(role)
		if v.Fingerprint == "" || slices.ContainsFunc(p.Versions, func(w Version) bool { return w.Pattern.Text(w.Slots) == v.Pattern.Text(v.Slots) }) {
			continue
		}
		p.Versions = append(p.Versions, v)
	}
	if len(p.Versions) == 0 {
		return nil
	}
	p.Notes = append(p.Notes, s.notes...)
	return p
}

// acceptable tells patterns with enough static text to stand for a prompt. What
// users write is a prompt only if it begins as one.
func acceptable(p Pattern, role string) bool {
	n := p.letters()
	if role != RoleUser {
		return n >= minLetters
	}
	return n >= minUserLetters && p[0].Slot < 0 && letters(p[0].Text) >= minLetters/2
}

// total is the calls that texts stand for.
func total(docs []*doc) float64 {
	sum := 0.0
	for _, d := range docs {
		sum += d.weight
	}
	return sum
}
