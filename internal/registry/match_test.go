// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

func TestMatch(t *testing.T) {
	chat := []TemplateMessage{{Role: "system", Content: "You translate into {{language}}."}, {Role: "user", Content: "Translate this to {{language}}: {{text}}"}}
	tests := map[string]struct {
		templates map[string][]TemplateMessage
		system    string
		messages  []TextMessage
		want      string
		vars      []genai.Variable
		uncertain []string
		ambiguous []string
		possible  []string
	}{
		"static": {
			templates: map[string][]TemplateMessage{"a@1": system("Be brief."), "a@2": system("Be very brief.")},
			system:    "Be very brief.", want: "a@2",
		},
		"one variable": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Report the weather in Rome now.", want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome"}},
		},
		"empty value": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Report the weather in  now.", want: "a@1", vars: []genai.Variable{{Name: "city", Value: ""}},
		},
		"a preamble was added": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Hello. Report the weather in Rome now.",
		},
		"text was appended": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Report the weather in Rome now. Thanks.",
		},
		"repeated variable agrees": {
			templates: map[string][]TemplateMessage{"a@1": system("The city {{city}} is called {{city}} by all.")},
			system:    "The city Rome is called Rome by all.", want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome"}},
		},
		"repeated variable disagrees": {
			templates: map[string][]TemplateMessage{"a@1": system("The city {{city}} is called {{city}} by all.")},
			system:    "The city Rome is called Roma by all.",
		},
		"repeated across messages": {
			templates: map[string][]TemplateMessage{"a@1": chat},
			system:    "You translate into French.", messages: []TextMessage{said("user", "Translate this to French: tea"), said("assistant", "thé")},
			want: "a@1", vars: []genai.Variable{{Name: "language", Value: "French"}, {Name: "text", Value: "tea"}},
		},
		"across messages disagrees": {
			templates: map[string][]TemplateMessage{"a@1": chat},
			system:    "You translate into French.", messages: []TextMessage{said("user", "Translate this to German: tea")},
		},
		"the second message is missing": {
			templates: map[string][]TemplateMessage{"a@1": chat}, system: "You translate into French.",
		},
		"another role": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather."), "b@1": {{Role: "assistant", Content: "Report the weather now."}}},
			messages:  []TextMessage{said("user", "Report the weather now.")},
		},
		"developer is system": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather.")},
			messages:  []TextMessage{said("developer", "Report the weather.")}, want: "a@1",
		},
		"the history repeats the instructions": {
			templates: map[string][]TemplateMessage{"a@1": chat}, system: "You translate into French.",
			messages: []TextMessage{said("system", "You translate into French."), said("user", "Translate this to French: tea")},
			want:     "a@1", vars: []genai.Variable{{Name: "language", Value: "French"}, {Name: "text", Value: "tea"}},
		},
		"adjacent variables": {
			templates: map[string][]TemplateMessage{"a@1": system("Greetings to {{first}}{{last}}, welcome to {{city}}.")},
			system:    "Greetings to AnnLee, welcome to Rome.", want: "a@1",
			vars: []genai.Variable{{Name: "city", Value: "Rome"}}, uncertain: []string{"first", "last"},
		},
		"a separator inside a value": {
			templates: map[string][]TemplateMessage{"a@1": system("Compare {{x}} and {{y}} for the user {{who}}!")},
			system:    "Compare salt and pepper and oil for the user Ann!", want: "a@1",
			vars: []genai.Variable{{Name: "who", Value: "Ann"}}, uncertain: []string{"x", "y"},
		},
		"a strict generalisation loses": {
			templates: map[string][]TemplateMessage{"a@1": system("You are a {{role}} of great skill."), "a@2": system("You are a doctor of great skill.")},
			system:    "You are a doctor of great skill.", want: "a@2",
		},
		"a strict generalisation with variables loses": {
			templates: map[string][]TemplateMessage{"a@1": system("Dear friend {{rest}}"), "a@2": system("Dear friend {{name}}, help with {{task}}.")},
			system:    "Dear friend Ann, help with tea.", want: "a@2",
			vars: []genai.Variable{{Name: "name", Value: "Ann"}, {Name: "task", Value: "tea"}},
		},
		"neither generalises the other": {
			templates: map[string][]TemplateMessage{"a@1": system("Dear friend {{name}} of Rome"), "a@2": system("Dear {{who}} friend of Rome")},
			system:    "Dear friend friend of Rome", ambiguous: []string{"a@1", "a@2"},
		},
		"two prompts with the same text": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather."), "b@1": system("Report the weather.")},
			system:    "Report the weather.", ambiguous: []string{"a@1", "b@1"},
		},
		"renamed variables are the same text": {
			templates: map[string][]TemplateMessage{"a@1": system("Report on {{x}} today."), "a@2": system("Report on {{y}} today.")},
			system:    "Report on tea today.", ambiguous: []string{"a@1", "a@2"},
		},
		"a section may be the origin": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather. {{hint}}"), "a@2": system("Report the weather. {{#hint}}Hint: {{hint}}{{/hint}}")},
			system:    "Report the weather. Hint: rain", ambiguous: []string{"a@1", "a@2"},
		},
		"only a section fits": {
			templates: map[string][]TemplateMessage{"a@2": system("Report the weather. {{#hint}}Hint: {{hint}}{{/hint}}")},
			system:    "Report the weather. Hint: rain", possible: []string{"a@2"},
		},
		"the final line end was stripped": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.\n")},
			system:    "Report the weather in Rome now.", want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome"}},
		},
		"a final line end was added": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Report the weather in Rome now.\n", want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome"}},
		},
		"exact before stripped": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather."), "a@2": system("Report the weather.\n")},
			system:    "Report the weather.", want: "a@1",
		},
		"a value at the end keeps its line end": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}}")},
			system:    "Report the weather in Rome\n", want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome\n"}},
		},
		"too little fixed text": {
			templates: map[string][]TemplateMessage{"a@1": system("{{a}}, {{b}}")}, system: "Hello, world",
		},
		"dotted and triple": {
			templates: map[string][]TemplateMessage{"a@1": system("Hello {{{user.name}}}, this is the desk of {{& desk}}")},
			system:    "Hello <b>Ann</b>, this is the desk of A&B", want: "a@1",
			vars: []genai.Variable{{Name: "user.name", Value: "<b>Ann</b>"}, {Name: "desk", Value: "A&B"}},
		},
		"nothing": {templates: map[string][]TemplateMessage{"a@1": system("Report the weather.")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := memory(t, test.templates)
			got := s.Match(test.system, test.messages)
			if test.want == "" {
				assert.False(t, got.Found)
			} else {
				require.True(t, got.Found, "candidates %v", got.Candidates)
				assert.Equal(t, test.want, VersionRef{got.Prompt, got.Version}.String())
			}
			assert.Equal(t, test.vars, got.Variables)
			assert.Equal(t, test.uncertain, got.UncertainVariables)
			assert.Equal(t, len(test.ambiguous) > 0, got.Ambiguous)
			assert.Equal(t, append(test.ambiguous, test.possible...), got.Candidates)
		})
	}
}

func TestBareTemplateMatchesFirstUserMessage(t *testing.T) {
	s := load(t, map[string]string{"prompts/a/versions/1.yaml": "time: 2026-01-01\ntemplate: Report the weather in {{city}}.\n"})
	got := s.Match("", []TextMessage{said("user", "Report the weather in Rome.")})
	require.True(t, got.Found)
	assert.Equal(t, "Rome", got.Variables[0].Value)
	assert.False(t, s.Match("", []TextMessage{said("assistant", "Report the weather in Rome.")}).Found)
	assert.False(t, s.Match("Other instructions.", []TextMessage{said("user", "Report the weather in Rome.")}).Found,
		"the text is not the first message of the call")
}

func TestMatchAmong(t *testing.T) {
	s := memory(t, map[string][]TemplateMessage{
		"a@1": system("Report the weather."), "b@1": system("Report the weather."), "a@2": system("Report the weather today."),
	})
	refs := []VersionRef{{s.Prompt("a"), s.Prompt("a").Version("1")}, {s.Prompt("a"), s.Prompt("a").Version("2")}}
	got := s.MatchAmong(refs, "Report the weather.", nil)
	require.True(t, got.Found, "only one of the two prompts is asked for")
	assert.Equal(t, "1", got.Version.Version)
	assert.False(t, s.MatchAmong(refs[1:], "Report the weather.", nil).Found)
}

// A search that cannot be finished must end soon, and must not claim a match.
func TestMatchGivesUpOnHardPatterns(t *testing.T) {
	hard := strings.Repeat("{{a}}{{b}}{{c}}{{d}}", 4) + " is a hard pattern"
	s := memory(t, map[string][]TemplateMessage{"a@1": system(hard)})
	got := s.Match(strings.Repeat("a", 400)+"b is a hard pattern", nil)
	assert.False(t, got.Found)
}
