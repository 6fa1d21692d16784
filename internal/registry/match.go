// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"github.com/spanloop/spanloop/internal/genai"
)

// maxCandidates bounds the candidates of an ambiguous match that are named.
const maxCandidates = 20

// Match says which version rendered the given texts, and with which variables.
// system is the instructions that were sent apart from the history. A version's
// messages must be the first messages of the call, word for word; more messages
// may follow. docs/registry.md states the rules.
func (s *Snapshot) Match(system string, messages []TextMessage) MatchResult {
	if s == nil || s.matcher == nil {
		return MatchResult{}
	}
	return s.matcher.match(withSystem(system, messages), nil)
}

// MatchAmong is Match over a few versions only, such as a release's targets.
func (s *Snapshot) MatchAmong(refs []VersionRef, system string, messages []TextMessage) MatchResult {
	if s == nil || s.matcher == nil || len(refs) == 0 {
		return MatchResult{}
	}
	return s.matcher.match(withSystem(system, messages), refs)
}

// MatchedMessages is how many leading messages Match looks at; callers need not
// prepare more.
func (s *Snapshot) MatchedMessages() int {
	if s == nil || s.matcher == nil {
		return 0
	}
	return s.matcher.longest
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

// fitted is an entry that explains the texts.
type fitted struct {
	entry    *entry
	solution solution
}

// match tries the texts as they are, then without the line ends at the end of
// each message.
func (m *matcher) match(messages []TextMessage, among []VersionRef) MatchResult {
	if len(messages) == 0 || m.longest == 0 {
		return MatchResult{}
	}
	messages = messages[:min(len(messages), m.longest)]
	roles, texts := make([]string, len(messages)), make([]string, len(messages))
	cut := false
	for i, message := range messages {
		roles[i], texts[i] = normalRole(message.Role), message.Content
		cut = cut || trimEnd(message.Content) != message.Content
	}
	strong, weak := m.fits(roles, texts, among)
	if len(strong) == 0 && cut {
		for i := range texts {
			texts[i] = trimEnd(texts[i])
		}
		var more []fitted
		strong, more = m.fits(roles, texts, among)
		weak = append(weak, more...)
	}
	return decide(strong, weak, texts, among)
}

// fits returns the entries that explain the texts. When one does so exactly,
// those that only do so without their line ends are left out.
func (m *matcher) fits(roles, texts []string, among []VersionRef) (strong, weak []fitted) {
	exact := false
	for _, e := range m.candidates(texts, among) {
		if !e.rolesFit(roles) {
			continue
		}
		solution := e.pattern.solve(texts)
		switch {
		case solution.state == unsolved:
		case solution.state == undecided || e.pattern.opaque:
			weak = append(weak, fitted{e, solution})
		default:
			strong = append(strong, fitted{e, solution})
			exact = exact || !e.trimmed
		}
	}
	if exact {
		kept := strong[:0]
		for _, f := range strong {
			if !f.entry.trimmed {
				kept = append(kept, f)
			}
		}
		strong = kept
	}
	return strong, weak
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
func decide(strong, weak []fitted, texts []string, among []VersionRef) MatchResult {
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
	return chosen.result(versions[0], texts)
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
func (f fitted) result(ref VersionRef, texts []string) MatchResult {
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
		if text != texts[i] && text != trimEnd(texts[i]) && trimEnd(text) != texts[i] {
			return MatchResult{Candidates: []string{ref.String()}}
		}
	}
	return out
}
