// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// NewVersion is a prompt version to be added. Template and Messages exclude each
// other; a bare template is one system message.
type NewVersion struct {
	Prompt string
	// Version is the name of the version; empty for the next one.
	Version  string
	Template string
	Messages []TemplateMessage
	// Format is the template language; empty for the one of the version that this
	// one was made from, else the prompt's.
	Format         string
	Params         json.RawMessage
	ResponseFormat json.RawMessage
	// Partials pins versions of partials by name; the newest is pinned where
	// neither this nor the template names one.
	Partials map[string]string
	Author   string
	Message  string
	// Parent is the version this one was made from; empty for the latest.
	Parent string
	// Time is when the version was made; zero for now.
	Time time.Time
	// Origin is where it was imported from; nil when it was made here.
	Origin *Origin
}

// AddVersion writes a new version of a prompt, which is created if need be. An
// existing version is never overwritten. Partials without a version are pinned
// to the newest one. A version that the registry would refuse is not written.
func AddVersion(dir string, v NewVersion) (*Version, error) {
	if err := CheckName(v.Prompt); err != nil {
		return nil, fmt.Errorf("registry: prompt %w", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.close()
	snapshot, files := f.read(ofPrompt(v.Prompt))
	prompt := snapshot.Prompt(v.Prompt)
	versions := path.Join(promptsFolder, v.Prompt, versionsFolder)
	if v.Version == "" {
		v.Version = nextOf(prompt, f.taken(versions))
	}
	if err := CheckVersion(v.Version); err != nil {
		return nil, fmt.Errorf("registry: prompt %s: %w", v.Prompt, err)
	}
	if latest := prompt.Latest(); v.Parent == "" && latest != nil {
		v.Parent = latest.Version
	}
	if v.Format == "" {
		v.Format = prompt.nextFormat(v.Parent)
	}
	doc, err := v.file(snapshot)
	if err != nil {
		return nil, fmt.Errorf("registry: prompt %s version %s: %w", v.Prompt, v.Version, err)
	}
	source := sourceFile{kind: kindVersion, name: v.Prompt, stem: v.Version, rel: path.Join(versions, v.Version+".yaml")}
	return add(f, snapshot, source, files, doc, func(s *Snapshot) (*Version, string) {
		if added := s.Prompt(v.Prompt).Version(v.Version); added != nil {
			return added, added.Hash
		}
		return nil, ""
	})
}

// ofPrompt selects the files that decide about one prompt.
func ofPrompt(name string) func(sourceFile) bool {
	return func(f sourceFile) bool {
		return f.kind == kindPartial || (f.kind != kindTool && f.name == name)
	}
}

func nextOf(p *Prompt, taken func(string) bool) string {
	latest, count := "", 0
	if v := p.Latest(); v != nil {
		latest, count = v.Version, len(p.Versions)
	}
	return nextVersion(latest, count, func(next string) bool { return p.Version(next) != nil || taken(next) })
}

// file turns the version into what is written.
func (v NewVersion) file(snapshot *Snapshot) (*versionFile, error) {
	if (v.Template == "") == (len(v.Messages) == 0) {
		return nil, errors.New("a version needs a template or messages, and not both")
	}
	if v.Time.IsZero() {
		v.Time = time.Now()
	}
	doc := &versionFile{
		Version: v.Version, Author: v.Author, Time: stamp(v.Time), Message: v.Message, Parent: v.Parent, Format: v.Format, Messages: v.Messages,
		Origin: v.Origin,
	}
	var texts []string
	if v.Template != "" {
		doc.Template = &v.Template
		texts = append(texts, v.Template)
	}
	for _, m := range v.Messages {
		if m.Placeholder == "" {
			texts = append(texts, m.Content)
		}
	}
	for i, text := range texts {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("text %d is not valid UTF-8", i+1)
		}
	}
	doc.Author, doc.Message = strings.ToValidUTF8(v.Author, "\ufffd"), strings.ToValidUTF8(v.Message, "\ufffd")
	var err error
	if doc.Partials, err = pin(snapshot, orMustache(v.Format), texts, v.Partials); err != nil {
		return nil, err
	}
	if doc.Params, err = jsonNode(v.Params); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	if doc.ResponseFormat, err = jsonNode(v.ResponseFormat); err != nil {
		return nil, fmt.Errorf("response format: %w", err)
	}
	return doc, nil
}

// pin names the version of each partial that a template names without: the given
// one, else the newest.
func pin(snapshot *Snapshot, language string, texts []string, given map[string]string) (map[string]string, error) {
	pins := map[string]string{}
	for _, text := range texts {
		t, err := parseTemplate(language, text)
		if err != nil {
			return nil, err
		}
		for _, reference := range t.Partials() {
			name, version := splitReference(reference)
			if version != "" {
				continue
			}
			p := snapshot.Partial(name)
			if p == nil {
				return nil, fmt.Errorf("partial %s does not exist", show(name))
			}
			if version := given[name]; version != "" {
				pins[name] = version
				continue
			}
			pins[name] = p.Versions[len(p.Versions)-1].Version
		}
	}
	return pins, nil
}

// add writes the file of a version that is not there, unless the registry would
// refuse it.
func add[T any](f *folder, before *Snapshot, source sourceFile, files []*parsedFile, doc *versionFile, find func(*Snapshot) (*T, string)) (*T, error) {
	if held, _ := find(before); held != nil || f.taken(path.Dir(source.rel))(source.stem) {
		return nil, fmt.Errorf("registry: %s: version %s exists already: versions are never overwritten", source.name, source.stem)
	}
	value, err := parse(source, encode(doc))
	if err != nil {
		return nil, fmt.Errorf("registry: %s is refused: %w", source.rel, err)
	}
	b := newBuilder(f.dir, append(files[:len(files):len(files)], &parsedFile{sourceFile: source, value: value}))
	added, hash := find(b.snapshot())
	file := b.path(&parsedFile{sourceFile: source})
	for _, p := range b.problems {
		if p.File == file && !p.Warning {
			return nil, fmt.Errorf("registry: %s is refused: %s", source.rel, p.Reason)
		}
	}
	if added == nil {
		return nil, fmt.Errorf("registry: %s is refused", source.rel)
	}
	doc.Hash = hash
	return added, f.create(source.rel, encode(doc))
}
