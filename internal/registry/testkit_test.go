// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// directory writes files (path below the registry to content) to a new folder.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for rel, content := range files {
		put(t, dir, rel, content)
	}
	return dir
}

func put(t testing.TB, dir, rel, content string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(rel))
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	// Whole at once: a store may be looking.
	whole := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(whole, []byte(content), 0o600))
	require.NoError(t, os.Rename(whole, full))
}

// load reads files that must be right.
func load(t testing.TB, files map[string]string) *Snapshot {
	t.Helper()
	s, problems := Load(directory(t, files))
	for _, p := range problems {
		require.True(t, p.Warning, p.String())
	}
	return s
}

// reasons are the problems as "rel:line: reason".
func reasons(dir string, problems []Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, strings.ReplaceAll(strings.TrimPrefix(p.String(), dir+string(filepath.Separator)), dir+string(filepath.Separator), ""))
	}
	return out
}

// memory builds a snapshot of templates by name@version without a disk.
func memory(t testing.TB, templates map[string][]TemplateMessage) *Snapshot {
	t.Helper()
	var files []*parsedFile
	for _, id := range sortedKeys(templates) {
		name, version := splitReference(id)
		doc := versionFile{Version: version, Time: stamp(time.Unix(int64(len(files)), 0)), Messages: templates[id]}
		f := sourceFile{kind: kindVersion, name: name, stem: version, rel: fmt.Sprintf("prompts/%s/versions/%s.yaml", name, version)}
		value, err := parse(f, encode(doc))
		require.NoError(t, err, id)
		files = append(files, &parsedFile{sourceFile: f, value: value})
	}
	b := newBuilder("", files)
	s := b.snapshot()
	for _, p := range b.problems {
		require.True(t, p.Warning, p.String())
	}
	s.index()
	return s
}

// newRand is a source of chance that a test can repeat.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func system(text string) []TemplateMessage {
	return []TemplateMessage{{Role: "system", Content: text}}
}

func said(role, text string) TextMessage { return TextMessage{Role: role, Content: text} }
