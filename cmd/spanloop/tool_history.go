// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
)

// Where a version of a tool is known from.
const (
	fromRegistry = "registry"
	fromTraffic  = "traffic"
	fromBoth     = "registry and traffic"
)

// toolHistory is a tool with its versions, oldest first.
type toolHistory struct {
	name     string
	versions []*toolVersion
}

// toolVersion is one definition of a tool: registered, seen in traffic, or both.
type toolVersion struct {
	Version string `json:"version"`
	// Name is the name in the definition, which may change with a version.
	Name string `json:"name"`
	Hash string `json:"hash,omitempty"`
	From string `json:"from"`
	// Time, Author and Message are the registry's.
	Time    *time.Time `json:"time,omitempty"`
	Author  string     `json:"author,omitempty"`
	Message string     `json:"message,omitempty"`
	// FirstSeen and LastSeen are those of the spans that offered it.
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	// Calls are the model calls that offered it, Executions the tool spans.
	Calls      int64           `json:"calls"`
	Executions int64           `json:"executions"`
	Prompts    []toolUser      `json:"prompts"`
	Definition json.RawMessage `json:"definition,omitempty"`
	// RenamedFrom is another tool with the same definition but for its name.
	RenamedFrom string `json:"renamed_from,omitempty"`
	// NamesOnly is true when spans hold nothing but the name: such a tool has no
	// version.
	NamesOnly bool `json:"names_only,omitempty"`

	registered *registry.ToolVersion
}

// toolUser is a prompt version whose calls offered a tool.
type toolUser struct {
	Prompt  string `json:"prompt"`
	Version string `json:"version"`
	Calls   int64  `json:"calls"`
}

// since is when a version was first known of.
func (v *toolVersion) since() time.Time {
	switch {
	case v.Time == nil && v.FirstSeen == nil:
		return time.Time{}
	case v.Time == nil, v.FirstSeen != nil && v.FirstSeen.Before(*v.Time):
		return *v.FirstSeen
	}
	return *v.Time
}

// comparable is the version as the registry compares it.
func (v *toolVersion) comparable() *registry.ToolVersion {
	if v.registered != nil {
		return v.registered
	}
	return &registry.ToolVersion{Version: v.Version, Definition: v.Definition, Hash: v.Hash}
}

// toolHistories joins the tools of the registry with those of the dataset,
// sorted by name.
func (a *app) toolHistories(ctx context.Context) ([]*toolHistory, error) {
	tools := newToolIndex()
	info, err := os.Stat(a.Registry)
	hasRegistry := err == nil && info.IsDir()
	if hasRegistry {
		snapshot, err := a.loadRegistry()
		if err != nil {
			return nil, err
		}
		tools.addRegistered(snapshot)
	}
	switch err := a.addSeen(ctx, tools); {
	case errors.Is(err, dataset.ErrNoDataset) && hasRegistry:
		a.note("no dataset at %s: only registered tools are shown", dataset.DisplayPath(a.Dataset))
	case errors.Is(err, dataset.ErrNoDataset):
		return nil, usage(fmt.Errorf("neither a registry at %q nor a dataset at %q: name them with --registry and --dataset", a.Registry, dataset.DisplayPath(a.Dataset)))
	case err != nil:
		return nil, err
	}
	return tools.histories(), nil
}

// toolIndex collects versions by tool and hash.
type toolIndex struct {
	byName map[string]*toolHistory
	// byHash holds the version of each definition.
	byHash map[string]*toolVersion
	// labels holds the versions by name@version as spans carry it.
	labels map[string][]*toolVersion
	// defined holds the registered tools by the name in their definitions.
	defined map[string]*toolHistory
}

func newToolIndex() *toolIndex {
	return &toolIndex{
		byName: map[string]*toolHistory{}, byHash: map[string]*toolVersion{}, labels: map[string][]*toolVersion{}, defined: map[string]*toolHistory{},
	}
}

func (t *toolIndex) tool(name string) *toolHistory {
	h := t.byName[name]
	if h == nil {
		h = &toolHistory{name: name}
		t.byName[name] = h
	}
	return h
}

func (t *toolIndex) label(name, version string, v *toolVersion) {
	key := name + "@" + version
	if version == "" {
		key = name
	}
	if !slices.Contains(t.labels[key], v) {
		t.labels[key] = append(t.labels[key], v)
	}
}

func (t *toolIndex) addRegistered(s *registry.Snapshot) {
	for _, tool := range s.Tools() {
		h := t.tool(tool.Name)
		for _, r := range tool.Versions {
			v := &toolVersion{
				Version: r.Version, Name: definedName(r.Definition, tool.Name), Hash: r.Hash, From: fromRegistry, Author: r.Author, Message: r.Message,
				Prompts: []toolUser{}, Definition: r.Definition, registered: r,
			}
			if !r.Time.IsZero() {
				at := r.Time.UTC()
				v.Time = &at
			}
			h.versions = append(h.versions, v)
			if t.byHash[r.Hash] == nil {
				t.byHash[r.Hash] = v
			}
			t.label(v.Name, v.Version, v)
			if t.defined[v.Name] == nil {
				t.defined[v.Name] = h
			}
		}
	}
}

// definedName is the name in a definition, which models see.
func definedName(definition json.RawMessage, otherwise string) string {
	if content, err := registry.ToolContentFromJSON(definition); err == nil && content.Name != "" {
		return content.Name
	}
	return otherwise[strings.LastIndexByte(otherwise, '/')+1:]
}

// histories are the tools by name, their versions in order of time, with
// renames noted.
func (t *toolIndex) histories() []*toolHistory {
	out := make([]*toolHistory, 0, len(t.byName))
	for _, h := range t.byName {
		slices.SortStableFunc(h.versions, func(x, y *toolVersion) int {
			return cmp.Or(x.since().Compare(y.since()), cmp.Compare(x.Version, y.Version))
		})
		out = append(out, h)
	}
	slices.SortFunc(out, func(x, y *toolHistory) int { return strings.Compare(x.name, y.name) })
	return out
}

// noteRenames finds definitions that differ in nothing but their name.
func noteRenames(tools []*toolHistory) {
	nameless := map[string][]*toolVersion{}
	for _, h := range tools {
		for _, v := range h.versions {
			if hash := hashWithoutName(v); hash != "" {
				nameless[hash] = append(nameless[hash], v)
			}
		}
	}
	for _, group := range nameless {
		slices.SortStableFunc(group, func(x, y *toolVersion) int { return x.since().Compare(y.since()) })
		for i, v := range group {
			for k := i - 1; k >= 0 && v.RenamedFrom == ""; k-- {
				if group[k].Name != v.Name {
					v.RenamedFrom = group[k].Name + "@" + group[k].Version
				}
			}
		}
	}
}

// hashWithoutName is empty for definitions that say too little to be told apart.
func hashWithoutName(v *toolVersion) string {
	content, err := registry.ToolContentFromJSON(v.Definition)
	if err != nil || (content.Description == "" && len(content.Parameters) == 0) {
		return ""
	}
	content.Name = "-"
	content.Raw = nil
	hash, err := content.Hash()
	if err != nil {
		return ""
	}
	return hash
}

// findTool returns a tool, or an error that names similar ones.
func findTool(tools []*toolHistory, name string) (*toolHistory, error) {
	var names []string
	for _, h := range tools {
		if h.name == name {
			return h, nil
		}
		names = append(names, h.name)
	}
	return nil, usage(fmt.Errorf("no tool %q%s", name, suggest(name, names)))
}

// find returns a version by its name or by the beginning of its hash.
func (h *toolHistory) find(version string) (*toolVersion, error) {
	var names []string
	var byHash []*toolVersion
	prefix := strings.TrimPrefix(version, registry.HashPrefix)
	for _, v := range h.versions {
		if v.Version == version && !v.NamesOnly {
			return v, nil
		}
		if len(prefix) >= 4 && strings.HasPrefix(strings.TrimPrefix(v.Hash, registry.HashPrefix), prefix) {
			byHash = append(byHash, v)
		}
		if !v.NamesOnly {
			names = append(names, v.Version)
		}
	}
	if len(byHash) == 1 {
		return byHash[0], nil
	}
	if len(byHash) > 1 {
		return nil, usage(fmt.Errorf("tool %q has several versions whose hash begins with %q", h.name, prefix))
	}
	return nil, usage(fmt.Errorf("tool %q has no version %q%s", h.name, version, suggest(version, names)))
}
