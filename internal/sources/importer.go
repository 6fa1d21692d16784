// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

const (
	// NotCarriedOver is the outcome of what the registry has no place for.
	NotCarriedOver = registry.Unfit
	// Adapted is the outcome of what has another form in the registry.
	Adapted registry.Outcome = "adapted"
)

// Finding is what became of a part of a prompt.
type Finding struct {
	Prompt  string           `json:"prompt"`
	Version string           `json:"version,omitempty"`
	What    string           `json:"what"`
	Outcome registry.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"`
}

// Import says how prompts come into a registry.
type Import struct {
	Registry string
	Dry      bool
	// Wanted selects prompts by the system's name of them; nil for all.
	Wanted func(string) bool
	// Now is the time of what a system tells no time for.
	Now time.Time
}

// Run imports what a source holds, prompt by prompt. The findings so far are
// returned with an error too: what they say was imported is written, and whole.
func (i Import) Run(ctx context.Context, s *Source) ([]Finding, error) {
	if i.Wanted == nil {
		i.Wanted = Wanted("")
	}
	r := &running{Import: i, source: s, writer: registry.Importer{Dir: i.Registry, Dry: i.Dry}, done: map[string]bool{}}
	for p, err := range s.Prompts(ctx, i.Wanted) {
		if err == nil {
			err = r.prompt(p)
		}
		if err != nil {
			return r.findings, err
		}
	}
	return r.findings, nil
}

type running struct {
	Import
	source   *Source
	writer   registry.Importer
	findings []Finding
	// before is the registry as it was; tools are the hashes of tools by name.
	before *registry.Snapshot
	tools  map[string]map[string]bool
	// done are the prompts of this run, by their name in the registry.
	done map[string]bool
}

func (r *running) find(prompt, version, what string, outcome registry.Outcome, reason string) {
	r.findings = append(r.findings, Finding{prompt, version, what, outcome, reason})
}

func (r *running) prompt(p *Prompt) error {
	name, err := RegistryName(p.Name)
	if err != nil {
		r.find(p.Name, "", "prompt", NotCarriedOver, err.Error())
		return nil
	}
	if r.done[name] {
		r.find(name, "", "prompt", NotCarriedOver, "the system has a second prompt of this name (id "+p.ID+")")
		return nil
	}
	r.done[name] = true
	slices.SortStableFunc(p.Versions, byTime)
	known, err := r.versions(name, p)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		if err := r.about(name, p); err != nil {
			return err
		}
	}
	if len(p.Versions) == 0 && len(p.Gaps) == 0 {
		r.find(name, "", "prompt", NotCarriedOver, "it has no versions")
	}
	for _, g := range p.Gaps {
		r.find(name, "", g.What, NotCarriedOver, g.Reason)
	}
	return r.labels(name, p, known)
}

// byTime keeps the system's order where it tells no times.
func byTime(x, y *Version) int {
	if x.Time.IsZero() || y.Time.IsZero() {
		return 0
	}
	return x.Time.Compare(y.Time)
}

// versions writes the versions and returns those that are in the registry now, by
// the system's name of them.
func (r *running) versions(name string, p *Prompt) (map[string]*registry.Version, error) {
	known := map[string]*registry.Version{}
	unfit := map[*Version]string{}
	var list []registry.NewVersion
	for _, v := range p.Versions {
		version, err := registryVersion(v.Number)
		switch {
		case v.Unfit != "":
			unfit[v] = v.Unfit
		case err != nil:
			unfit[v] = err.Error()
		default:
			list = append(list, r.newVersion(name, version, p, v))
		}
	}
	results, err := r.writer.Versions(name, list)
	for _, v := range p.Versions {
		if reason, ok := unfit[v]; ok {
			r.find(name, v.Number, "version", NotCarriedOver, reason)
			continue
		}
		if len(results) == 0 {
			break
		}
		result, version := results[0], list[0].Version
		results, list = results[1:], list[1:]
		r.find(name, version, "version", result.Outcome, result.Reason)
		if result.Outcome == registry.Added || result.Outcome == registry.Unchanged {
			known[v.Number] = result.Version
			if err := r.parts(name, version, v); err != nil {
				return known, err
			}
		}
	}
	return known, err
}

// isSystemError tells errors of reading and writing from refusals.
func isSystemError(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	var system *os.SyscallError
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &system)
}

func (r *running) newVersion(name, version string, p *Prompt, v *Version) registry.NewVersion {
	n := registry.NewVersion{
		Version: version, Template: v.Template, Messages: v.Messages, Format: v.Format, Params: v.Params, ResponseFormat: v.ResponseFormat,
		Author: v.Author, Message: v.Message, Time: v.Time,
		Origin: &registry.Origin{System: r.source.System, ID: v.ID, URL: r.source.URL, Imported: r.Now.UTC()},
	}
	if n.Time.IsZero() {
		n.Time = r.Now
	}
	if parent, err := registryVersion(v.Parent); err == nil {
		n.Parent = parent
	}
	if name != p.Name {
		n.Origin.Name = p.Name
	}
	if version != v.Number {
		n.Origin.Version = v.Number
	}
	return n
}

// parts handles what stands beside a version that is in the registry.
func (r *running) parts(name, version string, v *Version) error {
	if v.Time.IsZero() {
		r.find(name, version, "time", NotCarriedOver, "the system does not tell when it was made: it has the time of its import")
	}
	for _, g := range v.Gaps {
		outcome := NotCarriedOver
		if g.Adapted {
			outcome = Adapted
		}
		r.find(name, version, g.What, outcome, g.Reason)
	}
	for _, tool := range v.Tools {
		if err := r.tool(name, version, tool, v); err != nil {
			return err
		}
	}
	return nil
}

// tool registers a tool definition unless it is there under any version. Its version
// is the begin of its hash, as for tools that were only seen in spans.
func (r *running) tool(name, version string, definition json.RawMessage, v *Version) error {
	content, err := registry.ToolContentFromJSON(definition)
	hash := ""
	if err == nil {
		hash, err = content.Hash()
	}
	if err == nil && content.Name == "" {
		err = errors.New("it has no name")
	}
	if err == nil {
		err = registry.CheckName(content.Name)
	}
	if err != nil {
		r.find(name, version, "tool", NotCarriedOver, err.Error())
		return nil
	}
	what := "tool " + content.Name + "@" + registry.ShortHash(hash)
	if r.knownTools()[content.Name][hash] {
		r.find(name, version, what, registry.Unchanged, "")
		return nil
	}
	at := v.Time
	if at.IsZero() {
		at = r.Now
	}
	if !r.Dry {
		_, err = registry.AddTool(r.Registry, registry.NewTool{
			Name: content.Name, Version: registry.ShortHash(hash), Author: v.Author, Time: at, Definition: definition,
			Message: fmt.Sprintf("Of prompt %s, version %s, in %s", name, version, r.source.System),
		})
	}
	switch {
	case isSystemError(err):
		return err
	case err != nil:
		r.find(name, version, what, NotCarriedOver, err.Error())
		return nil
	}
	if r.tools[content.Name] == nil {
		r.tools[content.Name] = map[string]bool{}
	}
	r.tools[content.Name][hash] = true
	r.find(name, version, what, registry.Added, "")
	return nil
}

func (r *running) knownTools() map[string]map[string]bool {
	if r.tools == nil {
		r.tools = map[string]map[string]bool{}
		for _, t := range r.snapshot().Tools() {
			r.tools[t.Name] = map[string]bool{}
			for _, v := range t.Versions {
				r.tools[t.Name][v.Hash] = true
			}
		}
	}
	return r.tools
}

// about writes the prompt.yaml of a new prompt and lists where one that is there
// says something else.
func (r *running) about(name string, p *Prompt) error {
	about := registry.About{Description: strings.TrimSpace(p.Description), Tags: p.Tags}
	for _, v := range p.Versions {
		for variable, spec := range v.Variables {
			if v.Unfit != "" {
				continue
			}
			if about.Variables == nil {
				about.Variables = map[string]registry.VariableSpec{}
			}
			about.Variables[variable] = spec
		}
	}
	held, outcome, err := r.writer.Describe(name, about)
	if err != nil {
		if isSystemError(err) {
			return err
		}
		r.find(name, "", "prompt.yaml", NotCarriedOver, err.Error())
		return nil
	}
	if outcome == registry.Added {
		r.find(name, "", "prompt.yaml", registry.Added, "")
	}
	if about.Description != "" && held.Description != about.Description {
		r.find(name, "", "description", NotCarriedOver, "prompt.yaml says another one and is left as it is")
	}
	if len(about.Tags) > 0 && !sameTags(held.Tags, about.Tags) {
		r.find(name, "", "tags", NotCarriedOver, "prompt.yaml has others and is left as it is: "+strings.Join(about.Tags, ", "))
	}
	r.variables(name, p, held.Variables)
	return nil
}

func sameTags(x, y []string) bool {
	x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}

// variables lists what versions declare otherwise than prompt.yaml, which holds for
// all of them.
func (r *running) variables(name string, p *Prompt, held map[string]registry.VariableSpec) {
	for _, v := range p.Versions {
		if v.Unfit != "" {
			continue
		}
		for _, variable := range slices.Sorted(maps.Keys(v.Variables)) {
			spec, here := v.Variables[variable], held[variable]
			if spec.Type != "" && spec.Type != here.Type {
				r.find(name, v.Number, "variable "+variable, NotCarriedOver, fmt.Sprintf("it is a %s; prompt.yaml says otherwise, for all versions", spec.Type))
			}
			if spec.Default != nil && (here.Default == nil || *here.Default != *spec.Default) {
				r.find(name, v.Number, "variable "+variable, NotCarriedOver, fmt.Sprintf("its default is %.100q; prompt.yaml says otherwise, for all versions", *spec.Default))
			}
		}
	}
}

// labels releases what the system's labels point to.
func (r *running) labels(name string, p *Prompt, known map[string]*registry.Version) error {
	history := r.snapshot().Releases(name)
	for _, v := range p.Versions {
		for _, label := range v.Labels {
			if label.Name == "latest" {
				continue
			}
			target := known[v.Number]
			if target == nil {
				r.find(name, v.Number, "release "+label.Name, NotCarriedOver, "it leads to a version that is not in the registry")
				continue
			}
			if err := r.release(name, label, target, history); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshot is the registry as it was before the run. Each prompt and its releases
// are touched once in a run.
func (r *running) snapshot() *registry.Snapshot {
	if r.before == nil {
		r.before, _ = registry.Load(r.Registry)
	}
	return r.before
}

// release adds a release where the system's label has moved since the last import:
// what was released here in between stands until then.
func (r *running) release(name string, label Label, target *registry.Version, history []registry.Release) error {
	what := "release " + label.Name
	if err := registry.CheckEnvironment(label.Name); err != nil {
		r.find(name, target.Version, what, NotCarriedOver, err.Error())
		return nil
	}
	mark := "Imported from " + r.source.System
	var last, imported *registry.Release
	for i := range history {
		if history[i].Environment != label.Name {
			continue
		}
		last = &history[i]
		if strings.HasPrefix(last.Reason, mark) {
			imported = last
		}
	}
	if only(last, target.Version) {
		r.find(name, target.Version, what, registry.Unchanged, "")
		return nil
	}
	if only(imported, target.Version) {
		r.find(name, target.Version, what, registry.Unchanged, "it was released otherwise here since, which stands")
		return nil
	}
	at := label.Time
	if at.IsZero() {
		at = r.Now
	}
	if last != nil && at.Before(last.Time) {
		r.find(name, target.Version, what, registry.Refused, "it was released here later ("+last.Time.UTC().Format(time.RFC3339)+") than there, which stands")
		return nil
	}
	if !r.Dry {
		author := label.Author
		if author == "" {
			author = r.source.System
		}
		_, err := registry.AddRelease(r.Registry, name, registry.NewRelease{
			Environment: label.Name, Targets: []registry.Target{{Version: target.Version}}, Author: author, Reason: mark, Time: at,
		})
		if isSystemError(err) {
			return err
		}
		if err != nil {
			r.find(name, target.Version, what, registry.Refused, strings.TrimPrefix(err.Error(), "registry: "))
			return nil
		}
	}
	r.find(name, target.Version, what, registry.Added, "")
	return nil
}

// only tells whether a release serves one version and nothing else.
func only(r *registry.Release, version string) bool {
	return r != nil && len(r.Targets) == 1 && r.Targets[0].Version == version
}
