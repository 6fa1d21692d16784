// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

const agent = "support-agent"

func TestPromptText(t *testing.T) {
	d := exampleDesk(t)
	for name, test := range map[string]struct {
		code int
		args []string
	}{
		"prompt_list.txt":  {exitDone, []string{"prompt", "list"}},
		"prompt_show.txt":  {exitDone, []string{"prompt", "show", agent, "v3.1"}},
		"prompt_log.txt":   {exitDone, []string{"prompt", "log", agent}},
		"prompt_diff.txt":  {exitFinding, []string{"prompt", "diff", agent, "v3.0", "v3.2"}},
		"prompt_list.json": {exitDone, []string{"prompt", "list", "--format", "json"}},
		"prompt_show.json": {exitDone, []string{"prompt", "show", agent, "v3.2", "--format", "json"}},
		"prompt_log.json":  {exitDone, []string{"prompt", "log", agent, "--format", "json"}},
		"prompt_diff.json": {exitFinding, []string{"prompt", "diff", agent, "v3.1", "v3.2", "--format", "json"}},
		"prompt_check.txt": {exitDone, []string{"prompt", "check"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.t = t
			d.golden(name, d.must(test.code, test.args...))
		})
	}
}

func TestPromptEveryFormatOfEveryCommand(t *testing.T) {
	d := exampleDesk(t)
	for _, command := range [][]string{
		{"prompt", "list"}, {"prompt", "show", agent}, {"prompt", "log", agent}, {"prompt", "diff", agent, "v3.0", "v3.1"}, {"prompt", "check"},
		{"tool", "list"}, {"tool", "log", "refund_order"}, {"tool", "diff", "refund_order", "v1", "v2"},
	} {
		csvText := d.run(append(command, "--format", "csv")...)
		records, err := csv.NewReader(strings.NewReader(csvText.out)).ReadAll()
		require.NoError(t, err, "%v", command)
		require.NotEmpty(t, records, "%v: a header at least", command)
		page := d.run(append(command, "--format", "html")...)
		assert.Contains(t, page.out, "</html>", "%v", command)
		assert.Equal(t, csvText.code, page.code, "%v: the code does not depend on the format", command)
	}
}

func TestPromptListAsOfATime(t *testing.T) {
	d := exampleDesk(t)
	var list struct{ Prompts []promptInfo }
	for at, want := range map[string]string{
		"2026-06-01":           "",
		"2026-06-16T07:00:00Z": "production: v3.0",
		"2026-08-25":           "production: v3.0; staging: v3.1",
		"2026-11-03T23:59:59Z": "production: v3.1; staging: v3.1",
		"2026-11-04":           "production: v3.1 90 %, v3.2 10 %; staging: v3.1",
	} {
		d.json(exitDone, "spanloop.prompt.list/1", &list, "prompt", "list", "--at", at)
		require.Len(t, list.Prompts, 1)
		assert.Equal(t, want, liveText(list.Prompts[0].Live), at)
	}
	d.json(exitDone, "spanloop.prompt.list/1", &list, "prompt", "list", "--tag", "no such tag")
	assert.Empty(t, list.Prompts)
}

func TestPromptListByPartial(t *testing.T) {
	d := exampleDesk(t)
	var list struct{ Prompts []promptInfo }
	for partial, want := range map[string][]string{"shop-policy": {"v3.0", "v3.1", "v3.2"}, "shop-policy@v2": {"v3.1", "v3.2"}} {
		d.json(exitDone, "spanloop.prompt.list/1", &list, "prompt", "list", "--uses", partial)
		require.Len(t, list.Prompts, 1)
		assert.Equal(t, want, list.Prompts[0].Uses)
	}
	assert.Contains(t, d.must(exitDone, "prompt", "list", "--uses", "shop-policy@v1"), "uses it")
	for partial, want := range map[string]string{"shop-polcy": "there is shop-policy", "shop-policy@v3": "there is v"} {
		got := d.run("prompt", "list", "--uses", partial)
		assert.Equal(t, exitUsage, got.code)
		assert.Contains(t, got.err, want)
	}
}

func TestPromptLogWithDiffs(t *testing.T) {
	d := exampleDesk(t)
	text := d.must(exitDone, "prompt", "log", agent, "--patch")
	assert.Contains(t, text, "+Be brief: answer in one or two sentences.")
	assert.NotContains(t, d.must(exitDone, "prompt", "log", agent), "+Be brief")
	var log promptLog
	d.json(exitDone, "spanloop.prompt.log/1", &log, "prompt", "log", agent, "-p")
	assert.Contains(t, log.Versions[0].Unified, "--- v3.1\n+++ v3.2\n")
	assert.Empty(t, log.Versions[2].Unified, "the first version changed nothing")
}

func TestPromptAdd(t *testing.T) {
	d := exampleDesk(t)
	var added struct {
		Prompt string
		Added  versionInfo
	}
	file := d.file("prompt.txt", "Talk to {{customer_name}}.\n{{> shop-policy}}\n")
	d.json(exitDone, "spanloop.prompt.add/1", &added, "prompt", "add", agent, file, "-m", "why", "--at", "2026-11-20")
	assert.Equal(t, agent, added.Prompt)
	assert.Equal(t, "v3.3", added.Added.Version, "the next number")
	assert.Equal(t, "v3.2", added.Added.Parent)
	assert.Equal(t, "ada", added.Added.Author)
	assert.Equal(t, "2026-11-20T00:00:00Z", added.Added.Time.Format("2006-01-02T15:04:05Z07:00"))

	var shown promptVersion
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "v3.3")
	assert.Equal(t, []messageInfo{{Role: "system", Content: "Talk to {{customer_name}}.\n{{> shop-policy}}\n"}}, shown.Messages)
	require.Len(t, shown.Partials, 1, "the partial is pinned")
	assert.Equal(t, "v2", shown.Partials[0].Version)
	assert.Empty(t, shown.Live, "a new version serves nobody")

	d.in = "\ufeffSummarise: {{text}}" // as some editors begin a file
	d.json(exitDone, "spanloop.prompt.add/1", &added, "prompt", "add", "team/summary", "-", "--role", "user", "--params", `{"temperature": 0.10, "seed": 12345678901234567890}`)
	assert.Equal(t, "1", added.Added.Version)
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", "team/summary")
	assert.Equal(t, []messageInfo{{Role: "user", Content: "Summarise: {{text}}"}}, shown.Messages)
	assert.JSONEq(t, `{"temperature": 0.10, "seed": 12345678901234567890}`, string(shown.Params))
	assert.Contains(t, string(shown.Params), "12345678901234567890", "numbers keep their digits")

	d.must(exitUsage, "prompt", "add", agent, file, "--version", "v3.3")
	assert.Contains(t, d.run("prompt", "add", agent, file, "--version", "v3.3").err, "never overwritten")
}

func TestPromptAddOfAWholeVersion(t *testing.T) {
	d := exampleDesk(t)
	file := d.file("next.yaml", `version: v4.0
author: grace
message: Two messages.
messages:
  - role: system
    content: You answer in {{language}}.
  - role: user
    content: "{{question}} {{> shop-policy@v1}}"
params: {temperature: 0, stop: ["END"]}
response_format: {type: json_object}
`)
	d.must(exitDone, "prompt", "add", agent, file)
	var shown promptVersion
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "v4.0")
	assert.Equal(t, "grace", shown.Author)
	assert.Equal(t, "Two messages.", shown.Message)
	assert.Len(t, shown.Messages, 2)
	assert.JSONEq(t, `{"temperature":0,"stop":["END"]}`, string(shown.Params))
	assert.JSONEq(t, `{"type":"json_object"}`, string(shown.ResponseFormat))
	assert.Equal(t, "v1", shown.Partials[0].Version)

	broken := d.file("broken.yaml", "version: v5\nmesages: []\n")
	got := d.run("prompt", "add", agent, broken)
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "broken.yaml:2:", "file and line")
}

func TestPromptShowRendered(t *testing.T) {
	d := exampleDesk(t)
	var shown promptVersion
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "v3.1", "--var", "customer_name=Ada <b>", "--var", "today=2026-11-25")
	text := shown.Messages[0].Content
	assert.Contains(t, text, "You are talking to Ada <b>, a standard customer. Today is 2026-11-25.")
	assert.Contains(t, text, "returns are free within 60 days", "the partial is in")
	got := d.run("prompt", "show", agent, "--var", "today=now")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "customer_name")
}

func TestPromptShowLive(t *testing.T) {
	d := exampleDesk(t)
	var shown promptVersion
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "-e", "staging")
	assert.Equal(t, "v3.1", shown.Version)
	d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "-e", "prod", "--at", "2026-07-01")
	assert.Equal(t, "v3.0", shown.Version)
	count := map[string]int{}
	for i := range 60 {
		d.json(exitDone, "spanloop.prompt.show/1", &shown, "prompt", "show", agent, "-e", "production", "--key", fmt.Sprint(i))
		count[shown.Version]++
	}
	assert.Greater(t, count["v3.1"], 40)
	assert.Positive(t, count["v3.2"])
	assert.Len(t, count, 2)
	for want, args := range map[string][]string{
		"v3.1 90 %, v3.2 10 %": {"-e", "production"}, "not both": {"v3.1", "-e", "production"}, "there is": {"-e", "nowhere"},
	} {
		got := d.run(append([]string{"prompt", "show", agent}, args...)...)
		assert.Equal(t, exitUsage, got.code)
		assert.Contains(t, got.err, want)
	}
}

func TestPromptRelease(t *testing.T) {
	d := exampleDesk(t)
	var released struct {
		Release releaseInfo
		Before  *releaseInfo
	}
	const schema = "spanloop.prompt.release/1"
	d.json(exitDone, schema, &released, "prompt", "release", agent, "v3.2", "--environment", "production", "--weight", "25", "--at", "2026-11-20")
	assert.Equal(t, "v3.1 75 %, v3.2 25 %", released.Release.String())
	assert.Equal(t, "v3.1 90 %, v3.2 10 %", released.Before.String())
	for _, target := range released.Release.Targets {
		assert.True(t, strings.HasPrefix(target.Hash, registry.HashPrefix), "the content is pinned")
	}
	d.json(exitDone, schema, &released, "prompt", "release", agent, "--target", "v3.0=1", "--target", "v3.1=2", "--target", "v3.2=1", "-e", "production", "--at", "2026-11-21")
	assert.Equal(t, "v3.0 25 %, v3.1 50 %, v3.2 25 %", released.Release.String())
	d.json(exitDone, schema, &released, "prompt", "release", agent, "v3.2", "-e", "production", "--weight", "50", "--at", "2026-11-21T01:00")
	assert.Equal(t, "v3.0 16.7 %, v3.1 33.3 %, v3.2 50 %", released.Release.String(), "the others keep their proportion")
	d.json(exitDone, schema, &released, "prompt", "release", agent, "v3.2", "-e", "canary", "--at", "2026-11-22")
	assert.Nil(t, released.Before)
	assert.Equal(t, []targetInfo{{"v3.2", 100, 100, released.Release.Targets[0].Hash}}, released.Release.Targets)

	before := d.must(exitDone, "prompt", "log", agent, "--format", "csv")
	d.json(exitDone, schema, &released, "prompt", "release", agent, "v3.2", "-e", "canary")
	assert.Equal(t, before, d.must(exitDone, "prompt", "log", agent, "--format", "csv"), "what is live already is not released again")
}

func TestPromptRollback(t *testing.T) {
	d := exampleDesk(t)
	var released struct{ Release, Before releaseInfo }
	d.json(exitDone, "spanloop.prompt.rollback/1", &released, "prompt", "rollback", agent, "-e", "prod", "-m", "worse", "--at", "2026-11-20", "--author", "grace")
	assert.Equal(t, "production", released.Release.Environment, "the other spelling is understood")
	assert.Equal(t, "v3.1", released.Release.String())
	assert.Equal(t, "v3.1 90 %, v3.2 10 %", released.Before.String())
	var log promptLog
	d.json(exitDone, "spanloop.prompt.log/1", &log, "prompt", "log", agent)
	require.Len(t, log.Releases, 5, "nothing is taken out of the history")
	assert.Equal(t, "worse", log.Releases[0].Reason)
	assert.Equal(t, "grace", log.Releases[0].Author)
	got := d.run("prompt", "rollback", agent, "-e", "staging")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "never served anything else")
}

func TestPromptErrors(t *testing.T) {
	d := exampleDesk(t)
	file := d.file("prompt.txt", "Hello {{name}}")
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"wrong prompt":         {[]string{"prompt", "show", "support-agnt"}, []string{`no prompt "support-agnt"`, "there is support-agent"}},
		"wrong version":        {[]string{"prompt", "diff", agent, "v3.1", "v3.3"}, []string{`no version "v3.3"`, "v3.2"}},
		"wrong subcommand":     {[]string{"prompt", "lst"}, []string{"unknown command"}},
		"too few arguments":    {[]string{"prompt", "diff", agent, "v3.1"}, []string{"accepts 3 arg"}},
		"label as a version":   {[]string{"prompt", "add", agent, file, "--version", "production"}, []string{"is a label"}},
		"hostile name":         {[]string{"prompt", "add", "../../x", file}, []string{"would leave its folder"}},
		"hostile version":      {[]string{"prompt", "add", "a", file, "--version", "../x"}, []string{`"/"`}},
		"no file":              {[]string{"prompt", "add", "a", file + ".txt"}, []string{"no such file"}},
		"params no JSON":       {[]string{"prompt", "add", "a", file, "--params", "{"}, []string{"--params", "not valid JSON"}},
		"params no object":     {[]string{"prompt", "add", "a", file, "--params", "[1]"}, []string{"params must be a map"}},
		"bad time":             {[]string{"prompt", "add", "a", file, "--at", "soon"}, []string{"--at", "a time is expected"}},
		"unknown partial":      {[]string{"prompt", "add", "a", d.file("p.txt", "{{> nowhere}} and more text")}, []string{`partial "nowhere" does not exist`}},
		"bad template":         {[]string{"prompt", "add", "a", d.file("q.txt", "one\n{{#open}} two")}, []string{"line 2", "never closed"}},
		"empty template":       {[]string{"prompt", "add", "a", d.file("e.txt", " \n")}, []string{"empty"}},
		"no UTF-8":             {[]string{"prompt", "add", "a", d.file("l.txt", "caf\xe9 for {{name}}")}, []string{"not valid UTF-8"}},
		"no environment":       {[]string{"prompt", "release", agent, "v3.1"}, []string{`"environment" not set`}},
		"no version":           {[]string{"prompt", "release", agent, "-e", "production"}, []string{"which version?", "v3.2"}},
		"unknown version":      {[]string{"prompt", "release", agent, "v9", "-e", "production"}, []string{`no version "v9"`}},
		"missing weight":       {[]string{"prompt", "release", agent, "v3.1=90", "v3.2", "-e", "production"}, []string{"has no weight"}},
		"zero weight":          {[]string{"prompt", "release", agent, "v3.1=0", "v3.2=1", "-e", "production"}, []string{"above zero"}},
		"twice":                {[]string{"prompt", "release", agent, "v3.1=1", "v3.1=2", "-e", "production"}, []string{"twice"}},
		"weight over 100":      {[]string{"prompt", "release", agent, "v3.1", "--weight", "101", "-e", "production"}, []string{"--weight 101"}},
		"nothing beside it":    {[]string{"prompt", "release", agent, "v3.1", "--weight", "10", "-e", "new"}, []string{"no other version is live"}},
		"back in time":         {[]string{"prompt", "release", agent, "v3.0", "-e", "production", "--at", "2026-10-01"}, []string{"the history only grows"}},
		"nothing to roll back": {[]string{"prompt", "rollback", agent, "-e", "nowhere"}, []string{"no release"}},
		"hostile environment":  {[]string{"prompt", "release", agent, "v3.0", "-e", "../x"}, []string{"environment"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.t = t
			got := d.run(test.args...)
			assert.Equal(t, exitUsage, got.code, got.err)
			assert.Empty(t, got.out)
			for _, want := range test.want {
				assert.Contains(t, got.err, want)
			}
		})
	}
	problems, _ := filepath.Glob(filepath.Join(filepath.Dir(d.registry), "*", "..", "x*"))
	assert.Empty(t, problems, "nothing was written elsewhere")
	d.must(exitDone, "prompt", "check")
}

func TestPromptProtectedEnvironment(t *testing.T) {
	d := exampleDesk(t)
	file := filepath.Join(d.registry, "prompts", agent, "prompt.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, "protected_labels: [production]\n"...), 0o600))
	for _, reviewer := range []string{"", "ada"} {
		got := d.run("prompt", "release", agent, "v3.2", "-e", "production", "--reviewed-by", reviewer)
		assert.Equal(t, exitUsage, got.code)
		assert.Contains(t, got.err, "needs a reviewer")
	}
	d.must(exitDone, "prompt", "release", agent, "v3.2", "-e", "production", "--reviewed-by", "grace")
	d.must(exitDone, "prompt", "rollback", agent, "-e", "production", "--at", "2026-11-25T13:00")
}

func TestPromptCheckNamesFileAndLine(t *testing.T) {
	d := exampleDesk(t)
	file := filepath.Join(d.registry, "prompts", agent, "versions", "v3.2.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, "surprise: 1\n"...), 0o600))
	var check struct {
		Refused  int
		Problems []problemInfo
	}
	d.json(exitUsage, "spanloop.prompt.check/1", &check, "prompt", "check")
	require.Equal(t, 1, check.Refused)
	require.Len(t, check.Problems, 1)
	assert.Equal(t, file, check.Problems[0].File)
	assert.Equal(t, strings.Count(string(text), "\n")+1, check.Problems[0].Line)
	assert.Contains(t, check.Problems[0].Problem, "surprise")

	got := d.run("prompt", "list")
	assert.Equal(t, exitDone, got.code, "the rest is listed")
	assert.Contains(t, got.err, file)
	assert.Contains(t, got.out, "v3.1")
	got = d.run("prompt", "release", agent, "v3.1", "-e", "production")
	assert.Equal(t, exitUsage, got.code, "nothing is built upon a broken prompt")
	assert.Contains(t, got.err, "repair this first")
}

func TestPromptWithoutARegistry(t *testing.T) {
	d := exampleDesk(t)
	d.registry = filepath.Join(filepath.Dir(d.registry), "nowhere")
	for _, command := range [][]string{{"prompt", "list"}, {"prompt", "log", "a"}, {"tool", "list"}} {
		got := d.run(command...)
		assert.Equal(t, exitUsage, got.code, "%v", command)
		assert.Contains(t, got.err, "--registry")
	}
	d.in = "Hello {{name}}, how do you do?"
	d.must(exitDone, "prompt", "add", "greeting", "-")
	assert.Contains(t, d.must(exitDone, "prompt", "list"), "greeting", "the first prompt makes the registry")
}

// Writers of one registry take turns: every version and every release lands.
func TestPromptConcurrentWriters(t *testing.T) {
	d := exampleDesk(t)
	file := d.file("prompt.txt", "Hello {{name}}, how do you do?")
	var writers sync.WaitGroup
	codes := make([]int, 12)
	for i := range codes {
		writers.Go(func() {
			if i%2 == 0 {
				codes[i] = d.run("prompt", "add", "shared", file, "-m", fmt.Sprint(i)).code
			} else {
				codes[i] = d.run("prompt", "release", agent, "v3.1", fmt.Sprintf("--environment=env%d", i)).code
			}
		})
	}
	writers.Wait()
	assert.Equal(t, make([]int, 12), codes)
	var log promptLog
	d.json(exitDone, "spanloop.prompt.log/1", &log, "prompt", "log", "shared")
	assert.Len(t, log.Versions, 6)
	d.json(exitDone, "spanloop.prompt.log/1", &log, "prompt", "log", agent)
	assert.Len(t, log.Releases, 4+6)
	d.must(exitDone, "prompt", "check")
}

func TestPromptHostileTextIsHarmless(t *testing.T) {
	d := exampleDesk(t)
	d.in = "Hello {{name}} \x1b[31mred\u202e and <script>alert(1)</script>"
	d.must(exitDone, "prompt", "add", "hostile", "-", "-m", "\x1b]0;title\a<img src=x>")
	for _, command := range [][]string{{"prompt", "show", "hostile"}, {"prompt", "log", "hostile"}, {"prompt", "list"}} {
		text := d.must(exitDone, command...)
		assert.NotContains(t, text, "\x1b", "%v", command)
		assert.NotContains(t, text, "\u202e", "%v", command)
		page := d.must(exitDone, append(command, "--format", "html")...)
		assert.NotContains(t, page, "<script>", "%v", command)
		assert.NotContains(t, page, "<img", "%v", command)
	}
}

func TestPromptCompletion(t *testing.T) {
	d := exampleDesk(t)
	for want, args := range map[string][]string{
		agent:          {"prompt", "show", ""},
		"v3.1":         {"prompt", "diff", agent, "v3.0", ""},
		"production":   {"prompt", "release", agent, "v3.1", "--environment", ""},
		"refund_order": {"tool", "log", ""},
		"v2":           {"tool", "diff", "refund_order", "v1", ""},
	} {
		assert.Contains(t, d.must(exitDone, append([]string{"__complete"}, args...)...), want, "%v", args)
	}
}

// A template language is kept from version to version, and every command says it.
func TestPromptTemplateFormat(t *testing.T) {
	d := exampleDesk(t)
	file := filepath.Join(t.TempDir(), "greeting.txt")
	require.NoError(t, os.WriteFile(file, []byte(`Greet {name} as {{"json": 1}}.`), 0o600))
	d.must(exitDone, "prompt", "add", "greeting", file, "--template-format", "f-string")
	require.NoError(t, os.WriteFile(file, []byte(`Greet {name}.`), 0o600))
	d.must(exitDone, "prompt", "add", "greeting", file)
	assert.Contains(t, d.must(exitDone, "prompt", "show", "greeting", "1", "--var", "name=Ann"), `Greet Ann as {"json": 1}.`)
	assert.Contains(t, d.must(exitDone, "prompt", "show", "greeting"), "format   f-string")
	d.must(exitDone, "prompt", "add", "greeting", file, "--template-format", "mustache")
	assert.Contains(t, d.must(exitFinding, "prompt", "diff", "greeting", "2", "3"), "the template language changed from f-string to mustache")
	got := d.run("prompt", "add", "greeting", file, "--template-format", "erb")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, `--template-format "erb": it is none of mustache, f-string, jinja`)
	require.NoError(t, os.WriteFile(file, []byte("Greet\n{name.first}."), 0o600))
	got = d.run("prompt", "add", "greeting", file, "--template-format", "f-string")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, `template line 2: the field "name.first"`)
	d.must(exitDone, "prompt", "check")
}
