// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	for source, want := range map[string]string{
		"":                                  "",
		"Hi {{name}}.":                      "Hi {{name}}.",
		"{{{raw}}} {{& amp }}":              "{{raw}} {{amp}}",
		"{{! gone }}text":                   "text",
		"{{=<% %>=}}Hi <% name %>":          "Hi {{name}}",
		"{{#a}}\nx {{.}}\n{{/a}}\ny":        "{{#a}}x {{.}}\n{{/a}}y",
		"a {{^b}}none{{/b}}":                "a {{^b}}none{{/b}}",
		"{{=<% %>=}}as {{name}} <% name %>": "",
		"{{#a}}\nx\n{{/a}}\n\ny":            "",
	} {
		parsed, err := Parse(source)
		require.NoError(t, err, source)
		got, err := Write(parsed.Nodes)
		if want == "" && source != "" {
			require.ErrorIs(t, err, ErrNotWritable, source)
			continue
		}
		require.NoError(t, err, source)
		assert.Equal(t, want, got)
	}
}

func FuzzWrite(f *testing.F) {
	for _, source := range []string{"{{=<% %>=}}<%#a%> {{x}} <%/a%>", "{{#a}}\nx\n{{/a}}\n\n", "a\n {{> p}}\n", "{{^a}}{{{b}}}{{/a}}"} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		parsed, err := Parse(source)
		if err != nil {
			return
		}
		text, err := Write(parsed.Nodes)
		if err != nil {
			return
		}
		again, err := Parse(text)
		require.NoError(t, err)
		vars := map[string]any{}
		for _, name := range parsed.Variables() {
			vars[name] = "v"
		}
		want, wantErr := parsed.Render(vars)
		got, gotErr := again.Render(vars)
		assert.Equal(t, wantErr == nil, gotErr == nil)
		assert.Equal(t, want, got)
	})
}
