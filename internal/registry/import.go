// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// Outcome is what became of something that was imported.
type Outcome string

// The outcomes of an import.
const (
	Added     Outcome = "imported"
	Unchanged Outcome = "unchanged"
	// Refused is what is here already and is another one.
	Refused Outcome = "refused"
	// Unfit is what the registry has no form for.
	Unfit Outcome = "not carried over"
)

// ImportResult is what became of one version.
type ImportResult struct {
	Outcome Outcome
	// Version is the added or the present version; nil when it was refused and none
	// is there.
	Version *Version
	// Reason says why it was refused.
	Reason string
}

// Importer writes what another system holds into a registry. Unlike AddVersion it
// takes what is there already for what it is: the same content under the same name
// is unchanged, another one is refused, since versions never change. A dry run
// writes nothing, not even the folder.
type Importer struct {
	Dir string
	Dry bool
}

// open waits for its turn to write; a dry run only reads. The folder is nil when
// there is none to read.
func (i Importer) open() (*folder, error) {
	if !i.Dry {
		return openFolder(i.Dir)
	}
	root, err := os.OpenRoot(i.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &folder{dir: i.Dir, root: root}, nil
}

// Versions imports versions of one prompt, oldest first. There is a result for each
// version; an error is one of reading or writing, after which nothing more was
// written.
func (i Importer) Versions(prompt string, versions []NewVersion) ([]ImportResult, error) {
	if err := CheckName(prompt); err != nil {
		return nil, fmt.Errorf("registry: prompt %w", err)
	}
	f, err := i.open()
	if err != nil {
		return nil, err
	}
	if f != nil {
		defer f.close()
	}
	snapshot, files := newBuilder(i.Dir, nil).snapshot(), []*parsedFile(nil)
	if f != nil {
		snapshot, files = f.read(ofPrompt(prompt))
	}
	n := importing{Importer: i, folder: f, prompt: prompt, held: map[string]*Version{}}
	if p := snapshot.Prompt(prompt); p != nil {
		maps.Copy(n.held, p.byVersion)
		n.format = p.Format
	}
	// Versions are checked one by one: others of the prompt have no say in that.
	n.files = slices.DeleteFunc(slices.Clone(files), func(f *parsedFile) bool { return f.kind == kindVersion || f.kind == kindRelease })
	n.snapshot = snapshot
	results := make([]ImportResult, 0, len(versions))
	for _, v := range versions {
		v.Prompt = prompt
		r, err := n.add(v)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

// importing is the import of one prompt.
type importing struct {
	Importer
	folder   *folder
	prompt   string
	format   string
	snapshot *Snapshot
	files    []*parsedFile
	held     map[string]*Version
}

func refused(format string, args ...any) ImportResult {
	return ImportResult{Outcome: Refused, Reason: fmt.Sprintf(format, args...)}
}

func unfit(err error) ImportResult { return ImportResult{Outcome: Unfit, Reason: err.Error()} }

func (n *importing) add(v NewVersion) (ImportResult, error) {
	if err := CheckVersion(v.Version); err != nil {
		return unfit(err), nil
	}
	if v.Format == formatMustache && orMustache(n.format) == formatMustache {
		v.Format = ""
	}
	doc, err := v.file(n.snapshot)
	if err != nil {
		return unfit(err), nil
	}
	versions := path.Join(promptsFolder, n.prompt, versionsFolder)
	source := sourceFile{kind: kindVersion, name: n.prompt, stem: v.Version, rel: path.Join(versions, v.Version+".yaml")}
	value, err := parse(source, encode(doc))
	if err != nil {
		return unfit(err), nil
	}
	b := newBuilder(n.Dir, append(n.files[:len(n.files):len(n.files)], &parsedFile{sourceFile: source, value: value}))
	added := b.snapshot().Prompt(n.prompt).Version(v.Version)
	if added == nil {
		reason := "it does not fit into the registry"
		for _, p := range b.problems {
			if !p.Warning && p.File == b.path(&parsedFile{sourceFile: source}) {
				reason = p.Reason
			}
		}
		return unfit(errors.New(reason)), nil
	}
	if held := n.held[v.Version]; held != nil {
		if held.Hash == added.Hash {
			return ImportResult{Outcome: Unchanged, Version: held}, nil
		}
		r := refused("it has changed there (%s, here %s), and versions never change", short(added.Hash), short(held.Hash))
		r.Version = held
		return r, nil
	}
	if n.folder != nil && n.folder.taken(versions)(v.Version) {
		return refused("%s is there and refused by the registry: repair it first", source.rel), nil
	}
	doc.Hash = added.Hash
	if !n.Dry {
		if err := n.folder.create(source.rel, encode(doc)); err != nil {
			return ImportResult{}, err
		}
	}
	n.held[v.Version] = added
	return ImportResult{Outcome: Added, Version: added}, nil
}

// About is what a prompt.yaml says.
type About struct {
	Description string
	Tags        []string
	Variables   map[string]VariableSpec
}

// Describe writes a prompt's prompt.yaml when there is none; one that is there is
// never changed, since it belongs to who keeps the registry. It returns what the
// registry then says of the prompt.
func (i Importer) Describe(prompt string, about About) (About, Outcome, error) {
	if err := CheckName(prompt); err != nil {
		return About{}, Refused, fmt.Errorf("registry: prompt %w", err)
	}
	f, err := i.open()
	if err != nil {
		return About{}, Refused, err
	}
	file := path.Join(promptsFolder, prompt, promptFile)
	if f != nil {
		defer f.close()
		if _, err := f.root.Lstat(file); err == nil {
			p := f.prompt(prompt)
			if p == nil {
				return About{}, Unchanged, nil
			}
			return About{Description: p.Description, Tags: p.Tags, Variables: p.Variables}, Unchanged, nil
		}
	}
	if about.Description == "" && len(about.Tags) == 0 && len(about.Variables) == 0 {
		return about, Unchanged, nil
	}
	doc := promptDocument{Description: about.Description, Tags: about.Tags, Variables: about.Variables}
	content := encode(doc)
	if _, err := parsePrompt(content); err != nil {
		return About{}, Refused, fmt.Errorf("registry: %s is refused: %w", file, err)
	}
	if i.Dry {
		return about, Added, nil
	}
	return about, Added, f.create(file, content)
}

func (f *folder) prompt(name string) *Prompt {
	snapshot, _ := f.read(ofPrompt(name))
	return snapshot.Prompt(name)
}
