// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var vocabulary = strings.Fields(`you are a careful assistant that answers questions about orders refunds shipping
weather invoices never guess always ask for the number before calling any tool reply in short polite sentences use
metric units cite sources when possible today customer name city topic style tone language text and or not only if
unless then with without from to in on at by of the an is was be`)

// generator makes templates and values that are hard on purpose: they share most
// of their words, and values are made of the templates' own words.
type generator struct{ *rand.Rand }

func (g generator) words(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = vocabulary[g.IntN(len(vocabulary))]
	}
	return out
}

func (g generator) value() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1:
		return "{{x}}"
	case 2:
		return "naïve ☂\nline"
	}
	return strings.Join(g.words(1+g.IntN(4)), " ")
}

// template is words with variables between some of them.
func (g generator) template() []string {
	parts := g.words(12 + g.IntN(30))
	for range g.IntN(4) {
		parts[g.IntN(len(parts))] = fmt.Sprintf("{{v%d}}", g.IntN(3))
	}
	return parts
}

// edit changes one word, adds one or takes one away.
func (g generator) edit(parts []string) []string {
	out := slices.Clone(parts)
	at := g.IntN(len(out))
	switch g.IntN(3) {
	case 0:
		return slices.Insert(out, at, g.words(1)[0])
	case 1:
		if len(out) > 8 {
			return slices.Delete(out, at, at+1)
		}
	}
	out[at] = g.words(1)[0]
	return out
}

func (g generator) registry(t testing.TB, prompts, versions int) *Snapshot {
	templates := map[string][]TemplateMessage{}
	for p := range prompts {
		parts := g.template()
		user := g.template()
		for v := range versions {
			messages := system(strings.Join(parts, " "))
			if p%3 == 0 {
				messages = append(messages, TemplateMessage{Role: "user", Content: strings.Join(user, " ")})
			}
			templates[fmt.Sprintf("p%d@%d", p, v+1)] = messages
			parts = g.edit(parts)
			if p%6 == 0 {
				user = g.edit(user)
			}
		}
	}
	return memory(t, templates)
}

// explains tells by brute force whether a version can have rendered the texts.
func explains(v *Version, texts []TextMessage) bool {
	p := &v.body.pattern
	if !p.usable() || len(p.messages) > len(texts) {
		return false
	}
	plain := make([]string, len(texts))
	for i := range texts {
		plain[i] = texts[i].Content
	}
	return p.solve(plain).state == solved
}

// Whatever Match finds is a version that explains the text, the only one but for
// generalisations of it, with variables that were really given; and whatever a
// version rendered is found, or said to be ambiguous.
func TestMatchRecoversVersionAndVariables(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 14))}
	found, ambiguous, wrong, uncertain := 0, 0, 0, 0
	for range 12 {
		s := g.registry(t, 12, 25)
		for range 150 {
			p := s.Prompts()[g.IntN(12)]
			v := p.Versions[g.IntN(len(p.Versions))]
			vars := map[string]string{"v0": g.value(), "v1": g.value(), "v2": g.value()}
			texts, err := v.Render(vars)
			require.NoError(t, err)
			if v.body.unmatchable != "" {
				continue
			}
			got := s.Match("", append(slices.Clone(texts), said("user", "and then?")))
			var others []string
			for _, other := range s.Prompts() {
				for _, w := range other.Versions {
					if w.Hash != v.Hash && explains(w, texts) {
						others = append(others, VersionRef{other, w}.String())
					}
				}
			}
			switch {
			case got.Found && got.Version.Hash == v.Hash:
				found++
				for _, variable := range got.Variables {
					require.Equal(t, vars[variable.Name], variable.Value, "%v", texts)
				}
				uncertain += len(got.UncertainVariables)
			case got.Found:
				wrong++
				require.True(t, v.body.pattern.generalises(&got.Version.body.pattern), "%s instead of %s", got.Version.Version, v.Version)
			default:
				require.True(t, got.Ambiguous, "%s@%s was not found: %v", p.Name, v.Version, texts)
				require.Contains(t, got.Candidates, VersionRef{p, v}.String())
				ambiguous++
			}
			if got.Found && len(others) == 0 {
				require.Equal(t, v, got.Version)
			}
		}
	}
	t.Logf("found %d, ambiguous %d, more specific %d, uncertain variables %d", found, ambiguous, wrong, uncertain)
	require.Greater(t, found, 1000)
	require.Less(t, wrong, found/100)
}

// Behind a preamble of the templates' own words, what is found explains the end of
// the texts, and a version of some length is found unless others explain it too.
func TestMatchBehindAPreamble(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(2, 71))}
	found, ambiguous, missed := 0, 0, 0
	for range 12 {
		s := g.registry(t, 12, 25)
		for range 150 {
			p := s.Prompts()[g.IntN(12)]
			v := p.Versions[g.IntN(len(p.Versions))]
			texts, err := v.Render(map[string]string{"v0": g.value(), "v1": g.value(), "v2": g.value()})
			require.NoError(t, err)
			call := slices.Clone(texts)
			if preamble := strings.Join(g.words(1+g.IntN(20)), " "); g.IntN(2) == 0 {
				call[0].Content = preamble + "\n" + call[0].Content
			} else {
				call = append([]RenderedMessage{{"system", preamble}}, call...)
			}
			switch got := s.Match("", append(call, said("user", "and then?"))); {
			case got.Found && got.Version.Hash == v.Hash:
				found++
			case got.Found:
				require.True(t, explains(got.Version, call) || explains(got.Version, texts), "%v instead of %v for %v", got.Version.Messages, v.Messages, call)
			case got.Ambiguous:
				ambiguous++
			case v.body.unmatchable == "" && v.body.pattern.letters >= minMoved && !strings.HasPrefix(v.Messages[0].Content, "{{"):
				require.Fail(t, "missed", "%v in %v", v.Messages, call)
			default:
				missed++
			}
		}
	}
	t.Logf("found %d, ambiguous %d, not looked for %d", found, ambiguous, missed)
	require.Greater(t, found, 1000)
}

// Two versions that render the same text are never told apart.
func TestMatchNeverGuesses(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(9, 9))}
	for range 200 {
		text := strings.Join(g.words(20), " ")
		s := memory(t, map[string][]TemplateMessage{"a@1": system(text), "b@1": system(text), "c@1": system(text + " more")})
		got := s.Match(text, nil)
		require.False(t, got.Found)
		require.Equal(t, []string{"a@1", "b@1"}, got.Candidates)
	}
}

func benchmarkMatch(b *testing.B, prompts, versions int, render func(g generator, v *Version) []RenderedMessage) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	s := g.registry(b, prompts, versions)
	var texts [][]RenderedMessage
	for range 500 {
		p := s.Prompts()[g.IntN(prompts)]
		texts = append(texts, render(g, p.Versions[g.IntN(len(p.Versions))]))
	}
	b.ResetTimer()
	n := 0
	for i := 0; b.Loop(); i++ {
		if r := s.Match("", texts[i%len(texts)]); r.Found || r.Ambiguous {
			n++
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "found/op")
}

func rendered(g generator, v *Version) []RenderedMessage {
	texts, err := v.Render(map[string]string{"v0": g.value(), "v1": g.value(), "v2": g.value()})
	if err != nil {
		panic(err)
	}
	return texts
}

func BenchmarkMatch(b *testing.B) {
	for _, size := range []struct{ prompts, versions int }{{10, 10}, {1000, 10}, {1, 10_000}} {
		b.Run(fmt.Sprintf("%dx%d", size.prompts, size.versions), func(b *testing.B) {
			benchmarkMatch(b, size.prompts, size.versions, rendered)
		})
	}
	b.Run("1000x10/nomatch2KB", func(b *testing.B) {
		benchmarkMatch(b, 1000, 10, func(g generator, _ *Version) []RenderedMessage {
			return []RenderedMessage{{"system", strings.Join(g.words(350), " ")}}
		})
	})
}
