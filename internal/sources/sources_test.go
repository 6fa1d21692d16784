// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

// open opens a system as its tests keep it, and returns what to take out of output.
func open(t testing.TB, system string) (*Source, *strings.Replacer) {
	t.Helper()
	if system == "humanloop" {
		source, err := Open(system, Options{File: filepath.Join("testdata", system, "export"), Getenv: func(string) string { return "" }})
		require.NoError(t, err)
		return source, strings.NewReplacer()
	}
	s := newServer(t, system)
	t.Cleanup(func() { assert.Empty(t, s.unknown, "requests that no recording answers") })
	return s.source(t, system), strings.NewReplacer(s.URL, "URL")
}

// Every system is imported as its golden file says, and a second time is nothing new.
func TestImport(t *testing.T) {
	for _, system := range Systems() {
		t.Run(system, func(t *testing.T) {
			source, clean := open(t, system)
			dir := t.TempDir()
			findings, err := run(t, source, dir)
			require.NoError(t, err)
			first := tree(t, dir)
			golden(t, filepath.Join("testdata", system, "golden.txt"), clean.Replace(listed(findings)+first))

			again, err := run(t, source, dir)
			require.NoError(t, err)
			assert.Equal(t, first, tree(t, dir), "a second import writes nothing")
			for _, f := range again {
				assert.NotEqual(t, registry.Added, f.Outcome, "%v", f)
				assert.NotEqual(t, registry.Refused, f.Outcome, "%v", f)
			}
			_, problems := registry.Load(dir)
			for _, p := range problems {
				assert.True(t, p.Warning, "%s", p)
			}
		})
	}
}

// A dry run says the same and writes nothing.
func TestDryRun(t *testing.T) {
	for _, system := range Systems() {
		t.Run(system, func(t *testing.T) {
			source, _ := open(t, system)
			dir := filepath.Join(t.TempDir(), "registry")
			dry, err := Import{Registry: dir, Now: clock, Dry: true}.Run(t.Context(), source)
			require.NoError(t, err)
			assert.NoDirExists(t, dir)
			real, err := run(t, source, dir)
			require.NoError(t, err)
			assert.Equal(t, listed(real), listed(dry))
			before := tree(t, dir)
			_, err = Import{Registry: dir, Now: clock, Dry: true}.Run(t.Context(), source)
			require.NoError(t, err)
			assert.Equal(t, before, tree(t, dir))
		})
	}
}
