// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// partialSet resolves references between partials, depth first.
type partialSet struct {
	b     *builder
	files map[string][]*parsedFile
	built map[string]*Partial
	// held are the files by name and version; state tells what was visited.
	held  map[string]map[string]*parsedFile
	state map[*parsedFile]int
	bad   map[*parsedFile]error
}

const (
	unvisited = iota
	visiting
	visited
)

func newPartialSet(b *builder) *partialSet {
	return &partialSet{
		b: b, files: map[string][]*parsedFile{}, built: map[string]*Partial{},
		held: map[string]map[string]*parsedFile{}, state: map[*parsedFile]int{}, bad: map[*parsedFile]error{},
	}
}

func (s *partialSet) buildAll(snapshot *Snapshot) {
	names := sortedKeys(s.files)
	for _, name := range names {
		s.held[name] = unique(s.b, s.files[name], func(f *parsedFile) string { return f.value.(*parsedVersion).Version })
		s.built[name] = &Partial{Name: name, byVersion: map[string]*PartialVersion{}}
	}
	for _, name := range names {
		for _, version := range sortedKeys(s.held[name]) {
			f := s.held[name][version]
			if _, err := s.build(f, nil); err != nil && s.bad[f] == nil {
				s.bad[f] = err
			}
			if s.bad[f] != nil {
				s.b.fail(f, s.bad[f])
			}
		}
		p := s.built[name]
		slices.SortFunc(p.Versions, func(x, y *PartialVersion) int {
			return cmp.Or(x.Time.Compare(y.Time), compareVersions(x.Version, y.Version))
		})
		if len(p.Versions) > 0 {
			snapshot.partials[name] = p
		}
	}
}

// build makes one version of a partial, its own partials first.
func (s *partialSet) build(f *parsedFile, path []string) (*PartialVersion, error) {
	doc := f.value.(*parsedVersion)
	p := s.built[f.name]
	here := f.name + "@" + doc.Version
	switch s.state[f] {
	case visited:
		if v := p.byVersion[doc.Version]; v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("partial %s is refused", show(here))
	case visiting:
		return nil, fmt.Errorf("cycle of partials: %s > %s", strings.Join(path, " > "), here)
	}
	s.state[f] = visiting
	v, err := s.make(f, doc, append(path[:len(path):len(path)], here))
	s.state[f] = visited
	if err != nil {
		s.bad[f] = err
		return nil, err
	}
	p.Versions = append(p.Versions, v)
	p.byVersion[v.Version] = v
	return v, nil
}

func (s *partialSet) make(f *parsedFile, doc *parsedVersion, path []string) (*PartialVersion, error) {
	if len(path) > 32 {
		return nil, failAt(1, "partials nested deeper than 32")
	}
	t := &doc.templates[0]
	v := &PartialVersion{
		Version: doc.Version, Author: doc.Author, Time: doc.Time, Message: doc.Message, Content: t.Content, Format: doc.language(),
		File: s.b.path(f), pins: map[string]*PartialVersion{},
	}
	all := map[PartialRef]bool{}
	for _, reference := range t.template.Partials() {
		line := textLine(&t.node, t.template.PartialLine(reference))
		target, err := s.find(reference, doc.Partials, doc.Time)
		if err != nil {
			return nil, failAt(line, "%v", err)
		}
		child, err := s.build(target, path)
		if err != nil {
			return nil, failAt(line, "%v", err)
		}
		if err := child.fits(target.name, v.Format); err != nil {
			return nil, failAt(line, "%v", err)
		}
		v.pins[reference] = child
		all[child.ref(target.name)] = true
		for _, ref := range child.Partials {
			all[ref] = true
		}
	}
	v.Partials = sortedRefs(all)
	hash := partialContentHash(v.Format, v.Content, v.Partials)
	if doc.Hash != "" && doc.Hash != hash {
		return nil, failAt(1, "the content was changed in place: the file says %s, its content is %s; add a new version instead", short(doc.Hash), short(hash))
	}
	v.Hash = hash
	return v, nil
}

func (v *PartialVersion) ref(name string) PartialRef { return PartialRef{name, v.Version, v.Hash} }

func sortedRefs(set map[PartialRef]bool) []PartialRef {
	refs := make([]PartialRef, 0, len(set))
	for ref := range set {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(x, y PartialRef) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Version, y.Version))
	})
	return refs
}

// fits refuses a partial in another template language than what includes it.
func (v *PartialVersion) fits(name, language string) error {
	if v.Format == language {
		return nil
	}
	return fmt.Errorf("partial %s@%s is in another template language: it is %s, this is %s", show(name), v.Version, v.Format, language)
}

// find returns the file that a reference (name@version, or name) means: the
// version that it names, else the one that the including file pins, else the
// newest that is no younger than the including file.
func (s *partialSet) find(reference string, pins map[string]string, at time.Time) (*parsedFile, error) {
	name, version := splitReference(reference)
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("partial: %w", err)
	}
	if version == "" {
		version = pins[name]
	}
	files := s.held[name]
	if len(files) == 0 {
		if len(s.files[name]) > 0 {
			return nil, fmt.Errorf("partial %s is refused", show(name))
		}
		return nil, fmt.Errorf("partial %s does not exist", show(name))
	}
	if version != "" {
		if f := files[version]; f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("partial %s has no version %s, or it is refused", show(name), show(version))
	}
	var best *parsedFile
	var newest *parsedVersion
	for _, candidate := range sortedKeys(files) {
		doc := files[candidate].value.(*parsedVersion)
		if at.IsZero() && len(files) > 1 || doc.Time.After(at) && !at.IsZero() {
			continue
		}
		if newest == nil || cmp.Or(doc.Time.Compare(newest.Time), compareVersions(doc.Version, newest.Version)) > 0 {
			best, newest = files[candidate], doc
		}
	}
	if best == nil {
		return nil, fmt.Errorf("partial %s without a version: pin one, as in %s@VERSION", show(name), name)
	}
	return best, nil
}

func splitReference(reference string) (name, version string) {
	if at := strings.LastIndexByte(reference, '@'); at >= 0 {
		return reference[:at], reference[at+1:]
	}
	return reference, ""
}

// included are the partials that a file includes itself; nil for one that is not
// there.
func (s *partialSet) included(doc *parsedVersion) []*PartialVersion {
	var out []*PartialVersion
	for i := range doc.templates {
		for _, reference := range doc.templates[i].template.Partials() {
			var v *PartialVersion
			if f, err := s.find(reference, doc.Partials, doc.Time); err == nil {
				v = s.built[f.name].byVersion[f.value.(*parsedVersion).Version]
			}
			out = append(out, v)
		}
	}
	return out
}

// resolver returns the look-up for a file, and the references that it met.
func (s *partialSet) resolver(doc *parsedVersion) (lookup template.Lookup, refs func() []PartialRef) {
	met := map[PartialRef]bool{}
	lookup = func(reference string) (string, template.Lookup, error) {
		f, err := s.find(reference, doc.Partials, doc.Time)
		if err != nil {
			return "", nil, err
		}
		v := s.built[f.name].byVersion[f.value.(*parsedVersion).Version]
		if v == nil {
			return "", nil, fmt.Errorf("partial %s is refused", show(reference))
		}
		if err := v.fits(f.name, doc.language()); err != nil {
			return "", nil, err
		}
		met[v.ref(f.name)] = true
		for _, ref := range v.Partials {
			met[ref] = true
		}
		return v.Content, v.lookup, nil
	}
	return lookup, func() []PartialRef { return sortedRefs(met) }
}

// lookup finds the partials of a partial, as they were pinned when it was built.
func (v *PartialVersion) lookup(reference string) (string, template.Lookup, error) {
	child := v.pins[reference]
	if child == nil {
		return "", nil, fmt.Errorf("partial %s does not exist", show(reference))
	}
	return child.Content, child.lookup, nil
}
