// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// maxMessages bounds the user messages that are kept of a version.
const maxMessages = 64

// messages are some of the different first user messages of a version's calls: those
// with the lowest hashes.
type messages struct {
	texts map[uint64]string
	below uint64
	// missing is true when a call has none, or one that is too long.
	missing bool
}

func newMessages() *messages { return &messages{texts: map[uint64]string{}, below: math.MaxUint64} }

func (m *messages) add(text string) {
	if text == "" || len(text) > maxText/4 {
		m.missing = true
		return
	}
	hash := xxhash.Sum64String(text)
	if hash >= m.below || m.texts[hash] != "" {
		return
	}
	m.texts[hash] = text
	if len(m.texts) > maxMessages {
		highest := uint64(0)
		for h := range m.texts {
			highest = max(highest, h)
		}
		delete(m.texts, highest)
		m.below = highest
	}
}

// addUsers adds the pattern of the first user message to versions of which every
// call has one of that pattern.
func (m *miner) addUsers(each Each, proposals []*Proposal, users map[*Version]*messages) error {
	found := false
	for _, p := range proposals {
		for i := range p.Versions {
			if v := &p.Versions[i]; users[v] != nil && v.Calls >= int64(m.options.MinCalls) {
				found = m.addUser(v, users[v]) || found
			}
		}
	}
	if !found {
		return nil
	}
	f := newFinder(proposals)
	return each(func(c Call) error {
		if v := f.version(c); v != nil && v.User != nil && v.User.place(c.User) == nil {
			v.User, v.UserSlots = nil, nil
		}
		return nil
	})
}

// addUser finds the pattern of messages that begin alike and differ in slots; what
// people write has none.
func (m *miner) addUser(v *Version, messages *messages) bool {
	if messages.missing || len(messages.texts) < m.options.MinValues {
		return false
	}
	var docs []*doc
	for hash, text := range messages.texts {
		docs = append(docs, m.doc(&sampled{hash: hash, text: text, weight: 1}))
	}
	slices.SortFunc(docs, func(x, y *doc) int { return cmp.Compare(x.hash, y.hash) })
	f := m.frameOf(docs)
	if len(f.ids) == 0 {
		return false
	}
	s := splitter{miner: m}
	s.add(dissolve(f.elements(docs), docs), docs)
	if len(s.versions) == 0 || len(s.versions[0].Slots) == 0 {
		return false
	}
	pattern, slots := s.versions[0].Pattern, s.versions[0].Slots
	if pattern[0].Slot >= 0 || letters(pattern[0].Text) < minLetters/2 || pattern.letters() < minUserShape {
		return false
	}
	taken := map[string]bool{}
	for _, slot := range v.Slots {
		taken[slot.Name] = true
	}
	for i := range slots {
		slots[i].Name = free(slots[i].Name, taken)
		taken[slots[i].Name] = true
	}
	v.User, v.UserSlots = pattern, slots
	return true
}

// free is a name that is not taken.
func free(name string, taken map[string]bool) string {
	if !taken[name] {
		return name
	}
	if name = "user_" + name; !taken[name] {
		return name
	}
	return free(name, taken)
}
