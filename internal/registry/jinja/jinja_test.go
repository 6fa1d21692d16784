// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

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

type golden struct {
	Template string
	Values   map[string]json.RawMessage
	Text     *string
	Error    string
}

// What we render is what Jinja 2 renders, by testdata/record.py; what Jinja
// refuses is refused. Little of what it renders is refused by us.
func TestRenderAsJinja(t *testing.T) {
	recorded, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var cases []golden
	require.NoError(t, json.Unmarshal(recorded, &cases))
	rendered := 0
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
		if err != nil {
			continue
		}
		rendered++
		if assert.NotNil(t, c.Text, "%s rendered %q, Jinja raises %s", c.Template, text, c.Error) {
			assert.Equal(t, *c.Text, text, c.Template)
		}
	}
	require.Greater(t, rendered, 50)
}

func TestParseErrors(t *testing.T) {
	for source, want := range map[string]string{
		"a\n{{ b":                         `template line 2: a tag that is never closed by "}}"`,
		"a\n{# b":                         "template line 2: a comment that never ends",
		"\n{% if a %}b":                   "template line 2: an if that is never closed by endif",
		"{% for a in b %}":                "template line 1: a for that is never closed by endfor",
		"{% if a %}{% endfor %}":          "an if that is never closed by endif",
		"{% endif %}":                     `"endif" without its beginning`,
		"{% raw %}":                       "a raw that is never closed by endraw",
		"{% macro m() %}{% endmacro %}":   `the statement "macro" is not supported: if, for, set, include and raw are`,
		"{{ a|title }}":                   `the filter "title" is not supported`,
		"{{ a is odd }}":                  `the test "odd" is not supported`,
		"{{ a.upper() }}":                 "calls are not supported",
		"{{ a.items }}":                   `the attribute "items" is Python's own: write ["items"] for a key`,
		"{{ a.__class__ }}":               "is Python's own",
		"{{ a * 2 }}":                     `"*" in an expression is not supported`,
		"{{ loop.index }}":                "loop is not supported outside of a for",
		"{% for a, b in c %}{% endfor %}": "for is supported with one name",
		"{% set a, b = c %}":              "set is supported for one name and a value only",
		"{% include a %}":                 "include is supported with the name of a partial only",
		"{{ é }}":                         "holds other letters than a to z",
		"{% for x in l %}{{ a }}{% endfor %}{% set a = 1 %}": `set of "a" after a for that reads it is not supported`,
		"{{ a is none is none }}":                            "Jinja takes it for an argument",
		"{{ a|tojson|upper }}":                               "tojson is supported as the last filter of an output only",
		"{{ 'a' if b }}":                                     "needs an else",
		strings.Repeat("x", 5<<20):                           "longer than 4 MiB",
	} {
		_, err := Parse(source)
		var syntax *template.SyntaxError
		require.ErrorAs(t, err, &syntax, source[:min(len(source), 50)])
		assert.ErrorContains(t, err, want)
	}
}

// Nothing that a template asks for is without a bound.
func TestHostileTemplates(t *testing.T) {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + "x" + strings.Repeat(end, n) }
	for source, want := range map[string]string{
		deep("{% if a %}", "{% endif %}", 1000):                                                                     "blocks nested deeper than 32",
		"{{ " + deep("(", ")", 4_000) + " }}":                                                                       "an expression nested deeper than 64",
		"{{ " + strings.Repeat("not ", 9_000) + "a }}":                                                              "more than 64 operations in a row",
		"{{ a" + strings.Repeat("|trim", 4_000) + " }}":                                                             "more than 64 operations in a row",
		"{{ a" + strings.Repeat(".b", 4_000) + " }}":                                                                "more than 64 operations in a row",
		"{{ a" + strings.Repeat(" ~ a", 4_000) + " }}":                                                              "more than 64 operations in a row",
		"{{ " + strings.Repeat("1 if a else ", 1_000) + "1 }}":                                                      "an expression nested deeper than 64",
		"{% for i in range(1000000000) %}{% endfor %}":                                                              "a range of more than 100,000 numbers",
		"{% for i in range(-9223372036854775807, 9223372036854775807) %}{% endfor %}":                               "a range of more than 100,000 numbers",
		"{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}":                             "more than 2,000,000 steps",
		"{% set b = 'xxxxxxxxxxxxxxxx' %}" + strings.Repeat("{% set b = b ~ b %}", 40):                              "a text longer than 1 MiB",
		"{% set b = 'xxxxxxxxxxxxxxxx' %}" + strings.Repeat("{% set b = b|replace('x', 'xxxxxxxxxxxxxxxx') %}", 40): "a text longer than 1 MiB",
		"{% for i in range(99999) %}{{ a }}{{ a }}{{ a }}{{ a }}{% endfor %}":                                       "longer than 16 MiB",
	} {
		parsed, err := Parse(source)
		if err == nil {
			_, err = parsed.Render(map[string]any{"a": strings.Repeat("y", 1000)})
		}
		assert.ErrorContains(t, err, want, source[:min(len(source), 80)])
	}
}

func TestMissing(t *testing.T) {
	for source, want := range map[string]string{
		"a\n{{ b }}":                   `template line 2: variable "b" has no value and no default`,
		"{% for x in b %}{% endfor %}": `variable "b" has no value`,
		"{{ o.x }}":                    `variable "o.x" has no value`,
		"{% for x in l %}\n{{ x.name }}{% endfor %}": `template line 2: variable "x.name" has no value`,
	} {
		parsed, err := Parse(source)
		require.NoError(t, err)
		o := &python.Dict{Values: map[string]any{}}
		_, err = parsed.Render(map[string]any{"o": o, "l": python.List{o}})
		var missing *template.MissingError
		require.ErrorAs(t, err, &missing, source)
		assert.ErrorContains(t, err, want)
	}
	parsed, err := Parse("{{ user.name }} {{ user.city.zip }}")
	require.NoError(t, err)
	text, err := parsed.Render(map[string]any{"user.name": "Ann", "user.city.zip": "1"})
	require.NoError(t, err, "dotted names come whole from spans")
	assert.Equal(t, "Ann 1", text)
	assert.Equal(t, []string{"user"}, parsed.Variables())
}

func TestExpand(t *testing.T) {
	library := map[string]string{"tone@1": "Be {{ tone }}{% set tone = 'x' %}{% include 'end@1' %}\n", "end@1": "!", "a": "{% include 'a' %}"}
	var lookup template.Lookup
	lookup = func(name string) (string, template.Lookup, error) {
		source, ok := library[name]
		if !ok {
			return "", nil, errors.New("there is no partial " + name)
		}
		return source, lookup, nil
	}
	parsed, err := Parse("{% for i in l %}\n{% include 'tone@1' %}{% endfor %} {{ tone }}")
	require.NoError(t, err)
	assert.Equal(t, []string{"tone@1"}, parsed.Partials())
	assert.Equal(t, 2, parsed.PartialLine("tone@1"))
	_, err = parsed.Render(map[string]any{"l": []any{1}})
	require.ErrorContains(t, err, "was not expanded")
	expanded, err := parsed.Expand(lookup)
	require.NoError(t, err)
	assert.Equal(t, []string{"l", "tone"}, expanded.Variables())
	text, err := expanded.Render(map[string]any{"l": []any{1, 2}, "tone": "kind"})
	require.NoError(t, err)
	assert.Equal(t, "\nBe kind!\nBe kind! kind", text)
	for source, want := range map[string]string{"{% include 'none' %}": "there is no partial none", "{% include 'a' %}": "cycle of partials"} {
		parsed, err := Parse(source)
		require.NoError(t, err)
		_, err = parsed.Expand(lookup)
		require.ErrorContains(t, err, want)
	}
}

// FuzzParse looks for panics, for lines that are not there, and for texts that
// are not their parts.
func FuzzParse(f *testing.F) {
	recorded, err := os.ReadFile("testdata/golden.json")
	require.NoError(f, err)
	var cases []golden
	require.NoError(f, json.Unmarshal(recorded, &cases))
	for _, c := range cases {
		f.Add(c.Template, "value")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		parsed, err := Parse(source)
		if err != nil {
			var syntax *template.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > 1+strings.Count(source, "\n")+strings.Count(source, "\r") {
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
