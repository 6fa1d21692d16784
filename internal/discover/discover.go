// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package discover proposes prompts from the texts of calls that no registry
// explains: it tells the static text of many calls from what varies in it. The
// same calls give the same proposals in any order. docs/discover.md states the rules.
package discover

import (
	"cmp"
	"slices"
	"time"
)

// Roles of the message that a call's text is.
const (
	RoleSystem = "system"
	RoleUser   = "user"
)

// Call is the text of a call that is looked at: its instructions, or the first
// user message of a call without any.
type Call struct {
	// Prompt is the name that the span states, if any: calls of different names are
	// never one prompt.
	Prompt string
	Role   string
	Text   string
	// User is the first user message of a call with instructions.
	User  string
	Start time.Time
}

// Each hands over all calls, in any order; it is called several times.
type Each func(yield func(Call) error) error

// Options are the thresholds. Zero values stand for the defaults.
type Options struct {
	// MinCalls is how many calls a version must have.
	MinCalls int
	// MinValues is how many different values make words that vary a slot; fewer
	// make versions.
	MinValues int
	// Known are texts of prompts that exist; what is like one is a version of it.
	Known []Known
}

// Known is a version of a prompt that exists.
type Known struct{ Prompt, Version, Role, Text string }

// Defaults of Options.
const (
	DefaultMinCalls  = 10
	DefaultMinValues = 5
)

const (
	// maxText bounds a text that is looked at, in bytes.
	maxText = 32 << 10
	// maxVersions bounds the versions that one family of texts is split into.
	maxVersions = 12
	// minLetters is how many letters and digits of static text a proposal has, and
	// minUserLetters one that is made from users' messages.
	minLetters, minUserLetters = 24, 40
	// minUserShape is how many a user message beside instructions has.
	minUserShape = 16
)

// Result is what was found.
type Result struct {
	Proposals []Proposal `json:"proposals"`
	// Calls were looked at; Proposed are those that the proposals match, TooLong
	// those whose text was not looked at.
	Calls    int64 `json:"calls"`
	Proposed int64 `json:"proposed"`
	TooLong  int64 `json:"too_long"`
	// Sampled is true when there were too many different texts to keep all.
	Sampled bool `json:"sampled"`
}

// Proposal is a prompt with the versions of it that were seen, the first seen first.
type Proposal struct {
	Name string `json:"name"`
	// Existing is true when the prompt is there already and gets further versions.
	Existing bool      `json:"existing"`
	Role     string    `json:"role"`
	Versions []Version `json:"versions"`
	Calls    int64     `json:"calls"`
	First    time.Time `json:"first_seen"`
	Last     time.Time `json:"last_seen"`
	// Notes say what is not sure.
	Notes []string `json:"notes"`
}

// Version is one proposed version.
type Version struct {
	// Fingerprint is the same for the same static text, whatever stands in the slots.
	Fingerprint string  `json:"fingerprint"`
	Pattern     Pattern `json:"-"`
	Slots       []Slot  `json:"slots"`
	// User is the pattern of the first user message, when that is a template too;
	// UserSlots are its slots, whose names are none of Slots'.
	User      Pattern   `json:"-"`
	UserSlots []Slot    `json:"-"`
	Calls     int64     `json:"calls"`
	First     time.Time `json:"first_seen"`
	Last      time.Time `json:"last_seen"`
}

// Slot is a place whose text varies.
type Slot struct {
	Name string `json:"name"`
	// Type is one of the Type constants.
	Type string `json:"type"`
	// Values is how many different values the sample has, Examples some of them.
	Values   int      `json:"values"`
	Examples []string `json:"examples"`
}

// Find proposes prompts for the calls.
func Find(each Each, o Options) (*Result, error) {
	o.MinCalls = cmp.Or(max(o.MinCalls, 0), DefaultMinCalls)
	o.MinValues = cmp.Or(max(o.MinValues, 0), DefaultMinValues)
	r := &Result{Proposals: []Proposal{}}
	s := newSketch()
	err := each(func(c Call) error {
		r.Calls++
		if len(c.Text) > maxText {
			r.TooLong++
			return nil
		}
		s.add(c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Sampled = s.sampled()
	m := &miner{options: o, ids: map[string]uint32{}}
	proposals := m.proposals(s.texts())
	users, err := count(each, proposals)
	if err != nil {
		return nil, err
	}
	if err := m.addUsers(each, proposals, users); err != nil {
		return nil, err
	}
	for _, p := range proposals {
		if p.settle(o.MinCalls) {
			r.Proposals = append(r.Proposals, *p)
			r.Proposed += p.Calls
		}
	}
	slices.SortFunc(r.Proposals, func(x, y Proposal) int {
		return cmp.Or(-cmp.Compare(x.Calls, y.Calls), cmp.Compare(x.Versions[0].Fingerprint, y.Versions[0].Fingerprint))
	})
	name(r.Proposals, o.Known)
	return r, nil
}

// count counts the calls of each version over all calls: the sample only told
// where the slots are.
func count(each Each, proposals []*Proposal) (map[*Version]*messages, error) {
	users := map[*Version]*messages{}
	f := newFinder(proposals)
	err := each(func(c Call) error {
		v := f.version(c)
		if v == nil {
			return nil
		}
		v.Calls++
		v.First, v.Last = span(v.First, v.Last, c.Start)
		if c.Role == RoleSystem {
			if users[v] == nil {
				users[v] = newMessages()
			}
			users[v].add(c.User)
		}
		return nil
	})
	return users, err
}

// finder finds the versions of calls.
type finder struct {
	proposals []*Proposal
	// fixed are the letters of each version's static text.
	fixed [][]int
	known map[[2]string]*Version
}

// remembered bounds the texts whose version is remembered.
const remembered = 10_000

func newFinder(proposals []*Proposal) *finder {
	f := &finder{proposals: proposals, known: map[[2]string]*Version{}}
	for _, p := range proposals {
		var fixed []int
		for _, v := range p.Versions {
			fixed = append(fixed, v.Pattern.letters())
		}
		f.fixed = append(f.fixed, fixed)
	}
	return f
}

// version is the version that a call is of, the one with the most static text; nil
// for none.
func (f *finder) version(c Call) *Version {
	if len(c.Text) > maxText {
		return nil
	}
	key := [2]string{c.Prompt + "\x00" + c.Role, c.Text}
	found, ok := f.known[key]
	if ok {
		return found
	}
	most := -1
	for i, p := range f.proposals {
		if p.Role != c.Role || p.Name != c.Prompt {
			continue
		}
		for k := range p.Versions {
			if f.fixed[i][k] > most && p.Versions[k].Pattern.place(c.Text) != nil {
				found, most = &p.Versions[k], f.fixed[i][k]
			}
		}
	}
	if len(f.known) < remembered {
		f.known[key] = found
	}
	return found
}

func span(first, last, t time.Time) (time.Time, time.Time) {
	if first.IsZero() || t.Before(first) {
		first = t
	}
	if t.After(last) {
		last = t
	}
	return first, last
}

// settle drops versions of too few calls and sums up the rest; false when none is
// left.
func (p *Proposal) settle(minCalls int) bool {
	p.Versions = slices.DeleteFunc(p.Versions, func(v Version) bool { return v.Calls < int64(minCalls) })
	slices.SortFunc(p.Versions, func(x, y Version) int {
		return cmp.Or(x.First.Compare(y.First), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	for i := range p.Versions {
		v := &p.Versions[i]
		v.First, v.Last = v.First.UTC(), v.Last.UTC()
		p.Calls += v.Calls
		p.First, p.Last = span(p.First, p.Last, v.First)
		p.First, p.Last = span(p.First, p.Last, v.Last)
	}
	return len(p.Versions) > 0
}
