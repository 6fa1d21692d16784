// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestDatasetExport(t *testing.T) {
	d := threeCalls(t)
	got := d.run("dataset", "export")
	require.Equal(t, exitDone, got.code, got.err)
	assert.Equal(t, "3 spans of spans exported as otlp-json\n", got.err)
	spans := 0
	for line := range strings.Lines(got.out) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(line))
		require.NoError(t, err)
		spans += td.SpanCount()
	}
	assert.Equal(t, 3, spans)
	assert.Empty(t, d.run("dataset", "export", "-q").err)

	path := filepath.Join(t.TempDir(), "calls.csv")
	assert.Empty(t, d.must(exitDone, "dataset", "export", "-o", path))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	assert.Len(t, lines, 4)
	again := d.run("dataset", "export", "-o", path)
	assert.Equal(t, exitUsage, again.code)
	assert.Contains(t, again.err, "--force replaces it")
	d.must(exitDone, "dataset", "export", "-o", path, "--force", "--since", "2026-11-24")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(text), "\n"), 4)
}

func TestDatasetExportUsage(t *testing.T) {
	d := threeCalls(t)
	for want, args := range map[string][]string{
		"--table \"calls\": one of spans": {"--table", "calls"},
		"--as: format \"xlsx\"":           {"--as", "xlsx"},
		"for scores use csv":              {"--table", "scores", "--as", "otlp-json"},
		"an export's form is --as":        {"--format", "csv"},
		"16 hexadecimal digits":           {"--span", "abc"},
		"32 hexadecimal digits":           {"--trace", strings.Repeat("g", 32)},
		"is not before":                   {"--since", "2026-11-03", "--until", "2026-11-02"},
		"no such file":                    {"-o", filepath.Join(d.dataset, "none", "a.csv")},
		"cannot be selected by prompt":    {"--table", "tools", "--prompt", "a"},
	} {
		got := d.run(append([]string{"dataset", "export"}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%v: %s", args, got.err)
		assert.Contains(t, got.err, want)
		assert.Empty(t, got.out)
	}
	got := emptyDesk(t).run("dataset", "export")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "no dataset")
}

// A damaged file is named; nothing half is left behind.
func TestDatasetExportOfDamage(t *testing.T) {
	d := threeCalls(t)
	require.NoError(t, os.Truncate(d.parquetFiles("spans")[0], 50))
	dir := t.TempDir()
	got := d.run("dataset", "export", "-o", filepath.Join(dir, "a.jsonl"))
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.err, "truncated")
	assert.Contains(t, got.err, "--skip-damaged")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
	got = d.run("dataset", "export", "-o", filepath.Join(dir, "a.jsonl"), "--skip-damaged")
	assert.Equal(t, exitFinding, got.code)
	assert.Contains(t, got.err, "2 spans of spans exported as otlp-json\nleft out: ")
}
