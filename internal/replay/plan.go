// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Plan is a replay before anything is sent.
type Plan struct {
	Source  *Source
	Request *wire.Request
	// Notes are the fidelity findings, errors first.
	Notes []wire.Note
	// Control is the request as it was, Treatment the changed one; nil when
	// nothing is changed.
	Control, Treatment *jsondoc.Value
	Modifications      []Modification
	// Changes are all differences between the two requests.
	Changes []jsondoc.Change
	// Pinned is the model that both arms ask for, when it is not the recorded one.
	Pinned string

	found     *prompted
	target    *registry.Version
	variables map[string]string
	edits     []Edit
}

// PlanOptions say how a plan is made.
type PlanOptions struct {
	Changes  Changes
	Registry *registry.Snapshot
	// Dialect overrides what the span says or suggests.
	Dialect string
	// PinModel makes both arms ask for the model that the recorded answer names.
	PinModel bool
}

// NewPlan rebuilds the recorded request, checks it and makes the changes. It
// asserts that the two requests differ in nothing else.
func NewPlan(source *Source, o PlanOptions) (*Plan, error) {
	p := &Plan{Source: source, variables: source.Variables()}
	if err := p.rebuild(o); err != nil {
		return nil, err
	}
	p.Control = p.Request.Body
	p.Notes = Check(source, p.Request)
	found, err := findPrompt(source, o.Registry, p.Request)
	if err == nil {
		p.found, p.target = found, found.version
		if found.inexact {
			p.note(wire.Warning, "prompt-white-space", "the recorded prompt differs from its version in white space at the ends")
		}
	} else if errors.Is(err, ErrUnfaithful) {
		p.note(wire.Info, "prompt-not-found", "neither another prompt version nor another variable can be replayed: "+strings.TrimPrefix(err.Error(), ErrUnfaithful.Error()+": "))
	}
	if o.PinModel {
		if err := p.pinModel(); err != nil {
			return p, err
		}
	}
	if o.Changes.Empty() {
		return p, nil
	}
	p.Treatment = p.Control.Clone()
	if err := p.change(o, err); err != nil {
		return p, err
	}
	return p, p.assert()
}

// pinModel asks for the model that answered, in place of the alias that was
// asked for.
func (p *Plan) pinModel() error {
	asked, answered := p.Control.Member("model").Str(), p.Source.Call.ResponseModel
	if answered == "" {
		return fmt.Errorf("%w: --pin-model: the span does not say which model answered", ErrChange)
	}
	p.Notes = slices.DeleteFunc(p.Notes, func(n wire.Note) bool { return n.ID == "model-alias" })
	if asked == answered {
		return nil
	}
	p.Pinned, p.Control = answered, p.Control.Clone()
	p.note(wire.Info, "model-pinned", "both arms ask for "+quote(answered)+", which answered; the recorded request asked for "+quote(asked))
	if err := p.Control.Set("/model", jsondoc.NewString(answered)); err != nil {
		return fmt.Errorf("%w: %w", ErrChange, err)
	}
	return nil
}

func (p *Plan) note(severity wire.Severity, id, text string) {
	p.Notes = append(p.Notes, wire.Note{ID: id, Severity: severity, Text: text})
}

func (p *Plan) rebuild(o PlanOptions) error {
	dialect, guessed := o.Dialect, ""
	if dialect == "" {
		dialect = p.Source.Recorded.Dialect
	}
	if dialect == "" {
		var err error
		if dialect, guessed, err = wire.Guess(p.Source.Call); err != nil {
			return fmt.Errorf("%w; name it with --dialect", err)
		}
	}
	call := *p.Source.Call
	completed := completeTools(&call, p.Source.Identity.ToolVersions, o.Registry)
	request, err := wire.Rebuild(dialect, p.Source.Call, p.Source.Recorded)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if request.Grade != wire.Exact && len(completed) > 0 {
		if request, err = wire.Rebuild(dialect, &call, p.Source.Recorded); err != nil {
			return fmt.Errorf("%w", err)
		}
		p.Source.Call = &call
		request.Notes = append(request.Notes, wire.Note{ID: "tool-from-registry", Severity: wire.Warning, Pointer: "/tools",
			Text: "definitions taken from the registry, by the versions on the span: " + quote(strings.Join(completed, ", "))})
	}
	p.Request = request
	if guessed != "" && request.Grade != wire.Exact {
		p.Request.Notes = append(p.Request.Notes, wire.Note{ID: "dialect-guessed", Severity: wire.Warning,
			Text: "the API is a guess, " + dialect + ": " + guessed})
	}
	return nil
}

// completeTools fills in tool definitions that a span holds by name only, from
// the registry's versions that the span names.
func completeTools(call *genai.Call, versions []string, snapshot *registry.Snapshot) []string {
	list, err := call.Tools.List()
	if err != nil || snapshot.Empty() {
		return nil
	}
	var completed []string
	filled := slices.Clone(list)
	for i := range filled {
		if filled[i].Parameters != nil {
			continue
		}
		for _, ref := range versions {
			name, version, _ := strings.Cut(ref, "@")
			tool := snapshot.Tool(name).Version(version)
			if name != filled[i].Name || tool == nil {
				continue
			}
			definitions := genai.ToolDefinitionsFromJSON("[" + string(tool.Definition) + "]")
			if whole, err := definitions.List(); err == nil && len(whole) == 1 {
				filled[i] = whole[0]
				completed = append(completed, ref)
			}
		}
	}
	if len(completed) > 0 {
		call.Tools = genai.NewToolDefinitions(filled)
	}
	return completed
}

// change makes the changes in a fixed order: prompt and variables, fragments,
// tools, model, parameters.
func (p *Plan) change(o PlanOptions, promptErr error) error {
	if err := p.changePrompt(o, promptErr); err != nil {
		return err
	}
	dialect := p.Request.Dialect
	made, err := applyEdits(dialect, p.Treatment, p.scope, o.Changes.Edits)
	if err != nil {
		return err
	}
	p.edits = o.Changes.Edits
	p.Modifications = append(p.Modifications, made...)
	for _, name := range slices.Sorted(maps.Keys(o.Changes.Tools)) {
		m, err := applyTool(dialect, p.Treatment, name, o.Changes.Tools[name])
		if err != nil {
			return err
		}
		p.Modifications = append(p.Modifications, m)
	}
	if o.Changes.Model != "" {
		m := Modification{Kind: "model", Text: p.Control.Member("model").Str() + " => " + o.Changes.Model, Pointers: []string{"/model"}}
		if err := p.Treatment.Set("/model", jsondoc.NewString(o.Changes.Model)); err != nil {
			return fmt.Errorf("%w: %w", ErrChange, err)
		}
		p.Modifications = append(p.Modifications, m)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Changes.Params)) {
		m, err := applyParam(dialect, p.Treatment, name, o.Changes.Params[name])
		if err != nil {
			return err
		}
		p.Modifications = append(p.Modifications, m)
	}
	return nil
}

func (p *Plan) changePrompt(o PlanOptions, promptErr error) error {
	if o.Changes.PromptVersion == "" && len(o.Changes.Variables) == 0 {
		return nil
	}
	if promptErr != nil {
		return promptErr
	}
	if version := o.Changes.PromptVersion; version != "" {
		_, version = cutLast(version, "@")
		if p.target = p.found.prompt.Version(version); p.target == nil {
			return fmt.Errorf("%w: the registry has no version %s of %s", ErrChange, quote(version), quote(p.found.prompt.Name))
		}
	}
	known := p.target.Variables()
	for _, name := range slices.Sorted(maps.Keys(o.Changes.Variables)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: %s@%s has no variable %s; it has %s", ErrChange, p.found.prompt.Name, p.target.Version, quote(name), quote(strings.Join(known, ", ")))
		}
		p.variables[name] = o.Changes.Variables[name]
	}
	m, err := p.found.swap(p.Request.Dialect, p.Treatment, p.target, p.variables)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Changes.Variables)) {
		m.Text += ", " + name + " = " + quote(o.Changes.Variables[name])
	}
	p.Modifications = append(p.Modifications, m)
	more, err := swapParams(p.Request.Dialect, p.Treatment, p.found.version, p.target)
	p.Modifications = append(p.Modifications, more...)
	return err
}

// cutLast splits at the last separator; without one all of it is the rest.
func cutLast(text, separator string) (before, rest string) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):]
	}
	return "", text
}

// scope tells the prompt's texts: those that its version rendered, those of
// system messages, and where there are none the first user message.
func (p *Plan) scope(text wire.Text) bool {
	if isSystem(text.Role) {
		return true
	}
	if p.found != nil {
		for _, m := range p.Modifications {
			if m.Kind == "prompt" && within(text.Pointer, m.Pointers) {
				return true
			}
		}
		return slices.ContainsFunc(p.found.texts, func(t wire.Text) bool { return t.Pointer == text.Pointer })
	}
	for _, other := range wire.Texts(p.Request.Dialect, p.Treatment) {
		if isSystem(other.Role) {
			return false
		}
	}
	return text.Role == "user" && text.Index == 0
}

// assert compares the two requests: nothing may differ but what was asked for,
// and something must.
func (p *Plan) assert() error {
	var allowed []string
	for _, m := range p.Modifications {
		allowed = append(allowed, m.Pointers...)
	}
	p.Changes = jsondoc.Diff(p.Control, p.Treatment)
	for _, c := range p.Changes {
		if !within(c.Pointer, allowed) {
			return fmt.Errorf("%w: %s differs between the arms, but was not to be changed", ErrUnfaithful, c.Pointer)
		}
	}
	if len(p.Changes) == 0 {
		return fmt.Errorf("%w: the changed request is equal to the recorded one", ErrChange)
	}
	if p.Treatment.Member("model").Str() != p.Control.Member("model").Str() {
		walk(p.Treatment.Member("messages"), "/messages", func(at string, v *jsondoc.Value) {
			if v.Member("signature").Str() != "" || v.Member("type").Str() == "redacted_thinking" {
				p.note(wire.Warning, "thinking-bound", at+": signed thinking is sent to another model, which may refuse it")
			}
		})
	}
	return nil
}

// Refused tells whether the findings forbid sending.
func (p *Plan) Refused() bool { return p.Request.Grade == wire.Mismatch || failed(p.Notes) }

// Digest identifies the change: the hash of the treatment's differences.
func (p *Plan) Digest() string {
	if p.Treatment == nil {
		return ""
	}
	sum := sha256.New()
	for _, c := range p.Changes {
		fmt.Fprintf(sum, "%q %q\n", c.Pointer, c.After.Text())
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}

// Describe says in one line what is changed.
func (p *Plan) Describe() string {
	texts := make([]string, len(p.Modifications))
	for i, m := range p.Modifications {
		texts[i] = m.Text
	}
	return strings.Join(texts, "; ")
}
