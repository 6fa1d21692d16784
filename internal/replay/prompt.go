// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// prompted is the recorded prompt as it stands in a request.
type prompted struct {
	prompt  *registry.Prompt
	version *registry.Version
	// texts are where the version's messages stand, in their order.
	texts []wire.Text
	// inexact is set when white space at the ends differs.
	inexact bool
}

// findPrompt renders the recorded version with the recorded variables and finds
// the result in the request. ErrUnfaithful is returned when it is not there:
// then a version rendered with these variables proves nothing.
func findPrompt(source *Source, snapshot *registry.Snapshot, request *wire.Request) (*prompted, error) {
	id := source.Identity
	if id.PromptName == "" {
		return nil, fmt.Errorf("%w: the span's prompt is not known (%s); name it on the span or add it to the registry", ErrUnfaithful, orText(id.UnresolvedReason, "no prompt name"))
	}
	if id.Resolution == identity.RungFingerprint {
		return nil, fmt.Errorf("%w: the span's prompt is in no registry, only its fingerprint %s is known; add it with `spanloop prompt add`", ErrUnfaithful, quote(id.PromptName))
	}
	if snapshot.Empty() {
		return nil, fmt.Errorf("%w: the registry holds no prompt; give it with --registry", ErrChange)
	}
	prompt := snapshot.Prompt(id.PromptName)
	if prompt == nil {
		return nil, fmt.Errorf("%w: the registry has no prompt %s", ErrChange, quote(id.PromptName))
	}
	version := prompt.Version(id.PromptVersion)
	if version == nil {
		return nil, fmt.Errorf("%w: the registry has no version %s of %s", ErrUnfaithful, quote(id.PromptVersion), quote(id.PromptName))
	}
	rendered, err := version.RenderOwn(source.Variables())
	if err != nil {
		return nil, fmt.Errorf("%w: the recorded version cannot be rendered with the recorded variables: %w", ErrUnfaithful, err)
	}
	p := &prompted{prompt: prompt, version: version}
	all := wire.Texts(request.Dialect, request.Body)
	from, behind := 0, behindPlaceholder(version)
	for i, m := range rendered {
		at := p.find(all[from:], m, len(rendered) == 1, behind[i])
		if at < 0 {
			return nil, fmt.Errorf("%w: message %d of %s@%s, rendered with the recorded variables, is not in the recorded request: the application changed the prompt, or variables are missing",
				ErrUnfaithful, i+1, prompt.Name, version.Version)
		}
		p.texts = append(p.texts, all[from+at])
		from += at + 1
	}
	return p, nil
}

// find returns the place of a rendered message among texts, or -1: the first one,
// and behind a placeholder the last, since the history may hold the same words.
func (p *prompted) find(texts []wire.Text, m registry.RenderedMessage, alone, last bool) int {
	found := -1
	for i, t := range texts {
		if p.isText(t, m, alone) {
			if found = i; !last {
				break
			}
		}
	}
	return found
}

// behindPlaceholder tells of each of a version's own messages whether a placeholder
// stands right before it.
func behindPlaceholder(v *registry.Version) []bool {
	var behind []bool
	gap := false
	for _, m := range v.Messages {
		if m.Placeholder == "" {
			behind = append(behind, gap)
		}
		gap = m.Placeholder != ""
	}
	return behind
}

// isText tells whether a text of the request is the rendered message. A prompt
// of a single message may stand in any role.
func (p *prompted) isText(text wire.Text, m registry.RenderedMessage, alone bool) bool {
	if !sameRole(text.Role, m.Role) && !alone {
		return false
	}
	if text.Text == m.Content {
		return true
	}
	if strings.TrimSpace(text.Text) != strings.TrimSpace(m.Content) || strings.TrimSpace(m.Content) == "" {
		return false
	}
	p.inexact = true
	return true
}

func sameRole(a, b string) bool {
	return a == b || isSystem(a) && isSystem(b)
}

func isSystem(role string) bool { return role == "system" || role == "developer" }

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// swap puts another version, or other variables, in the prompt's place.
func (p *prompted) swap(dialect string, body *jsondoc.Value, target *registry.Version, variables map[string]string) (Modification, error) {
	rendered, err := target.RenderOwn(variables)
	if err != nil {
		return Modification{}, fmt.Errorf("%w: %s: %w", ErrChange, p.prompt.Name, err)
	}
	made := Modification{Kind: "prompt", Text: fmt.Sprintf("%s %s => %s", p.prompt.Name, p.version.Version, target.Version)}
	if sameRoles(p.version.Messages, target.Messages) {
		for i, text := range p.texts {
			if err := body.Set(text.Pointer, jsondoc.NewString(rendered[i].Content)); err != nil {
				return made, fmt.Errorf("%w: %w", ErrChange, err)
			}
			made.Pointers = append(made.Pointers, text.Pointer)
		}
		return made, nil
	}
	if len(p.version.Placeholders())+len(target.Placeholders()) > 0 {
		return made, fmt.Errorf("%w: the versions differ in their messages beside a placeholder, whose messages cannot be told from the rest of the request", ErrChange)
	}
	return p.splice(dialect, body, made, rendered)
}

func sameRoles(a, b []registry.TemplateMessage) bool {
	return slices.EqualFunc(a, b, func(x, y registry.TemplateMessage) bool {
		return sameRole(x.Role, y.Role) && (x.Placeholder == "") == (y.Placeholder == "")
	})
}

// splice replaces the prompt's messages by those of a version with others. They
// must stand together and hold nothing else.
func (p *prompted) splice(dialect string, body *jsondoc.Value, made Modification, rendered []registry.RenderedMessage) (Modification, error) {
	var system []string
	var history []*jsondoc.Value
	apart := wire.SystemMember(dialect)
	for _, m := range rendered {
		if apart != "" && isSystem(m.Role) {
			system = append(system, m.Content)
		} else {
			history = append(history, wire.NewMessage(m.Role, m.Content))
		}
	}
	from, to := -1, -1
	for _, text := range p.texts {
		if !text.Only || text.Index >= 0 && to >= 0 && text.Index != to {
			return made, fmt.Errorf("%w: the versions differ in their messages, and the recorded ones do not stand alone and together in the request", ErrChange)
		}
		if text.Index >= 0 {
			if from < 0 {
				from = text.Index
			}
			to = text.Index + 1
		}
	}
	if from < 0 {
		from, to = 0, 0
	}
	if err := body.Splice("/messages", from, to, history...); err != nil {
		return made, fmt.Errorf("%w: %w", ErrChange, err)
	}
	for i := from; i < max(to, from+len(history)); i++ {
		made.Pointers = append(made.Pointers, jsondoc.JoinIndex("/messages", i))
	}
	if apart == "" {
		return made, nil
	}
	at := jsondoc.Join("", apart)
	made.Pointers = append(made.Pointers, at)
	if len(system) > 0 {
		return made, body.Set(at, jsondoc.NewString(strings.Join(system, "\n")))
	}
	if body.Member(apart) != nil {
		return made, body.Remove(at)
	}
	return made, nil
}

// swapParams applies what the versions' parameters and response formats differ
// in: they are part of a prompt's identity.
func swapParams(dialect string, body *jsondoc.Value, old, target *registry.Version) ([]Modification, error) {
	before, after := members(old.Params), members(target.Params)
	before["response_format"], after["response_format"] = old.ResponseFormat, target.ResponseFormat
	var names []string
	for name := range after {
		names = append(names, name)
	}
	for name := range before {
		if _, both := after[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var made []Modification
	for _, name := range names {
		if string(before[name]) == string(after[name]) {
			continue
		}
		at := wire.ParamPointer(dialect, body, name)
		m := Modification{Kind: "parameter", Text: name + " of the prompt version", Pointers: []string{at}}
		switch value := after[name]; {
		case len(value) > 0:
			parsed, err := jsondoc.Parse(value)
			if err == nil {
				err = body.Set(at, parsed)
			}
			if err != nil {
				return made, fmt.Errorf("%w: %s: %w", ErrChange, name, err)
			}
		case body.At(at) != nil:
			if err := body.Remove(at); err != nil {
				return made, fmt.Errorf("%w: %s: %w", ErrChange, name, err)
			}
		}
		made = append(made, m)
	}
	return made, nil
}

func members(object json.RawMessage) map[string]json.RawMessage {
	list := map[string]json.RawMessage{}
	if v, err := jsondoc.Parse(object); err == nil {
		for _, m := range v.Members() {
			list[m.Name] = v.Member(m.Name).Bytes()
		}
	}
	return list
}

// NewVersion returns the version that a plan's edits make of its prompt: the
// edits are made in the template. ErrChange is returned when that does not
// render to the text that was replayed.
func (p *Plan) NewVersion(author, message string) (registry.NewVersion, error) {
	if p.found == nil || len(p.edits) == 0 {
		return registry.NewVersion{}, fmt.Errorf("%w: only an edit of a registered prompt can be committed", ErrChange)
	}
	texts := make([]registry.TemplateMessage, len(p.target.Messages))
	copy(texts, p.target.Messages)
	for _, e := range p.edits {
		if strings.Contains(e.Old+e.New, "{{") {
			return registry.NewVersion{}, fmt.Errorf("%w: %s holds template tags, which were replayed as text, and cannot be committed", ErrChange, quote(e.New))
		}
		total, hit := 0, 0
		for i, m := range texts {
			if n := strings.Count(m.Content, e.Old); n > 0 {
				total, hit = total+n, i
			}
		}
		if total != 1 {
			return registry.NewVersion{}, fmt.Errorf("%w: %s occurs %d times in the template of %s@%s, exactly 1 is expected: the edited text comes from a variable or a partial, and cannot be committed",
				ErrChange, quote(e.Old), total, p.found.prompt.Name, p.target.Version)
		}
		texts[hit].Content = strings.Replace(texts[hit].Content, e.Old, e.New, 1)
	}
	// Partials stay the versions that were replayed, also when there are newer.
	partials := map[string]string{}
	for _, ref := range p.target.Partials {
		partials[ref.Name] = ref.Version
	}
	return registry.NewVersion{
		Partials: partials,
		Prompt:   p.found.prompt.Name, Parent: p.target.Version, Messages: texts, Author: author, Message: message,
		Params: p.target.Params, ResponseFormat: p.target.ResponseFormat,
	}, nil
}

// Verify checks that a version that was committed renders to what was replayed.
func (p *Plan) Verify(v *registry.Version) error {
	rendered, err := v.RenderOwn(p.variables)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChange, err)
	}
	all := wire.Texts(p.Request.Dialect, p.Treatment)
	for _, m := range rendered {
		if !slices.ContainsFunc(all, func(t wire.Text) bool { return strings.TrimSpace(t.Text) == strings.TrimSpace(m.Content) }) {
			return fmt.Errorf("%w: version %s does not render to the text that was replayed; it is not released, remove %s", ErrChange, v.Version, v.File)
		}
	}
	return nil
}
