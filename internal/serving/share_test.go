// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

var released0 = time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)

// canary is a registry of a prompt with one release: 90 % a, 10 % b.
func canary(t testing.TB) *registry.Snapshot {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{
		"prompts/p/versions/a.yaml": "template: Version a of a prompt.\ntime: 2026-11-01T00:00:00Z\n",
		"prompts/p/versions/b.yaml": "template: Version b of a prompt.\ntime: 2026-11-02T00:00:00Z\n",
		"releases/p.yaml":           "- environment: prod\n  time: 2026-11-04T00:00:00Z\n  author: ann\n  targets: [{version: a, weight: 90}, {version: b, weight: 10}]\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(file))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	s, problems := registry.Load(dir)
	require.Empty(t, problems)
	return s
}

// judged are the shares' findings when keys get b by the given draws, in order of
// time.
func judged(s *registry.Snapshot, draws []bool, together int) []Finding {
	p := place{"p", "prod"}
	o := Options{Now: released0.AddDate(0, 1, 0), Alpha: 0.05, Key: KeyWidest}
	j := &judge{report: &Report{}, options: o, snapshot: s, places: []place{p}}
	j.bounds = j.boundsOf(p)
	counts := map[tally]int64{}
	seen := map[string]bool{}
	for i, b := range draws {
		version := "a"
		if b {
			version = "b"
		}
		c := tally{place: p, at: released0, block: 1 + i*blocks/len(draws), version: version}
		if i > 0 {
			c.before = sql.NullString{String: map[bool]string{true: "b", false: "a"}[draws[i-1]], Valid: true}
		}
		counts[c]++
		if !seen[version] {
			seen[version] = true
			j.versions = append(j.versions, Served{Prompt: "p", Environment: "prod", Version: version})
		}
	}
	j.minutes = map[bound]int64{{place: p, at: released0}: int64((len(draws) + together - 1) / together)}
	for t, keys := range counts {
		t.keys = keys
		j.tallies = append(j.tallies, t)
	}
	j.shares()
	return j.report.Findings
}

// While keys are drawn as released, findings are as rare as asked for, also when
// one draw holds for several keys in a row.
func TestSharesRaiseNoFalseAlarms(t *testing.T) {
	s := canary(t)
	random := rand.New(rand.NewPCG(1, 1))
	const runs = 800
	for _, together := range []int{1, 5, 20} {
		for _, keys := range []int{8, 60, 500, 4000} {
			found := 0
			for range runs {
				draws := make([]bool, keys)
				for i := 0; i < keys; i += together {
					b := random.Float64() < 0.1
					for k := i; k < min(i+together, keys); k++ {
						draws[k] = b
					}
				}
				found += len(judged(s, draws, together))
			}
			rate := float64(found) / runs
			t.Logf("%d keys, %d together: %.3f", keys, together, rate)
			if keys > together {
				assert.LessOrEqual(t, rate, 0.05, "%d keys, %d together", keys, together)
			}
		}
	}
}

// A share that is off is found as soon as there are keys enough.
func TestSharesAreFoundWhenOff(t *testing.T) {
	s := canary(t)
	random := rand.New(rand.NewPCG(2, 2))
	found := 0
	for range 200 {
		draws := make([]bool, 400)
		for i := range draws {
			draws[i] = random.Float64() < 0.2
		}
		found += len(judged(s, draws, 1))
	}
	assert.Greater(t, found, 190)
	findings := judged(s, make([]bool, 100), 1)
	require.Len(t, findings, 1)
	assert.Equal(t, NeverSeen, findings[0].Kind)
	assert.Empty(t, judged(s, make([]bool, 15), 1), "too few to tell")
}

func TestPlaceOf(t *testing.T) {
	s := canary(t)
	for want, c := range map[place][2]string{
		{"p", "prod"}:   {"eu", "production"}, // the label, in its other spelling
		{"p", "eu"}:     {"eu", "latest"},
		{"p", "canary"}: {"", "canary"},
		{"p", ""}:       {"", ""},
	} {
		assert.Equal(t, want, placeOf(s, "p", c[0], c[1]))
	}
	assert.Equal(t, place{"p", "prod"}, placeOf(s, "p", "prod", ""))
	assert.Equal(t, place{"q", "prod"}, placeOf(s, "q", "prod", "x"))
}
