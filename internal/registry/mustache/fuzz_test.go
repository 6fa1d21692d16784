// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse looks for panics, for lines that are not there, and for templates
// that render differently when they are read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"Hello {{name}}", "{{#a}}{{b}}{{/a}}{{^a}}c{{/a}}", "{{> p }}\n", "{{! c }}\r\n{{=<% %>=}}<%x%>", "{{{a}}}{{&b}}{{", "}}{{}}{{#}}{{/}}", "{{= =}}", "{{=| |=}}|#a||/a|",
		"  {{#a}}\n{{/a}}", "{{=}} }}=}}", "{{={{ }}=}}{{a}}",
	} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		parsed, err := Parse(source)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > 1+strings.Count(source, "\n") {
				t.Fatalf("%v for %q", err, source)
			}
			return
		}
		expanded, err := parsed.Expand(func(string) (string, Lookup, error) { return value, nil, nil })
		if err != nil {
			return
		}
		vars := map[string]any{}
		for _, name := range expanded.Variables() {
			vars[name] = value
		}
		text, err := expanded.Render(vars)
		if err != nil {
			return
		}
		nodes, flat := flatOf(expanded)
		if !flat {
			return
		}
		var want strings.Builder
		for _, n := range nodes {
			switch {
			case n.Kind == Text:
				want.WriteString(n.Text)
			case n.Name == ".":
				return
			default:
				want.WriteString(value)
			}
		}
		if text != want.String() {
			t.Fatalf("%q rendered %q, its parts are %q", source, text, want.String())
		}
	})
}
