// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
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

// Whatever befalls a file is found, named, and sets the exit code.
func TestDatasetVerifyFinds(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, file string){
		"missing": func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
		"truncated": func(t *testing.T, file string) {
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(file, info.Size()/2))
		},
		"altered": func(t *testing.T, file string) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			content[len(content)/2] ^= 1
			require.NoError(t, os.WriteFile(file, content, 0o600))
		},
		"named by no manifest": func(t *testing.T, file string) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "stranger.parquet"), content, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := threeCalls(t)
			file := d.parquetFiles("spans")[0]
			damage(t, file)
			var v struct {
				Findings []struct{ Kind, Path, Detail string }
			}
			d.json(exitFinding, "spanloop.dataset.verify/1", &v, "dataset", "verify")
			require.NotEmpty(t, v.Findings)
			assert.Contains(t, filepath.ToSlash(file), filepath.Dir(v.Findings[0].Path))
			assert.NotEmpty(t, v.Findings[0].Kind)
			assert.Contains(t, d.must(exitFinding, "dataset", "verify"), filepath.Base(v.Findings[0].Path))
			assert.Contains(t, d.must(exitFinding, "dataset", "verify", "--format", "csv"), v.Findings[0].Kind)
		})
	}
}
