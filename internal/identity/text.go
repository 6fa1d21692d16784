// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"
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
		l.matched(m)
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
		l.matched(m)
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
func (l *ladder) match(among []registry.VersionRef) *registry.MatchResult {
	if l.snapshot == nil {
		return &registry.MatchResult{}
	}
	usual, most := l.snapshot.MatchedMessages()
	if l.texts.empty() {
		l.texts = l.prepare(usual)
	}
	m := l.matchTexts(&l.texts, among)
	preamble := l.texts.instructed && !m.Found && len(m.Candidates) == 0
	if !l.texts.full || !m.Further && !preamble {
		return m
	}
	if l.further.empty() {
		l.further = l.prepare(most)
	}
	return l.matchTexts(&l.further, among)
}

func (l *ladder) matchTexts(texts *callTexts, among []registry.VersionRef) *registry.MatchResult {
	if texts.empty() {
		return &registry.MatchResult{}
	}
	var room [16]string
	pieces := texts.pieces(among, room[:0])
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	if size > maxCachedText {
		m := l.snapshot.MatchAmong(among, texts.system, texts.messages)
		return &m
	}
	return l.matches.getPieces(hashPieces(pieces), pieces, func() (string, *registry.MatchResult) {
		key := strings.Join(pieces, "")
		texts.own(key)
		m := l.snapshot.MatchAmong(among, texts.system, texts.messages)
		return key, &m
	})
}

// hashPieces is the hash of a key of several pieces.
func hashPieces(pieces []string) uint64 {
	var hash uint64
	for _, piece := range pieces {
		hash = hash*0x9e3779b97f4a7c15 + maphash.String(cacheSeed, piece)
	}
	return hash
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
		if len(list) > 0 {
			t.messages = make([]registry.TextMessage, 0, len(list))
		}
		for i := range list {
			t.messages = append(t.messages, registry.TextMessage{Role: list[i].Role, Content: list[i].Text()})
		}
	}
	t.full = t.system != "" && most == 1 || len(t.messages) == most
	t.instructed = t.system != "" || len(t.messages) > 0 && registry.IsSystem(t.messages[0].Role)
	return t
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
