// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// labels are names that move between versions. Where a version belongs they
// are labels all the same.
var labels = map[string]bool{
	"production": true, "prod": true, "latest": true, "staging": true, "stage": true, "development": true,
	"dev": true, "test": true, "testing": true, "canary": true, "live": true, "default": true, "preview": true,
	"main": true, "master": true, "head": true, "stable": true, "beta": true, "release": true, "qa": true, "uat": true,
}

// IsLabel tells whether a name that stands where a version belongs is a label.
func IsLabel(version string) bool { return labels[strings.ToLower(version)] }

// perRequest matches names that are made anew for every request and so name no
// prompt: a UUID, or the separator that gemini-cli puts before its counter.
var perRequest = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|#{8}`)

func (r *reading) fillPrompt(c *Call) {
	p := &c.Prompt
	p.Name, p.Source = r.textFrom(fPromptName)
	if p.Source == "gen_ai.prompt.name" && (r.mcp || strings.ContainsAny(p.Name, "-#") && perRequest.MatchString(p.Name)) {
		p.Name, p.Source = "", ""
	}
	p.Version = r.text(fPromptVersion)
	p.Label = r.text(fPromptLabel)
	p.ID = r.text(fPromptID)
	p.Hash = r.text(fPromptHash)
	p.Template = r.text(fPromptTemplate)
	if p.Name == "" {
		r.promptObject(p)
	}
	if p.Name == "" {
		r.logfireVariable(p)
	}
	if IsLabel(p.Version) {
		p.Label, p.Version = p.Version, ""
	}
	r.fillVariables(p)
}

// promptObject reads the Vercel bridge to Langfuse: JSON {name, version,
// isFallback}. A fallback is the application's own text, not that version's.
func (r *reading) promptObject(p *PromptReference) {
	r.each(fPromptObject, func(m *match) bool {
		object, ok := r.document(m)
		if !ok || !object.IsObject() || object.Get("isFallback").Bool() {
			return false
		}
		p.Name = object.Get("name").String()
		p.Version = strings.TrimSuffix(object.Get("version").String(), ".0")
		p.Source = m.key
		return p.Name != ""
	})
}

// logfireVariable reads logfire.variables.<name> = label and
// logfire.variables.<name>.version. It names a prompt only when there is just
// one variable.
func (r *reading) logfireVariable(p *PromptReference) {
	var name, label, version string
	for _, e := range r.entries {
		if e.family.family != familyLogfireVariable {
			continue
		}
		value, _ := scalar(e.value)
		if base, isVersion := strings.CutSuffix(e.rest, ".version"); isVersion {
			if name == "" || name == base {
				name, version = base, value
			}
			continue
		}
		if name != "" && name != e.rest {
			return
		}
		name = e.rest
		if value != "<code_default>" {
			label = value
		}
	}
	if name == "" {
		return
	}
	p.Name, p.Version, p.Source = name, version, "logfire.variables."+name
	if p.Label == "" {
		p.Label = label
	}
}

func (r *reading) fillVariables(p *PromptReference) {
	for _, e := range r.entries {
		if e.family.family != familyVariable {
			continue
		}
		if value, ok := scalar(e.value); ok {
			p.Variables = append(p.Variables, Variable{Name: e.rest, Value: value})
		}
	}
	if len(p.Variables) > 0 {
		return
	}
	r.each(fPromptVariables, func(m *match) bool {
		object, ok := r.document(m)
		if !ok || !object.IsObject() {
			return false
		}
		object.ForEach(func(key, value gjson.Result) bool {
			p.Variables = append(p.Variables, Variable{Name: key.Str, Value: value.String()})
			return true
		})
		return true
	})
}
