// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mixed has calls of every kind: 10 production calls, of which 6 are resolved.
func mixed(t testing.TB) *desk {
	t.Helper()
	exact := resolved("explicit", "support", "v1")
	exact.attrs["spanloop.request.sha256"] = "sha256:00"
	late := resolved("template", "support", "v2")
	late.minutes = 24 * 60
	replayed := resolved("explicit", "support", "v1")
	replayed.replay = true
	ambiguous := unresolved("ambiguous")
	ambiguous.attrs["spanloop.prompt.resolution"] = "ambiguous"
	embedding := resolved("explicit", "support", "v1")
	embedding.attrs["gen_ai.operation.name"] = "embeddings"
	bare := call{attrs: map[string]string{}}
	return emptyDesk(t).write(t,
		exact, resolved("explicit", "support", "v1"), late, resolved("label", "support", "v2"), resolved("hash", "router", "7"),
		resolved("fingerprint", "fp-0a1b", "fp-0a1b"), unresolved("no_content"), unresolved("no_match"), ambiguous, bare,
		replayed, embedding)
}

func TestCoverageCounts(t *testing.T) {
	d := mixed(t)
	var c coverage
	d.json(exitDone, "spanloop.coverage/1", &c, "coverage")
	assert.EqualValues(t, 10, c.Calls, "replays and embeddings are no production model calls")
	assert.EqualValues(t, 6, c.Resolved)
	for name, rows := range map[string][]share{"resolution": c.Resolution, "prompts": c.Prompts, "tools": c.Tools, "replayable": c.Replayable} {
		calls, percent := int64(0), 0.0
		for _, r := range rows {
			calls += r.Calls
			percent += r.Percent
		}
		assert.EqualValues(t, 10, calls, name)
		assert.InDelta(t, 100, percent, 1e-9, name)
	}
	shares := map[string]int64{}
	for _, r := range c.Resolution {
		shares[strings.TrimSpace(r.Name+" "+r.Reason)] = r.Calls
	}
	assert.Equal(t, map[string]int64{
		"explicit": 2, "template": 1, "label": 1, "hash": 1, "fingerprint": 1, "none no_content": 1, "none no_match": 1, "ambiguous ambiguous": 1, "not stamped": 1,
	}, shares)
	replayable := map[string]int64{}
	for _, r := range c.Replayable {
		replayable[r.Name] = r.Calls
	}
	assert.Equal(t, map[string]int64{"exact": 1, "modelled": 5, "not": 4}, replayable)
}

func TestCoverageWindow(t *testing.T) {
	d := mixed(t)
	var c coverage
	d.json(exitDone, "spanloop.coverage/1", &c, "coverage", "--since", "30h")
	assert.EqualValues(t, 1, c.Calls)
	d.json(exitDone, "spanloop.coverage/1", &c, "coverage", "--until", firstCall.Add(time.Minute).Format(time.RFC3339))
	assert.EqualValues(t, 9, c.Calls)

	got := d.run("coverage", "--since", "2027-01-01")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.err, "no production model calls between --since and --until")
	d.json(exitDone, "spanloop.coverage/1", &c, "coverage", "--since", "2027-01-01")
	assert.Zero(t, c.Calls)
	assert.Equal(t, []share{}, c.Resolution, "an empty list is [], not null")
}

func TestCoverageText(t *testing.T) {
	d := mixed(t)
	d.golden("coverage.txt", d.must(exitDone, "coverage"))
	d.golden("coverage.csv", d.must(exitDone, "coverage", "--format", "csv"))
	records, err := csv.NewReader(strings.NewReader(d.must(exitDone, "coverage", "--format", "csv"))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"section", "name", "calls", "percent", "reason"}, records[0])
	assert.Contains(t, d.must(exitDone, "coverage", "--format", "html"), "</html>")
}

// Many prompts are summed up in the table, and all listed in JSON and CSV.
func TestCoverageOfManyPrompts(t *testing.T) {
	var calls []call
	for i := range 45 {
		calls = append(calls, resolved("explicit", fmt.Sprintf("prompt-%02d", i), "v1"))
	}
	d := emptyDesk(t).write(t, calls...)
	out := d.must(exitDone, "coverage")
	assert.Contains(t, out, "(25 more)")
	assert.Contains(t, out, "100.0 %")
	var c coverage
	d.json(exitDone, "spanloop.coverage/1", &c, "coverage")
	assert.Len(t, c.Prompts, 45)
	assert.Equal(t, 1+1+45+1+1, strings.Count(d.must(exitDone, "coverage", "--format", "csv"), "\n"))
}

// Names from spans steer no terminal and no browser.
func TestCoverageOfHostileNames(t *testing.T) {
	hostile := "a\x1b[2J\u202e<script>alert(1)</script>"
	d := emptyDesk(t).write(t, resolved("explicit", hostile, "../../x"), unresolved("\x1b]0;title\x07"))
	for _, format := range []string{"table", "json", "csv", "html"} {
		out := d.must(exitDone, "coverage", "--format", format)
		if format != "csv" {
			assert.NotContains(t, out, "\x1b", format)
			assert.NotContains(t, out, "\u202e", format)
		}
		if format == "html" {
			assert.NotContains(t, out, "<script", format)
		}
		assert.Contains(t, out, "../../x", format)
	}
}

func TestTopKeepsTheSum(t *testing.T) {
	rows := []share{{Name: "a", Calls: 5, Percent: 50}, {Name: "b", Calls: 3, Percent: 30}, {Name: "c", Calls: 2, Percent: 20}}
	assert.Equal(t, rows, top(rows, 3))
	short := top(rows, 1)
	require.Len(t, short, 2)
	assert.EqualValues(t, 5, short[1].Calls)
	assert.True(t, math.Abs(short[1].Percent-50) < 1e-9)
}
