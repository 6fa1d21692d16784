// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

var withHistory = []TemplateMessage{
	{Role: "system", Content: "You help customers of {{company}} politely."}, {Placeholder: "history"}, {Role: "user", Content: "Question: {{question}}"},
}

func TestPlaceholderRoundTrip(t *testing.T) {
	dir := t.TempDir()
	added, err := AddVersion(dir, NewVersion{Prompt: "p", Messages: withHistory, Time: may})
	require.NoError(t, err)
	v := reload(t, dir).Prompt("p").Version("1")
	assert.Equal(t, withHistory, v.Messages)
	assert.Equal(t, added.Hash, v.Hash)
	assert.Equal(t, []string{"history"}, v.Placeholders())
	assert.Equal(t, []string{"company", "history", "question"}, v.Variables())

	without, err := AddVersion(dir, NewVersion{Prompt: "p", Messages: []TemplateMessage{withHistory[0], withHistory[2]}, Time: may})
	require.NoError(t, err)
	assert.NotEqual(t, added.Hash, without.Hash)
	_, changes := DiffVersions(v, without)
	assert.Equal(t, "placeholder_changed", changes[0].Kind)
	assert.Equal(t, "a placeholder became a user message", changes[0].Text)
	unified, _ := DiffVersions(v, v)
	assert.Empty(t, unified)
	renamed, err := AddVersion(dir, NewVersion{Prompt: "p", Messages: []TemplateMessage{withHistory[0], {Placeholder: "chat"}, withHistory[2]}, Time: may})
	require.NoError(t, err)
	assert.NotEqual(t, added.Hash, renamed.Hash)
}

func TestPlaceholderRender(t *testing.T) {
	s := memory(t, map[string][]TemplateMessage{"p@1": withHistory})
	v := s.Prompt("p").Version("1")
	vars := map[string]string{"company": "us", "question": "Why?", "history": `[{"role": "user", "content": "Hi {{company}}"}, {"role": "assistant", "content": ""}]`}
	got, err := v.Render(vars)
	require.NoError(t, err)
	assert.Equal(t, []RenderedMessage{{"system", "You help customers of us politely."}, {"user", "Hi {{company}}"}, {"assistant", ""}, {"user", "Question: Why?"}}, got)
	own, err := v.RenderOwn(vars)
	require.NoError(t, err)
	assert.Equal(t, []RenderedMessage{got[0], got[3]}, own)
	for value, fails := range map[string]string{
		"hello": "a JSON list", `{}`: "a JSON list", `[] []`: "follows the list", `[{"role": "user"}]`: "message 1 has no role or no content",
		`[{"role": "user", "content": "a", "tool_calls": []}]`: "unknown field", `[{"role": "user", "content": []}]`: "a JSON list",
	} {
		vars["history"] = value
		_, err = v.Render(vars)
		require.ErrorContains(t, err, fails, value)
	}
	delete(vars, "history")
	_, err = v.Render(vars)
	require.ErrorContains(t, err, `variable "history" has no value`)
	_, err = v.RenderOwn(vars)
	require.NoError(t, err)
}

func TestMatchWithPlaceholder(t *testing.T) {
	s := memory(t, map[string][]TemplateMessage{
		"p@1": withHistory, "p@2": {withHistory[0], {Placeholder: "history"}, {Role: "user", Content: "Answer this: {{question}}"}},
		"first@1": {{Placeholder: "history"}, {Role: "system", Content: "Sum up what was said before, in one sentence."}},
		"last@1":  {{Role: "system", Content: "You are a poet of the sea, and of {{place}}."}, {Placeholder: "history"}},
	})
	usual, most := s.MatchedMessages()
	assert.Equal(t, 1, usual)
	assert.Equal(t, maxHistory, most)
	company, question := genai.Variable{Name: "company", Value: "us"}, genai.Variable{Name: "question", Value: "Why?"}
	help := said("system", "You help customers of us politely.")
	for name, test := range map[string]struct {
		messages  []TextMessage
		want      string
		vars      []genai.Variable
		uncertain []string
	}{
		"no history":        {[]TextMessage{help, said("user", "Question: Why?")}, "p@1", []genai.Variable{company, question}, nil},
		"some history":      {[]TextMessage{help, said("user", "Hi"), said("assistant", "Yes?"), said("user", "Question: Why?")}, "p@1", []genai.Variable{company, question}, nil},
		"more after it":     {[]TextMessage{help, said("user", "Hi"), said("user", "Question: Why?"), said("assistant", ""), said("tool", "{}")}, "p@1", []genai.Variable{company, question}, nil},
		"another version":   {[]TextMessage{help, said("user", "Hi"), said("user", "Answer this: Why?")}, "p@2", []genai.Variable{company, question}, nil},
		"two places":        {[]TextMessage{help, said("user", "Question: Who?"), said("assistant", "Me."), said("user", "Question: Why?")}, "p@1", []genai.Variable{company}, []string{"question"}},
		"another role":      {[]TextMessage{help, said("assistant", "Question: Why?")}, "", nil, nil},
		"only the begin":    {[]TextMessage{help}, "", nil, nil},
		"at the begin":      {[]TextMessage{said("user", "Hi"), said("assistant", "Ho"), said("system", "Sum up what was said before, in one sentence.")}, "first@1", nil, nil},
		"at the end":        {[]TextMessage{said("system", "You are a poet of the sea, and of Rome."), said("user", "Hi")}, "last@1", []genai.Variable{{Name: "place", Value: "Rome"}}, nil},
		"behind a preamble": {[]TextMessage{said("system", "Be kind."), help, said("user", "Hi"), said("user", "Question: Why?")}, "p@1", []genai.Variable{company, question}, nil},
	} {
		got := s.Match("", test.messages)
		if test.want == "" {
			assert.False(t, got.Found, name)
			assert.Equal(t, name == "only the begin" || name == "another role", got.Further, name)
			continue
		}
		require.True(t, got.Found, "%s: %v", name, got.Candidates)
		assert.Equal(t, test.want, VersionRef{got.Prompt, got.Version}.String(), name)
		assert.Equal(t, test.vars, got.Variables, name)
		assert.Equal(t, test.uncertain, got.UncertainVariables, name)
	}
	both := s.Match("", []TextMessage{help, said("user", "Question: Why?"), said("user", "Answer this: Why?")})
	assert.True(t, both.Ambiguous)
	assert.ElementsMatch(t, []string{"p@1", "p@2"}, both.Candidates)
}

// However long a history is, an answer comes soon, and what is not certain is not
// claimed.
func TestMatchWithPlaceholdersIsBounded(t *testing.T) {
	messages := []TemplateMessage{{Role: "system", Content: "You repeat what {{who}} says, all of it."}}
	for i := range 8 {
		messages = append(messages, TemplateMessage{Placeholder: "h" + string(rune('0'+i))}, TemplateMessage{Role: "user", Content: "{{v" + string(rune('0'+i)) + "}}"})
	}
	s := memory(t, map[string][]TemplateMessage{"p@1": messages})
	call := []TextMessage{said("system", "You repeat what Ann says, all of it.")}
	for i := range 500 {
		call = append(call, said("user", strings.Repeat("x", i)))
	}
	got := s.Match("", call)
	assert.False(t, got.Found)
	assert.Equal(t, []string{"p@1"}, got.Candidates)
	assert.False(t, s.Match("", slices.Repeat([]TextMessage{said("user", "x")}, 500)).Found)
}
