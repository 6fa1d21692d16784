// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDatasetCompact(t *testing.T) {
	d := threeCalls(t)
	d.must(exitDone, "dataset", "compact")
	assert.Contains(t, d.must(exitDone, "dataset", "compact"), "nothing to merge")
	assert.Contains(t, d.must(exitDone, "query", "SELECT count(*) AS n FROM spans"), "3")
	d.must(exitDone, "dataset", "verify")
	var c struct {
		DryRun  bool `json:"dry_run"`
		Tables  []struct{ Table string }
		Skipped []any
		Entries int `json:"manifest_entries_after"`
	}
	d.json(exitDone, "spanloop.dataset.compact/1", &c, "dataset", "compact")
	assert.NotNil(t, c.Skipped, "an empty list is [], not null")
	assert.Equal(t, 1, c.Entries)
	assert.Contains(t, d.must(exitDone, "dataset", "compact", "--dry-run"), "nothing was changed")
}

func TestDatasetCompactUsage(t *testing.T) {
	d := threeCalls(t)
	for _, args := range [][]string{
		{"--target-size", "big"}, {"--target-size", "0"}, {"--target-size", "-1MB"}, {"--target-size", "NaN"}, {"--grace", "-1s"}, {"extra"},
	} {
		d.must(exitUsage, append([]string{"dataset", "compact"}, args...)...)
	}
	require.NoError(t, os.RemoveAll(d.dataset))
	d.must(exitUsage, "dataset", "compact")
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "17B": 17, "64MB": 64e6, "64 mib": 64 << 20, "1.5GiB": 3 << 29, "50GB": 50e9, "2tb": 2e12, "1KiB": 1024,
	} {
		got, err := parseBytes(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "MB", "1XB", "-1", "0", "1e30", "inf", "NaN"} {
		_, err := parseBytes(text)
		assert.Error(t, err, text)
	}
}
