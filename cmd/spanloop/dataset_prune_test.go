// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pruning is what dataset prune says.
type pruning struct {
	DryRun bool `json:"dry_run"`
	Until  string
	Tables []struct {
		Table           string
		Rows, Files     int64
		RowsLeft        int64  `json:"rows_left"`
		OldestLeft      string `json:"oldest_left"`
		RewrittenFiles  int    `json:"rewritten_files"`
		RewrittenBefore int64  `json:"rewritten_bytes_before"`
	}
	Prompts []struct {
		Prompt, Version string
		Rows            int64
		RowsLeft        int64 `json:"rows_left"`
	}
	Before  int64 `json:"bytes_before"`
	After   int64 `json:"bytes_after"`
	Waiting int   `json:"waiting_files"`
	Deleted int   `json:"deleted_files"`
	Skipped []struct{ Kind, Path string }
}

func (d *desk) versions() string {
	d.t.Helper()
	out := d.must(exitDone, "query", "SELECT string_agg(prompt_version, ' ' ORDER BY prompt_version) AS v FROM spans", "--format", "csv")
	return strings.TrimSpace(strings.TrimPrefix(out, "v\n"))
}

// What goes is gone for every command at once, though the files stay for a while;
// then they are deleted.
func TestDatasetPrune(t *testing.T) {
	d := threeCalls(t) // v0 two days ago, v1 one day ago, v2 now
	var p pruning
	d.json(exitDone, "spanloop.dataset.prune/1", &p, "dataset", "prune", "--older-than", "36h", "--dry-run")
	assert.True(t, p.DryRun)
	assert.Equal(t, "2026-11-24T00:00:00Z", p.Until)
	require.Len(t, p.Prompts, 1)
	assert.Equal(t, "v0", p.Prompts[0].Version)
	assert.EqualValues(t, 1, p.Prompts[0].Rows)
	assert.EqualValues(t, 0, p.Prompts[0].RowsLeft)
	assert.Equal(t, "v0 v1 v2", d.versions())
	out := d.must(exitDone, "dataset", "prune", "--older-than", "36h", "--dry-run")
	assert.Contains(t, out, "Dry run, nothing was changed")
	assert.Contains(t, out, "2026-11-24 12:00:00", "the oldest span that stays")

	out = d.must(exitDone, "dataset", "prune", "--older-than", "36h")
	assert.Contains(t, out, "stay for their readers")
	assert.Equal(t, "v1 v2", d.versions(), "the file is there still")
	assert.Len(t, d.parquetFiles("spans"), 3)
	assert.Contains(t, d.must(exitDone, "query", "SELECT count(*) AS n FROM spans WHERE prompt_version = 'v0'"), "0")
	var info struct{ Tables []struct{ Rows, Files int64 } }
	d.json(exitDone, "spanloop.dataset.info/1", &info, "dataset", "info")
	assert.EqualValues(t, 2, info.Tables[0].Rows)
	d.must(exitDone, "dataset", "verify")

	d.json(exitDone, "spanloop.dataset.prune/1", &p, "dataset", "prune", "--prompt", "support", "--prompt-version", "v2", "--grace", "0s")
	assert.Positive(t, p.Deleted)
	assert.Zero(t, p.Waiting)
	assert.Equal(t, "v1", d.versions())
	assert.Len(t, d.parquetFiles("spans"), 1)
	assert.Contains(t, d.must(exitDone, "dataset", "prune", "--prompt", "support", "--prompt-version", "v2"), "Nothing to prune: no span")
	d.json(exitDone, "spanloop.dataset.prune/1", &p, "dataset", "prune", "--prompt", "support", "--prompt-version", "v2")
	assert.NotNil(t, p.Prompts, "an empty list is [], not null")
	assert.NotNil(t, p.Skipped)

	d.must(exitDone, "dataset", "prune", "--until", "2027-01-01", "--grace", "0s")
	assert.Equal(t, `""`, d.versions())
	d.must(exitDone, "dataset", "verify")
	views, err := os.ReadFile(filepath.Join(d.dataset, "views.sql"))
	require.NoError(t, err)
	assert.NotContains(t, string(views), "read_parquet('spans/", "a view over no files is an error")
	d.write(t, resolved("explicit", "support", "v9"))
	assert.Equal(t, "v9", d.versions())
}

func TestDatasetPruneBySize(t *testing.T) {
	d := threeCalls(t)
	out := d.must(exitDone, "dataset", "prune", "--max-size", "1GB")
	assert.Contains(t, out, "Nothing to prune: the dataset has ")
	var p pruning
	d.json(exitDone, "spanloop.dataset.prune/1", &p, "dataset", "prune", "--max-size", "1GB")
	d.json(exitDone, "spanloop.dataset.prune/1", &p, "dataset", "prune", "--max-size", fmt.Sprint(p.Before-1), "--grace", "0s")
	assert.Equal(t, "v1 v2", d.versions(), "the oldest goes, and no more than needed")
	assert.Less(t, p.After, p.Before)
	assert.Contains(t, d.must(exitDone, "dataset", "prune", "--max-size", "1B", "--older-than", "2026-11-25"), "more than --max-size 1B")
	assert.Equal(t, "v2", d.versions())
}

func TestDatasetPruneUsage(t *testing.T) {
	d := threeCalls(t)
	for text, args := range map[string][]string{
		"what is to go?":          {},
		"what is to go? ":         {"--since", "2026-11-01"},
		"needs its --prompt":      {"--prompt-version", "v1", "--older-than", "1d"},
		"--max-size":              {"--max-size", "0"},
		"--older-than":            {"--older-than", "old"},
		"would take all spans":    {"--older-than", "0d"},
		"is below zero":           {"--older-than", "1d", "--grace", "-1s"},
		"no span is from --since": {"--since", "2026-11-24", "--older-than", "2026-11-23"},
		"unknown command":         {"--older-than", "1d", "extra"},
	} {
		got := d.run(append([]string{"dataset", "prune"}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%v %s", args, got.err)
		assert.Contains(t, got.err, strings.TrimSpace(text))
	}
	assert.Equal(t, "v0 v1 v2", d.versions())
	require.NoError(t, os.RemoveAll(d.dataset))
	d.must(exitUsage, "dataset", "prune", "--older-than", "1d")
}

// Hostile names are removed by their name, and harmless where they are printed.
func TestDatasetPruneHostileNames(t *testing.T) {
	names := []string{"../../x", "a\x1b[31mb", "'; DROP TABLE spans; --", strings.Repeat("é", 300), "*", "__mixed__", "%2e"}
	d := emptyDesk(t)
	var calls []call
	for _, name := range append(names, "kept") {
		calls = append(calls, resolved("explicit", name, "v1"))
	}
	d.write(t, calls...)
	for i, name := range names {
		got := d.must(exitDone, "dataset", "prune", "--prompt", name, "--grace", "0s")
		assert.NotContains(t, got, "\x1b")
		assert.Contains(t, d.must(exitDone, "query", "SELECT count(*) AS n FROM spans"), fmt.Sprint(int64(len(names)-i)))
	}
	d.must(exitDone, "dataset", "verify")
	assert.Len(t, d.parquetFiles("spans"), 1)
}

// A damaged file is named and stays; the others go.
func TestDatasetPruneDamagedFile(t *testing.T) {
	d := threeCalls(t)
	damaged := d.parquetFiles("spans")[0]
	require.NoError(t, os.WriteFile(damaged, []byte("PAR1 and no more"), 0o600))
	out := d.must(exitFinding, "dataset", "prune", "--until", "2027-01-01", "--grace", "0s")
	assert.Contains(t, out, "left as it is: spans/prompt_name=support")
	assert.Equal(t, []string{damaged}, d.parquetFiles("spans"))
}
