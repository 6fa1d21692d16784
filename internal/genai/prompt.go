// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// labels are names that move between versions. Where a version belongs they
// are labels all the same.
var labels = map[string]bool{
	"production": true, "prod": true, "latest": true, "staging": true, "stage": true, "development": true,
	"dev": true, "test": true, "testing": true, "canary": true, "live": true, "default": true, "preview": true,
	"main": true, "master": true, "head": true, "stable": true, "beta": true, "release": true, "qa": true, "uat": true,
}

// maxLabelLength is the length of the longest label.
const maxLabelLength = 16

// IsLabel tells whether a name that stands where a version belongs is a label.
func IsLabel(version string) bool {
	return len(version) <= maxLabelLength && labels[strings.ToLower(version)]
}

// isPerRequest tells whether a name is made anew for every request and so names no
// prompt: it holds a UUID, or the separator that gemini-cli puts before its counter.
func isPerRequest(name string) bool {
	if strings.Contains(name, "########") {
		return true
	}
	for i := uuidFirst; i+uuidRest <= len(name); i++ {
		if name[i] == '-' && isUUID(name[i-uuidFirst:i+uuidRest]) {
			return true
		}
	}
	return false
}

// A UUID has so many digits before its first hyphen, and so many bytes from it on.
const (
	uuidFirst = 8
	uuidRest  = 28
)

func isUUID(text string) bool {
	for i := range len(text) {
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return false
			}
		default:
			if !isHex(text[i]) {
				return false
			}
		}
	}
	return true
}

// fillPrompt reads the prompt reference. Spans of the Model Context Protocol
// name that protocol's prompts, not the prompt of a model call.
func (r *reading) fillPrompt(c *Call) {
	p := &c.Prompt
	if r.has(fMCPMethod) {
		return
	}
	r.each(fPromptName, func(m *match) bool {
		name, ok := scalar(m.value)
		if !ok {
			r.problem(m.key, ReasonWrongType)
		}
		name = strings.TrimSpace(unquotedScalar(name))
		if !r.namesPrompt(m.key, name) {
			return false
		}
		p.Name, p.Source = name, m.key
		return true
	})
	p.setVersion(r.text(fPromptVersion))
	if label := r.text(fPromptLabel); p.Label == "" {
		p.Label = label
	}
	p.ID = r.text(fPromptID)
	p.Hash = r.text(fPromptHash)
	p.Template = r.text(fPromptTemplate)
	if owner := r.text(fPromptOwner); owner != "" && owner != "-" && p.Source == "langsmith.metadata.lc_hub_repo" {
		p.Name = owner + "/" + p.Name
	}
	if p.Name == "" {
		r.promptObject(p)
	}
	if p.Name == "" {
		r.promptHandle(p)
	}
	if p.Name == "" {
		r.logfireVariable(p)
	}
	r.fillVariables(p)
}

// namesPrompt tells whether a value really names a prompt.
func (r *reading) namesPrompt(key, name string) bool {
	if name == "" {
		return false
	}
	switch key {
	case "gen_ai.prompt.name":
		return !isPerRequest(name)
	case "humanloop.file.path":
		kind := r.text(fPromptFileType)
		return kind == "" || kind == "prompt"
	}
	return true
}

// setVersion sets the version, or the label when the version is one.
func (p *PromptReference) setVersion(version string) {
	if IsLabel(version) {
		p.Label = version
		return
	}
	p.Version = version
}

// promptObject reads references that are JSON: the Vercel bridge to Langfuse
// {name, version, isFallback}, and MLflow's list of {name, version}. A fallback
// is the application's own text, not that version's.
func (r *reading) promptObject(p *PromptReference) {
	r.each(fPromptObject, func(m *match) bool {
		object, ok := r.document(m)
		if object.IsArray() {
			object = object.Get("0")
		}
		if !ok || !object.IsObject() || object.Get("isFallback").Bool() {
			return false
		}
		name := object.Get("name").String()
		if name == "" {
			return false
		}
		p.Name, p.Source = name, m.key
		p.setVersion(versionText(object.Get("version")))
		return true
	})
}

// versionText prints a version; a whole number prints without decimals.
func versionText(version gjson.Result) string {
	if version.Type == gjson.Number {
		return strings.TrimSuffix(version.Raw, ".0")
	}
	return version.String()
}

// promptHandle reads LangWatch's "handle:version" or "handle:tag", split at the
// last colon; a bare id begins with prompt_ and names nothing.
func (r *reading) promptHandle(p *PromptReference) {
	r.each(fPromptReference, func(m *match) bool {
		reference, _ := scalar(m.value)
		colon := strings.LastIndexByte(reference, ':')
		if colon <= 0 {
			return false
		}
		p.Name, p.Source = reference[:colon], m.key
		if rest := reference[colon+1:]; p.Version == "" && isNumber(rest) {
			p.Version = rest
		} else if p.Label == "" && p.Version == "" {
			p.Label = rest
		}
		return true
	})
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}

// logfireVariable reads logfire.variables.<name> = label and
// logfire.variables.<name>.version. It names a prompt only when there is just
// one variable.
func (r *reading) logfireVariable(p *PromptReference) {
	var name, label, version string
	for i := range r.entries {
		e := &r.entries[i]
		if e.family.family != familyLogfireVariable {
			continue
		}
		base, isVersion := strings.CutSuffix(e.rest, ".version")
		if strings.ContainsRune(base, '.') {
			continue
		}
		if name != "" && name != base {
			return
		}
		name = base
		value, _ := scalar(e.value)
		switch {
		case isVersion:
			version = value
		case value != "<code_default>":
			label = value
		}
	}
	if name == "" {
		return
	}
	p.Name, p.Source = name, "logfire.variables."+name
	if p.Label == "" {
		p.Label = label
	}
	if version != "" {
		p.setVersion(version)
	}
}

// fillVariables reads the values that were rendered into the prompt.
func (r *reading) fillVariables(p *PromptReference) {
	for i := range r.entries {
		e := &r.entries[i]
		if e.family.family != familyVariable {
			continue
		}
		value, ok := scalar(e.value)
		if !ok {
			value = jsonText(e.value)
		}
		p.Variables = append(p.Variables, Variable{Name: e.rest, Value: value})
	}
	if len(p.Variables) > 0 {
		return
	}
	r.each(fPromptVariables, func(m *match) bool {
		object, ok := r.variablesObject(m, p)
		if !ok {
			return false
		}
		object.ForEach(func(key, value gjson.Result) bool {
			p.Variables = append(p.Variables, Variable{Name: key.Str, Value: value.String()})
			return true
		})
		return true
	})
}

// variablesObject returns the JSON object of variables. LangWatch wraps it in
// {type, value}, and on the span that fetched the prompt it holds the request:
// {prompt_id, tag}.
func (r *reading) variablesObject(m *match, p *PromptReference) (gjson.Result, bool) {
	if m.value.Type() == pcommon.ValueTypeEmpty {
		return gjson.Result{}, false
	}
	object, ok := r.document(m)
	if !ok || !object.IsObject() {
		return object, false
	}
	if m.key == "langwatch.prompt.variables" {
		if object = object.Get("value"); object.Get("prompt_id").Exists() {
			if tag := object.Get("tag"); p.Label == "" && tag.Type == gjson.String {
				p.Label = tag.Str
			}
			return object, false
		}
	}
	return object, object.IsObject()
}
