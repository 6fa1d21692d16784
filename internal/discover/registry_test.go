// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
	"github.com/spanloop/spanloop/internal/registry"
)

// hostile are pieces of text that a template language, YAML or a terminal would read
// as something else.
var hostile = []string{"{{", "}}", "{", "}", "{{{", "{{#a}}", "{{! x }}", "{{=<% %>=}}", "{% if %}", "{x!r}", "\x00", "\x1b[2J", "\u202e", "\u2028", "\ufeff", "\r\n", "\t",
	"---", "- a: b", "'", "\"", "\\", "\\n", "# c", "!!str", "&a", "*a", "|-", ">", "%", "~", "é", "日本", "\u0085", "<script>"}

// Whatever the static text holds, the registry takes the version that is proposed,
// and recognises texts of it with the values that were rendered.
func TestProposalsAreWhatTheRegistryRecognises(t *testing.T) {
	for seed := range uint64(race.Fewer(60, 8)) {
		r := rand.New(rand.NewPCG(seed, 11))
		from := randomTemplate(r)
		for i := range from.parts {
			for range 1 + r.IntN(4) {
				words := strings.SplitN(from.parts[i], " ", 2+r.IntN(4))
				words[len(words)-2] += " " + hostile[r.IntN(len(hostile))]
				from.parts[i] = strings.Join(words, " ")
			}
		}
		calls := traffic(RoleSystem, 50, func(int) string {
			text, _ := from.render(r)
			return text
		})
		found := find(t, calls)
		require.Len(t, texts(found), 1, "seed %d: %q\n%q", seed, from.parts, texts(found))
		v := &found.Proposals[0].Versions[0]
		language, source, _, err := v.Sources()
		require.NoError(t, err)
		dir := t.TempDir()
		_, err = registry.AddVersion(dir, registry.NewVersion{Prompt: found.Proposals[0].Name, Template: source, Format: language})
		require.NoError(t, err, "seed %d: %q", seed, source)
		snapshot, problems := registry.Load(dir)
		require.Empty(t, problems, "seed %d: %q", seed, source)
		for range 10 {
			text, values := from.render(r)
			m := snapshot.Match(text, nil)
			require.True(t, m.Found, "seed %d: %s %q", seed, language, source)
			require.Empty(t, m.UncertainVariables, "seed %d: %q", seed, source)
			got := map[string]string{}
			for _, variable := range m.Variables {
				got[variable.Name] = variable.Value
			}
			want := map[string]string{}
			for i, slot := range v.Slots {
				want[slot.Name] = values[i]
			}
			assert.Equal(t, want, got, fmt.Sprint("seed ", seed))
		}
	}
}
