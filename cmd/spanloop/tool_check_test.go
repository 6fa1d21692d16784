// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

type usersOutput struct {
	Tool     string
	Versions []toolUsers
}

type checkOutput struct {
	Tools    int
	Findings []toolFinding
}

func TestToolUsers(t *testing.T) {
	d := searchDesk(t)
	var users usersOutput
	d.json(exitDone, "spanloop.tool.users/1", &users, "tool", "users", "docs/search")
	require.Len(t, users.Versions, 2)
	registered, broad := users.Versions[0], users.Versions[1]
	assert.Equal(t, "v7", registered.Version)
	assert.EqualValues(t, 6, registered.Executions)
	require.Len(t, registered.Users, 2)
	first := registered.Users[0]
	assert.Equal(t, [2]string{agent, "v3.1"}, [2]string{first.Prompt, first.Version})
	assert.EqualValues(t, 6, first.Calls)
	assert.EqualValues(t, 6, first.Traces)
	assert.Equal(t, "2026-11-01T00:00:00Z", first.FirstSeen.Format(time.RFC3339))
	assert.Len(t, first.Spans, 3)
	assert.Regexp(t, "^[0-9a-f]{32}:[0-9a-f]{16}$", first.Spans[0])
	assert.Equal(t, "find_docs@"+moved(t), broad.RenamedTo)
	assert.Equal(t, "", broad.Users[1].Prompt)

	d.json(exitDone, "spanloop.tool.users/1", &users, "tool", "users", "docs/search", "v7", "--since", "2026-11-02", "--spans", "1")
	require.Len(t, users.Versions, 1)
	require.Len(t, users.Versions[0].Users, 1)
	assert.Equal(t, "v3.2", users.Versions[0].Users[0].Version)
	assert.Len(t, users.Versions[0].Users[0].Spans, 1)

	out := d.must(exitDone, "tool", "users", "docs/search")
	assert.Contains(t, out, "renamed to find_docs@")
	d.golden("tool_users.txt", out)
	assert.Contains(t, out, "support-agent@v3.2")
	assert.Contains(t, d.must(exitDone, "tool", "users", "lookup_order"), "offered by no call")
	for _, format := range []string{"csv", "html"} {
		assert.Contains(t, d.must(exitDone, "tool", "users", "docs/search", "--format", format), "no prompt")
	}
	for _, args := range [][]string{{"serch"}, {"docs/search", "v99"}, {"docs/search", "--spans", "-1"}} {
		assert.Equal(t, exitUsage, d.run(append([]string{"tool", "users"}, args...)...).code, "%v", args)
	}
	d.dataset += "-none"
	d.json(exitDone, "spanloop.tool.users/1", &users, "tool", "users", "docs/search")
	assert.Empty(t, users.Versions[0].Users)
}

func TestToolCheck(t *testing.T) {
	d := searchDesk(t)
	var check checkOutput
	d.json(exitFinding, "spanloop.tool.check/1", &check, "tool", "check")
	require.Len(t, check.Findings, 2)
	changed, renamed := check.Findings[0], check.Findings[1]
	assert.Equal(t, toolUnregistered, changed.Kind)
	assert.Equal(t, "docs/search", changed.Tool)
	assert.Equal(t, "v7", changed.ComparedWith)
	assert.Contains(t, kinds(changed.Changes), registry.ChangeDescriptionBroadened)
	assert.EqualValues(t, 6, changed.Calls)
	assert.Equal(t, []toolUser{{agent, "v3.1", 5}, {"", "", 1}}, changed.Prompts)
	assert.Equal(t, toolRenamed, renamed.Kind)
	assert.Equal(t, "find_docs", renamed.Tool)
	assert.True(t, strings.HasPrefix(renamed.ComparedWith, "search_docs@"))
	assert.Equal(t, []string{registry.ChangeRenamed}, kinds(renamed.Changes))
	assert.Contains(t, d.must(exitFinding, "tool", "check"), "was broadened")
	d.golden("tool_check.txt", d.must(exitFinding, "tool", "check"))

	d.json(exitDone, "spanloop.tool.check/1", &check, "tool", "check", "--until", "2026-11-03")
	assert.Empty(t, check.Findings, "before the change")
	d.json(exitDone, "spanloop.tool.check/1", &check, "tool", "check", "lookup_order")
	assert.Equal(t, 1, check.Tools)
	assert.Equal(t, exitUsage, d.run("tool", "check", "lookup_ordr").code)

	for _, definition := range []string{searchBroad, searchMoved} {
		d.in = definition
		name := "docs/search"
		if definition == searchMoved {
			name = "find_docs"
		}
		d.must(exitDone, "tool", "add", name, "-")
	}
	d.json(exitDone, "spanloop.tool.check/1", &check, "tool", "check")
	assert.Empty(t, check.Findings, "registered by now")
}

// Of tools that nobody registered the first definition is no change.
func TestToolCheckWithoutRegistry(t *testing.T) {
	d := searchDesk(t)
	d.registry = filepath.Join(filepath.Dir(d.registry), "none")
	var check checkOutput
	d.json(exitFinding, "spanloop.tool.check/1", &check, "tool", "check")
	got := []string{}
	for _, f := range check.Findings {
		got = append(got, f.Kind+" "+f.Tool)
	}
	assert.Equal(t, []string{"renamed find_docs", "changed search_docs"}, got)
}

// A tool that took the place of another one is that one renamed, also when its
// description was rewritten with the name; two that run side by side are two.
func TestToolRenamedAndRewritten(t *testing.T) {
	rewritten := strings.Replace(searchMoved, "Searches the help pages about any topic, and orders also.", "Finds pages.", 1)
	d := searchDesk(t)
	d.dataset += "-2"
	d.record(offer{agent, "v3.1", []string{searchBroad}, 3, 5, false, ""}, offer{agent, "v3.1", []string{rewritten}, 6, 5, false, ""})
	var check checkOutput
	d.json(exitFinding, "spanloop.tool.check/1", &check, "tool", "check", "find_docs")
	require.Len(t, check.Findings, 1)
	assert.Equal(t, toolRenamed, check.Findings[0].Kind)
	assert.Equal(t, []string{registry.ChangeRenamed, registry.ChangeDescription}, kinds(check.Findings[0].Changes))

	d.dataset += "-3"
	d.record(offer{agent, "v3.1", []string{searchBroad}, 3, 5, false, ""}, offer{agent, "v3.1", []string{rewritten, searchBroad}, 6, 5, false, ""})
	d.json(exitDone, "spanloop.tool.check/1", &check, "tool", "check", "find_docs")
	encoded, err := json.Marshal(check)
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), toolRenamed)
}

func TestCompletionOfWhatIsServed(t *testing.T) {
	d := searchDesk(t)
	for want, args := range map[string][]string{
		agent + "\n":    {"prompt", "running", ""},
		"instance\n":    {"prompt", "running", "--key", ""},
		"staging\n":     {"prompt", "running", agent, "--environment", ""},
		"docs/search\n": {"tool", "check", "lookup_order", ""},
		"find_docs\n":   {"tool", "users", ""},
		"v7\n":          {"tool", "users", "docs/search", ""},
		":4\n":          {"prompt", "discover", ""},
		"production\n":  {"prompt", "discover", "--environment", ""},
	} {
		assert.Contains(t, d.must(exitDone, append([]string{"__complete"}, args...)...), want, "%v", args)
	}
}
