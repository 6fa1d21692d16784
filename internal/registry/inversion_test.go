// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var inversionPrompts = flag.Int("inversion.prompts", 60, "prompts of the inversion corpus, with five versions each")

// What variables hold in the corpus: names, sentences, several lines, code,
// braces, other letters.
var corpusValues = []string{
	"Ada Park", "naïve ☂ Zoë", "ACME-4711", "My parcel never arrived; can I get my money back?", "first line\nsecond line\n\nfourth",
	`{"order": 12, "items": ["x", "y"]}`, "{{braces}} and {% tags %}", "2026-11-27", "0", "x", "def f(a):\n    return {a!r}\n",
}

// corpusCase is how a prompt of the corpus is made and sent.
type corpusCase struct {
	name   string
	format string
	// partial is true when the text includes a partial, which includes another.
	partial, chat, repeated, empty bool
	// history is true when a placeholder stands between the messages.
	history bool
	// condition and list are blocks in the text.
	condition, list bool
	// preamble is put before the texts: a message, or a text in the first one.
	preamble []RenderedMessage
}

func corpusCases() []corpusCase {
	var out []corpusCase
	for _, format := range Formats() {
		for _, c := range []corpusCase{
			{name: "plain"}, {name: "repeated variable", repeated: true}, {name: "empty values", empty: true},
			{name: "messages before and after", chat: true}, {name: "nested partials", partial: true},
			{name: "a history at a placeholder", history: true},
			{name: "a condition", condition: true}, {name: "a list", list: true},
			{name: "a system message before", preamble: []RenderedMessage{{"system", "Today is 2026-11-27."}}},
			{name: "lines before, in the message", preamble: []RenderedMessage{{"", "Today is 2026-11-27.\n\n"}}},
		} {
			if c.format = format; (c.partial || c.condition || c.list) && format == formatFString {
				continue // it has none
			}
			out = append(out, c)
		}
	}
	return out
}

// variable is a name as the language writes it.
func (c corpusCase) variable(name string) string {
	if c.format == formatFString {
		return "{" + name + "}"
	}
	return "{{ " + name + " }}"
}

func (c corpusCase) include(name string) string {
	if c.format == formatJinja {
		return `{% include "` + name + `" %}`
	}
	return "{{> " + name + " }}"
}

// text are the words of a version with variables and partials between them.
func (c corpusCase) text(words []string) string {
	parts := slices.Clone(words)
	parts[5] = c.variable("customer") + ","
	parts[15] = "\n\nQuestion: " + c.variable("question") + "\n\n"
	if c.repeated {
		parts[22] = "(" + c.variable("customer") + ")"
	}
	if c.condition {
		parts[25] = block(c.format, "if", "formal", "Be formal with every customer.")
	}
	if c.list {
		parts[25] = block(c.format, "for", "docs", "\n- "+map[string]string{formatJinja: "{{ item }}", formatMustache: "{{.}}"}[c.format])
	}
	if c.partial {
		parts[25] = c.include("outer-" + c.format + "@1")
	}
	return strings.Join(parts, " ")
}

// corpus writes a registry: five versions a prompt, each with one word other
// than the one before.
func corpus(t testing.TB, g generator, prompts int) (*Snapshot, map[string]corpusCase) {
	var files []*parsedFile
	put := func(kind fileKind, folder, name, version string, doc versionFile) {
		f := sourceFile{kind: kind, name: name, stem: version, rel: folder + "/" + name + "/versions/" + version + ".yaml"}
		doc.Version, doc.Time = version, stamp(may)
		value, err := parse(f, encode(doc))
		require.NoError(t, err)
		files = append(files, &parsedFile{sourceFile: f, value: value})
	}
	for _, format := range Formats() {
		c := corpusCase{format: format}
		inner, outer := "Be "+c.variable("tone")+" at all times.", "Rules of the house apply. "+c.include("inner-"+format+"@1")
		if format != formatFString {
			put(kindPartial, partialsFolder, "inner-"+format, "1", versionFile{Format: format, Content: &inner})
			put(kindPartial, partialsFolder, "outer-"+format, "1", versionFile{Format: format, Content: &outer})
		}
	}
	cases, all := map[string]corpusCase{}, corpusCases()
	for p := range prompts {
		name, c := fmt.Sprintf("p%d", p), all[p%len(all)]
		cases[name] = c
		words := g.words(30 + g.IntN(60))
		for v := range 5 {
			messages := system(c.text(words))
			if c.history {
				messages = append(messages, TemplateMessage{Placeholder: "history"})
			}
			if c.chat || c.history {
				messages = append(messages, TemplateMessage{Role: "user", Content: "Here is what " + c.variable("customer") + " wrote: " + c.variable("question")})
			}
			put(kindVersion, promptsFolder, name, fmt.Sprint(v+1), versionFile{Format: c.format, Messages: messages})
			words[6+g.IntN(8)] = fmt.Sprintf("word%d", v)
		}
	}
	b := newBuilder("", files)
	s := b.snapshot()
	for _, problem := range b.problems {
		require.True(t, problem.Warning, problem.String())
	}
	s.index()
	return s, cases
}

// tally counts what was said of the texts of one case.
type tally struct{ texts, version, variables, ambiguous, wrong int }

// Every version of the corpus is rendered and looked for. No other version is
// ever named, and no value that was not given.
func TestInversion(t *testing.T) {
	g := generator{newRand(23)}
	s, cases := corpus(t, g, *inversionPrompts)
	counts, total := map[string]*tally{}, &tally{}
	for _, p := range s.Prompts() {
		c := cases[p.Name]
		key := c.format + ", " + c.name
		if counts[key] == nil {
			counts[key] = &tally{}
		}
		for _, v := range p.Versions {
			vars := map[string]string{}
			for _, name := range v.Variables() {
				vars[name] = corpusValues[g.IntN(len(corpusValues))]
				if c.empty && g.IntN(2) == 0 {
					vars[name] = ""
				}
			}
			if c.history {
				vars["history"] = `[{"role": "user", "content": "Here is what I wrote before."}, {"role": "assistant", "content": "And?"}]`
			}
			if c.condition {
				vars["formal"] = fmt.Sprint(g.IntN(2) == 0)
			}
			if c.list {
				docs := g.Perm(len(corpusValues))[:g.IntN(5)]
				values := make([]string, len(docs))
				for i, k := range docs {
					values[i] = corpusValues[k]
				}
				encoded, err := json.Marshal(values)
				require.NoError(t, err)
				vars["docs"] = string(encoded)
			}
			texts, err := v.Render(vars)
			require.NoError(t, err)
			// The messages of a history are no variable; what blocks decide by is not
			// known from their text.
			for _, name := range []string{"history", "formal", "docs"} {
				delete(vars, name)
			}
			texts = c.behind(texts)
			got := s.Match("", append(texts, said("user", "and then?")))
			counts[key].add(v, vars, got)
			total.add(v, vars, got)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%-38s %s", key, counts[key])
	}
	t.Logf("%-38s %s", "all", total)
	require.Zero(t, total.wrong)
	for key, n := range counts {
		require.GreaterOrEqual(t, float64(n.version), 0.999*float64(n.texts), key)
		require.GreaterOrEqual(t, float64(n.variables), 0.99*float64(n.texts), key)
	}
}

// behind puts the case's preamble before the texts.
func (c corpusCase) behind(texts []RenderedMessage) []RenderedMessage {
	for _, p := range c.preamble {
		if p.Role != "" {
			texts = append([]RenderedMessage{p}, texts...)
		} else {
			texts[0].Content = p.Content + texts[0].Content
		}
	}
	return texts
}

func (n *tally) add(v *Version, vars map[string]string, got MatchResult) {
	n.texts++
	given := map[string]string{}
	wrong := got.Found && got.Version != v
	for _, variable := range got.Variables {
		given[variable.Name] = variable.Value
		wrong = wrong || vars[variable.Name] != variable.Value
	}
	switch {
	case wrong:
		n.wrong++
	case got.Ambiguous:
		n.ambiguous++
	case got.Found:
		n.version++
		if maps.Equal(given, vars) {
			n.variables++
		}
	}
}

func (n *tally) String() string {
	share := func(k int) float64 { return 100 * float64(k) / float64(n.texts) }
	return fmt.Sprintf("texts %5d  exact version %6.2f %%  exact variables %6.2f %%  ambiguous %d  wrong %d",
		n.texts, share(n.version), share(n.variables), n.ambiguous, n.wrong)
}
