// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

const (
	// maxHistory is how many messages of a call are looked at for versions with
	// placeholders.
	maxHistory = 64
	// alignmentBudget bounds the places that are tried for the messages after a
	// placeholder.
	alignmentBudget = 4096
)

// addGap notes before a message is added whether a placeholder stands before it.
func (p *pattern) addGap(gap bool) {
	if p.gaps == nil && !gap {
		return
	}
	for len(p.gaps) < len(p.roles) {
		p.gaps = append(p.gaps, false)
	}
	p.gaps = append(p.gaps, gap)
}

func (p *pattern) gapAt(i int) bool { return i < len(p.gaps) && p.gaps[i] }

// lead is how many messages stand before the first gap.
func (p *pattern) lead() int {
	for i, gap := range p.gaps {
		if gap {
			return i
		}
	}
	return len(p.messages)
}

// explain says how the texts fit the pattern, of which texts those of the pattern
// are, and whether further texts could.
func (p *pattern) explain(roles, texts []string) (s solution, own []string, further bool) {
	if p.gaps == nil {
		if p.rolesFit(roles) {
			s = p.solve(texts)
		}
		return s, texts, false
	}
	a := aligner{pattern: p, roles: roles, texts: texts, steps: alignmentBudget, own: make([]string, len(p.messages))}
	a.message(0, 0)
	if a.steps <= 0 && a.found.state == solved {
		a.found.state = undecided
	}
	return a.found, a.first, a.led
}

func (p *pattern) rolesFit(roles []string) bool {
	if len(p.roles) > len(roles) {
		return false
	}
	for i, role := range p.roles {
		if !roleFits(role, roles[i]) {
			return false
		}
	}
	return true
}

// aligner finds the places where the messages of a pattern with gaps stand.
type aligner struct {
	pattern      *pattern
	roles, texts []string
	steps        int
	// own are the texts at the places that are tried.
	own []string

	// found is the first way to fit, sure of the values that all ways share, and
	// first its texts.
	found solution
	first []string
	// led is true when the messages before the first gap fit.
	led bool
}

// message places message i at a text from at on.
func (a *aligner) message(i, at int) {
	a.led = a.led || i == a.pattern.lead()
	if i == len(a.own) {
		a.note()
		return
	}
	for ; at < len(a.texts); at++ {
		if a.steps--; a.steps <= 0 {
			return
		}
		if roleFits(a.pattern.roles[i], a.roles[at]) && fit(a.pattern.messages[i], a.texts[at], nil) {
			a.own[i] = a.texts[at]
			a.message(i+1, at+1)
		}
		if !a.pattern.gapAt(i) {
			return
		}
	}
}

func (a *aligner) note() {
	s := a.pattern.solve(a.own)
	switch {
	case s.state == unsolved:
	case a.first == nil:
		a.found, a.first = s, append([]string(nil), a.own...)
	default:
		a.found.state = max(a.found.state, s.state)
		for i, value := range s.values {
			a.found.sure[i] = a.found.sure[i] && s.sure[i] && value == a.found.values[i]
		}
		if a.found.blocks != nil {
			a.found.blocks.doubt(a.found.sure, a.pattern.names)
		}
	}
}
