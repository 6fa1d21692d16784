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
	"github.com/spanloop/spanloop/internal/query"
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
	tools := &toolIndex{byName: map[string]*toolHistory{}, byHash: map[string]*toolVersion{}}
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
		a.note("no dataset at %s: only registered tools are shown", a.Dataset)
	case errors.Is(err, dataset.ErrNoDataset):
		return nil, usage(fmt.Errorf("neither a registry at %q nor a dataset at %q: name them with --registry and --dataset", a.Registry, a.Dataset))
	case err != nil:
		return nil, err
	}
	return tools.histories(), nil
}

// addSeen adds what the dataset knows.
func (a *app) addSeen(ctx context.Context, tools *toolIndex) error {
	since, until, err := a.window()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Since: since, Until: until})
	if err != nil {
		return err
	}
	defer db.Close()
	steps := []struct {
		statement string
		row       func([]any)
	}{
		{`SELECT name, version, hash, definition, first_seen, last_seen FROM tools WHERE name IS NOT NULL ORDER BY first_seen, name, version, hash`, tools.seen},
		{`SELECT tool, coalesce(prompt_name, ''), coalesce(prompt_version, ''), count(*), min(start_time), max(start_time)
		  FROM (SELECT unnest(list_distinct(tool_versions)) AS tool, prompt_name, prompt_version, start_time FROM spans
		        WHERE call_kind = 'inference' AND counted AND NOT is_replay) GROUP BY ALL ORDER BY 4 DESC, 2, 3`, tools.offered},
		{`SELECT tool_name || CASE WHEN tool_version IS NULL THEN '' ELSE '@' || tool_version END, count(*) FROM spans
		  WHERE call_kind = 'tool' AND tool_name IS NOT NULL AND NOT is_replay GROUP BY 1 ORDER BY 1`, tools.executed},
	}
	for _, step := range steps {
		result, err := db.Query(ctx, step.statement)
		if err != nil {
			return fmt.Errorf("tools of dataset %q: %w", a.Dataset, err)
		}
		for _, row := range result.Rows {
			step.row(row)
		}
	}
	return nil
}

// toolIndex collects versions by tool and hash.
type toolIndex struct {
	byName map[string]*toolHistory
	// byHash holds the version of each definition.
	byHash map[string]*toolVersion
	// labels holds the versions by name@version as spans carry it.
	labels map[string][]*toolVersion
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
	if t.labels == nil {
		t.labels = map[string][]*toolVersion{}
	}
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

// seen adds a row of the view tools. A definition that is registered by now is
// the registered version, whatever the span called it at the time.
func (t *toolIndex) seen(row []any) {
	name, version, hash := textOf(row[0]), textOf(row[1]), textOf(row[2])
	if version == "" {
		return
	}
	v := t.byHash[hash]
	if v == nil {
		v = &toolVersion{Version: version, Name: name, Hash: hash, From: fromTraffic, Prompts: []toolUser{}}
		if definition := []byte(textOf(row[3])); json.Valid(definition) {
			v.Definition = definition
		}
		h := t.home(name)
		if slices.ContainsFunc(h.versions, func(other *toolVersion) bool { return other.Version == version }) {
			// Its file holds another definition by now.
			v.Version = registry.ShortHash(hash)
		}
		h.versions = append(h.versions, v)
		t.byHash[hash] = v
	}
	t.label(name, version, v)
	v.sawBetween(row[4], row[5])
}

// home is the tool under which a name that was seen is shown: the registered
// one that models know by this name.
func (t *toolIndex) home(name string) *toolHistory {
	if h := t.byName[name]; h != nil {
		return h
	}
	for _, h := range t.histories() {
		if slices.ContainsFunc(h.versions, func(v *toolVersion) bool { return v.Name == name && v.registered != nil }) {
			return h
		}
	}
	return t.tool(name)
}

func (v *toolVersion) sawBetween(first, last any) {
	if at, ok := first.(time.Time); ok && (v.FirstSeen == nil || at.Before(*v.FirstSeen)) {
		v.FirstSeen = &at
	}
	if at, ok := last.(time.Time); ok && (v.LastSeen == nil || at.After(*v.LastSeen)) {
		v.LastSeen = &at
	}
	if v.registered != nil {
		v.From = fromBoth
	}
}

// labelled are the versions that a span's name@version means; a name that no
// definition is known of is a version without one.
func (t *toolIndex) labelled(label string) []*toolVersion {
	if found := t.labels[label]; len(found) > 0 {
		return found
	}
	name, version := label, ""
	if at := strings.LastIndexByte(label, '@'); at > 0 {
		name, version = label[:at], label[at+1:]
	}
	v := &toolVersion{Version: version, Name: name, From: fromTraffic, Prompts: []toolUser{}, NamesOnly: version == ""}
	h := t.home(name)
	h.versions = append(h.versions, v)
	t.label(name, version, v)
	return []*toolVersion{v}
}

func (t *toolIndex) offered(row []any) {
	calls, _ := row[3].(int64)
	for _, v := range t.labelled(textOf(row[0])) {
		v.sawBetween(row[4], row[5])
		v.Calls += calls
		v.Prompts = append(v.Prompts, toolUser{textOf(row[1]), textOf(row[2]), calls})
	}
}

func (t *toolIndex) executed(row []any) {
	calls, _ := row[1].(int64)
	if found := t.labels[textOf(row[0])]; len(found) > 0 {
		for _, v := range found {
			v.Executions += calls
		}
	}
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
