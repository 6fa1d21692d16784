// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parquetFiles are the files of a table.
func (d *desk) parquetFiles(table string) []string {
	d.t.Helper()
	var files []string
	require.NoError(d.t, filepath.WalkDir(filepath.Join(d.dataset, table), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".parquet") {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(d.t, files)
	return files
}

func TestDatasetInfo(t *testing.T) {
	d := threeCalls(t)
	var info struct {
		Format int
		Tables []struct {
			Table string
			Rows  int64
			Files int
			Bytes int64
		}
	}
	d.json(exitDone, "spanloop.dataset.info/1", &info, "dataset", "info")
	require.Equal(t, "spans", info.Tables[0].Table)
	assert.EqualValues(t, 3, info.Tables[0].Rows)
	assert.Equal(t, 3, info.Tables[0].Files, "one a day and version")
	assert.Positive(t, info.Tables[0].Bytes)

	out := d.must(exitDone, "dataset", "info")
	assert.Contains(t, out, d.dataset)
	assert.Contains(t, out, "2026-11-23 12:00:00")
	assert.NotContains(t, out, "reject")
	assert.Equal(t, 7, strings.Count(d.must(exitDone, "dataset", "info", "--format", "csv"), "\n"), "a header and six tables")
}

func TestDatasetVerifySound(t *testing.T) {
	d := threeCalls(t)
	var v struct {
		Files, Rows int64
		Findings    []any
	}
	d.json(exitDone, "spanloop.dataset.verify/1", &v, "dataset", "verify")
	assert.EqualValues(t, 3, v.Rows)
	assert.NotNil(t, v.Findings, "an empty list is [], not null")
	assert.Contains(t, d.must(exitDone, "dataset", "verify"), "0 findings")
}
