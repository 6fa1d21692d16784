// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// library are partials by name.
type library map[string]string

func (l library) lookup(name string) (string, Lookup, error) {
	source, ok := l[name]
	if !ok {
		return "", nil, errors.New("there is no partial " + name)
	}
	return source, l.lookup, nil
}

// data reads JSON as the values of a template.
func data(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var values map[string]any
	require.NoError(t, d.Decode(&values), text)
	return values
}

func render(t testing.TB, source, values string, partials library) (string, error) {
	t.Helper()
	parsed, err := Parse(source)
	require.NoError(t, err, source)
	expanded, err := parsed.Expand(partials.lookup)
	require.NoError(t, err, source)
	return expanded.Render(data(t, values))
}

// The semantics of the Mustache specification (its modules interpolation,
// sections, inverted, comments, delimiters and partials), with our two
// differences: nothing is escaped, and a variable without a value is an error.
func TestRenderBySpecification(t *testing.T) {
	for name, test := range map[string]struct{ template, data, want string }{
		// Interpolation.
		"no tags":                          {"Hello from {Mustache}!\n", `{}`, "Hello from {Mustache}!\n"},
		"basic":                            {"Hello, {{subject}}!\n", `{"subject":"world"}`, "Hello, world!\n"},
		"no re-interpolation":              {"{{template}}: {{planet}}", `{"template":"{{planet}}","planet":"Earth"}`, "{{planet}}: Earth"},
		"nothing is escaped":               {"{{a}} {{{a}}} {{&a}}", `{"a":"& \" < >"}`, `& " < > & " < > & " < >`},
		"integer":                          {`"{{mph}} miles an hour!"`, `{"mph":85}`, `"85 miles an hour!"`},
		"decimal":                          {"{{power}} jiggawatts", `{"power":1.210}`, "1.210 jiggawatts"},
		"null is empty":                    {"I ({{cannot}}) be seen!", `{"cannot":null}`, "I () be seen!"},
		"boolean":                          {"{{a}} {{b}}", `{"a":true,"b":false}`, "true false"},
		"a list is its JSON":               {"{{a}}", `{"a":[1,"b"]}`, `[1,"b"]`},
		"dotted":                           {`"{{person.name}}" == "{{#person}}{{name}}{{/person}}"`, `{"person":{"name":"Joe"}}`, `"Joe" == "Joe"`},
		"dotted, deep":                     {"{{a.b.c.d.e.name}}", `{"a":{"b":{"c":{"d":{"e":{"name":"Phil"}}}}}}`, "Phil"},
		"dotted, first part resolved here": {"{{#a}}{{b.c.d.e.name}}{{/a}}", `{"a":{"b":{"c":{"d":{"e":{"name":"Phil"}}}}},"b":{"c":{"d":{"e":{"name":"Wrong"}}}}}`, "Phil"},
		"dotted, whole key of a span":      {"{{user.name}}", `{"user.name":"Ann"}`, "Ann"},
		"implicit iterator":                {"Hello, {{.}}", `{}`, `Hello, {}`},
		"surrounding white space":          {"| {{string}} |", `{"string":"---"}`, "| --- |"},
		"standalone keeps white space":     {"  {{string}}\n", `{"string":"---"}`, "  ---\n"},
		"padding":                          {"|{{ string }}|{{{ string }}}|{{& string }}|", `{"string":"---"}`, "|---|---|---|"},

		// Sections.
		"truthy":                  {`"{{#boolean}}This should be rendered.{{/boolean}}"`, `{"boolean":true}`, `"This should be rendered."`},
		"falsey":                  {`"{{#boolean}}No.{{/boolean}}"`, `{"boolean":false}`, `""`},
		"null is falsey":          {`"{{#null}}No.{{/null}}"`, `{"null":null}`, `""`},
		"missing is falsey":       {`[{{#missing}}No.{{/missing}}]`, `{}`, "[]"},
		"zero is truthy":          {"{{#n}}yes{{/n}}", `{"n":0}`, "yes"},
		"empty text is falsey":    {"{{#n}}yes{{/n}}", `{"n":""}`, ""},
		"context":                 {`"{{#context}}Hi {{name}}.{{/context}}"`, `{"context":{"name":"Joe"}}`, `"Hi Joe."`},
		"parent contexts":         {"{{#sec}}{{a}}, {{b}}, {{c.d}}{{/sec}}", `{"a":"foo","b":"wrong","sec":{"b":"bar"},"c":{"d":"baz"}}`, "foo, bar, baz"},
		"list":                    {"{{#list}}{{item}}{{/list}}", `{"list":[{"item":1},{"item":2},{"item":3}]}`, "123"},
		"empty list":              {"[{{#list}}Yay{{/list}}]", `{"list":[]}`, "[]"},
		"doubled":                 {"{{#bool}}* first{{/bool}}{{#bool}}* third{{/bool}}", `{"bool":true}`, "* first* third"},
		"nested truthy":           {"| A {{#bool}}B {{#bool}}C{{/bool}} D{{/bool}} E |", `{"bool":true}`, "| A B C D E |"},
		"nested falsey":           {"| A {{#bool}}B {{#bool}}C{{/bool}} D{{/bool}} E |", `{"bool":false}`, "| A  E |"},
		"implicit iterator, text": {`"{{#list}}({{.}}){{/list}}"`, `{"list":["a","b"]}`, `"(a)(b)"`},
		"implicit, nested lists":  {"{{#list}}({{#.}}{{.}}{{/.}}){{/list}}", `{"list":[[1,2],["a"]]}`, "(12)(a)"},
		"dotted section":          {`"{{#a.b.c}}Here{{/a.b.c}}" == "Here"`, `{"a":{"b":{"c":true}}}`, `"Here" == "Here"`},
		"broken chain":            {"[{{#a.b.c}}Here{{/a.b.c}}]", `{"a":{}}`, "[]"},
		"spaces around":           {" | {{#boolean}}\t|\t{{/boolean}} | \n", `{"boolean":true}`, " | \t|\t | \n"},
		"internal lines":          {" | {{#boolean}} {{! Important }}\n {{/boolean}} | \n", `{"boolean":true}`, " |  \n  | \n"},
		"indented inline":         {" {{#boolean}}YES{{/boolean}}\n {{#boolean}}GOOD{{/boolean}}\n", `{"boolean":true}`, " YES\n GOOD\n"},
		"standalone lines":        {"| This Is\n{{#boolean}}\n|\n{{/boolean}}\n| A Line\n", `{"boolean":true}`, "| This Is\n|\n| A Line\n"},
		"indented standalone":     {"| This Is\n  {{#boolean}}\n|\n  {{/boolean}}\n| A Line\n", `{"boolean":true}`, "| This Is\n|\n| A Line\n"},
		"standalone CRLF":         {"|\r\n{{#boolean}}\r\n{{/boolean}}\r\n|", `{"boolean":true}`, "|\r\n|"},
		"standalone at the start": {"  {{#boolean}}\n#{{/boolean}}\n/", `{"boolean":true}`, "#\n/"},
		"standalone at the end":   {"#{{#boolean}}\n/\n  {{/boolean}}", `{"boolean":true}`, "#\n/\n"},
		"section padding":         {"|{{# boolean }}={{/ boolean }}|", `{"boolean":true}`, "|=|"},

		// Inverted sections.
		"inverted falsey":     {"{{^boolean}}yes{{/boolean}}", `{"boolean":false}`, "yes"},
		"inverted truthy":     {"[{{^boolean}}no{{/boolean}}]", `{"boolean":true}`, "[]"},
		"inverted context":    {"[{{^context}}no{{/context}}]", `{"context":{"name":"Joe"}}`, "[]"},
		"inverted list":       {"[{{^list}}no{{/list}}]", `{"list":[{"n":1}]}`, "[]"},
		"inverted empty list": {"{{^list}}yes{{/list}}", `{"list":[]}`, "yes"},
		"inverted missing":    {"{{^missing}}yes{{/missing}}", `{}`, "yes"},
		"inverted standalone": {"| This Is\n{{^boolean}}\n|\n{{/boolean}}\n| A Line\n", `{"boolean":false}`, "| This Is\n|\n| A Line\n"},
		"else":                {"{{#a}}1{{/a}}{{^a}}2{{/a}}", `{"a":""}`, "2"},

		// Comments.
		"comment inline":               {"12345{{! Comment Block! }}67890", `{}`, "1234567890"},
		"comment of lines":             {"12345{{!\n  This is a\n  multi-line comment...\n}}67890\n", `{}`, "1234567890\n"},
		"comment standalone":           {"Begin.\n{{! Comment Block! }}\nEnd.\n", `{}`, "Begin.\nEnd.\n"},
		"comment standalone, indented": {"Begin.\n  {{! Indented }}\nEnd.\n", `{}`, "Begin.\nEnd.\n"},
		"comment standalone, lines":    {"Begin.\n{{!\nSomething's going on here...\n}}\nEnd.\n", `{}`, "Begin.\nEnd.\n"},
		"comment not standalone":       {"  12 {{! 34 }}\n", `{}`, "  12 \n"},
		"comment with a tag in it":     {"{{! {{a }}b", `{}`, "b"},

		// Delimiters.
		"pair":                   {"{{=<% %>=}}(<%text%>)", `{"text":"Hey!"}`, "(Hey!)"},
		"special characters":     {"({{=[ ]=}}[text])", `{"text":"It worked!"}`, "(It worked!)"},
		"sections":               {"[\n{{#section}}\n  {{data}}\n  |data|\n{{/section}}\n\n{{= | | =}}\n|#section|\n  {{data}}\n  |data|\n|/section|\n]\n", `{"section":true,"data":"I got interpolated."}`, "[\n  I got interpolated.\n  |data|\n\n  {{data}}\n  I got interpolated.\n]\n"},
		"delimiters standalone":  {"Begin.\n{{=@ @=}}\nEnd.\n", `{}`, "Begin.\nEnd.\n"},
		"delimiters indented":    {"Begin.\n  {{=@ @=}}\nEnd.\n", `{}`, "Begin.\nEnd.\n"},
		"delimiters padding":     {"|{{= @   @ =}}|", `{}`, "||"},
		"delimiters not alone":   {"| {{=@ @=}} |", `{}`, "|  |"},
		"back to the usual ones": {"{{=<% %>=}}<%a%><%={{ }}=%>{{a}}", `{"a":"1"}`, "11"},

		// Partials, expanded when the template is made.
		"partial":                       {`"{{>text}}"`, `{}`, `"from partial"`},
		"partial with context":          {`"{{>context}}"`, `{"text":"content"}`, `"*content*"`},
		"partial with padding":          {"|{{> box }}|", `{}`, "|[]|"},
		"partial inline keeps indent":   {"  {{data}}  {{> arrow}}\n", `{"data":"|"}`, "  |  >\n>\n"},
		"partial standalone CRLF":       {"|\r\n{{>arrow1}}\r\n|", `{}`, "|\r\n>|"},
		"partial standalone, no line":   {"  {{>arrow}}\n>", `{}`, "  >\n  >>"},
		"partial standalone at the end": {">\n  {{>arrow}}", `{}`, ">\n  >\n  >"},
		"partial indentation":           {"\\\n {{>lines}}\n/\n", `{"content":"<\n->"}`, "\\\n |\n <\n->\n |\n/\n"},
		"partial in a section":          {"{{#list}}{{>context}}{{/list}}", `{"list":[{"text":1},{"text":2}]}`, "*1**2*"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, test.template, test.data, library{
				"text": "from partial", "context": "*{{text}}*", "box": "[]", "arrow": ">\n>", "arrow1": ">", "lines": "|\n{{{content}}}\n|\n",
			})
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

// A hole in a prompt is an error that names the variable and its line.
func TestRenderMissing(t *testing.T) {
	for template, want := range map[string]string{
		"a\n{{b}}":              `template line 2: variable "b" has no value and no default`,
		"{{#l}}\n{{x}}\n{{/l}}": `template line 2: variable "x" has no value`,
		"{{a.b.c}}":             `variable "a.b.c" has no value`,
		"{{#l}}{{a.z}}{{/l}}":   `variable "a.z" has no value`,
		"{{" + long(200) + "}}": "…",
	} {
		_, err := render(t, template, `{"l":[{"a":{"b":"text"}}],"a":{"b":"text"}}`, nil)
		var missing *MissingError
		require.ErrorAs(t, err, &missing, template)
		assert.ErrorContains(t, err, want)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestParseErrors(t *testing.T) {
	for name, test := range map[string]struct{ template, want string }{
		"open tag":             {"one\n{{name", `template line 2: tag "{{" is never closed by "}}"`},
		"open triple":          {"{{{name}}", `tag "{{" is never closed by "}}}"`},
		"open comment":         {"\n\n{{! comment", "template line 3: tag"},
		"open section":         {"a\n{{#b}}\nc", `template line 2: section "b" is never closed`},
		"open inner section":   {"{{#a}}\n{{#b}}\n{{/a}}", `template line 3: section "b" is closed as "a"`},
		"closed twice":         {"{{#a}}{{/a}}\n{{/a}}", `template line 2: section "a" is closed but was never opened`},
		"empty name":           {"\n{{ }}", "template line 2: a tag without a name"},
		"empty section":        {"{{#}}x{{/}}", "a tag without a name"},
		"blank in a name":      {"{{a b}}", `the name "a b" holds a blank or a brace`},
		"brace in a name":      {"{{a{b}}", "holds a blank or a brace"},
		"name over lines":      {"x {{a\nb}}", "template line 1"},
		"long name":            {"{{" + long(301) + "}}", "longer than 300 bytes"},
		"inheritance":          {"{{<layout}}{{/layout}}", "template inheritance"},
		"block":                {"\n{{$block}}{{/block}}", "template line 2: template inheritance"},
		"dynamic partial":      {"{{>*name}}", "dynamic partial names"},
		"one delimiter":        {"{{=<%=}}", "new delimiters must be two words"},
		"three delimiters":     {"{{=a b c=}}", "new delimiters must be two words"},
		"delimiter with =":     {"{{== ==}}", "new delimiters"},
		"after CRLF":           {"a\r\nb\r\n{{#c}}", "template line 3"},
		"after a comment":      {"{{!\n\n}}\n{{#c}}", "template line 4"},
		"sections too deep":    {strings.Repeat("{{#a}}", 80), "sections nested deeper than 64"},
		"larger than allowed":  {strings.Repeat("x", MaxSourceBytes+1), "longer than 4 MiB"},
		"with its delimiters":  {"{{=<% %>=}}\n<%# a %>", `template line 2: section "a" is never closed`},
		"closing of another":   {"{{#a}}{{=| |=}}|/b|", `section "a" is closed as "b"`},
		"quote keeps messages": {"{{#" + long(100) + "}}", "…"},
	} {
		_, err := Parse(test.template)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, name)
		assert.ErrorContains(t, err, test.want, name)
	}
}

func TestExpandErrors(t *testing.T) {
	doubling := library{"p0": "0123456789abcdef"}
	for i := 1; i < 30; i++ {
		doubling["p"+string(rune('0'+i))] = strings.Repeat("{{>p"+string(rune('0'+i-1))+"}}", 2)
	}
	chain := library{}
	for i := range 80 {
		chain[long(i+1)] = "{{>" + long(i+2) + "}}"
	}
	for name, test := range map[string]struct {
		template string
		partials library
		want     string
	}{
		"unknown":       {"a\n{{>nowhere}}", nil, "template line 2: there is no partial nowhere"},
		"self":          {"{{>a}}", library{"a": "{{>a}}"}, "cycle of partials: a > a"},
		"cycle":         {"{{>a}}", library{"a": "{{>b}}", "b": "{{#x}}{{>c}}{{/x}}", "c": "{{>a}}"}, "cycle of partials: a > b > c > a"},
		"broken":        {"\n{{>a}}", library{"a": "x\n{{#b}}"}, `template line 2: partial "a": template line 2: section "b" is never closed`},
		"blown up":      {"{{>pM}}", doubling, "longer than 4 MiB with its partials"},
		"nested deeply": {"{{>x}}", chain, "partials nested deeper than 64"},
	} {
		parsed, err := Parse(test.template)
		require.NoError(t, err, name)
		_, err = parsed.Expand(test.partials.lookup)
		require.ErrorContains(t, err, test.want, name)
	}
	twice, err := Parse("{{>a}} and {{>a}}")
	require.NoError(t, err)
	_, err = twice.Expand(library{"a": "x"}.lookup)
	require.NoError(t, err, "the same partial twice is no cycle")
}

// A section over a section over a section can blow up neither the rendered text
// nor the work for a text that stays empty.
func TestRenderIsBounded(t *testing.T) {
	list := `[` + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + `]`
	_, err := render(t, strings.Repeat("{{#l}}", 8)+strings.Repeat("x", 100)+strings.Repeat("{{/l}}", 8), `{"l":`+list+`}`, nil)
	require.ErrorContains(t, err, "longer than 16 MiB")
	_, err = render(t, strings.Repeat("{{#l}}", 8)+strings.Repeat("{{/l}}", 8), `{"l":`+list+`}`, nil)
	require.ErrorContains(t, err, "more than 2,000,000 steps")
}

func TestTemplateParts(t *testing.T) {
	parsed, err := Parse("{{a}} {{>p}} {{#s}}{{in}}{{>q@1}}{{/s}} {{^i}}x{{/i}} {{a}} {{{b.c}}} {{>p}}")
	require.NoError(t, err)
	assert.Equal(t, []string{"p", "q@1"}, parsed.Partials())
	assert.Equal(t, []string{"a", "s", "i", "b.c"}, parsed.Variables())
	_, flat := flatOf(parsed)
	assert.False(t, flat)
	parsed, err = Parse("Hello {{! note }}{{=<% %>=}}<%name%>!")
	require.NoError(t, err)
	nodes, flat := flatOf(parsed)
	require.True(t, flat)
	assert.Equal(t, []Kind{Text, Variable, Text}, []Kind{nodes[0].Kind, nodes[1].Kind, nodes[2].Kind})
	assert.Equal(t, "Hello ", nodes[0].Text)
	_, err = parsed.Render(map[string]any{"name": []any{map[string]any{"n": 1.5, "i": 3, "s": "x"}}})
	require.NoError(t, err)
	text, err := parsed.Render(map[string]any{"name": 1.5})
	require.NoError(t, err)
	assert.Equal(t, "Hello 1.5!", text)
	text, err = parsed.Render(map[string]any{"name": 7})
	require.NoError(t, err)
	assert.Equal(t, "Hello 7!", text)
}

// flatOf is the template as literals and variables alone; false when it holds
// sections.
func flatOf(t *Template) ([]Node, bool) {
	for _, n := range t.Nodes {
		if n.Kind != Text && n.Kind != Variable {
			return nil, false
		}
	}
	return t.Nodes, true
}
