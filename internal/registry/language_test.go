// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

func TestVersionInFString(t *testing.T) {
	s := load(t, map[string]string{
		"prompts/p/prompt.yaml":     "format: f-string\nvariables:\n  n: {type: number}\n  on: {type: boolean}\n  l: {type: list}\n",
		"prompts/p/versions/1.yaml": "format: f-string\ntemplate: 'Answer {name} in {n} words as {{\"json\": {on}}} of {l}, please'\n",
		"prompts/p/versions/2.yaml": "format: f-string\ntemplate: 'Answer {name} in short words, {name}, please'\n",
	})
	p := s.Prompt("p")
	v := p.Version("1")
	assert.Equal(t, []string{"name", "n", "on", "l"}, v.Variables())
	texts, err := v.Render(map[string]string{"name": "Ann", "n": "3", "on": "true", "l": `[1,"a",null]`})
	require.NoError(t, err)
	assert.Equal(t, `Answer Ann in 3 words as {"json": True} of [1, 'a', None], please`, texts[0].Content)
	got := s.Match("Answer Bob in short words, Bob, please", nil)
	require.True(t, got.Found)
	assert.Equal(t, "2", got.Version.Version)
	assert.Equal(t, []genai.Variable{{Name: "name", Value: "Bob"}}, got.Variables)
	_, err = v.Render(map[string]string{"name": "Ann"})
	require.ErrorContains(t, err, `version "1", message 1: template line 1: variable "n" has no value and no default`)
}

// The format is part of the identity, unless it is Mustache, whose hashes stay.
func TestFormatInHash(t *testing.T) {
	hash := func(format string) string {
		s := load(t, map[string]string{"prompts/p/versions/1.yaml": format + "template: Report the weather.\n"})
		return s.Prompt("p").Version("1").Hash
	}
	assert.Equal(t, hash(""), hash("format: mustache\n"))
	assert.NotEqual(t, hash(""), hash("format: f-string\n"))
	assert.Equal(t, mustHash(t, `{"format":"f-string","messages":[{"content":"Report the weather.","role":"system"}]}`), hash("format: f-string\n"))
}

func TestFormatIsRefused(t *testing.T) {
	dir := directory(t, map[string]string{
		"prompts/p/prompt.yaml":         "format: f-string\n",
		"prompts/p/versions/1.yaml":     "template: Report the weather.\n",
		"prompts/p/versions/2.yaml":     "template: Report the weather.\nformat: erb\n",
		"prompts/p/versions/3.yaml":     "format: f-string\ntemplate: |\n  Report\n  {the.weather}.\n",
		"prompts/q/versions/1.yaml":     "template: 'Report the {{> tone@1}} weather.'\n",
		"partials/tone/versions/1.yaml": "format: f-string\ncontent: '{{tone}}'\n",
	})
	_, problems := Load(dir)
	assert.ElementsMatch(t, []string{
		"prompts/p/versions/1.yaml:1: prompt.yaml says format f-string, this version says none and would be mustache: write its format here",
		`prompts/p/versions/2.yaml:2: format "erb" is none of mustache, f-string, jinja`,
		`prompts/p/versions/3.yaml:4: the field "the.weather": attributes and indexes are not supported`,
		`prompts/q/versions/1.yaml:1: partial "tone"@1 is in another template language: it is f-string, this is mustache`,
	}, reasons(dir, problems))
}

// A new version is in the language of the one that it was made from, else of
// the prompt.
func TestAddVersionKeepsTheFormat(t *testing.T) {
	dir := t.TempDir()
	first, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather of {city} {{}}.", Format: "f-string", Time: may})
	require.NoError(t, err)
	assert.Equal(t, "f-string", first.Format)
	second, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather of {city} now.", Time: may})
	require.NoError(t, err)
	assert.Equal(t, "f-string", second.Format)
	third, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather of {{city}} now.", Format: "mustache", Time: may})
	require.NoError(t, err)
	assert.Equal(t, []string{"city"}, third.Variables())
	_, err = AddVersion(dir, NewVersion{Prompt: "p", Template: "Report {city.name} now.", Format: "f-string", Time: may})
	require.ErrorContains(t, err, "template line 1: the field")
	put(t, dir, "prompts/q/prompt.yaml", "format: f-string\n")
	v, err := AddVersion(dir, NewVersion{Prompt: "q", Template: "Report the weather of {city} now.", Time: may})
	require.NoError(t, err)
	assert.Equal(t, "f-string", v.Format)
	_, problems := Load(dir)
	assert.Empty(t, problems)
	_, changes := DiffVersions(second, third)
	require.Equal(t, ChangeTemplateFormat, changes[0].Kind)
	assert.Equal(t, "the template language changed from f-string to mustache", changes[0].Text)
}

func TestVersionInJinja(t *testing.T) {
	dir := directory(t, map[string]string{
		"partials/tone/versions/1.yaml": "format: jinja\ncontent: 'Be {{ tone }}.'\n",
		"prompts/p/versions/1.yaml":     "format: jinja\ntemplate: 'Answer {{ name }} in short words. {% include \"tone@1\" %}'\n",
		"prompts/p/versions/2.yaml":     "format: jinja\ntemplate: \"Answer {{ user.name }} with:{% for d in docs %}\\n{{ loop.index }}. {{ d }}{% endfor %}\"\n",
		"prompts/q/versions/1.yaml":     "format: jinja\ntemplate: |\n  Answer\n  {{ name|title }}\n",
	})
	s, problems := Load(dir)
	assert.ElementsMatch(t, []string{
		`prompts/q/versions/1.yaml:4: the filter "title" is not supported`,
	}, reasons(dir, problems))
	p := s.Prompt("p")
	assert.Equal(t, "tone", p.Version("1").Partials[0].Name)
	got := s.Match("Answer Ann in short words. Be kind.", nil)
	require.True(t, got.Found)
	assert.Equal(t, "1", got.Version.Version)
	assert.Equal(t, []genai.Variable{{Name: "name", Value: "Ann"}, {Name: "tone", Value: "kind"}}, got.Variables)
	texts, err := p.Version("2").Render(map[string]string{"user": `{"name":"Ann"}`, "docs": `["one",2.0]`})
	require.NoError(t, err)
	assert.Equal(t, "Answer Ann with:\n1. one\n2. 2.0", texts[0].Content)
	got = s.Match(texts[0].Content, nil)
	require.True(t, got.Found)
	assert.Equal(t, []genai.Variable{{Name: "user.name", Value: "Ann"}}, got.Variables)
	assert.Equal(t, []string{"docs"}, got.UncertainVariables)
}
