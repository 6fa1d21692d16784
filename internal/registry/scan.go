// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxFileBytes = 4 << 20
	maxFiles     = 500_000
	maxFolders   = 16
)

// Folders of a registry, and the prefix of the unit that a file belongs to.
const (
	promptsFolder  = "prompts"
	partialsFolder = "partials"
	toolsFolder    = "tools"
	releasesFolder = "releases"
	promptFile     = "prompt.yaml"
)

type fileKind uint8

const (
	kindPrompt fileKind = iota
	kindVersion
	kindPartial
	kindTool
	kindRelease
)

// sourceFile is one file of a registry, by its place in the layout.
type sourceFile struct {
	kind fileKind
	// name is the prompt, partial or tool; stem the file name without its end.
	name, stem string
	// rel is the path below the registry, with slashes.
	rel   string
	size  int64
	mtime time.Time
}

// unit is what stands or falls together when an edit is refused.
func (f sourceFile) unit() string {
	switch f.kind {
	case kindPartial:
		return partialsFolder + "/" + f.name
	case kindTool:
		return toolsFolder + "/" + f.name
	}
	return promptsFolder + "/" + f.name
}

// scanner lists the files of a registry. Symbolic links are followed as long as
// they stay inside (a mounted Kubernetes ConfigMap consists of them).
type scanner struct {
	dir      string
	fs       fs.FS
	files    []sourceFile
	problems []Problem
}

func scan(dir string, root *os.Root) ([]sourceFile, []Problem) {
	s := scanner{dir: dir, fs: root.FS()}
	for _, entry := range s.list(".") {
		name := entry.Name()
		switch {
		case ignored(name):
		case !s.isDir(name, entry):
			s.warn(name, "unknown file: ignored")
		case name == promptsFolder, name == partialsFolder, name == toolsFolder, name == releasesFolder:
			s.walk(name, "", 0)
		default:
			s.warn(name, "unknown folder: ignored")
		}
	}
	return s.files, s.problems
}

func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".md") ||
		name == "LICENSE" || name == "NOTICE" || name == "CODEOWNERS" || strings.HasSuffix(name, "~")
}

func (s *scanner) list(rel string) []fs.DirEntry {
	entries, err := fs.ReadDir(s.fs, rel)
	if err != nil {
		s.fail(rel, "cannot be read: "+plain(err))
	}
	return entries
}

func (s *scanner) isDir(rel string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := fs.Stat(s.fs, rel)
	return err == nil && info.IsDir()
}

// walk visits one folder below base; name is the path from base to it.
func (s *scanner) walk(base, name string, depth int) {
	if depth > maxFolders {
		s.fail(path.Join(base, name), "folders nested deeper than 16: ignored")
		return
	}
	for _, entry := range s.list(path.Join(base, name)) {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		rel := path.Join(base, name, entry.Name())
		if !s.isDir(rel, entry) {
			if !ignored(entry.Name()) {
				s.file(base, name, rel, entry)
			}
			continue
		}
		if entry.Name() == versionsFolder && name != "" && (base == promptsFolder || base == partialsFolder) {
			s.versions(base, name, rel)
			continue
		}
		child := path.Join(name, entry.Name())
		if err := CheckName(child); err != nil {
			s.fail(rel, err.Error()+": ignored")
			continue
		}
		s.walk(base, child, depth+1)
	}
}

func (s *scanner) versions(base, name, rel string) {
	kind := kindVersion
	if base == partialsFolder {
		kind = kindPartial
	}
	for _, entry := range s.list(rel) {
		file := path.Join(rel, entry.Name())
		stem, isYAML := yamlStem(entry.Name())
		switch {
		case ignored(entry.Name()):
		case !isYAML || s.isDir(file, entry):
			s.warn(file, "unknown file: ignored; versions are .yaml files")
		default:
			s.add(kind, name, stem, file, entry)
		}
	}
}

// file places a file that lies directly in an entity's folder.
func (s *scanner) file(base, name, rel string, entry fs.DirEntry) {
	stem, isYAML := yamlStem(entry.Name())
	switch {
	case base == promptsFolder && name != "" && entry.Name() == promptFile:
		s.add(kindPrompt, name, stem, rel, entry)
	case base == toolsFolder && name != "" && isYAML:
		s.add(kindTool, name, stem, rel, entry)
	case base == toolsFolder && name != "" && strings.HasSuffix(rel, ".json"):
		s.add(kindTool, name, strings.TrimSuffix(entry.Name(), ".json"), rel, entry)
	case base == releasesFolder && isYAML:
		prompt := path.Join(name, stem)
		if err := CheckName(prompt); err != nil {
			s.fail(rel, err.Error()+": ignored")
			return
		}
		s.add(kindRelease, prompt, stem, rel, entry)
	default:
		s.warn(rel, "unknown file: ignored")
	}
}

func (s *scanner) add(kind fileKind, name, stem, rel string, entry fs.DirEntry) {
	info, err := entry.Info()
	if entry.Type()&fs.ModeSymlink != 0 {
		info, err = fs.Stat(s.fs, rel)
	}
	f := sourceFile{kind: kind, name: name, stem: stem, rel: rel}
	switch {
	case err != nil:
		s.failUnit(f, "cannot be read: "+plain(err))
	case !info.Mode().IsRegular():
		s.failUnit(f, "not a regular file: ignored")
	case info.Size() > maxFileBytes:
		s.failUnit(f, "larger than 4 MiB: refused")
	case len(s.files) >= maxFiles:
		s.failUnit(f, "more than 500000 files: ignored")
	default:
		f.size, f.mtime = info.Size(), info.ModTime()
		s.files = append(s.files, f)
	}
}

func yamlStem(name string) (string, bool) {
	for _, end := range []string{".yaml", ".yml"} {
		if stem, ok := strings.CutSuffix(name, end); ok && stem != "" {
			return stem, true
		}
	}
	return "", false
}

func (s *scanner) fail(rel, reason string) {
	s.problems = append(s.problems, Problem{File: s.path(rel), Reason: reason})
}

func (s *scanner) failUnit(f sourceFile, reason string) {
	s.problems = append(s.problems, Problem{File: s.path(f.rel), Reason: reason, unit: f.unit()})
}

func (s *scanner) warn(rel, reason string) {
	s.problems = append(s.problems, Problem{File: s.path(rel), Reason: reason, Warning: true})
}

func (s *scanner) path(rel string) string { return filepath.Join(s.dir, filepath.FromSlash(rel)) }

// plain is an error without the path that the problem names anyway.
func plain(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}
