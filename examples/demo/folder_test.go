// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRemakeReplacesAnEarlierRun(t *testing.T) {
	workplace(t, nil)
	f := folder{"demo"}
	require.NoError(t, f.remake("registry"))
	require.NoError(t, os.MkdirAll(f.dataset(), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(f.dataset(), "old.parquet"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(f.registry(), "prompts", "note.txt"), []byte("changed"), 0o600))
	require.NoError(t, f.remake("registry"))
	assert.NoFileExists(t, filepath.Join(f.dataset(), "old.parquet"))
	content, err := os.ReadFile(filepath.Join(f.registry(), "prompts", "note.txt"))
	require.NoError(t, err)
	assert.Equal(t, "as it was", string(content))
}

// A folder that the demo did not make is left alone.
func TestRemakeRefusesAnotherFolder(t *testing.T) {
	workplace(t, nil)
	require.NoError(t, os.MkdirAll("mine/dataset", 0o750))
	require.NoError(t, os.WriteFile("mine/dataset/precious", []byte("x"), 0o600))
	err := folder{"mine"}.remake("registry")
	require.ErrorIs(t, err, errUsage)
	assert.ErrorContains(t, err, "--dir")
	assert.FileExists(t, "mine/dataset/precious")

	require.NoError(t, os.Mkdir("empty", 0o750))
	assert.NoError(t, folder{"empty"}.remake("registry"))

	require.NoError(t, os.WriteFile("file", nil, 0o600))
	assert.ErrorIs(t, folder{"file"}.remake("registry"), errUsage)
}
