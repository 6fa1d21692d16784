// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/registry/mustache"
)

// The registry's template languages.
const (
	formatMustache = "mustache"
	formatFString  = "f-string"
	formatJinja    = "jinja"
)

// eachText calls change for every text of the version.
func (v *Version) eachText(change func(string) string) {
	if len(v.Messages) == 0 {
		v.Template = change(v.Template)
	}
	for i := range v.Messages {
		if v.Messages[i].Placeholder == "" {
			v.Messages[i].Content = change(v.Messages[i].Content)
		}
	}
}

// texts are all texts of the version.
func (v *Version) texts() []string {
	var all []string
	v.eachText(func(s string) string {
		all = append(all, s)
		return s
	})
	return all
}

func (v *Version) anyText(is func(string) bool) bool { return slices.ContainsFunc(v.texts(), is) }

// asLiteral is for a version without a template language. In an f-string whose
// braces are doubled every text is what it is.
func (v *Version) asLiteral() {
	v.Format = formatMustache
	if v.anyText(func(s string) bool { return strings.Contains(s, "{{") }) {
		v.Format = formatFString
		v.eachText(doubleBraces)
	}
}

func doubleBraces(s string) string {
	return strings.NewReplacer("{", "{{", "}", "}}").Replace(s)
}

// doubleBrace is what the systems with "{{name}}" and nothing else replace.
var doubleBrace = regexp.MustCompile(`\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*\}\}`)

// asDoubleBrace is for systems that replace {{name}} and print all else as it is,
// other braces included. Mustache does the same as long as there are none that it
// would read; otherwise the texts are written as f-strings.
func (v *Version) asDoubleBrace(variable *regexp.Regexp) {
	v.Format = formatMustache
	if !v.anyText(func(s string) bool {
		return strings.Contains(variable.ReplaceAllString(s, ""), "{{") || strings.Contains(s, "{{{") || strings.Contains(s, "}}}")
	}) {
		return
	}
	v.Format = formatFString
	dotted := false
	v.eachText(func(s string) string {
		var b strings.Builder
		end := 0
		for _, at := range variable.FindAllStringSubmatchIndex(s, -1) {
			name := s[at[2]:at[3]]
			dotted = dotted || !identifier.MatchString(name)
			b.WriteString(doubleBraces(s[end:at[0]]) + "{" + name + "}")
			end = at[1]
		}
		return b.String() + doubleBraces(s[end:])
	})
	if dotted {
		v.unfit("its texts hold braces that Mustache would read, and variables that an f-string cannot name")
		return
	}
	v.adapted("template", "its texts hold braces that Mustache would read: written as an f-string, which renders the same")
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// anyName is a variable of Mustache as most see it; not every such name is one.
var anyName = regexp.MustCompile(`\{\{\s*([\pL\pN_][\pL\pN_ .-]*?)\s*\}\}`)

// asMustache is for systems with Mustache. What only looks like it is plain text
// there too.
func (v *Version) asMustache() {
	v.Format = formatMustache
	broken := v.anyText(func(s string) bool {
		_, err := mustache.Parse(s)
		return err != nil
	})
	if broken {
		v.asDoubleBrace(anyName)
	}
}

// chatMessage is a message in the form of OpenAI's chat completions, which most
// systems keep.
type chatMessage struct {
	Role         text            `json:"role"`
	Content      json.RawMessage `json:"content"`
	ToolCalls    json.RawMessage `json:"tool_calls"`
	ToolCallID   text            `json:"tool_call_id"`
	FunctionCall json.RawMessage `json:"function_call"`
}

// addChat adds messages in that form. A version has all of its messages or is not
// carried over: half of a prompt is another prompt.
func (v *Version) addChat(messages []json.RawMessage) {
	for i, raw := range messages {
		var m chatMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			v.unfit("message %d has another form than documented: %v", i+1, err)
			return
		}
		switch {
		case !isEmpty(m.ToolCalls) || !isEmpty(m.FunctionCall):
			v.unfit("message %d calls tools, which a message in the registry cannot", i+1)
			return
		case m.Role == "tool" || m.Role == "function" || m.ToolCallID != "":
			v.unfit("message %d is the result of a tool, which a message in the registry cannot be", i+1)
			return
		case m.Role == "":
			v.unfit("message %d has no role", i+1)
			return
		}
		content, ok := v.content(i, m.Content)
		if !ok {
			return
		}
		v.Messages = append(v.Messages, registry.TemplateMessage{Role: string(m.Role), Content: content})
		v.otherMembers(i, raw, "role", "content", "tool_calls", "tool_call_id", "function_call")
	}
	if len(messages) == 0 {
		v.unfit("it has no messages")
	}
}

// otherMembers lists what else a message holds.
func (v *Version) otherMembers(i int, raw json.RawMessage, known ...string) {
	list, err := members(raw)
	if err != nil {
		return
	}
	var names []string
	for _, m := range list {
		if !slices.Contains(known, m.name) && !isEmpty(m.value) {
			names = append(names, m.name)
		}
	}
	if len(names) > 0 {
		v.gap("message "+itoa(i+1), "a message in the registry has no %s", strings.Join(names, ", "))
	}
}

// content is the text of a message: a text, or a list of parts that are texts.
func (v *Version) content(i int, raw json.RawMessage) (string, bool) {
	if isNull(raw) {
		return "", true
	}
	if s, ok := stringOf(raw); ok {
		return s, true
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		v.unfit("message %d has a content that is neither a text nor a list of parts", i+1)
		return "", false
	}
	var texts []string
	for _, raw := range parts {
		var part struct {
			Type text            `json:"type"`
			Text json.RawMessage `json:"text"`
		}
		if s, ok := stringOf(raw); ok {
			texts = append(texts, s)
			continue
		}
		if err := json.Unmarshal(raw, &part); err != nil {
			v.unfit("message %d has a part of another form than documented", i+1)
			return "", false
		}
		s, ok := stringOf(part.Text)
		if part.Type != "text" && part.Type != "input_text" && part.Type != "" || !ok {
			v.unfit("message %d has a part of type %q; messages in the registry are text", i+1, string(part.Type))
			return "", false
		}
		texts = append(texts, s)
	}
	if len(texts) > 1 {
		v.adapted("message "+itoa(i+1), "its %d text parts are joined to one text", len(texts))
	}
	return strings.Join(texts, ""), true
}

// addTools adds tool definitions; what is none is listed.
func (v *Version) addTools(raw json.RawMessage) {
	if isEmpty(raw) {
		return
	}
	if s, ok := stringOf(raw); ok {
		raw = json.RawMessage(s)
	}
	var tools []json.RawMessage
	if err := json.Unmarshal(raw, &tools); err != nil {
		v.gap("tools", "they are no list of definitions")
		return
	}
	v.Tools = append(v.Tools, tools...)
}

// takeParams sorts the members of settings into request parameters, the response
// format and tools; settings that say nothing are left out.
func (v *Version) takeParams(list []member) {
	var params []member
	for _, m := range list {
		switch {
		case isNull(m.value) || string(m.value) == `""`:
		case m.name == "response_format":
			v.takeResponseFormat(m.value)
		case m.name == "tools" || m.name == "functions":
			v.addTools(m.value)
		case string(m.value) == "[]" || string(m.value) == "{}":
		default:
			// A parameter that stands twice would make the file unreadable: the last counts.
			params = append(slices.DeleteFunc(params, func(p member) bool { return p.name == m.name }), m)
		}
	}
	v.Params = object(params)
}

func (v *Version) takeResponseFormat(value json.RawMessage) {
	var format map[string]json.RawMessage
	plain := json.Unmarshal(value, &format) == nil && len(format) == 1 && string(format["type"]) == `"text"`
	if !isEmpty(value) && !plain {
		v.ResponseFormat = value
	}
}

// variable declares a variable; a default that says nothing is none.
func (v *Version) variable(name, kind, byDefault string) {
	if name == "" {
		return
	}
	spec := registry.VariableSpec{}
	if kind != "string" {
		spec.Type = kind
	}
	if byDefault != "" {
		spec.Default = &byDefault
	}
	if spec.Type == "" && spec.Default == nil {
		return
	}
	if v.Variables == nil {
		v.Variables = map[string]registry.VariableSpec{}
	}
	v.Variables[name] = spec
}

// dropGaps takes names of members that are looked at elsewhere out of what a message
// lacks.
func (v *Version) dropGaps(names ...string) {
	const lacks = "a message in the registry has no "
	var kept []Gap
	for _, g := range v.Gaps {
		list, ok := strings.CutPrefix(g.Reason, lacks)
		if ok {
			var left []string
			for _, name := range strings.Split(list, ", ") {
				if !slices.Contains(names, name) {
					left = append(left, name)
				}
			}
			if len(left) == 0 {
				continue
			}
			g.Reason = lacks + strings.Join(left, ", ")
		}
		kept = append(kept, g)
	}
	v.Gaps = kept
}

// setFormat takes the name of a template language as systems write it.
func (v *Version) setFormat(name string) {
	switch strings.ToLower(name) {
	case "", "f-string", "fstring", "f_string":
		v.Format = formatFString
	case "jinja2", "jinja":
		v.Format = formatJinja
	case "mustache":
		v.asMustache()
	case "none":
		v.asLiteral()
	default:
		v.unfit("its template language %q has no counterpart in the registry", name)
	}
}
