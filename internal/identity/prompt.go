// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"time"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// ladder resolves the prompt of one call, rung by rung.
type ladder struct {
	*Resolver
	*state
	environment string
	start       time.Time
	call        *genai.Call
	id          *Identity
	// version is the resolved one, as the registry has it.
	version *registry.Version

	// texts are prepared when a rung first asks for them, further ones only when
	// they say nothing.
	texts, further callTexts
}

func (r *Resolver) prompt(s *state, environment string, start time.Time, call *genai.Call, id *Identity) {
	l := ladder{Resolver: r, state: s, environment: environment, start: start, call: call, id: id}
	ref := &call.Prompt
	id.Variables = ref.Variables
	name, version, label := ref.Name, ref.Version, ref.Label
	if version != "" && l.isLabel(name, version) {
		version, label = "", version
	}
	id.PromptLabel = label
	switch {
	case name != "" && version != "":
		l.explicit(name, version)
	case name != "" && label != "":
		l.label(name, label)
	case name != "":
		l.named(name)
	case !sendsPrompt(call):
		id.Resolution, id.UnresolvedReason = RungNone, ReasonNotACall
	case l.byHash("") || l.byTemplate(nil):
	default:
		l.byFingerprint("", version)
	}
	if id.PromptName == "" && id.PromptVersion == "" {
		// The version of a prompt without a name: what the span says is kept.
		id.PromptVersion = version
	}
	id.Confidence = confidence(id, l.version)
}

// sendsPrompt tells whether a span of that kind has a prompt of its own. An
// agent span has one when it states its instructions.
func sendsPrompt(call *genai.Call) bool {
	switch call.Kind {
	case genai.KindInference, genai.KindPrompt:
		return true
	case genai.KindAgent:
		return !call.System.Empty()
	}
	return false
}

// isLabel tells a label that stands where a version belongs: a word that always
// is one, or an environment of the prompt that is no version of it.
func (l *ladder) isLabel(name, version string) bool {
	if l.snapshot != nil {
		if l.snapshot.Prompt(name).Version(version) != nil {
			return false
		}
		if l.snapshot.HasEnvironment(name, version) {
			return true
		}
	}
	return genai.IsLabel(version)
}

// explicit is the rung of spans that name the prompt and its version. What the
// registry knows is added; what it does not know is stated.
func (l *ladder) explicit(name, version string) {
	id := l.id
	id.Resolution, id.PromptName, id.PromptVersion = RungExplicit, name, version
	if l.snapshot.Empty() {
		return
	}
	p := l.snapshot.Prompt(name)
	v := p.Numbered(version)
	switch {
	case p == nil:
		id.UnresolvedReason = ReasonPromptUnknown
	case v == nil:
		id.UnresolvedReason = ReasonVersionUnknown
	default:
		l.take(p, v)
		l.recoverVariables(registry.VersionRef{Prompt: p, Version: v})
	}
}

// take notes what the registry says about a version.
func (l *ladder) take(p *registry.Prompt, v *registry.Version) {
	l.version = v
	l.id.PromptName, l.id.PromptVersion, l.id.PromptHash = p.Name, v.Version, v.Hash
	for _, partial := range v.Partials {
		l.id.Partials = append(l.id.Partials, partial.Name+"@"+partial.Version)
	}
}

// recoverVariables takes the values back from the text when the span does not
// state them.
func (l *ladder) recoverVariables(ref registry.VersionRef) {
	if len(l.id.Variables) > 0 || !ref.Version.HasVariables() {
		return
	}
	if m := l.match([]registry.VersionRef{ref}); m.Found {
		l.id.Variables, l.id.UncertainVariables = m.Variables, m.UncertainVariables
	}
}

// label is the rung of spans that name a prompt and a movable label: what the
// label led to when the span started.
func (l *ladder) label(name, label string) {
	var release registry.Release
	known := false
	if l.snapshot != nil {
		release, known = l.snapshot.LiveAt(name, label, l.start)
	}
	if known && l.byRelease(name, label, release) {
		return
	}
	if !known && !l.snapshot.Empty() && (l.byHash(name) || l.byTemplateOf(name)) {
		return
	}
	if l.id.Resolution == RungAmbiguous {
		return
	}
	l.id.PromptName, l.id.Resolution, l.id.UnresolvedReason = name, RungNone, ReasonLabelUnknown
}

// byRelease resolves to a release's only target. Of several only the call's own
// text can tell which one it was.
func (l *ladder) byRelease(name, label string, release registry.Release) bool {
	p := l.snapshot.Prompt(name)
	l.id.PromptLabel = label
	if len(release.Targets) == 1 {
		version := release.Targets[0].Version
		l.id.Resolution, l.id.PromptName, l.id.PromptVersion = RungLabel, name, version
		if v := p.Version(version); v != nil {
			l.take(p, v)
			l.recoverVariables(registry.VersionRef{Prompt: p, Version: v})
		} else {
			l.id.PromptHash = release.Targets[0].Hash
		}
		return true
	}
	var refs []registry.VersionRef
	var candidates []string
	for _, target := range release.Targets {
		candidates = append(candidates, name+"@"+target.Version)
		if v := p.Version(target.Version); v != nil {
			refs = append(refs, registry.VersionRef{Prompt: p, Version: v})
		}
	}
	if l.byHash(name) || (len(refs) == len(release.Targets) && l.byTemplate(refs)) {
		return true
	}
	if len(l.id.Candidates) > 0 {
		candidates = l.id.Candidates
	}
	l.ambiguous(name, candidates)
	return true
}

func (l *ladder) ambiguous(name string, candidates []string) {
	l.id.PromptName, l.id.PromptVersion = name, ""
	l.id.Resolution, l.id.UnresolvedReason, l.id.Candidates = RungAmbiguous, ReasonAmbiguous, candidates
}

// named resolves a span that names the prompt alone: by hash, by text, by what
// the environment serves when the span has no text that could say otherwise,
// and last by the fingerprint of the text under that name.
func (l *ladder) named(name string) {
	if l.byHash(name) || l.byTemplateOf(name) || l.id.Resolution == RungAmbiguous {
		return
	}
	if l.snapshot != nil && l.environment != "" && l.call.System.Empty() && l.call.Input.Empty() {
		if release, ok := l.snapshot.LiveAt(name, l.environment, l.start); ok && len(release.Targets) == 1 {
			l.byRelease(name, l.environment, release)
			return
		}
	}
	if l.byFingerprint(name, "") {
		return
	}
	l.id.PromptName, l.id.Resolution, l.id.UnresolvedReason = name, RungNone, ReasonVersionUnknown
}
