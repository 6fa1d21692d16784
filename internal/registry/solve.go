// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
)

// Outcomes of fitting a text to a pattern.
const (
	unsolved = iota
	solved
	// undecided means that the search was given up: repeated variables make it
	// exponential in the worst case.
	undecided
)

// searchBudget bounds the steps of one search over repeated variables.
const searchBudget = 20_000

// solution is how a text fits a pattern.
type solution struct {
	state int
	// values by variable; sure[i] tells whether values[i] is the only one.
	values []string
	sure   []bool
	// blocks say what the pattern's blocks did; nil without any.
	blocks *unfolded
}

// solve fits one text a message to the pattern.
func (p *pattern) solve(texts []string) solution {
	if len(texts) < len(p.messages) {
		return solution{}
	}
	for i, tokens := range p.messages {
		if !fit(tokens, texts[i], nil) {
			return solution{}
		}
	}
	s := solution{values: make([]string, len(p.names)), sure: make([]bool, len(p.names))}
	for i, tokens := range p.messages {
		fit(tokens, texts[i], &s)
	}
	s.state = solved
	if p.repeated {
		s = p.search(texts, s.sure)
	}
	if p.blocks != nil && s.state != unsolved {
		return p.unfold(texts, s)
	}
	return s
}

// fit places every literal as early and as late as possible. The text fits when
// the early placement exists; a variable is sure when both placements agree on
// its ends. Repeated variables are not compared here. Without s it is only told
// whether the text fits; with it the text is known to.
func fit(tokens []token, text string, s *solution) bool {
	if len(tokens) == 0 {
		return text == ""
	}
	first, last := 0, len(tokens)
	start, end := 0, len(text)
	if tokens[0].variable < 0 {
		if s == nil && !strings.HasPrefix(text, tokens[0].literal) {
			return false
		}
		start, first = len(tokens[0].literal), 1
	}
	if first == last {
		return start == end
	}
	if tail := tokens[last-1]; tail.variable < 0 {
		end -= len(tail.literal)
		if s == nil && (end < start || text[end:] != tail.literal) {
			return false
		}
		last--
	}
	return fitMiddle(tokens[first:last], text, start, end, s)
}

// fitMiddle fits tokens that begin and end with a variable to text[start:end].
func fitMiddle(tokens []token, text string, start, end int, s *solution) bool {
	var earlyRoom, lateRoom [24]int
	early := earlyRoom[:0]
	at := start
	for _, t := range tokens {
		if t.variable >= 0 {
			continue
		}
		k := strings.Index(text[at:end], t.literal)
		if k < 0 {
			return false
		}
		early = append(early, at+k)
		at += k + len(t.literal)
	}
	if s == nil {
		return true
	}
	late := append(lateRoom[:0], early...)
	for i, k, to := len(tokens)-1, len(late)-1, end; i >= 0; i-- {
		if tokens[i].variable < 0 {
			to = start + strings.LastIndex(text[start:to], tokens[i].literal)
			late[k] = to
			k--
		}
	}
	assign(tokens, text, start, end, early, late, s)
	return true
}

// assign gives each variable the text between its neighbours. Of variables that
// stand side by side the first takes all, and none is sure unless all are empty.
func assign(tokens []token, text string, start, end int, early, late []int, s *solution) {
	left, leftSure, k := start, true, 0
	for i := 0; i < len(tokens); {
		run := i
		for run < len(tokens) && tokens[run].variable >= 0 {
			run++
		}
		right, rightSure := end, true
		if run < len(tokens) {
			right, rightSure = early[k], early[k] == late[k]
		}
		sure := leftSure && rightSure && (run-i == 1 || left == right)
		for j := i; j < run; j++ {
			v := tokens[j].variable
			s.values[v], s.sure[v] = text[left:right], sure
			left = right
		}
		if run < len(tokens) {
			left, leftSure = right+len(tokens[run].literal), rightSure
			k++
		}
		i = run + 1
	}
}
