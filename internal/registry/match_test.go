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

const (
	longReport = "Report the weather in {{city}} now, in short sentences."
	longRome   = "Report the weather in Rome now, in short sentences."
)

var rome = []genai.Variable{{Name: "city", Value: "Rome"}}

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
		"a line was put before": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport), "a@2": system(longReport + " And sing.")},
			system:    "Today is 2026-11-27.\n" + longRome, want: "a@1", vars: rome,
		},
		"before the same text again": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport)},
			system:    longRome + "\n" + longRome, ambiguous: nil, want: "a@1", vars: []genai.Variable{{Name: "city", Value: "Rome now, in short sentences.\nReport the weather in Rome"}},
		},
		"words were put before, on the same line": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport)},
			system:    "Hello. " + longRome,
		},
		"a line before too little fixed text": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in {{city}} now.")},
			system:    "Hello.\nReport the weather in Rome now.",
		},
		"a line before a text without variables": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather of today in short sentences."), "a@2": system("Report the weather of today in short sentences, please.")},
			system:    "Hello.\n\nReport the weather of today in short sentences.\n", want: "a@1",
		},
		"a line before, the end trimmed": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport + "\n")},
			system:    "Hello.\n" + longRome, want: "a@1", vars: rome,
		},
		"several places behind a preamble": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather in short sentences, in {{city}}")},
			system:    "Hello.\nReport the weather in short sentences, in Rome\nReport the weather in short sentences, in Oslo", ambiguous: []string{"a@1"},
		},
		"system messages were put before": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport)},
			system:    "Today is 2026-11-27.", messages: []TextMessage{said("system", "Be kind."), said("developer", longRome), said("user", "Hi")}, want: "a@1", vars: rome,
		},
		"a system message and a line were put before": {
			templates: map[string][]TemplateMessage{"a@1": chat, "b@1": append(system(longReport), TemplateMessage{Role: "user", Content: "{{question}}"})},
			messages:  []TextMessage{said("system", "Be kind."), said("system", "Hello.\n"+longRome), said("user", "Why?")}, want: "b@1",
			vars: append(rome, genai.Variable{Name: "question", Value: "Why?"}),
		},
		"a user's message was put before": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport)},
			messages:  []TextMessage{said("user", "Hi"), said("system", longRome)},
		},
		"a user quotes a prompt": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport), "b@1": {{Role: "user", Content: longReport}}},
			messages:  []TextMessage{said("system", "You rate prompts."), said("user", "Is this a good prompt?\n"+longRome)},
		},
		"an own beginning comes before a preamble": {
			templates: map[string][]TemplateMessage{"a@1": system(longReport), "b@1": system("Instructions of the house:\n{{rest}}")},
			system:    "Instructions of the house:\n" + longRome, want: "b@1", vars: []genai.Variable{{Name: "rest", Value: longRome}},
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
		"a section is more specific than a variable": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather. {{hint}}"), "a@2": system("Report the weather. {{#hint}}Hint: {{hint}}{{/hint}}")},
			system:    "Report the weather. Hint: rain", want: "a@2", vars: []genai.Variable{{Name: "hint", Value: "rain"}},
		},
		"what cannot be taken back may be the origin": {
			templates: map[string][]TemplateMessage{"a@1": system("Report the weather. {{hint}}"), "a@2": system("Report the weather. {{.}}")},
			system:    "Report the weather. Hint: rain", ambiguous: []string{"a@1", "a@2"},
		},
		"only what cannot be taken back fits": {
			templates: map[string][]TemplateMessage{"a@2": system("Report the weather. {{.}}")},
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
		"too little fixed text for one that is not the first message")
	s = load(t, map[string]string{"prompts/a/versions/1.yaml": "time: 2026-01-01\ntemplate: '" + longReport + "'\n"})
	assert.True(t, s.Match("Other instructions.", []TextMessage{said("user", longRome)}).Found)
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
