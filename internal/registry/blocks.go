// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Bounds on taking the blocks of one version back from the texts of one call. What
// lies beyond them leaves variables uncertain, or the version ambiguous.
const (
	// maxShapes is how many ways the blocks may have gone are compared with the
	// texts, maxShapeBytes how much text is looked through for it.
	maxShapes     = 64
	maxShapeBytes = 2 << 20
	// maxUnfolding bounds the steps of finding these ways.
	maxUnfolding = 20_000
	// maxItems is how many items of a list are looked for.
	maxItems = 256
)

// blockParts are the messages of a version with blocks.
type blockParts struct {
	messages [][]template.Part
	// types are what variables are declared to be.
	types map[string]string
	// trimmed messages end without their line ends.
	trimmed bool
}

// shape is one way the blocks may have gone, and how the texts fit it.
type shape struct {
	pattern  pattern
	facts    facts
	solution solution
}

// unfolded is what the blocks of a version did.
type unfolded struct {
	// shapes are those that explain the texts; that with the most fixed text is the
	// first. complete is true when there is no other.
	shapes   []shape
	complete bool
	// vars render the texts again.
	vars map[string]string
	// names, values and sure are of the variables outside of lists.
	names, values []string
	sure          []bool
}

// unfold finds out what the blocks did. coarse fits the texts with the blocks as
// unknown texts: what it is sure of holds whatever they did.
func (p *pattern) unfold(texts []string, coarse solution) solution {
	if coarse.state != solved {
		return coarse
	}
	u := unfolder{pattern: p, texts: texts, steps: maxUnfolding, bytes: maxShapeBytes, done: make([]*chain, len(p.messages))}
	u.message(0, facts{})
	switch {
	case len(u.found) == 0 && u.cut:
		return solution{state: undecided, values: coarse.values, sure: make([]bool, len(coarse.values))}
	case len(u.found) == 0:
		return solution{}
	}
	out := &unfolded{shapes: u.found, complete: !u.cut}
	slices.SortStableFunc(out.shapes, func(a, b shape) int { return b.pattern.fixed - a.pattern.fixed })
	first := out.shapes[0]
	vars, ok := first.vars()
	if !ok {
		return solution{state: undecided, values: coarse.values, sure: make([]bool, len(coarse.values))}
	}
	out.vars = vars
	out.recover(p, coarse)
	return solution{state: solved, values: coarse.values, sure: coarse.sure, blocks: out}
}

// recover notes the variables, and which of them are sure.
func (u *unfolded) recover(p *pattern, coarse solution) {
	add := func(name, value string, sure bool) {
		u.names, u.values, u.sure = append(u.names, name), append(u.values, value), append(u.sure, sure)
	}
	for i, name := range u.shapes[0].pattern.names {
		if template.IsItem(name) {
			continue
		}
		k := slices.Index(p.names, name)
		add(name, u.shapes[0].solution.values[i], k >= 0 && coarse.sure[k] || u.agreed(func(s shape) (string, bool) { return s.slot(name) }))
	}
	for _, name := range u.shapes[0].decided() {
		if slices.Contains(u.names, name) {
			continue
		}
		decision := func(s shape) (string, bool) { return s.facts.value(name, p.blocks.types[name] == "boolean") }
		value, _ := decision(u.shapes[0])
		add(name, value, u.agreed(decision))
	}
}

// doubt leaves only those variables sure that are so whatever the blocks did, since
// the texts stand in several places.
func (u *unfolded) doubt(sure []bool, names []string) {
	u.complete = false
	for i, name := range u.names {
		k := slices.Index(names, name)
		u.sure[i] = u.sure[i] && k >= 0 && sure[k]
	}
}

// agreed tells whether all ways the blocks may have gone give a variable one value.
func (u *unfolded) agreed(value func(shape) (string, bool)) bool {
	if !u.complete {
		return false
	}
	first, ok := value(u.shapes[0])
	for _, s := range u.shapes {
		other, sure := value(s)
		ok = ok && sure && other == first
	}
	return ok
}

// slot is the value of a variable that is printed.
func (s shape) slot(name string) (value string, sure bool) {
	i := slices.Index(s.pattern.names, name)
	if i < 0 {
		return "", false
	}
	return s.solution.values[i], s.solution.sure[i]
}

// decided are the variables that the blocks decided by or went through, as far as
// they are not in another one.
func (s shape) decided() []string {
	var out []string
	add := func(name string) {
		name, _, _ = strings.Cut(name, "[")
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, f := range s.facts.answers {
		add(f.question.Name)
	}
	for _, c := range s.facts.counts {
		add(c.name)
	}
	return out
}

// unfolder tries the ways that blocks may have gone.
type unfolder struct {
	pattern *pattern
	texts   []string
	// done are the messages so far.
	done         []*chain
	steps, bytes int
	found        []shape
	tried        int
	// cut is true when not all ways were tried.
	cut bool
}

// pending are parts that are still to be gone through.
type pending struct {
	parts []template.Part
	then  *pending
}

// chain is a list of parts that others may go on from.
type chain struct {
	part   template.Part
	before *chain
}

func (c *chain) parts() []template.Part {
	var out []template.Part
	for ; c != nil; c = c.before {
		out = append(out, c.part)
	}
	slices.Reverse(out)
	return out
}

// line is a message as far as it was gone through.
type line struct {
	parts *chain
	// literal is the fixed text at its end, at is where in the text the search for
	// it begins, and free is true when it may stand later.
	literal string
	at      int
	free    bool
}

func (u *unfolder) message(i int, f facts) {
	if i == len(u.done) {
		u.try(f)
		return
	}
	u.walk(i, line{}, &pending{parts: u.pattern.blocks.messages[i]}, f)
}

// fits tells whether the fixed text at the end of the line occurs where it may.
func (u *unfolder) fits(i int, l line) (end int, ok bool) {
	literal, text := l.literal, u.texts[i][l.at:]
	if u.pattern.blocks.trimmed {
		literal = trimEnd(literal)
	}
	if !l.free {
		return l.at + len(literal), strings.HasPrefix(text, literal)
	}
	k := strings.Index(text, literal)
	if u.bytes -= k; k < 0 {
		u.bytes -= len(text)
	}
	return l.at + k + len(literal), k >= 0
}

// close ends the fixed text at the end of the line.
func (u *unfolder) close(i int, l line) (line, bool) {
	if l.literal == "" {
		return l, true
	}
	end, ok := u.fits(i, l)
	l.parts = &chain{template.Part{Kind: template.Literal, Text: l.literal}, l.parts}
	l.at, l.literal, l.free = end, "", false
	return l, ok
}

// walk goes through the rest of message i and, behind it, the other messages.
func (u *unfolder) walk(i int, l line, rest *pending, f facts) {
	for rest != nil {
		if u.steps--; u.spent() {
			return
		}
		if len(rest.parts) == 0 {
			rest = rest.then
			continue
		}
		part := rest.parts[0]
		rest = &pending{rest.parts[1:], rest.then}
		switch part.Kind {
		case template.Literal:
			l.literal += part.Text
			if _, ok := u.fits(i, l); !ok {
				return
			}
		case template.Slot:
			var ok bool
			if l, ok = u.close(i, l); !ok {
				return
			}
			l.parts, l.free = &chain{part, l.parts}, true
		case template.Choice:
			answer, known := f.known(part.Question)
			if !known {
				u.walk(i, l, &pending{part.Body, rest}, f.with(part.Question, true))
				u.walk(i, l, &pending{part.Else, rest}, f.with(part.Question, false))
				return
			}
			if answer {
				rest = &pending{part.Body, rest}
			} else {
				rest = &pending{part.Else, rest}
			}
		case template.Loop:
			fewest, most := u.counts(i, l, part, f)
			for n := most; n >= fewest && !u.spent(); n-- {
				u.steps -= n * len(part.Body) // unrolling is work too
				u.walk(i, l, &pending{part.Unroll(n), rest}, f.withCount(part.Name, n))
			}
			return
		}
	}
	if l, ok := u.close(i, l); ok {
		u.done[i] = l.parts
		u.message(i+1, f)
	}
}

// spent tells whether the search is to be given up, and notes it.
func (u *unfolder) spent() bool {
	spent := u.steps <= 0 || u.bytes <= 0 || u.tried >= maxShapes
	u.cut = u.cut || spent
	return spent
}

// counts bounds how often a loop ran.
func (u *unfolder) counts(i int, l line, loop template.Part, f facts) (fewest, most int) {
	if n, ok := f.count(loop.Name); ok {
		return n, n
	}
	mark := ""
	for _, p := range loop.Body {
		if p.Kind == template.Literal && len(p.Text) > len(mark) {
			mark = p.Text
		}
	}
	if u.pattern.blocks.trimmed {
		mark = trimEnd(mark)
	}
	most = 1
	if mark != "" {
		most = strings.Count(u.texts[i][l.at:], mark)
		u.bytes -= len(u.texts[i]) - l.at
	}
	if most > maxItems {
		most, u.cut = maxItems, true
	}
	if answer, ok := f.known(template.Question{Name: loop.Name}); ok {
		if !answer {
			return 0, 0
		}
		return 1, most
	}
	return 0, most
}

// try compares the texts with one way the blocks may have gone.
func (u *unfolder) try(f facts) {
	u.tried++
	p := pattern{roles: u.pattern.roles, gaps: u.pattern.gaps}
	messages := make([][]template.Part, len(u.done))
	for i, c := range u.done {
		messages[i] = c.parts()
	}
	p.compile(messages)
	if u.pattern.blocks.trimmed {
		p, _ = p.trimmed()
	}
	for i := range p.messages {
		u.bytes -= len(u.texts[i])
	}
	s := p.solve(u.texts)
	switch s.state {
	case undecided:
		u.cut = true
	case solved:
		allowed, sure := f.allow(p.names, s)
		if allowed {
			u.found = append(u.found, shape{p, f, s})
		} else if !sure {
			// Other values that fit as well may be allowed.
			u.cut = true
		}
	}
}
