// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

func write(t testing.TB, file, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
}

// made is a source of prompts that a test makes.
func made(prompts ...*Prompt) *Source {
	return &Source{System: "langfuse", URL: "https://langfuse.example", prompts: func(_ context.Context, wanted func(string) bool) list {
		return func(yield func(*Prompt, error) bool) {
			for _, p := range prompts {
				if wanted(p.Name) && !yield(p, nil) {
					return
				}
			}
		}
	}}
}

func version(number, template string, labels ...Label) *Version {
	return &Version{Number: number, ID: "id-" + number, Template: template, Format: formatMustache, Time: clock.Add(-time.Hour), Labels: labels}
}

// one are the findings about one thing.
func one(findings []Finding, what string) []Finding {
	var some []Finding
	for _, f := range findings {
		if f.What == what {
			some = append(some, f)
		}
	}
	return some
}

// A version that has changed under its number is refused and told; what is here stays.
func TestChangedVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{version("1", "Hello {{name}}")}}), dir)
	require.NoError(t, err)
	before := tree(t, dir)
	findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{version("1", "Goodbye {{name}}", Label{Name: "production"}), version("2", "Hello again")}}), dir)
	require.NoError(t, err)
	require.Len(t, one(findings, "version"), 2)
	assert.Equal(t, registry.Refused, one(findings, "version")[0].Outcome)
	assert.Contains(t, one(findings, "version")[0].Reason, "versions never change")
	assert.Equal(t, registry.Added, one(findings, "version")[1].Outcome)
	assert.Equal(t, NotCarriedOver, one(findings, "release production")[0].Outcome)
	assert.Contains(t, tree(t, dir), before)
}

// A version that the registry's file of that name cannot hold is refused, not replaced.
func TestBrokenFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "prompts", "a", "versions", "1.yaml")
	write(t, file, "version: [\n")
	findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{version("1", "Hello")}}), dir)
	require.NoError(t, err)
	assert.Equal(t, registry.Refused, findings[0].Outcome)
	assert.Contains(t, findings[0].Reason, "repair it first")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "version: [\n", string(data))
}

// Labels become releases when they move, and only then; what is released here in
// between stands.
func TestLabels(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := version("1", "One of many"), version("2", "Two of many")
	at := func(v *Version, labels ...Label) *Version {
		c := *v
		c.Labels = labels
		return &c
	}
	run := func(now time.Time, versions ...*Version) []Finding {
		findings, err := Import{Registry: dir, Now: now}.Run(t.Context(), made(&Prompt{Name: "a", Versions: versions}))
		require.NoError(t, err)
		return one(findings, "release production")
	}
	live := func() string {
		snapshot, _ := registry.Load(dir)
		r, ok := snapshot.LiveAt("a", "production", clock.Add(1000*time.Hour))
		require.True(t, ok)
		return r.Targets[0].Version
	}
	production := Label{Name: "production"}
	assert.Equal(t, registry.Added, run(clock, at(v1, production), v2)[0].Outcome)
	assert.Equal(t, registry.Unchanged, run(clock.Add(time.Hour), at(v1, production), v2)[0].Outcome)
	assert.Equal(t, registry.Added, run(clock.Add(2*time.Hour), v1, at(v2, production))[0].Outcome)
	assert.Equal(t, "2", live())

	// Rolled back here: the source's label, which has not moved, does not come back.
	_, err := registry.AddRelease(dir, "a", registry.NewRelease{Environment: "production", Targets: []registry.Target{{Version: "1"}}, Author: "ann", Time: clock.Add(3 * time.Hour)})
	require.NoError(t, err)
	found := run(clock.Add(4*time.Hour), v1, at(v2, production))
	assert.Equal(t, registry.Unchanged, found[0].Outcome)
	assert.Contains(t, found[0].Reason, "released otherwise here")
	assert.Equal(t, "1", live())

	// A move there that is older than the release here is told.
	v3 := version("3", "Three of many", Label{Name: "production", Time: clock})
	found = run(clock.Add(5*time.Hour), v1, v2, v3)
	assert.Equal(t, registry.Refused, found[0].Outcome)
	assert.Equal(t, "1", live())

	// The source's time is the release's.
	v3.Labels[0].Time = clock.Add(6 * time.Hour)
	assert.Equal(t, registry.Added, run(clock.Add(9*time.Hour), v1, v2, v3)[0].Outcome)
	snapshot, _ := registry.Load(dir)
	r, _ := snapshot.LiveAt("a", "production", clock.Add(100*time.Hour))
	assert.Equal(t, clock.Add(6*time.Hour), r.Time)
}

func TestProtectedLabelIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prompts", "a", "prompt.yaml"), "protected_labels: [production]\ndescription: Ours\n")
	findings, err := run(t, made(&Prompt{Name: "a", Description: "Theirs", Tags: []string{"x"}, Versions: []*Version{version("1", "Hello", Label{Name: "production"})}}), dir)
	require.NoError(t, err)
	assert.Equal(t, registry.Refused, one(findings, "release production")[0].Outcome)
	assert.Contains(t, one(findings, "release production")[0].Reason, "protected")
	assert.Equal(t, NotCarriedOver, one(findings, "description")[0].Outcome)
	assert.Equal(t, NotCarriedOver, one(findings, "tags")[0].Outcome)
	assert.NoFileExists(t, filepath.Join(dir, "releases", "a.yaml"))
}

// Names that are none in the registry are mapped so that they can be taken back.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"plain", "team/plain", "with blank", "100%", "100%25", "%2e", "a%2Fb", "a/b", "a//b", "/a", "//a", "a/", "a//", "/", "//", "..", "../x", "a/../b",
		".hidden", "a/.b", "versions", "a/versions", "a/versions/1", "%76ersions", `a\b`, "a%5Cb", " lead", "trail ", "a/ b", "tab\tin", "nul\x00", "новый",
		"名前", "emoji 🎉", "zero\u200bwidth", "line\nbreak", "a@b", "C:evil", "versions ", "\u00a0x",
	} {
		mapped, err := RegistryName(name)
		require.NoError(t, err, "%q", name)
		require.NoError(t, registry.CheckName(mapped), "%q", name)
		back, err := OriginalName(mapped)
		require.NoError(t, err)
		assert.Equal(t, name, back, "%q", mapped)
		assert.Empty(t, seen[mapped], "%q and %q are both %q", seen[mapped], name, mapped)
		seen[mapped] = name
	}
	for _, name := range []string{"", strings.Repeat("x", 300), strings.Repeat("a/", 30) + "b"} {
		_, err := RegistryName(name)
		assert.Error(t, err)
	}
	dir := t.TempDir()
	var prompts []*Prompt
	for _, name := range seen {
		prompts = append(prompts, &Prompt{Name: name, Versions: []*Version{version("1", "Hello "+name)}})
	}
	prompts = append(prompts, &Prompt{Name: strings.Repeat("x", 300)}, &Prompt{Name: "b", Versions: []*Version{version("../../x", "One"), version("latest", "Two"), version("a b@c/d", "Three")}})
	findings, err := run(t, made(prompts...), filepath.Join(dir, "registry"))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing outside of the registry")
	snapshot, problems := registry.Load(filepath.Join(dir, "registry"))
	for _, p := range problems {
		assert.True(t, p.Warning, "%s", p)
	}
	for mapped, name := range seen {
		p := snapshot.Prompt(mapped)
		require.NotNil(t, p, "%q", mapped)
		if mapped != name {
			assert.Equal(t, name, p.Versions[0].Origin.Name)
		}
	}
	assert.NotNil(t, snapshot.Prompt("b").Version("a b%40c%2Fd"))
	assert.NotNil(t, snapshot.Prompt("b").Version("%2E.%2F..%2Fx"))
	assert.Contains(t, listed(findings), `b | latest | version | not carried over | version "latest" is a label`)
	assert.Contains(t, listed(findings), "its name is longer than 200 bytes")
}

func FuzzRegistryName(f *testing.F) {
	for _, name := range []string{"a/b", "../x", "%25", " ", "a//b/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		mapped, err := RegistryName(name)
		if err != nil {
			return
		}
		require.NoError(t, registry.CheckName(mapped))
		back, err := OriginalName(mapped)
		require.NoError(t, err)
		require.Equal(t, name, back)
	})
}

func TestWanted(t *testing.T) {
	assert.True(t, Wanted("")("anything"))
	assert.True(t, Wanted("support/*")("support/a/b"))
	assert.True(t, Wanted("a?c")("abc"))
	assert.False(t, Wanted("a?c")("abbc"))
	assert.False(t, Wanted("a.c")("abc"))
}

// The declarations of versions go to prompt.yaml when it is made; where it says
// otherwise they are told.
func TestVariables(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := version("1", "One {{x}}"), version("2", "Two {{x}}")
	v1.variable("x", "string", "old")
	v2.variable("x", "string", "new")
	v2.Time = clock
	findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{v1, v2}}), dir)
	require.NoError(t, err)
	found := one(findings, "variable x")
	require.Len(t, found, 1)
	assert.Equal(t, "1", found[0].Version)
	snapshot, _ := registry.Load(dir)
	assert.Equal(t, "new", *snapshot.Prompt("a").Variables["x"].Default)
}

// The text that is imported renders as the system would render it.
func TestDoubleBraceRenders(t *testing.T) {
	for text, want := range map[string]string{
		"Hi {{name}}!":                   "Hi Ada!",
		"Hi {{ name }}!":                 "Hi Ada!",
		`{"a": {{name}}}`:                `{"a": Ada}`,
		"{{#name}}x{{/name}}":            "{{#name}}x{{/name}}",
		"{{{name}}}":                     "{Ada}",
		"{{ not a name }} {{name}}":      "{{ not a name }} Ada",
		"{name} {{name}} }} {":           "{name} Ada }} {",
		"{{! comment}} {{name}}\n":       "{{! comment}} Ada\n",
		"{{=<% %>=}} {{name}} <% name %": "{{=<% %>=}} Ada <% name %",
	} {
		v := version("1", text)
		v.asDoubleBrace(doubleBrace)
		require.Empty(t, v.Unfit)
		dir := t.TempDir()
		findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{v}}), dir)
		require.NoError(t, err)
		require.Equal(t, registry.Added, findings[0].Outcome, "%q: %v", text, findings)
		snapshot, _ := registry.Load(dir)
		rendered, err := snapshot.Prompt("a").Version("1").Render(map[string]string{"name": "Ada"})
		require.NoError(t, err, "%q", text)
		assert.Equal(t, want, rendered[0].Content, "%q as %s", text, v.Format)
	}
}

// What a system would replace and the registry has no name for is no plain text.
func TestVariablesWithoutANameAreNotText(t *testing.T) {
	for name, read := range map[string]func(*Version){
		"langfuse {{user name}}":       (*Version).asMustache,
		"langfuse {{user name}} {{!":   (*Version).asMustache,
		"humanloop {{list[0]}} {{#x}}": func(v *Version) { v.humanloop(json.RawMessage(`{}`)) },
		`phoenix \{{x}}`: func(v *Version) {
			raw := &phoenixVersion{TemplateFormat: "MUSTACHE"}
			raw.Template.Type, raw.Template.Template = "string", quote(v.Template)
			v.phoenix(raw)
		},
	} {
		v := version("1", name)
		read(v)
		findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{v}}), t.TempDir())
		require.NoError(t, err)
		assert.Equal(t, NotCarriedOver, findings[0].Outcome, "%s: %v", name, findings)
	}
}

// Tools are registered once, under the begin of their hash.
func TestTools(t *testing.T) {
	dir := t.TempDir()
	v := version("1", "Hello")
	definition := json.RawMessage(`{"type":"function","function":{"name":"f","description":"Does.","parameters":{"type":"object"}}}`)
	v.Tools = []json.RawMessage{definition, definition, json.RawMessage(`{"type":"function"}`), json.RawMessage(`7`)}
	findings, err := run(t, made(&Prompt{Name: "a", Versions: []*Version{v}}), dir)
	require.NoError(t, err)
	snapshot, _ := registry.Load(dir)
	require.Len(t, snapshot.Tool("f").Versions, 1)
	assert.Len(t, one(findings, "tool"), 2)
}
