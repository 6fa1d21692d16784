// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const versionWithOrigin = `version: "1"
time: "2026-01-10T09:00:00Z"
origin:
  system: langfuse
  id: abc
  name: ../a
  url: https://langfuse.example
  imported: 2026-11-25T12:00:00Z
template: Hello {{name}}
`

// Where a version came from is kept and is no part of its content.
func TestOrigin(t *testing.T) {
	s := load(t, map[string]string{
		"prompts/a/versions/1.yaml": versionWithOrigin,
		"prompts/b/versions/1.yaml": "template: Hello {{name}}\n",
	})
	a, b := s.Prompt("a").Version("1"), s.Prompt("b").Version("1")
	assert.Equal(t, b.Hash, a.Hash)
	assert.Nil(t, b.Origin)
	assert.Equal(t, &Origin{System: "langfuse", ID: "abc", Name: "../a", URL: "https://langfuse.example", Imported: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}, a.Origin)

	v, err := ReadVersion("v.yaml", []byte(versionWithOrigin))
	require.NoError(t, err)
	dir := t.TempDir()
	v.Prompt = "c"
	_, err = AddVersion(dir, v)
	require.NoError(t, err)
	again, _ := Load(dir)
	assert.Equal(t, a.Origin, again.Prompt("c").Version("1").Origin)

	_, problems := loadFiles(t, map[string]string{"prompts/a/versions/1.yaml": "template: Hello\norigin:\n  id: x\n"})
	require.NotEmpty(t, problems)
	assert.Contains(t, problems[0].String(), "1.yaml:3: an origin names its system")
}

func loadFiles(t *testing.T, files map[string]string) (*Snapshot, []Problem) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	return Load(dir)
}

func TestImporter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	list := []NewVersion{
		{Version: "1", Template: "Hello {{name}}", Time: at},
		{Version: "latest", Template: "Hello", Time: at},
		{Version: "2", Template: "Hello {{", Time: at},
		{Version: "3", Template: "Hello {name}", Format: "f-string", Parent: "1", Time: at},
	}
	outcomes := func(results []ImportResult) []Outcome {
		var all []Outcome
		for _, r := range results {
			all = append(all, r.Outcome)
		}
		return all
	}
	dry, err := Importer{Dir: dir, Dry: true}.Versions("a", list)
	require.NoError(t, err)
	assert.Equal(t, []Outcome{Added, Unfit, Unfit, Added}, outcomes(dry))
	assert.NoDirExists(t, dir)

	i := Importer{Dir: dir}
	first, err := i.Versions("a", list)
	require.NoError(t, err)
	assert.Equal(t, outcomes(dry), outcomes(first))
	list[0].Template = "Goodbye {{name}}"
	second, err := i.Versions("a", list)
	require.NoError(t, err)
	assert.Equal(t, []Outcome{Refused, Unfit, Unfit, Unchanged}, outcomes(second))
	assert.Equal(t, first[0].Version.Hash, second[0].Version.Hash)

	said, outcome, err := i.Describe("a", About{Description: "One", Tags: []string{"x"}})
	require.NoError(t, err)
	assert.Equal(t, Added, outcome)
	assert.Equal(t, "One", said.Description)
	said, outcome, err = i.Describe("a", About{Description: "Two"})
	require.NoError(t, err)
	assert.Equal(t, Unchanged, outcome)
	assert.Equal(t, "One", said.Description)
	for _, name := range []string{"../a", ""} {
		_, err = i.Versions(name, list)
		require.Error(t, err)
		_, _, err = i.Describe(name, About{})
		require.Error(t, err)
	}
	snapshot, _ := Load(dir)
	assert.Equal(t, "1", snapshot.Prompt("a").Version("3").Parent)
}

// A prompt in another language than Mustache takes Mustache too, and says so.
func TestImporterNamesTheLanguage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "prompts", "a"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts", "a", "prompt.yaml"), []byte("format: jinja\n"), 0o600))
	results, err := Importer{Dir: dir}.Versions("a", []NewVersion{{Version: "1", Template: "Hello {{name}}", Format: "mustache"}})
	require.NoError(t, err)
	assert.Equal(t, Added, results[0].Outcome)
	s, _ := Load(dir)
	assert.Equal(t, "mustache", s.Prompt("a").Version("1").Format)
}
