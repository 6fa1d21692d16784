// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// parsedFile is a file with what was read from it, or why it was not.
type parsedFile struct {
	sourceFile
	value any
	err   error
	// sum tells two contents apart, 0 for none; settledWhenRead that the time does.
	sum             uint64
	settledWhenRead bool
	built           *built
}

// builder joins parsed files to a snapshot. A file with an error, and what
// depends on it, is left out.
type builder struct {
	dir      string
	problems []Problem
	prompts  map[string]*promptFiles
	partials *partialSet
	tools    map[string][]*parsedFile
}

// promptFiles are the files of one prompt.
type promptFiles struct {
	name     string
	meta     *promptDocument
	versions []*parsedFile
	releases *parsedFile
}

func newBuilder(dir string, files []*parsedFile) *builder {
	b := &builder{dir: dir, prompts: map[string]*promptFiles{}, tools: map[string][]*parsedFile{}}
	b.partials = newPartialSet(b)
	for _, f := range files {
		if f.err != nil {
			b.fail(f, f.err)
		}
		b.sort(f)
	}
	return b
}

// sort puts a file where it belongs; one with an error still makes its prompt
// known, so that nothing else is said to be missing because of it.
func (b *builder) sort(f *parsedFile) {
	switch f.kind {
	case kindPartial:
		b.partials.files[f.name] = append(b.partials.files[f.name], f)
	case kindTool:
		b.tools[f.name] = append(b.tools[f.name], f)
	default:
		p := b.prompts[f.name]
		if p == nil {
			p = &promptFiles{name: f.name}
			b.prompts[f.name] = p
		}
		switch f.kind {
		case kindVersion:
			p.versions = append(p.versions, f)
		case kindRelease:
			if p.releases != nil {
				b.fail(f, failAt(1, "a second file of releases: %s holds those of prompt %s already", b.path(p.releases), show(f.name)))
				return
			}
			p.releases = f
		default:
			p.meta, _ = f.value.(*promptDocument)
		}
	}
}

func (b *builder) path(f *parsedFile) string { return filepath.Join(b.dir, filepath.FromSlash(f.rel)) }

func (b *builder) fail(f *parsedFile, err error) {
	line := 0
	var located *lineError
	if errors.As(err, &located) {
		line = located.line
	}
	b.problems = append(b.problems, Problem{File: b.path(f), Line: line, Reason: err.Error(), unit: f.unit()})
}

func (b *builder) warn(f *parsedFile, line int, reason string) {
	b.problems = append(b.problems, Problem{File: b.path(f), Line: line, Reason: reason, Warning: true, unit: f.unit()})
}

// snapshot builds everything.
func (b *builder) snapshot() *Snapshot {
	s := &Snapshot{prompts: map[string]*Prompt{}, partials: map[string]*Partial{}, tools: map[string]*Tool{}, releases: map[string][]Release{}}
	b.partials.buildAll(s)
	for _, name := range sortedKeys(b.prompts) {
		b.prompt(s, b.prompts[name])
	}
	for _, name := range sortedKeys(b.tools) {
		if t := b.tool(name, b.tools[name]); t != nil {
			s.tools[name] = t
		}
	}
	return s
}

// unique drops files that claim a version another file holds. The file that is
// named like its version is the rightful one.
func unique(b *builder, files []*parsedFile, version func(*parsedFile) string) map[string]*parsedFile {
	slices.SortFunc(files, func(x, y *parsedFile) int { return strings.Compare(x.rel, y.rel) })
	held := map[string]*parsedFile{}
	for _, f := range files {
		if f.err != nil {
			continue
		}
		name := version(f)
		first := held[name]
		if first == nil {
			held[name] = f
			continue
		}
		loser := f
		if first.stem != name && f.stem == name {
			held[name], loser = f, first
		}
		b.fail(loser, failAt(1, "duplicate version %s: %s holds it already", show(name), b.path(held[name])))
	}
	return held
}

func short(hash string) string { return HashPrefix + ShortHash(hash) }

func (b *builder) tool(name string, files []*parsedFile) *Tool {
	t := &Tool{Name: name, byVersion: map[string]*ToolVersion{}}
	held := unique(b, files, func(f *parsedFile) string { return f.value.(*parsedTool).Version })
	for _, version := range sortedKeys(held) {
		f := held[version]
		doc := f.value.(*parsedTool)
		if doc.Hash != "" && doc.Hash != doc.hash {
			b.fail(f, failAt(1, "the definition was changed in place: the file says %s, its content is %s; add a new version instead", short(doc.Hash), short(doc.hash)))
			continue
		}
		v := &ToolVersion{
			Version: doc.Version, Author: doc.Author, Time: doc.Time, Message: doc.Message,
			Definition: doc.definition, Hash: doc.hash, File: b.path(f),
		}
		t.Versions = append(t.Versions, v)
		t.byVersion[v.Version] = v
	}
	if len(t.Versions) == 0 {
		return nil
	}
	slices.SortFunc(t.Versions, func(x, y *ToolVersion) int {
		return cmp.Or(x.Time.Compare(y.Time), compareVersions(x.Version, y.Version))
	})
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
