// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

// The rungs that go by a call's content: hash, template, fingerprint.

// byHash resolves a content hash that the span states, if it is one of ours. A
// name on the span must agree.
func (l *ladder) byHash(name string) bool {
	if l.call.Prompt.Hash == "" || l.snapshot == nil {
		return false
	}
	var found []registry.VersionRef
	for _, ref := range l.snapshot.VersionsByHash(l.call.Prompt.Hash) {
		if name == "" || ref.Prompt.Name == name {
			found = append(found, ref)
		}
	}
	if len(found) == 0 {
		return false
	}
	if len(found) > 1 {
		l.ambiguous(name, refNames(found))
		l.id.PromptHash = found[0].Version.Hash
		return true
	}
	l.id.Resolution = RungHash
	l.take(found[0].Prompt, found[0].Version)
	l.recoverVariables(found[0])
	return true
}

func refNames(refs []registry.VersionRef) []string {
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		names = append(names, ref.String())
	}
	return names[:min(len(names), 20)]
}

// byTemplateOf matches the call's text with all versions of one prompt.
func (l *ladder) byTemplateOf(name string) bool {
	if l.snapshot == nil {
		return false
	}
	m := l.match(nil)
	if m.Found && m.Prompt.Name == name {
		l.matched(&m)
		return true
	}
	// Another prompt may have the same text: ask only about this one.
	p := l.snapshot.Prompt(name)
	if p == nil || !m.Found && !m.Ambiguous {
		return false
	}
	refs := make([]registry.VersionRef, 0, len(p.Versions))
	for _, v := range p.Versions {
		refs = append(refs, registry.VersionRef{Prompt: p, Version: v})
	}
	return l.byTemplate(refs) || l.id.Resolution == RungAmbiguous
}

// byTemplate matches the call's text with the registry, or with some versions.
func (l *ladder) byTemplate(among []registry.VersionRef) bool {
	if l.snapshot == nil {
		return false
	}
	m := l.match(among)
	switch {
	case m.Found:
		l.matched(&m)
		return true
	case m.Ambiguous:
		name := ""
		if among != nil {
			name = among[0].Prompt.Name
		}
		l.ambiguous(name, m.Candidates)
		return true
	}
	return false
}

func (l *ladder) matched(m *registry.MatchResult) {
	l.id.Resolution = RungTemplate
	l.take(m.Prompt, m.Version)
	if len(l.id.Variables) == 0 {
		l.id.Variables, l.id.UncertainVariables = m.Variables, m.UncertainVariables
	}
}

// match asks the registry, through the cache. Only when the messages that versions
// begin with do not say it all, more are looked at: those behind a preamble, or a
// placeholder.
func (l *ladder) match(among []registry.VersionRef) registry.MatchResult {
	if l.snapshot == nil {
		return registry.MatchResult{}
	}
	usual, most := l.snapshot.MatchedMessages()
	if l.texts.key == "" {
		l.texts = l.prepare(usual)
	}
	m := l.matchTexts(&l.texts, among)
	preamble := l.texts.instructed && !m.Found && len(m.Candidates) == 0
	if !l.texts.full || !m.Further && !preamble {
		return m
	}
	if l.further.key == "" {
		l.further = l.prepare(most)
	}
	return l.matchTexts(&l.further, among)
}

func (l *ladder) matchTexts(texts *callTexts, among []registry.VersionRef) registry.MatchResult {
	if texts.key == "" {
		return registry.MatchResult{}
	}
	key := texts.key
	if among != nil {
		var b strings.Builder
		for _, ref := range among {
			b.WriteString(ref.String())
			b.WriteByte(0)
		}
		key = b.String() + key
	}
	return l.matches.getOwned(key, func() registry.MatchResult {
		return l.snapshot.MatchAmong(among, texts.system, texts.messages)
	})
}

// callTexts are the first texts of a call, all within key, so that what a match
// keeps of them is kept once.
type callTexts struct {
	system   string
	messages []registry.TextMessage
	key      string
	// full is true when the call may have further messages, and instructed when the
	// first one may be a preamble.
	full, instructed bool
}

// prepare collects the instructions and the first messages of the history, most
// texts together or the instructions alone.
func (l *ladder) prepare(most int) callTexts {
	var t callTexts
	if most == 0 {
		return t
	}
	if !l.call.System.Empty() {
		t.system = l.call.System.Text()
	}
	if t.system == "" || most > 1 {
		list, err := l.call.Input.Head(most)
		if err != nil {
			list = nil
		}
		for i := range list {
			t.messages = append(t.messages, registry.TextMessage{Role: list[i].Role, Content: list[i].Text()})
		}
	}
	t.join()
	t.full = t.system != "" && most == 1 || len(t.messages) == most
	t.instructed = t.system != "" || len(t.messages) > 0 && registry.IsSystem(t.messages[0].Role)
	return t
}

// join makes the key, and the texts parts of it.
func (t *callTexts) join() {
	size := len(t.system) + 1
	for _, m := range t.messages {
		size += len(m.Role) + len(m.Content) + 3
	}
	var b strings.Builder
	b.Grow(size)
	if t.system != "" {
		b.WriteString(t.system)
		b.WriteByte(0)
	}
	for _, m := range t.messages {
		b.WriteByte(1)
		b.WriteString(m.Role)
		b.WriteByte(0)
		b.WriteString(m.Content)
		b.WriteByte(0)
	}
	t.key = b.String()
	rest := t.key
	if t.system != "" {
		t.system, rest = rest[:len(t.system)], rest[len(t.system)+1:]
	}
	for i, m := range t.messages {
		start := len(m.Role) + 2
		t.messages[i] = registry.TextMessage{Role: rest[1 : start-1], Content: rest[start : start+len(m.Content)]}
		rest = rest[start+len(m.Content)+1:]
	}
}

// byFingerprint names the fixed text: the template when the span states it, else
// the system instructions. A span that names the prompt keeps that name, with
// the fingerprint as version; one that states the version alone keeps that.
func (l *ladder) byFingerprint(name, version string) bool {
	text := l.call.Prompt.Template
	if text == "" {
		text = l.call.SystemText()
	}
	hash := ""
	if text != "" {
		hash = l.prints.get(text, func() string { return fingerprint(text) })
	}
	if hash == "" {
		l.unresolved()
		return false
	}
	l.id.Resolution, l.id.UnresolvedReason, l.id.PromptHash = RungFingerprint, "", hash
	l.id.PromptName = fingerprintPrefix + registry.ShortHash(hash)
	l.id.PromptVersion = version
	if version == "" {
		l.id.PromptVersion = l.id.PromptName
	}
	if name != "" {
		l.id.PromptName = name
	}
	return true
}

// unresolved says why there is nothing to go by.
func (l *ladder) unresolved() {
	l.id.Resolution, l.id.UnresolvedReason = RungNone, ReasonNoMatch
	if l.call.System.Empty() && l.call.Input.Empty() {
		l.id.UnresolvedReason = ReasonNoContent
		if len(l.call.Problems) > 0 && l.contentProblem() {
			l.id.UnresolvedReason = ReasonMalformed
		}
		return
	}
	if _, err := l.call.Input.Head(1); err != nil {
		l.id.UnresolvedReason = ReasonMalformed
	}
}

func (l *ladder) contentProblem() bool {
	for _, p := range l.call.Problems {
		if strings.Contains(p.Attribute, "message") || strings.Contains(p.Attribute, "prompt") || strings.Contains(p.Attribute, "instruction") || strings.Contains(p.Attribute, "input") {
			return true
		}
	}
	return false
}
