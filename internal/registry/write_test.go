// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var may = time.Date(2026, 5, 1, 12, 0, 0, 123456789, time.UTC)

// reload reads a folder that must be right.
func reload(t testing.TB, dir string) *Snapshot {
	t.Helper()
	s, problems := Load(dir)
	for _, p := range problems {
		require.True(t, p.Warning, p.String())
	}
	return s
}

// hostile texts that YAML could take for something else.
var hostileTexts = []string{
	"plain words for a template", "line one\nline two\n", "trailing blank \nand more", "  leading blanks", "\ttab first", "\t\n", "\n \ttab\nand more", "ends with two\n\n",
	"- a list?", "key: value", "yes", "null", "~", "1.0", "2026-01-01", "# no comment", "a # b", `"quoted" 'both'`, "%directive", "@at", "`tick`",
	"{{name}} {{{raw}}} {{&amp}}", "emoji 👩‍🚀 and \u00a0 and \u2028 line", "carriage\r\nreturn\r", "nul is \u0000 not", "\ufeffmark", "|", ">", "? complex", "!!tag", "*alias", "&anchor",
	strings.Repeat("long word ", 5000), "back\\slash \\n", "\u0085next line", "bell \a", "\u202eright to left",
}

// What is written is read back, byte for byte.
func TestAddVersionRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for i, text := range hostileTexts {
		added, err := AddVersion(dir, NewVersion{Prompt: "bare", Template: text, Author: text[:min(len(text), 50)], Message: text, Time: may})
		require.NoError(t, err, "%q", text)
		chat, err := AddVersion(dir, NewVersion{Prompt: "chat", Messages: []TemplateMessage{{Role: "system", Content: text}, {Role: "user", Content: text + "!"}}, Time: may})
		require.NoError(t, err, "%q", text)
		if i%5 != 0 {
			continue
		}
		s := reload(t, dir)
		read := s.Prompt("bare").Version(added.Version)
		require.Equal(t, text, read.Messages[0].Content)
		require.Equal(t, text, read.Message)
		require.Equal(t, added.Hash, read.Hash)
		require.True(t, read.Time.Equal(may), "to the nanosecond")
		require.Equal(t, chat.Messages, s.Prompt("chat").Version(chat.Version).Messages)
	}
	s := reload(t, dir)
	require.Len(t, s.Prompt("bare").Versions, len(hostileTexts))
	for i, text := range hostileTexts {
		v := s.Prompt("bare").Version(fmt.Sprint(i + 1))
		require.Equal(t, text, v.Messages[0].Content)
		if i > 0 {
			require.Equal(t, fmt.Sprint(i), v.Parent)
		}
	}
}

func TestAddVersionKeepsJSON(t *testing.T) {
	dir := t.TempDir()
	for i, params := range []string{
		`{"temperature":0.50,"seed":12345678901234567890,"big":1E+2,"neg":-0,"nested":{"z":1,"a":[true,false,null,"yes","1.0","\u2028"]}}`,
		`{"no":"no","on":"on","1":1,"":"empty key","a b":{"c":[]},"t":"2026-01-01"}`,
		`{"deep":[[[[[[{"a":[{}]}]]]]]]}`,
	} {
		added, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather.", Params: json.RawMessage(params), ResponseFormat: json.RawMessage(params), Time: may})
		require.NoError(t, err)
		read := reload(t, dir).Prompt("p").Version(fmt.Sprint(i + 1))
		require.Equal(t, mustHash(t, params), mustHash(t, string(read.Params)))
		require.Equal(t, mustHash(t, params), mustHash(t, string(read.ResponseFormat)))
		require.Equal(t, added.Hash, read.Hash)
	}
	read := reload(t, dir).Prompt("p").Version("1")
	assert.Contains(t, string(read.Params), `"temperature":0.50,"seed":12345678901234567890,"big":1E+2`, "numbers and order as they were written")
}

func mustHash(t testing.TB, text string) string {
	t.Helper()
	hash, err := HashJSON([]byte(text))
	require.NoError(t, err, text)
	return hash
}

func TestAddVersionRefuses(t *testing.T) {
	good := NewVersion{Prompt: "p", Template: "Report the weather in {{city}}."}
	for name, test := range map[string]struct {
		change func(*NewVersion)
		want   string
	}{
		"no prompt":            {func(v *NewVersion) { v.Prompt = "" }, "name is missing"},
		"path":                 {func(v *NewVersion) { v.Prompt = "../p" }, "would leave its folder"},
		"absolute":             {func(v *NewVersion) { v.Prompt = "/etc/p" }, "absolute path"},
		"hidden":               {func(v *NewVersion) { v.Prompt = "a/.git/b" }, "begins with a dot"},
		"reserved":             {func(v *NewVersion) { v.Prompt = "a/versions/b" }, "reserved"},
		"backslash":            {func(v *NewVersion) { v.Prompt = `a\b` }, "backslash"},
		"long":                 {func(v *NewVersion) { v.Prompt = strings.Repeat("a", 201) }, "longer than 200 bytes"},
		"version path":         {func(v *NewVersion) { v.Version = "../1" }, `holds "/"`},
		"version label":        {func(v *NewVersion) { v.Version = "production" }, "is a label"},
		"no text":              {func(v *NewVersion) { v.Template = "" }, "needs a template or messages"},
		"two texts":            {func(v *NewVersion) { v.Messages = system("b") }, "not both"},
		"message without role": {func(v *NewVersion) { v.Template, v.Messages = "", []TemplateMessage{{Content: "b"}} }, "a message has a role"},
		"template":             {func(v *NewVersion) { v.Template = "a\n{{#b}}" }, "template line 2"},
		"no UTF-8":             {func(v *NewVersion) { v.Template = "Report \xff." }, "text 1 is not valid UTF-8"},
		"partial":              {func(v *NewVersion) { v.Template = "a {{> b}}" }, `partial "b" does not exist`},
		"pinned partial":       {func(v *NewVersion) { v.Template = "a {{> b@3}}" }, `partial "b" does not exist`},
		"params":               {func(v *NewVersion) { v.Params = json.RawMessage(`{`) }, "not valid JSON"},
		"params twice":         {func(v *NewVersion) { v.Params = json.RawMessage(`{"a":1,"a":2}`) }, `"a" occurs twice`},
		"params array":         {func(v *NewVersion) { v.Params = json.RawMessage(`[]`) }, "params must be a map"},
		"response format":      {func(v *NewVersion) { v.ResponseFormat = json.RawMessage(`nope`) }, "not valid JSON"},
		"huge":                 {func(v *NewVersion) { v.Template = strings.Repeat("x", 4<<20) }, "4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v := good
			test.change(&v)
			_, err := AddVersion(dir, v)
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, filesIn(t, dir), "nothing was written")
		})
	}
}

// filesIn lists the files of a registry but for its lock.
func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != lockFile {
			out = append(out, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	}))
	return out
}

// Names that readers would not see are no names of prompts that get lost.
func TestAddVersionUnderOddNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notes.md", "LICENSE", "a~", "a", "a/b", "prompt.yaml", "1.yaml", "ünïcode 名", "a=b", "[x]", "-x", "con", "x/README.md/y"} {
		_, err := AddVersion(dir, NewVersion{Prompt: name, Template: "Report for " + name + "."})
		require.NoError(t, err, name)
		_, err = AddRelease(dir, name, NewRelease{Environment: "production", Targets: []Target{{Version: "1"}}})
		require.NoError(t, err, name)
		_, err = AddTool(dir, NewTool{Name: name, Definition: json.RawMessage(`{"name":"t","description":"Does it."}`)})
		require.NoError(t, err, name)
		s := reload(t, dir)
		require.NotNil(t, s.Prompt(name).Version("1"), name)
		_, live := s.LiveAt(name, "production", time.Now().Add(time.Second))
		require.True(t, live, name)
		require.NotNil(t, s.Tool(name).Version("1"), name)
	}
}

func TestNextVersion(t *testing.T) {
	for latest, want := range map[string]string{"": "4", "3.1": "3.2", "v7": "v8", "v9": "v10", "beta": "4", "v1-rc1": "v1-rc2", "2026-01-31": "2026-01-32", "v1a": "v2a", "v99999999999": "4"} {
		assert.Equal(t, want, nextVersion(latest, 3, func(string) bool { return false }), latest)
	}
	assert.Equal(t, "v10", nextVersion("v7", 3, func(s string) bool { return s == "v8" || s == "v9" }), "what is taken is passed over")
}

// An existing version is never overwritten, under whatever file name it is kept.
func TestAddNeverOverwrites(t *testing.T) {
	dir := directory(t, map[string]string{
		"prompts/p/versions/odd.yaml": "version: v1\n" + simple, "prompts/p/versions/v2.yml": "broken: [\n", "tools/a/odd.json": `{"version":"v1","definition":{"name":"a"}}`,
	})
	before := filesIn(t, dir)
	for _, version := range []string{"v1", "v2", "odd"} {
		_, err := AddVersion(dir, NewVersion{Prompt: "p", Version: version, Template: "Another text."})
		require.ErrorContains(t, err, "never overwritten", version)
	}
	_, err := AddTool(dir, NewTool{Name: "a", Version: "v1", Definition: json.RawMessage(`{"name":"a","description":"b"}`)})
	require.ErrorContains(t, err, "never overwritten")
	assert.Equal(t, before, filesIn(t, dir))
	v, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Another text."})
	require.NoError(t, err)
	assert.Equal(t, "v3", v.Version, "the broken file's version is passed over")
}

func TestAddVersionPinsPartials(t *testing.T) {
	dir := directory(t, map[string]string{
		"partials/tone/versions/1.yaml": "time: 2026-01-01\ncontent: Be kind.\n", "partials/tone/versions/2.yaml": "time: 2026-02-01\ncontent: Be brief.\n",
	})
	newest, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report. {{> tone}}", Time: may})
	require.NoError(t, err)
	assert.Equal(t, []string{"tone@2"}, refNames(newest.Partials))
	given, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report. {{> tone}}", Partials: map[string]string{"tone": "1"}, Time: may})
	require.NoError(t, err)
	assert.Equal(t, []string{"tone@1"}, refNames(given.Partials))
	assert.NotEqual(t, newest.Hash, given.Hash)
	put(t, dir, "partials/tone/versions/3.yaml", "time: 2026-03-01\ncontent: Be loud.\n")
	assert.Equal(t, newest.Hash, reload(t, dir).Prompt("p").Version("1").Hash, "a newer partial changes no version that is there")
}

func TestReleasesRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		_, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather.", Time: may})
		require.NoError(t, err)
	}
	put(t, dir, release, "# Kept by hand.\n- environment: staging\n  time: 2026-05-02T00:00:00Z\n  targets: [{version: 1}]") // no line end
	added, err := AddRelease(dir, "p", NewRelease{
		Environment: "production", Targets: []Target{{Version: "1", Weight: 90}, {Version: "2", Weight: 10.5}}, Author: "ann: #1", Reason: "- why?\nbecause", Time: may.Add(time.Hour),
	})
	require.NoError(t, err)
	s := reload(t, dir)
	got, live := s.LiveAt("p", "production", may.Add(2*time.Hour))
	require.True(t, live)
	assert.Equal(t, added, got)
	assert.Equal(t, s.Prompt("p").Version("1").Hash, got.Targets[0].Hash)
	text, err := os.ReadFile(filepath.Join(dir, release))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "# Kept by hand.\n"), "what was written by hand stays as it is")

	back, err := Rollback(dir, "p", "prod", "bob", "", may.Add(3*time.Hour))
	require.ErrorContains(t, err, "never served anything else")
	assert.Empty(t, back)
	_, err = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: "3"}}, Time: may.Add(4 * time.Hour)})
	require.NoError(t, err)
	back, err = Rollback(dir, "p", "prod", "bob", "", may.Add(5*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, added.Targets, back.Targets)
	assert.Contains(t, back.Reason, "rollback to the release of 2026-05-01T13:00:00")
	s = reload(t, dir)
	assert.Len(t, s.Releases("p"), 4)
	got, _ = s.LiveAt("p", "production", may.Add(5*time.Hour))
	assert.Equal(t, back, got)
	again, err := Rollback(dir, "p", "production", "bob", "it was right", may.Add(6*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, "3", again.Targets[0].Version, "a rollback can be rolled back")
}

func TestAddReleaseRefuses(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		_, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather.", Time: may})
		require.NoError(t, err)
	}
	put(t, dir, "prompts/p/prompt.yaml", "protected_labels: [production]\n")
	_, err := AddRelease(dir, "p", NewRelease{Environment: "staging", Targets: []Target{{Version: "1"}}, Time: may})
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, release))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		prompt string
		r      NewRelease
		want   string
	}{
		"unknown prompt":  {"q", NewRelease{Environment: "staging", Targets: []Target{{Version: "1"}}}, `no prompt "q"`},
		"path":            {"../q", NewRelease{Environment: "staging"}, "would leave its folder"},
		"unknown version": {"p", NewRelease{Environment: "staging", Targets: []Target{{Version: "9"}}}, `no version "9"`},
		"no target":       {"p", NewRelease{Environment: "staging"}, "at least one target"},
		"no environment":  {"p", NewRelease{Targets: []Target{{Version: "1"}}}, "needs an environment"},
		"without weights": {"p", NewRelease{Environment: "staging", Targets: []Target{{Version: "1"}, {Version: "2", Weight: 1}}}, "not above zero"},
		"twice":           {"p", NewRelease{Environment: "staging", Targets: []Target{{"1", 1, ""}, {"1", 2, ""}}}, "twice"},
		"earlier":         {"p", NewRelease{Environment: "staging", Targets: []Target{{Version: "2"}}, Time: may.Add(-time.Hour)}, "history only grows"},
		"no reviewer":     {"p", NewRelease{Environment: "production", Targets: []Target{{Version: "1"}}, Author: "ann"}, "needs a reviewer"},
		"own reviewer":    {"p", NewRelease{Environment: "production", Targets: []Target{{Version: "1"}}, Author: "ann", ReviewedBy: "ann"}, "needs a reviewer"},
	} {
		_, err := AddRelease(dir, test.prompt, test.r)
		require.ErrorContains(t, err, test.want, name)
	}
	after, err := os.ReadFile(filepath.Join(dir, release))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	_, err = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: "1"}}, Author: "ann", ReviewedBy: "bob", Time: may})
	require.NoError(t, err)
	r, _ := reload(t, dir).LiveAt("p", "production", may)
	assert.Equal(t, "(reviewed by bob)", r.Reason)

	put(t, dir, "prompts/p/versions/3.yaml", "broken: [\n")
	_, err = AddRelease(dir, "p", NewRelease{Environment: "staging", Targets: []Target{{Version: "1"}}})
	require.ErrorContains(t, err, "repair this first: "+filepath.Join(dir, "prompts", "p", "versions", "3.yaml")+":")
}

func TestAddToolRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for _, definition := range []string{
		`{"name":"a","description":"yes","parameters":{"type":"object","properties":{"no":{"type":"string","enum":["on","off","1"]},"n":{"const":1.50}}}}`,
		`{"type":"function","function":{"name":"a","description":"x: y # z","parameters":{"type":"object"},"strict":true}}`,
		`{"type":"web_search_20250305","name":"web_search","max_uses":5}`,
		`{"name":"a","input_schema":{"type":"object","required":[]}}`,
	} {
		added, err := AddTool(dir, NewTool{Name: "a", Definition: json.RawMessage(definition), Author: "ann", Message: "m", Time: may})
		require.NoError(t, err)
		content, err := ToolContentFromJSON([]byte(definition))
		require.NoError(t, err)
		hash, err := content.Hash()
		require.NoError(t, err)
		assert.Equal(t, hash, added.Hash, "the hash of what was given")
		read := reload(t, dir).Tool("a").Version(added.Version)
		assert.Equal(t, added.Hash, read.Hash)
		assert.JSONEq(t, definition, string(read.Definition))
		_, found, ok := reload(t, dir).ToolByHash(hash)
		require.True(t, ok)
		assert.Equal(t, added.Version, found.Version)
	}
	for name, definition := range map[string]string{"nothing": ``, "null": `null`, "no JSON": `{`, "a list": `[]`, "a text": `"a"`, "wrong name": `{"name":7}`} {
		_, err := AddTool(dir, NewTool{Name: "b", Definition: json.RawMessage(definition)})
		require.Error(t, err, name)
	}
	assert.Nil(t, reload(t, dir).Tool("b"))
}

// Writers in one process and in several take turns: nothing is lost or doubled.
func TestConcurrentWriters(t *testing.T) {
	dir := t.TempDir()
	_, err := AddVersion(dir, NewVersion{Prompt: "p", Version: "v1", Template: "Report the weather."})
	require.NoError(t, err)
	var writers sync.WaitGroup
	errs := make([]error, 24)
	for i := range errs {
		writers.Go(func() {
			switch i % 3 {
			case 0:
				_, errs[i] = AddVersion(dir, NewVersion{Prompt: "p", Template: fmt.Sprintf("Report number %d.", i)})
			case 1:
				_, errs[i] = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: "v1", Weight: float64(i)}}, Time: may})
			default:
				_, errs[i] = AddTool(dir, NewTool{Name: "t", Definition: json.RawMessage(fmt.Sprintf(`{"name":"t","description":"%d"}`, i))})
			}
		})
	}
	writers.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	s := reload(t, dir)
	assert.Len(t, s.Prompt("p").Versions, 9)
	assert.Len(t, s.Releases("p"), 8)
	assert.Len(t, s.Tool("t").Versions, 8)
	for _, file := range filesIn(t, dir) {
		assert.NotContains(t, file, ".new-", "no leftovers")
	}
}

// Nothing is written through a symbolic link that leads out of the folder.
func TestWritersStayInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	_, err := AddVersion(dir, NewVersion{Prompt: "p", Version: "v1", Template: "Report the weather."})
	require.NoError(t, err)
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "prompts", "q")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "tools")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "releases")))
	_, err = AddVersion(dir, NewVersion{Prompt: "q", Template: "Report the weather."})
	require.Error(t, err)
	_, err = AddTool(dir, NewTool{Name: "t", Definition: json.RawMessage(`{"name":"t"}`)})
	require.Error(t, err)
	_, err = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: "v1"}}})
	require.Error(t, err)
	assert.Empty(t, filesIn(t, outside))
}
