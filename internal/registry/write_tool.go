// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
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
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	snapshot, _ := Load(dir)
	if t.Version == "" {
		latest, count := "", 0
		tool := snapshot.Tool(t.Name)
		if tool != nil {
			latest, count = tool.Versions[len(tool.Versions)-1].Version, len(tool.Versions)
		}
		taken := fileTaken(filepath.Join(dir, toolsFolder, filepath.FromSlash(t.Name)))
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
	file := filepath.Join(toolsFolder, filepath.FromSlash(t.Name), t.Version+".yaml")
	return addChecked(dir, file, doc, func(s *Snapshot) (*ToolVersion, string) {
		if added := s.Tool(t.Name).Version(t.Version); added != nil {
			return added, added.Hash
		}
		return nil, ""
	})
}
