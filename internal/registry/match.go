// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
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
	return s.matcher.longest, s.matcher.longest + maxBefore
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
	messages = messages[:min(len(messages), m.longest+maxBefore)]
	roles, texts := make([]string, len(messages)), make([]string, len(messages))
	cut := false
	for i, message := range messages {
		roles[i], texts[i] = normalRole(message.Role), message.Content
		cut = cut || trimEnd(message.Content) != message.Content
	}
	raw := m.candidates(roles, texts, among)
	strong, weak := m.fits(raw, roles, texts)
	if len(strong) > 0 || !cut {
		return m.decideOr(raw, roles, texts, among, strong, weak)
	}
	short := make([]string, len(texts))
	for i := range texts {
		short[i] = trimEnd(texts[i])
	}
	trimmed := m.candidates(roles, short, among)
	strong, more := m.fits(trimmed, roles, short)
	weak = append(weak, more...)
	if len(strong) == 0 && len(weak) == 0 {
		strong, weak = moved(raw, roles, texts)
	}
	return m.decideOr(trimmed, roles, short, among, strong, weak)
}

// decideOr looks for preambles when nothing explains the texts without one.
func (m *matcher) decideOr(found []candidate, roles, texts []string, among []VersionRef, strong, weak []fitted) MatchResult {
	if len(strong) == 0 && len(weak) == 0 {
		strong, weak = moved(found, roles, texts)
	}
	return decide(strong, weak, among)
}

// fits returns the entries that explain the texts from the first one on.
func (m *matcher) fits(found []candidate, roles, texts []string) (strong, weak []fitted) {
	for _, c := range found {
		if c.shift == 0 && c.whole && c.entry.rolesFit(roles) {
			strong, weak = c.entry.fit(texts, strong, weak)
		}
	}
	return exactOnly(strong), weak
}

// fit adds the entry to those that explain the texts, if it does.
func (e *entry) fit(texts []string, strong, weak []fitted) (_, _ []fitted) {
	solution := e.pattern.solve(texts)
	switch {
	case solution.state == unsolved:
	case solution.state == undecided || e.pattern.opaque:
		weak = append(weak, fitted{e, solution, texts})
	default:
		strong = append(strong, fitted{e, solution, texts})
	}
	return strong, weak
}

// exactOnly leaves out those that explain the texts only without their line ends,
// when one does so exactly.
func exactOnly(strong []fitted) []fitted {
	trimmed := func(f fitted) bool { return f.entry.trimmed }
	if slices.ContainsFunc(strong, func(f fitted) bool { return !f.entry.trimmed }) {
		return slices.DeleteFunc(strong, trimmed)
	}
	return strong
}

func (e *entry) rolesFit(roles []string) bool {
	if len(e.pattern.roles) > len(roles) {
		return false
	}
	for i, role := range e.pattern.roles {
		if !roleFits(role, roles[i]) {
			return false
		}
	}
	return true
}

// decide picks the one explanation, or says that there are several. A match is
// only preferred to another when the other is a strict generalisation of it
// with less fixed text.
func decide(strong, weak []fitted, among []VersionRef) MatchResult {
	all := append(append([]fitted(nil), strong...), weak...)
	if len(all) == 0 {
		return MatchResult{}
	}
	best := -1
	if len(all) <= 2*maxCandidates {
		best = mostSpecific(all)
	}
	if best < 0 || best >= len(strong) {
		result := MatchResult{Candidates: names(all, among), Ambiguous: len(strong) > 0}
		return result
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
			if k != i && !strictlyMoreSpecific(all[i].entry, all[k].entry) {
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

func strictlyMoreSpecific(a, b *entry) bool {
	return a.pattern.fixed > b.pattern.fixed && b.pattern.generalises(&a.pattern) && !a.pattern.generalises(&b.pattern)
}

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

// result verifies the match by rendering it again.
func (f fitted) result(ref VersionRef) MatchResult {
	vars := make(map[string]string, len(f.solution.values))
	out := MatchResult{Found: true, Prompt: ref.Prompt, Version: ref.Version}
	for i, name := range f.entry.pattern.names {
		vars[name] = f.solution.values[i]
		if f.solution.sure[i] {
			out.Variables = append(out.Variables, genai.Variable{Name: name, Value: f.solution.values[i]})
		} else {
			out.UncertainVariables = append(out.UncertainVariables, name)
		}
	}
	rendered, err := ref.Version.Render(vars)
	if err != nil {
		return MatchResult{Candidates: []string{ref.String()}}
	}
	for i, message := range rendered {
		text := message.Content
		if f.entry.trimmed {
			text = trimEnd(text)
		}
		if said := f.texts[i]; text != said && text != trimEnd(said) && trimEnd(text) != said {
			return MatchResult{Candidates: []string{ref.String()}}
		}
	}
	return out
}
