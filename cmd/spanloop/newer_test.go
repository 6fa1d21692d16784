// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newer makes a file one of format 9, as its entry states it, and returns its path
// as findings do.
func (d *desk) newer(file string) string {
	d.t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(d.t, err)
	// A text in the footer: its type, its length, itself.
	renewed := bytes.Replace(content, []byte("spanloop.format\x18\x011"), []byte("spanloop.format\x18\x019"), 1)
	require.NotEqual(d.t, content, renewed)
	require.NoError(d.t, os.WriteFile(file, renewed, 0o600))
	old, sum := sha256.Sum256(content), sha256.Sum256(renewed)
	entries, err := filepath.Glob(filepath.Join(d.dataset, "_manifest", "*.json"))
	require.NoError(d.t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		require.NoError(d.t, err)
		var stated struct{ Files []struct{ Path string } }
		require.NoError(d.t, json.Unmarshal(text, &stated))
		for _, f := range stated.Files {
			if f.Path == d.relative(file) {
				text = bytes.Replace(text, []byte(hex.EncodeToString(old[:])), []byte(hex.EncodeToString(sum[:])), 1)
				require.NoError(d.t, os.WriteFile(entry, text, 0o600))
			}
		}
	}
	return d.relative(file)
}

// What a later version of Spanloop wrote, a file of any table, one that no entry
// names or an entry, makes every command that computes on the dataset fail with
// its path, its format and what to do; commands that change files leave it alone.
func TestNewerFormat(t *testing.T) {
	numbers := [][]string{
		{"query", "SELECT count(*) FROM spans"}, {"query", "SELECT count(*) FROM scores", "--since", "2026-01-01"},
		{"coverage"}, {"compare", "support", "v1", "v2"}, {"compare", "support"}, {"drift", "support", "v1"}, {"tool", "list"},
		{"dataset", "export", "-o", "x.csv"},
	}
	fromManifest := [][]string{
		{"replay", "0100000000000001", "--dry-run"}, {"dataset", "info"}, {"dataset", "export", "-o", "x.jsonl"},
		{"dataset", "compact", "--grace", "0s"}, {"dataset", "compact", "--dry-run"},
		{"dataset", "prune", "--older-than", "1h", "--grace", "0s"}, {"dataset", "prune", "--older-than", "1h", "--dry-run"},
	}
	for name, c := range map[string]struct {
		do      func(d *desk) string
		refused [][]string
	}{
		"spans":    {func(d *desk) string { return d.newer(d.only("spans", "support")) }, numbers},
		"messages": {func(d *desk) string { return d.newer(d.only("messages", "support")) }, numbers},
		"stray file": {func(d *desk) string {
			return d.newer(d.copy(d.only("spans", "support"), filepath.Join(d.dataset, "spans", "stray.parquet")))
		}, numbers},
		"entry": {func(d *desk) string {
			entry := filepath.Join(d.dataset, "_manifest", "newer.json")
			require.NoError(d.t, os.WriteFile(entry, []byte(`{"format":9,"files":[]}`), 0o600))
			return d.relative(entry)
		}, append(numbers, fromManifest...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			d := talks(t)
			path, other := c.do(d), d.relative(d.only("spans", "other"))
			before := d.tree()
			for _, args := range c.refused {
				got := d.run(args...)
				assert.Equal(t, exitFailed, got.code, args)
				assert.Contains(t, got.err, path, args)
				assert.Contains(t, got.err, "format 9 is not known: use a newer spanloop", args)
				assert.Empty(t, got.out, args)
			}
			d.must(exitFinding, "dataset", "verify", "--repair", "--accept-loss", "--min-age", "0s")
			assert.Equal(t, before, d.tree(), "nothing is changed")
			d.write(t, resolved("explicit", "late", "v1"))
			assert.Greater(t, len(d.tree()), len(before), "the exporter writes on")
			d.run("dataset", "compact", "--grace", "0s")
			d.run("dataset", "prune", "--older-than", "1h", "--grace", "0s")
			after := d.tree()
			assert.Equal(t, before[path], after[path], "it is left as it is")
			assert.Equal(t, name == "entry", after[other] != "", "others are pruned, unless an entry may name them")
		})
	}
}
