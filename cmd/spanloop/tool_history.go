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

	"github.com/tidwall/gjson"

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
	tools, _, err := a.toolIndexed(ctx)
	return tools, err
}

// toolIndexed is toolHistories with the index that it is made of.
func (a *app) toolIndexed(ctx context.Context) ([]*toolHistory, *toolIndex, error) {
	tools := newToolIndex()
	info, err := os.Stat(a.Registry)
	hasRegistry := err == nil && info.IsDir()
	if hasRegistry {
		snapshot, err := a.loadRegistry()
		if err != nil {
			return nil, nil, err
		}
		tools.addRegistered(snapshot)
	}
	switch err := a.addSeen(ctx, tools); {
	case errors.Is(err, dataset.ErrNoDataset) && hasRegistry:
		a.note("no dataset at %s: only registered tools are shown", dataset.DisplayPath(a.Dataset))
		tools.empty = true
	case errors.Is(err, dataset.ErrNoDataset):
		return nil, nil, usage(fmt.Errorf("neither a registry at %q nor a dataset at %q: name them with --registry and --dataset", a.Registry, dataset.DisplayPath(a.Dataset)))
	case err != nil:
		return nil, nil, err
	}
	return tools.histories(), tools, nil
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
	// empty is true when there is no dataset.
	empty bool
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

// noteRenames finds definitions that differ in nothing but their name, and those
// that kept their description or their arguments under a new name when the old one
// was seen no more.
func noteRenames(tools []*toolHistory) {
	for _, group := range alikeVersions(tools, hashWithoutName) {
		for i, v := range group {
			for k := i - 1; k >= 0 && v.RenamedFrom == ""; k-- {
				if group[k].Name != v.Name {
					v.RenamedFrom = group[k].Name + "@" + group[k].Version
				}
			}
		}
	}
	for _, part := range []func(*toolVersion) string{descriptionOf, argumentsOf} {
		groups := alikeVersions(tools, part)
		for _, h := range tools {
			first := h.firstDefined()
			if first == nil || first.RenamedFrom != "" || first.registered != nil || first.FirstSeen == nil {
				continue
			}
			if before := replacedBy(first, groups[part(first)], tools); before != nil {
				first.RenamedFrom = before.Name + "@" + before.Version
			}
		}
	}
}

// alikeVersions are the versions by a part of their definition, oldest first; those
// for which it is empty are left out.
func alikeVersions(tools []*toolHistory, part func(*toolVersion) string) map[string][]*toolVersion {
	groups := map[string][]*toolVersion{}
	for _, h := range tools {
		for _, v := range h.versions {
			if key := part(v); key != "" {
				groups[key] = append(groups[key], v)
			}
		}
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(x, y *toolVersion) int { return x.since().Compare(y.since()) })
	}
	return groups
}

// firstDefined is the oldest version with a definition.
func (h *toolHistory) firstDefined() *toolVersion {
	for _, v := range h.versions {
		if len(v.Definition) > 0 {
			return v
		}
	}
	return nil
}

// replacedBy is the version that a new tool took the place of: the last of the one
// tool that is alike and was not seen since. Of several tools none is.
func replacedBy(first *toolVersion, alike []*toolVersion, tools []*toolHistory) *toolVersion {
	var found *toolVersion
	for _, v := range alike {
		if v.Name == first.Name || v.LastSeen == nil || seenSince(tools, v.Name, *first.FirstSeen) {
			continue
		}
		if found != nil && found.Name != v.Name {
			return nil
		}
		found = v
	}
	return found
}

// seenSince tells whether a tool of that name was offered after a time.
func seenSince(tools []*toolHistory, name string, at time.Time) bool {
	for _, h := range tools {
		for _, v := range h.versions {
			if v.Name == name && v.LastSeen != nil && v.LastSeen.After(at) {
				return true
			}
		}
	}
	return false
}

// descriptionOf is empty for a description that says too little to know a tool by.
func descriptionOf(v *toolVersion) string {
	content, err := registry.ToolContentFromJSON(v.Definition)
	if err != nil || len(content.Description) < 20 {
		return ""
	}
	return content.Description
}

// argumentsOf is empty for fewer than two arguments.
func argumentsOf(v *toolVersion) string {
	content, err := registry.ToolContentFromJSON(v.Definition)
	if err != nil || len(gjson.GetBytes(content.Parameters, "properties").Map()) < 2 {
		return ""
	}
	content.Name, content.Description, content.Raw = "-", "", nil
	hash, err := content.Hash()
	if err != nil {
		return ""
	}
	return hash
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
