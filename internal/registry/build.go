// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"errors"
	"maps"
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

func (b *builder) prompt(s *Snapshot, files *promptFiles) {
	p := &Prompt{Name: files.name, Format: "mustache", byVersion: map[string]*Version{}}
	if m := files.meta; m != nil {
		p.Description, p.Tags, p.Variables, p.ProtectedLabels = m.Description, m.Tags, m.Variables, m.ProtectedLabels
	}
	if len(files.versions) == 0 && files.meta == nil && files.releases != nil {
		if files.releases.err == nil {
			b.fail(files.releases, failAt(1, "releases of a prompt that does not exist: %s", show(files.name)))
		}
		return
	}
	known := map[string]bool{}
	for _, f := range files.versions {
		known[f.stem] = true
	}
	held := unique(b, files.versions, func(f *parsedFile) string { return f.value.(*parsedVersion).Version })
	for _, name := range sortedKeys(held) {
		known[name] = true
		f := held[name]
		v, err := b.version(f, f.value.(*parsedVersion), p.Variables)
		if err != nil {
			b.fail(f, err)
			continue
		}
		p.add(v)
	}
	p.sort()
	s.prompts[p.Name] = p
	if files.releases != nil && files.releases.err == nil {
		s.releases[p.Name] = b.releases(files.releases, p, known)
	}
	for _, v := range p.Versions {
		if reason := v.body.unmatchable; reason != "" {
			b.warn(held[v.Version], 0, "version "+show(v.Version)+" is not recognised from rendered texts: "+reason)
		}
	}
}

func (p *Prompt) add(v *Version) {
	p.Versions = append(p.Versions, v)
	p.byVersion[v.Version] = v
}

func (p *Prompt) sort() {
	slices.SortFunc(p.Versions, func(x, y *Version) int {
		return cmp.Or(x.Time.Compare(y.Time), compareVersions(x.Version, y.Version))
	})
}

// built is a version as it was made from a file, and what else it was made from.
type built struct {
	version *Version
	specs   map[string]VariableSpec
	// partials are those that the file includes itself.
	partials []*PartialVersion
}

// version makes a version of a prompt, or takes the one that was made from the
// same file and the same partials before: most of a registry is as it was.
func (b *builder) version(f *parsedFile, doc *parsedVersion, specs map[string]VariableSpec) (*Version, error) {
	partials := b.partials.included(doc)
	if old := f.built; old != nil && maps.Equal(old.specs, specs) && slices.EqualFunc(old.partials, partials, samePartial) {
		return old.version, nil
	}
	v, err := b.newVersion(f, doc, specs)
	f.built = nil
	if err == nil {
		f.built = &built{v, specs, partials}
	}
	return v, err
}

func samePartial(x, y *PartialVersion) bool {
	return x != nil && y != nil && x.Version == y.Version && x.Hash == y.Hash && slices.Equal(x.Partials, y.Partials)
}

func (b *builder) newVersion(f *parsedFile, doc *parsedVersion, specs map[string]VariableSpec) (*Version, error) {
	v := &Version{
		Version: doc.Version, Author: doc.Author, Time: doc.Time, Message: doc.Message, Parent: doc.Parent,
		Params: doc.params, ResponseFormat: doc.responseFormat, File: b.path(f),
	}
	resolve, refs := b.partials.resolver(doc.Partials, doc.Time)
	body := &compiled{specs: specs}
	for i := range doc.templates {
		t := &doc.templates[i]
		v.Messages = append(v.Messages, t.TemplateMessage)
		expanded, err := t.template.Expand(resolve)
		if err != nil {
			return nil, templateError(&t.node, err)
		}
		body.templates = append(body.templates, expanded)
	}
	v.Partials = refs()
	hash, err := contentHash(v.Messages, v.Partials, v.Params, v.ResponseFormat)
	if err != nil {
		return nil, err
	}
	if doc.Hash != "" && doc.Hash != hash {
		return nil, failAt(1, "the content was changed in place: the file says %s, its content is %s; add a new version instead", short(doc.Hash), short(hash))
	}
	v.Hash, v.body = hash, body
	body.prepare(v.Messages, doc.Template.Kind != 0)
	return v, nil
}

func short(hash string) string { return HashPrefix + ShortHash(hash) }

// releases keeps the entries whose targets exist. A version that was changed
// since its release is taken out of the prompt.
func (b *builder) releases(f *parsedFile, p *Prompt, known map[string]bool) []Release {
	var out []Release
	for _, doc := range f.value.([]releaseDocument) {
		r := Release{Environment: doc.Environment, Time: doc.Time, Author: doc.Author, Reason: doc.Reason}
		for _, t := range doc.Targets {
			if !known[t.Version] {
				b.fail(f, failAt(t.line, "%s leads nowhere: prompt %s has no version %s", show(doc.Environment), show(p.Name), show(t.Version)))
				r.Targets = nil
				break
			}
			if v := p.byVersion[t.Version]; v != nil && t.Hash != "" && t.Hash != v.Hash {
				b.failVersion(v, p.Name, failAt(1, "released version %s was changed in place: it was released as %s, its content is %s; add a new version instead",
					show(v.Version), short(t.Hash), short(v.Hash)))
				p.remove(v)
			}
			r.Targets = append(r.Targets, Target{Version: t.Version, Weight: *t.Weight, Hash: t.Hash})
		}
		if len(r.Targets) > 0 {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y Release) int { return x.Time.Compare(y.Time) })
	return out
}

func (b *builder) failVersion(v *Version, prompt string, err error) {
	b.problems = append(b.problems, Problem{File: v.File, Line: 1, Reason: err.Error(), unit: promptsFolder + "/" + prompt})
}

func (p *Prompt) remove(v *Version) {
	delete(p.byVersion, v.Version)
	p.Versions = slices.DeleteFunc(p.Versions, func(x *Version) bool { return x == v })
}

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

// compareVersions orders v2 before v10: runs of digits compare as numbers.
func compareVersions(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), strings.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
