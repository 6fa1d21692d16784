// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// maxCandidates bounds the candidates of an ambiguous match that are named.
const maxCandidates = 20

// Match says which version rendered the given texts, and with which variables.
// system is the instructions that were sent apart from the history. A version's
// messages must be the first messages of the call, word for word; more messages
// may follow. When none is, a preamble is looked for: system messages, or text in
// the system message, before the version's own. docs/registry.md states the rules.
func (s *Snapshot) Match(system string, messages []TextMessage) MatchResult {
	return s.MatchAmong(nil, system, messages)
}

// MatchAmong is Match over a few versions only, such as a release's targets; nil
// stands for all.
func (s *Snapshot) MatchAmong(refs []VersionRef, system string, messages []TextMessage) MatchResult {
	if s == nil || s.matcher == nil || refs != nil && len(refs) == 0 {
		return MatchResult{}
	}
	return s.matcher.match(withSystem(system, messages), refs)
}

// MatchedMessages is how many leading messages Match looks at for a version
// without a preamble, and how many at most; callers need not prepare more.
func (s *Snapshot) MatchedMessages() (usual, most int) {
	if s == nil || s.matcher == nil || s.matcher.longest == 0 {
		return 0, 0
	}
	return s.matcher.longest, s.matcher.most()
}

// withSystem puts the instructions first, unless the history repeats them.
func withSystem(system string, messages []TextMessage) []TextMessage {
	if system == "" {
		return messages
	}
	if len(messages) > 0 && normalRole(messages[0].Role) == "system" && messages[0].Content == system {
		return messages
	}
	return append([]TextMessage{{Role: "system", Content: system}}, messages...)
}

// fitted is an entry that explains the texts, of its first message on.
type fitted struct {
	entry    *entry
	solution solution
	texts    []string
}

// match tries the texts as they are, then without the line ends at the end of
// each message; each time without a preamble first.
func (m *matcher) match(messages []TextMessage, among []VersionRef) MatchResult {
	if len(messages) == 0 || m.longest == 0 {
		return MatchResult{}
	}
	messages = messages[:min(len(messages), m.most())]
	room := make([]string, 2*len(messages))
	roles, texts := room[:len(messages):len(messages)], room[len(messages):]
	cut := false
	for i, message := range messages {
		roles[i], texts[i] = normalRole(message.Role), message.Content
		cut = cut || endsLine(message.Content)
	}
	raw := m.candidates(roles, texts, among)
	fits := m.fits(raw, roles, texts)
	if len(fits.strong) > 0 || !cut {
		fits.orMoved(raw, roles, texts)
		return fits.decide(among)
	}
	short := make([]string, len(texts))
	for i := range texts {
		short[i] = trimEnd(texts[i])
	}
	trimmed := m.candidates(roles, short, among)
	fits.add(m.fits(trimmed, roles, short))
	fits.orMoved(raw, roles, texts)
	fits.orMoved(trimmed, roles, short)
	return fits.decide(among)
}

// explanations are what may have rendered the texts of a call.
type explanations struct {
	// strong ones do, weak ones cannot be verified.
	strong, weak []fitted
	// further is true when more messages could make one.
	further bool
}

// fits returns the entries that explain the texts from the first one on.
func (m *matcher) fits(found []candidate, roles, texts []string) explanations {
	var x explanations
	for _, c := range found {
		if c.shift == 0 && c.whole {
			x.try(c.entry, roles, texts)
		}
	}
	x.exactOnly()
	return x
}

// try adds the entry if it explains the texts.
func (x *explanations) try(e *entry, roles, texts []string) {
	if !e.marked(texts) {
		return
	}
	solution, own, further := e.pattern.explain(roles, texts)
	x.further = x.further || further
	switch {
	case solution.state == unsolved:
	case solution.state == undecided || e.pattern.opaque:
		x.weak = append(x.weak, fitted{e, solution, own})
	default:
		x.strong = append(x.strong, fitted{e, solution, own})
	}
}

func (x *explanations) add(more explanations) {
	x.strong, x.weak = append(x.strong, more.strong...), append(x.weak, more.weak...)
	x.further = x.further || more.further
}

// orMoved looks for preambles when nothing explains the texts without one.
func (x *explanations) orMoved(found []candidate, roles, texts []string) {
	if len(x.strong) == 0 && len(x.weak) == 0 {
		x.add(moved(found, roles, texts))
	}
}

// exactOnly leaves out those that explain the texts only without their line ends,
// when one does so exactly.
func (x *explanations) exactOnly() {
	trimmed := func(f fitted) bool { return f.entry.trimmed }
	if slices.ContainsFunc(x.strong, func(f fitted) bool { return !f.entry.trimmed }) {
		x.strong = slices.DeleteFunc(x.strong, trimmed)
	}
}

// decide picks the one explanation, or says that there are several. A match is
// only preferred to another when the other is a strict generalisation of it
// with less fixed text.
func (x *explanations) decide(among []VersionRef) MatchResult {
	all := x.strong
	if len(x.weak) > 0 {
		all = append(append([]fitted(nil), x.strong...), x.weak...)
	}
	if len(all) == 0 {
		return MatchResult{Further: x.further}
	}
	result := pick(all, len(x.strong), among)
	result.Further = x.further
	return result
}

// pick picks among explanations, of which the first so many are strong.
func pick(all []fitted, strong int, among []VersionRef) MatchResult {
	best := -1
	if len(all) <= 2*maxCandidates {
		best = mostSpecific(all)
	}
	if best < 0 || best >= strong {
		return MatchResult{Candidates: names(all, among), Ambiguous: strong > 0}
	}
	chosen := all[best]
	versions := chosen.entry.among(among)
	if len(versions) != 1 {
		return MatchResult{Candidates: names(all[best:best+1], among), Ambiguous: true}
	}
	return chosen.result(versions[0])
}

// mostSpecific returns the fit that every other one strictly generalises, or -1.
func mostSpecific(all []fitted) int {
	for i := range all {
		wins := true
		for k := range all {
			if k != i && !strictlyMoreSpecific(all[i], all[k]) {
				wins = false
				break
			}
		}
		if wins {
			return i
		}
	}
	return -1
}

// strictlyMoreSpecific compares versions by what their blocks did, if they have any.
func strictlyMoreSpecific(a, b fitted) bool {
	p, q := a.shape(), b.shape()
	return a.complete() && b.complete() && p.fixed > q.fixed && b.entry.pattern.generalises(p) && !p.generalises(q)
}

// shape is the pattern without blocks that explains the texts.
func (f fitted) shape() *pattern {
	if f.solution.blocks == nil {
		return &f.entry.pattern
	}
	return &f.solution.blocks.shapes[0].pattern
}

// complete is false when the blocks may have gone in other ways too.
func (f fitted) complete() bool { return f.solution.blocks == nil || f.solution.blocks.complete }

func names(fits []fitted, among []VersionRef) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range fits {
		for _, ref := range f.entry.among(among) {
			name := ref.String()
			if len(out) < maxCandidates && !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// result is the match, verified by rendering it again unless that must give the texts.
func (f fitted) result(ref VersionRef) MatchResult {
	names, values, sure := f.entry.pattern.names, f.solution.values, f.solution.sure
	if b := f.solution.blocks; b != nil {
		names, values, sure = b.names, b.values, b.sure
	}
	out := MatchResult{Found: true, Prompt: ref.Prompt, Version: ref.Version}
	for i, name := range names {
		if sure[i] {
			if out.Variables == nil {
				out.Variables = make([]genai.Variable, 0, len(names))
			}
			out.Variables = append(out.Variables, genai.Variable{Name: name, Value: values[i]})
		} else {
			out.UncertainVariables = append(out.UncertainVariables, name)
		}
	}
	if !f.proved(ref.Version) && !f.renders(ref.Version) {
		return MatchResult{Candidates: []string{ref.String()}}
	}
	return out
}

// proved tells that rendering needs no try: what was solved are the very texts that
// the version prints, and they are far from too long. Versions that share an entry may
// name their variables differently.
func (f fitted) proved(v *Version) bool {
	if !v.body.exact || !slices.Equal(v.body.pattern.names, f.entry.pattern.names) {
		return false
	}
	for _, text := range f.texts {
		if len(text) > template.MaxSourceBytes {
			return false
		}
	}
	return true
}

// renders tells whether the version renders the texts.
func (f fitted) renders(v *Version) bool {
	var vars map[string]string
	if b := f.solution.blocks; b != nil {
		vars = b.vars
	} else {
		vars = make(map[string]string, len(f.solution.values))
		for i, name := range f.entry.pattern.names {
			vars[name] = f.solution.values[i]
		}
	}
	rendered, err := v.RenderOwn(vars)
	if err != nil {
		return false
	}
	for i, message := range rendered {
		text := message.Content
		if f.entry.trimmed {
			text = trimEnd(text)
		}
		if said := f.texts[i]; text != said && text != trimEnd(said) && trimEnd(text) != said {
			return false
		}
	}
	return true
}
