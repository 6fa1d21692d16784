// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Bounds of the sample: texts that are alike share a group, mostly.
const (
	maxGroups     = 512
	maxGroupTexts = 128
	maxGroupBytes = 256 << 10
)

// sketch keeps some of the different texts: of each group those with the lowest
// hashes, and the groups with the lowest hashes. So what is kept does not depend on
// the order of the calls, and the counts of what is kept are exact.
type sketch struct {
	groups map[uint64]*group
	// highest is the hash of the highest group that may be kept.
	highest uint64
	full    bool
}

// group are texts that are likely alike.
type group struct {
	hash uint64
	// calls are all of the group, kept or not.
	calls int64
	texts map[uint64]*sampled
	bytes int
	// below is what hashes must be below, once texts were left out.
	below uint64
}

// sampled is a text with how often it occurs.
type sampled struct {
	hash   uint64
	prompt string
	role   string
	text   string
	calls  int64
	// weight is the calls that the text stands for in its group.
	weight float64
}

func newSketch() *sketch {
	return &sketch{groups: map[uint64]*group{}, highest: math.MaxUint64}
}

func (s *sketch) sampled() bool { return s.full }

func (s *sketch) add(c Call) {
	domain := c.Prompt + "\x00" + c.Role + "\x00"
	key := groupKey(domain, c.Text)
	if key > s.highest {
		return
	}
	g := s.groups[key]
	if g == nil {
		g = &group{hash: key, texts: map[uint64]*sampled{}, below: math.MaxUint64}
		s.groups[key] = g
		if len(s.groups) > maxGroups {
			s.dropHighest()
			if s.groups[key] == nil {
				return
			}
		}
	}
	g.calls++
	hash := xxhash.Sum64String(domain + c.Text)
	if t := g.texts[hash]; t != nil {
		t.calls++
		return
	}
	if hash >= g.below {
		return
	}
	g.texts[hash] = &sampled{hash: hash, prompt: c.Prompt, role: c.Role, text: c.Text, calls: 1}
	g.bytes += len(c.Text)
	if len(g.texts) > maxGroupTexts || g.bytes > maxGroupBytes && len(g.texts) > 1 {
		g.trim()
		s.full = true
	}
}

// dropHighest leaves the group with the highest hash out for good.
func (s *sketch) dropHighest() {
	highest := uint64(0)
	for key := range s.groups {
		highest = max(highest, key)
	}
	delete(s.groups, highest)
	s.highest = highest - 1
	s.full = true
}

// trim keeps the texts with the lowest hashes, as many as there is room for.
func (g *group) trim() {
	hashes := make([]uint64, 0, len(g.texts))
	for hash := range g.texts {
		hashes = append(hashes, hash)
	}
	slices.Sort(hashes)
	bytes, kept := 0, 0
	for _, hash := range hashes {
		if kept == maxGroupTexts || kept > 0 && bytes+len(g.texts[hash].text) > maxGroupBytes {
			break
		}
		bytes += len(g.texts[hash].text)
		kept++
	}
	for _, hash := range hashes[kept:] {
		delete(g.texts, hash)
	}
	if kept < len(hashes) {
		g.below = hashes[kept]
	}
	g.bytes = bytes
}

// texts returns what was kept, in an order of its own.
func (s *sketch) texts() []*sampled {
	var out []*sampled
	for _, g := range s.groups {
		kept := int64(0)
		for _, t := range g.texts {
			kept += t.calls
		}
		for _, t := range g.texts {
			t.weight = float64(t.calls) * float64(g.calls) / float64(kept)
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y *sampled) int { return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.text, y.text)) })
	return out
}

// groupKey is the lowest hash of three words in a row, with values that change
// left out: the same for most texts of one template (Broder's min-hash).
func groupKey(domain, text string) uint64 {
	seed := xxhash.Sum64String(domain)
	lowest := uint64(math.MaxUint64)
	var last [3]uint64
	words := 0
	for _, t := range tokens(text) {
		if t.class == "" && t.letters == 0 {
			continue
		}
		h := uint64(1)
		if t.class == "" {
			h = xxhash.Sum64String(t.text)
		}
		last[words%3] = h
		words++
		if words >= 3 {
			mixed := seed
			for i := range 3 {
				mixed = mix(mixed ^ last[(words+i)%3])
			}
			lowest = min(lowest, mixed)
		}
	}
	if lowest == math.MaxUint64 {
		return mix(seed ^ xxhash.Sum64String(text))
	}
	return lowest
}

// mix spreads bits (splitmix64's finaliser).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
