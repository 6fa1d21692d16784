// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/serving"
)

// servedCalls are calls of a version, one a session, with a label and a minute between
// them.
func servedCalls(version, label string, from, calls int) []call {
	var out []call
	for i := range calls {
		c := resolved("template", "support-agent", version)
		c.attrs["gen_ai.conversation.id"] = fmt.Sprintf("%s-%s-%d-%d", version, label, from, i)
		if label != "" {
			c.attrs["spanloop.prompt.label"] = label
		}
		c.minutes = from + i
		out = append(out, c)
	}
	return out
}

func findingKinds(list []serving.Finding) []string {
	kinds := []string{}
	for _, f := range list {
		kinds = append(kinds, f.Kind+" "+f.Version)
	}
	return kinds
}

// mixedServed interleaves a canary with the stable version, one in so many.
func mixedServed(label string, from, calls, oneIn int) []call {
	stable, canary := servedCalls("v3.1", label, from, calls), servedCalls("v3.2", label, from, calls)
	for i := 0; i < calls; i += oneIn {
		stable[i] = canary[i]
	}
	return stable
}

func running(t testing.TB, d *desk, code int, args ...string) serving.Report {
	var r serving.Report
	d.json(code, "spanloop.prompt.running/1", &r, append([]string{"prompt", "running"}, args...)...)
	assert.Equal(t, code, r.ExitCode)
	return r
}

func TestRunningAsReleased(t *testing.T) {
	d := exampleDesk(t).write(t, mixedServed("production", 0, 200, 10)...)
	r := running(t, d, exitDone, "support-agent")
	assert.EqualValues(t, 200, r.Calls)
	require.GreaterOrEqual(t, len(r.Served), 2)
	stable := r.Served[0]
	assert.Equal(t, "v3.1", stable.Version)
	assert.EqualValues(t, 180, stable.Calls)
	assert.EqualValues(t, 180, stable.Traces)
	assert.InDelta(t, 90, stable.Percent, 1e-9)
	assert.InDelta(t, 90, *stable.Weight, 1e-9)
	assert.Equal(t, []serving.Rung{{Rung: "template", Calls: 180}}, stable.Resolution)
	assert.Equal(t, firstCall.Add(time.Minute), *stable.FirstSeen)
	require.Len(t, r.Shares, 1)
	assert.InDelta(t, 1, r.Shares[0].PAdjusted, 0.1)
	assert.Empty(t, r.Findings)
	out := d.must(exitDone, "prompt", "running", "support-agent")
	assert.Contains(t, out, "Running: as released")
	assert.Contains(t, out, "90 %")
	for _, format := range []string{"csv", "html"} {
		assert.Contains(t, d.must(exitDone, "prompt", "running", "support-agent", "--format", format), "v3.2")
	}
}

// A share is a finding when chance does not explain it, and not before.
func TestRunningShares(t *testing.T) {
	for name, c := range map[string]struct {
		calls, oneIn int
		want         []string
	}{
		"a few say nothing":   {calls: 9, oneIn: 3, want: []string{}},
		"half instead of 10%": {calls: 100, oneIn: 2, want: []string{"share v3.2"}},
		"no canary at all":    {calls: 200, oneIn: 1000, want: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			d := exampleDesk(t).write(t, mixedServed("production", 0, c.calls, c.oneIn)...)
			code := exitDone
			if len(c.want) > 0 {
				code = exitFinding
			}
			if c.oneIn == 1000 {
				d = exampleDesk(t).write(t, servedCalls("v3.1", "production", 0, c.calls)...)
				r := running(t, d, exitFinding, "support-agent")
				assert.Equal(t, []string{"never_seen v3.2"}, findingKinds(r.Findings))
				return
			}
			r := running(t, d, code, "support-agent")
			assert.Equal(t, c.want, findingKinds(r.Findings))
		})
	}
}

// Calls of one session count once: a session that calls a hundred times is no
// evidence about the split.
func TestRunningCountsSessionsOnce(t *testing.T) {
	calls := mixedServed("production", 0, 60, 10)
	for range 100 {
		again := calls[0]
		calls = append(calls, again)
	}
	d := exampleDesk(t).write(t, calls...)
	r := running(t, d, exitDone, "support-agent")
	assert.Empty(t, r.Findings)
	assert.EqualValues(t, 60, r.Shares[0].Keys)
	assert.EqualValues(t, 160, r.Calls)
	r = running(t, d, exitFinding, "support-agent", "--key", "trace")
	assert.Equal(t, []string{"share v3.2"}, findingKinds(r.Findings), "each trace would count")
}

// A canary that a process draws for all its sessions of an hour has fewer keys
// than sessions.
func TestRunningAllowsForWhatIsDrawnTogether(t *testing.T) {
	var calls []call
	for hour := range 10 {
		version := "v3.1"
		if hour == 3 || hour == 6 {
			version = "v3.2"
		}
		calls = append(calls, servedCalls(version, "production", hour*60, 60)...)
	}
	d := exampleDesk(t).write(t, calls...)
	r := running(t, d, exitDone, "support-agent")
	assert.Empty(t, r.Findings)
	assert.Greater(t, r.Shares[0].Dispersion, 10.0)
}

func TestRunningVersionsThatNoReleaseNames(t *testing.T) {
	calls := servedCalls("v3.1", "production", 0, 20)
	calls = append(calls, servedCalls("v3.0", "production", 30, 4)...)
	calls = append(calls, servedCalls("v9", "production", 40, 2)...)
	calls = append(calls, servedCalls("v3.2", "eu", 50, 3)...)
	other := resolved("explicit", "router", "7")
	calls = append(calls, other)
	d := exampleDesk(t).write(t, calls...)
	r := running(t, d, exitFinding)
	kinds := findingKinds(r.Findings)
	assert.Contains(t, kinds, "prompt_unknown 7")
	assert.Contains(t, kinds, "version_unknown v9")
	assert.Contains(t, kinds, "withdrawn v3.0")
	assert.Contains(t, findingKinds(r.Remarks), "no_release v3.2", "an environment without releases")
	d.golden("running.txt", d.must(exitFinding, "prompt", "running"))
	d.golden("running.csv", d.must(exitFinding, "prompt", "running", "--format", "csv"))
	r = running(t, d, exitDone, "support-agent", "--environment", "eu")
	assert.Len(t, r.Served, 1)
	assert.Empty(t, r.Findings)
}

func TestRunningAfterARollback(t *testing.T) {
	d := exampleDesk(t)
	at := firstCall.Add(100 * time.Minute).Format(time.RFC3339)
	d.must(exitDone, "prompt", "release", "support-agent", "v3.1", "-e", "production", "--at", at, "-m", "Back.", "--reviewed-by", "eve")
	calls := mixedServed("production", 0, 100, 10)
	calls = append(calls, servedCalls("v3.2", "production", 101, 2)...) // within the grace
	calls = append(calls, servedCalls("v3.1", "production", 104, 30)...)
	d.write(t, calls...)
	r := running(t, d, exitDone, "support-agent")
	assert.Empty(t, r.Findings)
	r = running(t, d, exitFinding, "support-agent", "--grace", "0s")
	assert.Equal(t, []string{"withdrawn v3.2"}, findingKinds(r.Findings))

	d = exampleDesk(t)
	d.must(exitDone, "prompt", "release", "support-agent", "v3.1", "-e", "production", "--at", at, "-m", "Back.", "--reviewed-by", "eve")
	held := servedCalls("v3.2", "production", 90, 1)
	late := servedCalls("v3.2", "production", 90, 1)
	late[0].minutes = 130
	calls = append(calls, servedCalls("v3.2", "production", 120, 4)...)
	d.write(t, append(append(calls, held...), late...)...)
	r = running(t, d, exitFinding, "support-agent")
	require.Equal(t, []string{"withdrawn v3.2"}, findingKinds(r.Findings))
	assert.EqualValues(t, 5, r.Findings[0].Calls)
	assert.Contains(t, r.Findings[0].Text, "of these 1 in sessions that began before")
	r = running(t, d, exitDone, "support-agent", "--until", at)
	assert.Empty(t, r.Findings, "before the rollback it was released")
}

func TestRunningUnresolved(t *testing.T) {
	calls := mixedServed("production", 0, 100, 10)
	vague := call{minutes: 5, attrs: map[string]string{
		"spanloop.prompt.name": "support-agent", "spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": "version_unknown", "spanloop.prompt.label": "production"}}
	unnamed := call{minutes: 6, attrs: map[string]string{"spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": "no_match"}}
	print := resolved("fingerprint", "fp-0123456789ab", "fp-0123456789ab")
	d := exampleDesk(t).write(t, append(calls, vague, vague, unnamed, print)...)
	r := running(t, d, exitFinding)
	require.Equal(t, []string{"unresolved "}, findingKinds(r.Findings))
	assert.Contains(t, r.Findings[0].Text, "of 2 of 102 calls of support-agent in production (1.96 %) the version is not known: version_unknown 2")
	assert.Contains(t, findingKinds(r.Remarks), "unnamed ")
	for _, s := range r.Served {
		assert.NotContains(t, s.Prompt, "fp-")
	}
	r = running(t, d, exitDone, "support-agent", "--unresolved", "2%")
	assert.Contains(t, findingKinds(r.Remarks), "unresolved ")
}

// A share that unknown versions may explain is none.
func TestRunningSharesWithUnknownVersions(t *testing.T) {
	calls := servedCalls("v3.1", "production", 0, 100)
	for i := range 30 {
		c := resolved("none", "support-agent", "")
		delete(c.attrs, "spanloop.prompt.version")
		c.attrs["spanloop.prompt.label"], c.minutes = "production", i
		c.attrs["gen_ai.conversation.id"] = fmt.Sprint("unknown-", i)
		calls = append(calls, c)
	}
	d := exampleDesk(t).write(t, calls...)
	r := running(t, d, exitFinding, "support-agent")
	assert.Equal(t, []string{"unresolved "}, findingKinds(r.Findings))
	assert.Contains(t, findingKinds(r.Remarks), "unresolved_share v3.2")
}

func TestRunningWithoutCalls(t *testing.T) {
	d := exampleDesk(t).write(t, servedCalls("v3.1", "production", 0, 3)...)
	r := running(t, d, exitCannotTell, "support-agent", "--since", "2026-11-25")
	assert.Zero(t, r.Calls)
	assert.Equal(t, []string{"no_calls "}, findingKinds(r.Remarks)[:1])
	for _, args := range [][]string{
		{"nobody"}, {"support-agent", "--environment", "nowhere"}, {"--key", "planet"}, {"--alpha", "0"}, {"--margin", "x"}, {"--grace", "soon"}, {"--unresolved", "100%"},
	} {
		got := d.run(append([]string{"prompt", "running"}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%v %s", args, got.err)
	}
	d.registry += "-none"
	assert.Equal(t, exitUsage, d.run("prompt", "running").code)
}

func TestRunningOfHostileNames(t *testing.T) {
	d := exampleDesk(t).write(t, resolved("explicit", "a\x1b[2J\u202e<script>", "../x"))
	for _, format := range []string{"table", "json", "html"} {
		out := d.must(exitFinding, "prompt", "running", "--format", format)
		assert.NotContains(t, out, "\x1b")
		if format == "html" {
			assert.NotContains(t, out, "<script")
		}
		assert.True(t, strings.Contains(out, "../x"))
	}
}

// A process that draws once for all its sessions is one key when it is asked for.
func TestRunningByInstance(t *testing.T) {
	d := exampleDesk(t).write(t, mixedServed("production", 0, 100, 2)...)
	r := running(t, d, exitDone, "support-agent", "--key", "instance")
	require.Len(t, r.Shares, 1)
	assert.EqualValues(t, 1, r.Shares[0].Keys)
	assert.Equal(t, "instance", r.ClusteredBy)
}

// A version that another environment serves is not released here; one that a release
// names a little later is within the grace.
func TestRunningBeforeARelease(t *testing.T) {
	d := exampleDesk(t).write(t, append(servedCalls("v3.1", "staging", 0, 10), servedCalls("v3.2", "staging", 20, 3)...)...)
	r := running(t, d, exitFinding, "support-agent", "--environment", "staging")
	require.Equal(t, []string{"not_released v3.2"}, findingKinds(r.Findings))
	assert.EqualValues(t, 3, r.Findings[0].Calls)
	at := firstCall.Add(24 * time.Minute).Format(time.RFC3339)
	d.must(exitDone, "prompt", "release", "support-agent", "v3.2", "-e", "staging", "--at", at, "-m", "Try it.")
	r = running(t, d, exitDone, "support-agent", "--environment", "staging")
	assert.Empty(t, r.Findings)
	r = running(t, d, exitFinding, "support-agent", "--environment", "staging", "--grace", "1m")
	assert.Equal(t, []string{"not_released v3.2"}, findingKinds(r.Findings))
}
