// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"
)

// NewTool is a tool version to be added.
type NewTool struct {
	Name string
	// Version is the name of the version; empty for the next one.
	Version    string
	Author     string
	Message    string
	Time       time.Time
	Definition json.RawMessage
}

// AddTool writes a new version of a tool; an existing one is never overwritten.
func AddTool(dir string, t NewTool) (*ToolVersion, error) {
	if err := CheckName(t.Name); err != nil {
		return nil, fmt.Errorf("registry: tool %w", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.close()
	snapshot, files := f.read(func(file sourceFile) bool { return file.kind == kindTool && file.name == t.Name })
	folder := path.Join(toolsFolder, t.Name)
	if t.Version == "" {
		latest, count := "", 0
		tool := snapshot.Tool(t.Name)
		if tool != nil {
			latest, count = tool.Versions[len(tool.Versions)-1].Version, len(tool.Versions)
		}
		taken := f.taken(folder)
		t.Version = nextVersion(latest, count, func(next string) bool { return tool.Version(next) != nil || taken(next) })
	}
	if err := CheckVersion(t.Version); err != nil {
		return nil, fmt.Errorf("registry: tool %s: %w", t.Name, err)
	}
	definition, err := jsonNode(t.Definition)
	if err != nil || definition == nil {
		return nil, fmt.Errorf("registry: tool %s: %w", t.Name, cmp.Or(err, errors.New("a definition is missing")))
	}
	if t.Time.IsZero() {
		t.Time = time.Now()
	}
	doc := &versionFile{Version: t.Version, Author: t.Author, Time: stamp(t.Time), Message: t.Message, Definition: definition}
	source := sourceFile{kind: kindTool, name: t.Name, stem: t.Version, rel: path.Join(folder, t.Version+".yaml")}
	return add(f, snapshot, source, files, doc, func(s *Snapshot) (*ToolVersion, string) {
		if added := s.Tool(t.Name).Version(t.Version); added != nil {
			return added, added.Hash
		}
		return nil, ""
	})
}
