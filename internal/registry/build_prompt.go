// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"maps"
	"slices"
)

func (b *builder) prompt(s *Snapshot, files *promptFiles) {
	p := &Prompt{Name: files.name, Format: formatMustache, byVersion: map[string]*Version{}}
	if m := files.meta; m != nil {
		p.Format = orMustache(m.Format)
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
		v, err := b.version(f, f.value.(*parsedVersion), p)
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
func (b *builder) version(f *parsedFile, doc *parsedVersion, p *Prompt) (*Version, error) {
	if doc.Format == "" && p.Format != formatMustache {
		return nil, failAt(1, "prompt.yaml says format %s, this version says none and would be mustache: write its format here", p.Format)
	}
	specs := p.Variables
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
		Version: doc.Version, Author: doc.Author, Time: doc.Time, Message: doc.Message, Parent: doc.Parent, Format: doc.language(),
		Params: doc.params, ResponseFormat: doc.responseFormat, Origin: doc.Origin, File: b.path(f),
	}
	resolve, refs := b.partials.resolver(doc)
	body := &compiled{specs: specs, language: v.Format}
	for i := range doc.templates {
		t := &doc.templates[i]
		v.Messages = append(v.Messages, t.TemplateMessage)
		expanded, err := t.template.Expand(resolve)
		if err != nil {
			return nil, templateError(&t.node, err)
		}
		body.templates = append(body.templates, expanded)
	}
	if err := checkPlaceholders(body.templates); err != nil {
		return nil, failAt(1, "%v", err)
	}
	v.Partials = refs()
	hash, err := contentHash(v.Format, v.Messages, v.Partials, v.Params, v.ResponseFormat)
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
