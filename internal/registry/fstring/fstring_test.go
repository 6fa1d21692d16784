// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fstring

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// What LangChain renders, and refuses, by testdata/record.py.
func TestRenderAsLangChain(t *testing.T) {
	recorded, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var cases []struct {
		Template string
		Values   map[string]json.RawMessage
		Text     *string
		Error    string
	}
	require.NoError(t, json.Unmarshal(recorded, &cases))
	require.Greater(t, len(cases), 100)
	for _, c := range cases {
		vars := map[string]any{}
		for name, value := range c.Values {
			vars[name], err = python.FromJSON(string(value))
			require.NoError(t, err)
		}
		text := ""
		parsed, err := Parse(c.Template)
		if err == nil {
			text, err = parsed.Render(vars)
		}
		if c.Text == nil {
			assert.Error(t, err, "%s: LangChain says %s", c.Template, c.Error)
			continue
		}
		if assert.NoError(t, err, c.Template) {
			assert.Equal(t, *c.Text, text, c.Template)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for source, want := range map[string]string{
		"a\n{":                     `template line 2: "{" is never closed`,
		"a\nb }":                   `template line 2: a single "}"`,
		"{}":                       "a field without a name",
		"{12}":                     "a field without a name",
		"{a.b}":                    `the field "a.b": attributes and indexes are not supported`,
		"{a[0]}":                   "attributes and indexes",
		"\n{\"key\": 1}":           `template line 2: the field "\"key\"" is no name: write "{{" and "}}" for braces, as around JSON`,
		"{ a }":                    "is no name",
		"{a:{b}}":                  "a field within a format specification is not supported",
		"{a{b}}":                   `"{" within a field`,
		"{a!x}":                    "is none of !r, !s, !a",
		"{a:#x}":                   `the format specification "#x" is not supported`,
		"{a:99999999999999}":       "a width of more than 1000",
		"{a:.2000f}":               "a precision of more than 1000",
		strings.Repeat("x", 5<<20): "longer than 4 MiB",
	} {
		_, err := Parse(source)
		var syntax *template.SyntaxError
		require.ErrorAs(t, err, &syntax)
		want = strings.ReplaceAll(want, `\"`, `"`)
		assert.ErrorContains(t, err, want)
	}
}

func TestRenderErrors(t *testing.T) {
	parsed, err := Parse("one\n{a} {b:d}")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, parsed.Variables())
	_, err = parsed.Render(map[string]any{"b": 1})
	require.ErrorContains(t, err, `template line 2: variable "a" has no value`)
	_, err = parsed.Render(map[string]any{"a": "", "b": "text"})
	require.ErrorContains(t, err, `template line 2: variable "b": the format specification is for numbers`)
	long := strings.Repeat("x", 9<<20)
	parsed, err = Parse("{a}{a}")
	require.NoError(t, err)
	_, err = parsed.Render(map[string]any{"a": long})
	require.ErrorContains(t, err, "longer than 16 MiB")
}

// FuzzParse looks for panics, for lines that are not there, and for texts that
// are not their parts.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"Hello {name}", "{{}}{a!r:>10}", "{a:{b}}", "{", "}", "{a:*^9.2f}", "{\n}", "{{{a}}}"} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		parsed, err := Parse(source)
		if err != nil {
			var syntax *template.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > 1+strings.Count(source, "\n") {
				t.Fatalf("%v for %q", err, source)
			}
			return
		}
		vars := map[string]any{}
		for _, name := range parsed.Variables() {
			vars[name] = value
		}
		text, err := parsed.Render(vars)
		if err != nil {
			return
		}
		var want strings.Builder
		for _, part := range parsed.Parts(nil) {
			switch part.Kind {
			case template.Literal:
				want.WriteString(part.Text)
			case template.Slot:
				want.WriteString(value)
			default:
				return
			}
		}
		if text != want.String() {
			t.Fatalf("%q rendered %q, its parts are %q", source, text, want.String())
		}
	})
}
