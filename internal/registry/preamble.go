// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import "strings"

const (
	// maxBefore is how many system messages may stand before a version's own.
	maxBefore = 4
	// minMoved is how many letters and digits of fixed text a version must have to
	// be recognised behind a preamble: any place of a text is compared with it.
	minMoved = 32
	// maxStarts bounds the places of one text at which a version may begin.
	maxStarts = 8
)

// moved returns the entries that explain the texts behind a preamble: system
// messages before the first of theirs, or lines of text before it in the system
// message. A user's text is not searched, since it may quote a prompt.
func moved(found []candidate, roles, texts []string) explanations {
	var x explanations
	for _, c := range found {
		if c.entry.pattern.letters < minMoved || c.entry.pattern.lead() == 0 {
			continue
		}
		behind, own := roles[c.shift:], texts[c.shift:]
		if c.shift > 0 {
			x.try(c.entry, behind, own)
		}
		if behind[0] != "system" {
			continue
		}
		for _, start := range c.entry.starts(own[0]) {
			x.try(c.entry, behind, append([]string{own[0][start:]}, own[1:]...))
		}
	}
	x.exactOnly()
	return x
}

// starts are the beginnings of lines, but for the first, at which the entry's text
// may begin. One that begins with a variable would begin anywhere.
func (e *entry) starts(text string) []int {
	tokens := e.pattern.messages[0]
	if len(tokens) == 0 || tokens[0].variable >= 0 {
		return nil
	}
	literal := tokens[0].literal
	if len(tokens) == 1 {
		if start := len(text) - len(literal); start > 0 && text[start-1] == '\n' && text[start:] == literal {
			return []int{start}
		}
		return nil
	}
	var starts []int
	for at := 1; len(starts) < maxStarts; {
		next := strings.Index(text[at-1:], "\n"+literal)
		if next < 0 {
			break
		}
		starts = append(starts, at+next)
		at += next + 1
	}
	return starts
}

// leading is how many system messages a call begins with, at most maxBefore.
func leading(roles []string) int {
	n := 0
	for n < len(roles) && n < maxBefore && roles[n] == "system" {
		n++
	}
	return n
}
