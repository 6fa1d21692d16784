// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

// oneVersion builds a snapshot of the versions of a prompt p in one language.
func oneVersion(t testing.TB, format string, types map[string]string, templates ...string) *Snapshot {
	t.Helper()
	specs := map[string]VariableSpec{}
	for name, kind := range types {
		specs[name] = VariableSpec{Type: kind}
	}
	var files []*parsedFile
	put := func(f sourceFile, doc any) {
		value, err := parse(f, encode(doc))
		require.NoError(t, err)
		files = append(files, &parsedFile{sourceFile: f, value: value})
	}
	put(sourceFile{kind: kindPrompt, name: "p", rel: "prompts/p/prompt.yaml"}, map[string]any{"variables": specs})
	for i, text := range templates {
		version := fmt.Sprint(i + 1)
		put(sourceFile{kind: kindVersion, name: "p", stem: version, rel: "prompts/p/versions/" + version + ".yaml"},
			versionFile{Version: version, Format: format, Time: stamp(may), Messages: system(text)})
	}
	b := newBuilder("", files)
	s := b.snapshot()
	for _, problem := range b.problems {
		require.True(t, problem.Warning, problem.String())
	}
	s.index()
	return s
}

func TestMatchBlocks(t *testing.T) {
	type vars = []genai.Variable
	for name, test := range map[string]struct {
		format, text string
		types        map[string]string
		templates    []string
		// want is the version, "" for none.
		want       string
		vars       vars
		uncertain  []string
		candidates []string
	}{
		"an if that held": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %} Answer soon."},
			text: "Help the customer Ann. Be polite. Answer soon.", want: "1", uncertain: []string{"name", "polite"},
		},
		"an if that did not, declared": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %} Answer soon."}, types: map[string]string{"polite": "boolean"},
			text: "Help the customer Ann. Answer soon.", want: "1", vars: vars{{Name: "name", Value: "Ann"}, {Name: "polite", Value: "false"}},
		},
		"elif and else": {
			format: formatJinja, templates: []string{`Answer in {% if lang == "de" %}German{% elif lang == "fr" %}French{% else %}English{% endif %}, in short.`},
			text: "Answer in French, in short.", want: "1", vars: vars{{Name: "lang", Value: "fr"}},
		},
		"the else of all": {
			format: formatJinja, templates: []string{`Answer in {% if lang in ["de", "at"] %}German{% else %}English{% endif %}, in short.`},
			text: "Answer in English, in short.", want: "1", uncertain: []string{"lang"},
		},
		"and, or, not": {
			format: formatJinja, templates: []string{`Answer now{% if a and not b or c == "x" %} and here{% endif %}, in short.`},
			text: "Answer now and here, in short.", want: "1", uncertain: []string{"a", "b", "c"},
		},
		"a variable that decides and is printed": {
			format: formatJinja, templates: []string{"Answer {% if name %}Dear {{ name }}, {% endif %}in short."},
			text: "Answer Dear Ann, in short.", want: "1", vars: vars{{Name: "name", Value: "Ann"}},
		},
		"defined": {
			format: formatJinja, templates: []string{"Answer {% if name is defined %}Dear {{ name }}, {% endif %}in short."},
			text: "Answer in short.", want: "1", uncertain: []string{"name"},
		},
		"a list of texts": {
			format: formatJinja, templates: []string{"Context:\n{% for d in docs %}{{ loop.index }}. {{ d }}\n{% endfor %}Question: {{ q }}"},
			text: "Context:\n1. one\n2. two\n3. three\nQuestion: Why?", want: "1", vars: vars{{Name: "q", Value: "Why?"}}, uncertain: []string{"docs"},
		},
		"no item": {
			format: formatJinja, templates: []string{"Context:\n{% for d in docs %}- {{ d }}\n{% else %}none\n{% endfor %}Question: {{ q }}"},
			text: "Context:\nnone\nQuestion: Why?", want: "1", vars: vars{{Name: "q", Value: "Why?"}}, uncertain: []string{"docs"},
		},
		"fields, lists in lists, the last item": {
			format: formatJinja, templates: []string{"Use the tools{% for t in tools %} {{ t.name }} ({% for a in t.args %}{{ a }}{% if not loop.last %}, {% endif %}{% endfor %}){% endfor %} well."},
			text: "Use the tools find (a, b) get () well.", want: "1", uncertain: []string{"tools"},
		},
		"a condition on an item": {
			format: formatJinja, templates: []string{`Read:{% for d in docs %} {{ d.title }}{% if d.kind == "new" %} (new!){% endif %};{% endfor %} then answer.`},
			text: "Read: A; B (new!); then answer.", want: "1", uncertain: []string{"docs"},
		},
		"white space that is stripped at the end": {
			format: formatJinja, templates: []string{"Read these texts:\n{% for d in docs %}- {{ d }}\n{% endfor %}"},
			text: "Read these texts:\n- a\n- b", want: "1", uncertain: []string{"docs"},
		},
		"a section of a list": {
			format: formatMustache, templates: []string{"Context:\n{{#docs}}\n- {{title}}: {{text}}\n{{/docs}}\n{{^docs}}\nnone\n{{/docs}}\nQuestion: {{q}}"},
			text: "Context:\n- A: one\n- B: two\nQuestion: Why?", want: "1", vars: vars{{Name: "q", Value: "Why?"}}, uncertain: []string{"docs"},
		},
		"a section of a boolean": {
			format: formatMustache, templates: []string{"Help the customer {{name}}.{{#polite}} {{name}} likes it polite.{{/polite}}"}, types: map[string]string{"polite": "boolean"},
			text: "Help the customer Ann. Ann likes it polite.", want: "1", uncertain: []string{"name", "polite"},
		},
		"a section of an object": {
			format: formatMustache, templates: []string{"Help the customer.{{#user}} It is {{name}}.{{/user}}"}, types: map[string]string{"user": "object"},
			text: "Help the customer. It is Ann.", want: "1", vars: vars{{Name: "user.name", Value: "Ann"}}, uncertain: []string{"user"},
		},
		"an empty list in Mustache": {
			format: formatMustache, templates: []string{"Context:\n{{#docs}}- {{.}}\n{{/docs}}{{^docs}}none\n{{/docs}}Question: {{q}}"},
			text: "Context:\nnone\nQuestion: Why?", want: "1", vars: vars{{Name: "q", Value: "Why?"}}, uncertain: []string{"docs"},
		},
		"versions that differ in what is shown": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %}", "Help the customer {{ name }}.{% if polite %} Be very polite.{% endif %}"},
			text: "Help the customer Ann. Be very polite.", want: "2", uncertain: []string{"name", "polite"},
		},
		"versions that differ in what is not shown": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %}", "Help the customer {{ name }}.{% if polite %} Be very polite.{% endif %}"},
			text: "Help the customer Ann.", candidates: []string{"p@1", "p@2"},
		},
		"a block or the words of another version": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %}", "Help the customer {{ name }}. Be polite."},
			text: "Help the customer Ann. Be polite.", candidates: []string{"p@1", "p@2"},
		},
		"no way fits": {
			format: formatJinja, templates: []string{"Help the customer {{ name }}.{% if polite %} Be polite.{% endif %} Soon."},
			text: "Help the customer Ann. Be rude. Soon. ",
		},
		"answers that exclude each other": {
			format: formatJinja, templates: []string{`Help them{% if a == "x" %} now{% endif %}{% if a == "y" %} here{% endif %} and there.`},
			text: "Help them now here and there.",
		},
		"an expression": {
			format: formatJinja, templates: []string{"Help the customer {{ name | upper }}.{% if polite %} Be polite.{% endif %}"},
			text: "Help the customer ANN. Be polite.", candidates: []string{"p@1"},
		},
		"a number that is false": {
			format: formatJinja, templates: []string{"There are {{ n }} orders.{% if n %} Name them.{% endif %}"}, types: map[string]string{"n": "number"},
			text: "There are 0 orders.", want: "1", vars: vars{{Name: "n", Value: "0"}},
		},
		"too little beside the blocks": {
			format: formatJinja, templates: []string{"Hi.{% if polite %} Be polite with everybody.{% endif %}{{ x }}"},
			text: "Hi. Be polite with everybody.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := oneVersion(t, test.format, test.types, test.templates...)
			got := s.Match(test.text, nil)
			if test.want == "" {
				assert.False(t, got.Found, "%v", got.Version)
			} else if assert.True(t, got.Found, "candidates %v", got.Candidates) {
				assert.Equal(t, test.want, got.Version.Version)
			}
			assert.ElementsMatch(t, test.vars, got.Variables)
			assert.ElementsMatch(t, test.uncertain, got.UncertainVariables)
			assert.Equal(t, test.candidates, got.Candidates)
		})
	}
}

// blocks writes a template of words, variables and blocks.
func (g generator) blocks(format string, depth int, item string) string {
	var out []string
	for range 2 + g.IntN(4) {
		out = append(out, strings.Join(g.words(2+g.IntN(4)), " "))
		variable := fmt.Sprintf("v%d", g.IntN(3))
		if item != "" && g.IntN(2) == 0 {
			variable = item
		}
		out = append(out, "{{"+variable+"}}")
		if depth == 0 {
			continue
		}
		flag, list := fmt.Sprintf("flag%d", g.IntN(3)), fmt.Sprintf("list%d", g.IntN(2))
		inner := g.blocks(format, depth-1, item)
		switch g.IntN(6) {
		case 0:
			out = append(out, block(format, "if", flag, inner))
		case 1:
			out = append(out, block(format, "unless", flag, inner))
		case 2, 3:
			name := "."
			if format == formatJinja {
				name = "item"
			}
			out = append(out, block(format, "for", list, "\n- "+g.blocks(format, 0, name)))
		}
	}
	return strings.Join(out, " ")
}

func block(format, kind, name, inner string) string {
	if format == formatJinja {
		return map[string]string{
			"if": "{% if " + name + " %}" + inner + "{% endif %}", "unless": "{% if not " + name + " %}" + inner + "{% endif %}",
			"for": "{% for item in " + name + " %}" + inner + "{% endfor %}",
		}[kind]
	}
	open := map[string]string{"if": "#", "unless": "^", "for": "#"}[kind]
	return "{{" + open + name + "}}" + inner + "{{/" + name + "}}"
}

var tagPattern = regexp.MustCompile(`\{[{%].*?[}%]\}|\s+`)

// otherWord changes a word outside of the tags.
func (g generator) otherWord(text string) string {
	places, at := [][2]int{}, 0
	for _, tag := range append(tagPattern.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		if tag[0] > at {
			places = append(places, [2]int{at, tag[0]})
		}
		at = tag[1]
	}
	place := places[g.IntN(len(places))]
	return text[:place[0]] + "other" + text[place[1]:]
}

// Whatever blocks did, the version that rendered a text is found or among the
// candidates, and no value is claimed that was not given.
func TestMatchBlocksOfGeneratedTemplates(t *testing.T) {
	g := generator{newRand(77)}
	for _, format := range []string{formatMustache, formatJinja} {
		t.Run(format, func(t *testing.T) {
			found, ambiguous, claimed, more := 0, 0, 0, 0
			for range 300 {
				text := g.blocks(format, 2, "")
				edited := g.otherWord(text)
				types := map[string]string{"flag0": "boolean", "flag1": "boolean", "flag2": "boolean"}
				s := oneVersion(t, format, types, text, edited, text+" "+g.words(1)[0])
				for _, v := range s.Prompt("p").Versions {
					vars := map[string]string{}
					for i := range 3 {
						vars[fmt.Sprintf("v%d", i)] = g.value()
						vars[fmt.Sprintf("flag%d", i)] = fmt.Sprint(g.IntN(2) == 0)
					}
					for i := range 2 {
						list := make([]string, g.IntN(4))
						for k := range list {
							list[k] = g.value() + "x"
						}
						encoded, err := json.Marshal(list)
						require.NoError(t, err)
						vars[fmt.Sprintf("list%d", i)] = string(encoded)
					}
					texts, err := v.Render(vars)
					require.NoError(t, err)
					got := s.Match("", texts)
					switch {
					case !got.Found:
						require.Contains(t, got.Candidates, "p@"+v.Version, "%q of %q", texts[0].Content, v.Messages[0].Content)
						ambiguous++
					case got.Version != v:
						// Another version says the same, and more of it.
						more++
						require.Greater(t, len(got.Version.Messages[0].Content), 0)
					default:
						found++
					}
					if !got.Found || got.Version != v {
						continue
					}
					for _, variable := range got.Variables {
						claimed++
						require.Equal(t, vars[variable.Name], variable.Value, "%s of %q by %q", variable.Name, texts[0].Content, v.Messages[0].Content)
					}
				}
			}
			t.Logf("found %d, candidates %d, variables claimed %d, more specific %d", found, ambiguous, claimed, more)
			require.Greater(t, found, 300)
			require.Less(t, more, 10)
		})
	}
}

// A hostile text cannot make the search long, nor wrong.
func TestMatchBlocksIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("Answer all of these questions. ")
	for i := range 40 {
		fmt.Fprintf(&b, "{%% if f%d %%}a {%% endif %%}{%% for x in l%d %%}a {{ x }}{%% endfor %%}", i, i)
	}
	s := oneVersion(t, formatJinja, nil, b.String())
	got := s.Match("Answer all of these questions. "+strings.Repeat("a ", 100_000), nil)
	assert.Empty(t, got.Variables)
	if !got.Found {
		assert.Equal(t, []string{"p@1"}, got.Candidates)
	}
}

// FuzzMatchBlocks renders any template and looks for it: it is found or a candidate,
// and what is claimed was given.
func FuzzMatchBlocks(f *testing.F) {
	for _, source := range []string{
		"Some fixed text {{a}}{{#b}} and {{c}} {{.}}{{/b}}{{^b}}none{{/b}}", "Some fixed text {% if a %}yes {{ a }}{% elif b == 'x' %}no{% endif %}",
		"Some fixed text {% for x in b %}{{ loop.index }} {{ x.y }}{% if loop.last %}.{% else %}, {% endif %}{% endfor %}", "Some fixed text {{a}} {{#a}}{{a}}{{/a}} {{a.b}}",
	} {
		f.Add(source, "value", `["x", {"y": "z"}]`)
		f.Add(source, "", "false")
	}
	f.Fuzz(func(t *testing.T, source, text, structured string) {
		for _, format := range []string{formatMustache, formatJinja} {
			if _, err := parseTemplate(format, source); err != nil || strings.Contains(source, "\r") || len(source) > 2000 {
				continue
			}
			file := sourceFile{kind: kindVersion, name: "p", stem: "1", rel: "prompts/p/versions/1.yaml"}
			value, err := parse(file, encode(versionFile{Version: "1", Format: format, Time: stamp(may), Messages: system(source)}))
			if err != nil {
				continue
			}
			b := newBuilder("", []*parsedFile{{sourceFile: file, value: value}})
			s := b.snapshot()
			s.index()
			v := s.Prompt("p").Latest()
			if v == nil || v.body.unmatchable != "" {
				continue
			}
			vars := map[string]string{}
			for _, name := range v.Variables() {
				vars[name] = text
				// {{#a}}{{a}}{{/a}} is taken for one of a text.
				if v.body.structured[name] && !strings.Contains(source, "{{"+name+"}}") {
					vars[name] = structured
				}
			}
			texts, err := v.Render(vars)
			if err != nil {
				continue
			}
			got := s.Match("", texts)
			if !got.Found && !slices.Contains(got.Candidates, "p@1") {
				t.Fatalf("%q rendered %q, which is not found", source, texts[0].Content)
			}
			for _, variable := range got.Variables {
				if given, ok := vars[variable.Name]; ok && given != variable.Value && !v.body.structured[variable.Name] {
					t.Fatalf("%q rendered %q with %q: %v", source, texts[0].Content, given, variable)
				}
			}
		}
	})
}
