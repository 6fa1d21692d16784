// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostileValues are values of variables that are made to mislead: the templates'
// own words, tags, the marks of the index, nothing at all.
func (g generator) hostileValue(near string) string {
	words := strings.Fields(near)
	switch g.IntN(12) {
	case 0:
		return ""
	case 1:
		return near
	case 2:
		return near + near
	case 3:
		return beginMark + near + endMark
	case 4:
		return "\xff0\xfe" + "\xff1\xfe"
	case 5:
		return "{{v0}}{{#v1}}{{/v1}}{{> p}}{{=<% %>=}}"
	case 6:
		return strings.Repeat(" ", g.IntN(40))
	case 7:
		return "\x00\r\n\u202e\u2028 👩‍🚀"
	case 8:
		return "\r\n"
	case 9:
		return strings.Join(words[:g.IntN(len(words)+1)], " ")
	case 10:
		return words[g.IntN(len(words))]
	}
	return strings.Join(words[g.IntN(len(words)):], " ")
}

// Among near duplicates and with values that are made to mislead, the version
// that rendered a text is found with its variables, or it is among the candidates
// of an ambiguous one. Another version is only named when it is a special case of
// the right one, and renders the very same text.
func TestMatchHostileValues(t *testing.T) {
	g := generator{newRand(21)}
	found, ambiguous, special, given := 0, 0, 0, 0
	for range 40 {
		s := g.registry(t, 3, 12)
		for range 120 {
			p := s.Prompts()[g.IntN(3)]
			v := p.Versions[g.IntN(len(p.Versions))]
			near := p.Versions[g.IntN(len(p.Versions))].Messages[0].Content
			vars := map[string]string{}
			for i := range 3 {
				vars[fmt.Sprintf("v%d", i)] = g.hostileValue(near)
			}
			texts, err := v.Render(vars)
			require.NoError(t, err)
			if v.body.unmatchable != "" {
				continue
			}
			got := s.Match("", texts)
			switch {
			case got.Found && got.Version.Hash == v.Hash:
				found++
				for _, variable := range got.Variables {
					require.Equal(t, vars[variable.Name], variable.Value, "%q", texts)
				}
			case got.Found:
				special++
				require.True(t, v.body.pattern.generalises(&got.Version.body.pattern), "%q\n%q", v.Messages, got.Version.Messages)
				require.False(t, got.Version.body.pattern.generalises(&v.body.pattern))
			case got.Ambiguous:
				ambiguous++
				if len(got.Candidates) < maxCandidates {
					require.Contains(t, got.Candidates, VersionRef{p, v}.String())
				}
			default:
				// The search was given up: it says who it may have been.
				given++
				require.Contains(t, got.Candidates, VersionRef{p, v}.String(), "%q", texts)
			}
		}
	}
	t.Logf("found %d, ambiguous %d, special cases %d, given up %d", found, ambiguous, special, given)
	assert.Greater(t, found, 10*(ambiguous+special+given))
}

func TestMatchRepeatedVariables(t *testing.T) {
	s := memory(t, map[string][]TemplateMessage{"a@1": {
		{Role: "system", Content: "You help {{name}}. Always greet {{name}} first, then {{other}}."}, {Role: "user", Content: "{{name}} asks: {{q}}"},
	}})
	for _, test := range []struct {
		first, second, third string
		found                bool
	}{
		{"Ann", "Ann", "Ann", true}, {"Ann", "Bob", "Ann", false}, {"Ann", "Ann", "Bob", false}, {"", "", "", true},
		{"Ann. Always greet Ann", "Ann. Always greet Ann", "Ann. Always greet Ann", true}, {"a", "aa", "a", false}, {"{{name}}", "{{name}}", "{{name}}", true},
	} {
		got := s.Match("You help "+test.first+". Always greet "+test.second+" first, then us.", []TextMessage{said("user", test.third+" asks: why?")})
		require.Equal(t, test.found, got.Found, "%v", test)
		if test.found {
			assert.Equal(t, test.first, got.Variables[0].Value)
			assert.Len(t, got.Variables, 3)
		}
	}
}

func TestMatchNothingByAccident(t *testing.T) {
	s := load(t, map[string]string{
		"prompts/empty/versions/1.yaml": "template: ''\n", "prompts/blank/versions/1.yaml": "template: \"  \\n\"\n", "prompts/vars/versions/1.yaml": "template: '{{a}} {{b}}'\n",
		"prompts/short/versions/1.yaml": "template: 'Hi {{a}}'\n",
	})
	for _, text := range []string{"", " ", "  \n", "\n", "Hi Ann", "any text at all"} {
		assert.False(t, s.Match(text, nil).Found, "%q", text)
		assert.False(t, s.Match("", []TextMessage{said("user", text)}).Found, "%q", text)
		assert.False(t, s.Match("", []TextMessage{said("system", text)}).Found, "%q", text)
	}
	assert.False(t, s.Match("", nil).Found)
	var none *Snapshot
	assert.False(t, none.Match("a", nil).Found)
	usual, most := none.MatchedMessages()
	assert.Zero(t, usual+most)
	assert.False(t, s.MatchAmong(nil, "a", nil).Found)
}

// However large and however hostile a text is, an answer comes soon.
func TestMatchIsBoundedInTime(t *testing.T) {
	g := generator{newRand(8)}
	templates := map[string][]TemplateMessage{}
	for i := range 300 {
		templates[fmt.Sprintf("p@%d", i)] = system("You are number " + fmt.Sprint(i) + " and {{a}} of {{b}} in {{a}} with aaaa{{c}}aaaa" + strings.Repeat("{{d}}a", i%7))
	}
	s := memory(t, templates)
	const size = 5 << 20
	for name, text := range map[string]string{
		"one letter":        strings.Repeat("a", size),
		"a prefix repeated": strings.Repeat("You are number 7 and ", size/21),
		"almost a match":    "You are number 6 and " + strings.Repeat("a of a in a with aaaa", size/21),
		"a match, huge":     "You are number 0 and x of " + strings.Repeat("y", size) + " in x with aaaazaaaa",
		"words":             strings.Join(g.words(size/6), " "),
		"line ends":         strings.Repeat("\r\n", size/2),
		"marks":             strings.Repeat(beginMark+endMark, size/2),
	} {
		start := time.Now()
		got := s.Match(text, nil)
		assert.Less(t, time.Since(start), 30*time.Second, name)
		assert.Equal(t, name == "a match, huge", got.Found, name)
	}
}
