// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"
	"time"
)

// Snapshot is the state of a registry at one moment. It never changes and may
// be used by several goroutines.
type Snapshot struct {
	prompts  map[string]*Prompt
	partials map[string]*Partial
	tools    map[string]*Tool
	releases map[string][]Release

	names      []string
	byHash     map[string][]VersionRef
	toolByHash map[string]toolRef
	matcher    *matcher
	// unitProblems are the problems by what they concern.
	problems []Problem
}

// VersionRef is a version together with its prompt.
type VersionRef struct {
	Prompt  *Prompt
	Version *Version
}

// String is name@version.
func (r VersionRef) String() string { return r.Prompt.Name + "@" + r.Version.Version }

type toolRef struct {
	tool    *Tool
	version *ToolVersion
}

// index makes the look-up tables after everything else is in place.
func (s *Snapshot) index() {
	s.names = sortedKeys(s.prompts)
	s.byHash = map[string][]VersionRef{}
	s.toolByHash = map[string]toolRef{}
	var all []VersionRef
	for _, name := range s.names {
		p := s.prompts[name]
		for _, v := range p.Versions {
			ref := VersionRef{p, v}
			all = append(all, ref)
			s.byHash[v.Hash] = append(s.byHash[v.Hash], ref)
		}
	}
	for _, name := range sortedKeys(s.tools) {
		for _, v := range s.tools[name].Versions {
			if _, taken := s.toolByHash[v.Hash]; !taken {
				s.toolByHash[v.Hash] = toolRef{s.tools[name], v}
			}
		}
	}
	s.matcher = newMatcher(all)
}

// Prompts returns all prompts, sorted by name.
func (s *Snapshot) Prompts() []*Prompt {
	out := make([]*Prompt, 0, len(s.names))
	for _, name := range s.names {
		out = append(out, s.prompts[name])
	}
	return out
}

// Empty reports whether the registry knows no prompt.
func (s *Snapshot) Empty() bool { return s == nil || len(s.prompts) == 0 }

// Prompt returns the prompt of that name, or nil.
func (s *Snapshot) Prompt(name string) *Prompt { return s.prompts[name] }

// Partial returns the partial of that name, or nil.
func (s *Snapshot) Partial(name string) *Partial { return s.partials[name] }

// Partials returns all partials, sorted by name.
func (s *Snapshot) Partials() []*Partial {
	out := make([]*Partial, 0, len(s.partials))
	for _, name := range sortedKeys(s.partials) {
		out = append(out, s.partials[name])
	}
	return out
}

// Tools returns all tools, sorted by name.
func (s *Snapshot) Tools() []*Tool {
	out := make([]*Tool, 0, len(s.tools))
	for _, name := range sortedKeys(s.tools) {
		out = append(out, s.tools[name])
	}
	return out
}

// Tool returns the tool of that name, or nil.
func (s *Snapshot) Tool(name string) *Tool { return s.tools[name] }

// Releases returns a prompt's releases of all environments in order of time.
func (s *Snapshot) Releases(prompt string) []Release { return s.releases[prompt] }

// HasEnvironment reports whether a prompt was ever released under that label.
func (s *Snapshot) HasEnvironment(prompt, label string) bool {
	return slices.ContainsFunc(s.releases[prompt], func(r Release) bool { return r.Environment == label })
}

// Environments returns the environments that a prompt was ever released to,
// sorted.
func (s *Snapshot) Environments(prompt string) []string {
	met := map[string]bool{}
	for _, r := range s.releases[prompt] {
		met[r.Environment] = true
	}
	return sortedKeys(met)
}

// LiveAt returns what a prompt's environment (or label) served at a time. The
// other common spelling of a label (prod for production) is tried when the
// registry has none of that name, and latest means the newest version of the
// time when no environment is called so.
func (s *Snapshot) LiveAt(prompt, environment string, t time.Time) (Release, bool) {
	label := environment
	if !s.HasEnvironment(prompt, label) {
		if alias := labelAlias(label); alias != "" && s.HasEnvironment(prompt, alias) {
			label = alias
		} else if strings.EqualFold(label, "latest") {
			return s.latestAt(prompt, t)
		}
	}
	history := s.releases[prompt]
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].Environment == label && !history[i].Time.After(t) {
			return history[i], true
		}
	}
	return Release{}, false
}

func (s *Snapshot) latestAt(prompt string, t time.Time) (Release, bool) {
	p := s.prompts[prompt]
	if p == nil {
		return Release{}, false
	}
	for i := len(p.Versions) - 1; i >= 0; i-- {
		if v := p.Versions[i]; !v.Time.After(t) {
			return Release{
				Environment: "latest", Time: v.Time, Author: v.Author,
				Targets: []Target{{Version: v.Version, Weight: 100, Hash: v.Hash}},
			}, true
		}
	}
	return Release{}, false
}

// ByHash returns the version with that content hash, with or without the
// sha256: prefix. It is false when several versions share the content: see
// VersionsByHash.
func (s *Snapshot) ByHash(hash string) (*Prompt, *Version, bool) {
	refs := s.VersionsByHash(hash)
	if len(refs) != 1 {
		return nil, nil, false
	}
	return refs[0].Prompt, refs[0].Version, true
}

// VersionsByHash returns every version with that content.
func (s *Snapshot) VersionsByHash(hash string) []VersionRef {
	return s.byHash[HashPrefix+strings.TrimPrefix(hash, HashPrefix)]
}

// ToolByHash returns the tool version with that definition. When two versions
// share it, the first by name and time is returned: they are the same tool.
func (s *Snapshot) ToolByHash(hash string) (*Tool, *ToolVersion, bool) {
	ref, ok := s.toolByHash[HashPrefix+strings.TrimPrefix(hash, HashPrefix)]
	return ref.tool, ref.version, ok
}

// Problems are what Load found when this snapshot was made.
func (s *Snapshot) Problems() []Problem { return s.problems }

// UsersOf returns the prompt versions that include a partial, directly or not.
// An empty version means any.
func (s *Snapshot) UsersOf(partial, version string) []VersionRef {
	var out []VersionRef
	for _, p := range s.Prompts() {
		for _, v := range p.Versions {
			if slices.ContainsFunc(v.Partials, func(r PartialRef) bool {
				return r.Name == partial && (version == "" || r.Version == version)
			}) {
				out = append(out, VersionRef{p, v})
			}
		}
	}
	return out
}
