// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLiveAt(t *testing.T) {
	s := load(t, map[string]string{
		one: simple, two: "time: 2026-02-01\ntemplate: Report the tides.\n",
		release: `- {environment: production, time: 2026-03-01T00:00:00Z, targets: [{version: 1}]}
- {environment: dev, time: 2026-01-05T00:00:00Z, targets: [{version: 2}]}
- environment: production
  time: 2026-04-01T00:00:00Z
  targets: [{version: 1, weight: 90}, {version: 2, weight: 10}]
- {environment: production, time: 2026-04-01T00:00:00Z, targets: [{version: 2}]}
`,
		"prompts/q/versions/1.yaml": simple,
	})
	for name, test := range map[string]struct {
		prompt, environment, at string
		want                    []string
	}{
		"before the first":       {"p", "production", "2026-02-28T23:59:59Z", nil},
		"at the very moment":     {"p", "production", "2026-03-01T00:00:00Z", []string{"1"}},
		"between":                {"p", "production", "2026-03-15T00:00:00Z", []string{"1"}},
		"the last of one moment": {"p", "production", "2026-04-01T00:00:00Z", []string{"2"}},
		"in the future":          {"p", "production", "2030-01-01T00:00:00Z", []string{"2"}},
		"another spelling":       {"p", "prod", "2026-03-15T00:00:00Z", []string{"1"}},
		"of dev":                 {"p", "development", "2026-03-15T00:00:00Z", []string{"2"}},
		"unknown":                {"p", "canary", "2026-03-15T00:00:00Z", nil},
		"latest of a time":       {"p", "latest", "2026-01-15T00:00:00Z", []string{"1"}},
		"latest":                 {"p", "Latest", "2026-06-01T00:00:00Z", []string{"2"}},
		"latest before all":      {"p", "latest", "2025-06-01T00:00:00Z", nil},
		"never released":         {"q", "production", "2026-06-01T00:00:00Z", nil},
		"no such prompt":         {"x", "latest", "2026-06-01T00:00:00Z", nil},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, test.at)
			require.NoError(t, err)
			r, ok := s.LiveAt(test.prompt, test.environment, at)
			assert.Equal(t, test.want != nil, ok)
			var got []string
			for _, target := range r.Targets {
				got = append(got, target.Version)
			}
			assert.Equal(t, test.want, got)
		})
	}
	assert.Equal(t, []string{"dev", "production"}, s.Environments("p"))
	assert.True(t, s.HasEnvironment("p", "dev"))
	assert.False(t, s.HasEnvironment("p", "prod"), "only the spelling that was released")
}

// Shares follow the weights, and a canary that grows keeps its keys.
func TestAssignIsSharedByWeightAndSticky(t *testing.T) {
	const keys = 20_000
	release := func(canary float64) Release {
		return Release{Targets: []Target{{Version: "v1", Weight: 100 - canary}, {Version: "v2", Weight: canary}}}
	}
	count, both := map[string]int{}, 0
	for i := range keys {
		key := fmt.Sprintf("session-%d", i)
		before := release(10).Assign("p", key).Version
		count[before]++
		require.Equal(t, before, release(10).Assign("p", key).Version)
		after := release(30).Assign("p", key).Version
		if before == "v2" {
			require.Equal(t, "v2", after, "a canary that grows keeps its keys")
			if release(10).Assign("q", key).Version == "v2" {
				both++
			}
		}
	}
	deviation := math.Sqrt(keys * 0.1 * 0.9)
	assert.InDelta(t, 0.1*keys, count["v2"], 4*deviation)
	assert.InDelta(t, 0.01*keys, both, 4*math.Sqrt(keys*0.01*0.99), "two prompts draw independently")

	three := Release{Targets: []Target{{Version: "a", Weight: 1}, {Version: "b", Weight: 1}, {Version: "c", Weight: 1}}}
	for i := range 1000 {
		key := fmt.Sprint(i)
		if v := three.Assign("p", key).Version; v != "c" {
			require.Equal(t, v, Release{Targets: three.Targets[:2]}.Assign("p", key).Version, "who is not on the version that goes stays")
		}
	}
	assert.Empty(t, Release{}.Assign("p", "k").Version)
}

func TestLookups(t *testing.T) {
	s := load(t, map[string]string{
		one: simple, "prompts/q/versions/a.yaml": simple, two: "time: 2026-02-01\ntemplate: 'Report the tides. {{> x@1}}'\n",
		"partials/x/versions/1.yaml": "content: 'X {{> y@1}}'\n", "partials/y/versions/1.yaml": "content: Y\n", "partials/y/versions/2.yaml": "content: Y2\n",
		"tools/a/1.yaml": "definition: {name: t, description: d}\n", "tools/b/1.yaml": "definition: {name: t, description: d}\n",
	})
	shared := s.Prompt("p").Version("1").Hash
	assert.Len(t, s.VersionsByHash(shared), 2)
	_, _, ok := s.ByHash(shared)
	assert.False(t, ok, "two prompts share the text: none is guessed")
	p, v, ok := s.ByHash(s.Prompt("p").Version("2").Hash[len(HashPrefix):])
	require.True(t, ok, "with or without the prefix")
	assert.Equal(t, "p@2", VersionRef{p, v}.String())
	_, _, ok = s.ByHash("")
	assert.False(t, ok)
	for _, partial := range []string{"x", "y"} {
		users := s.UsersOf(partial, "")
		require.Len(t, users, 1, "%s, directly or not", partial)
		assert.Equal(t, "p@2", users[0].String())
	}
	assert.Empty(t, s.UsersOf("y", "2"))
	tool, _, ok := s.ToolByHash(s.Tool("b").Version("1").Hash)
	require.True(t, ok)
	assert.Equal(t, "a", tool.Name, "the first by name")
	var none *Prompt
	assert.Nil(t, none.Version("1"))
	assert.Nil(t, none.Latest())
	assert.Nil(t, s.Tool("none").Version("1"))
	assert.Nil(t, s.Partial("none").Version("1"))
}
