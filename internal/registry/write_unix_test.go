// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fullDiskFolder = "SPANLOOP_TEST_FULL_DISK"

// A disk that fills up in the middle of a file leaves no half of it: in a process
// of its own, no file may grow beyond a few bytes.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDiskFolder); dir != "" {
		writeOnFullDisk(t, dir)
		return
	}
	dir := t.TempDir()
	_, err := AddVersion(dir, NewVersion{Prompt: "p", Version: "v1", Template: "Report the weather."})
	require.NoError(t, err)
	_, err = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: "v1"}}, Time: may})
	require.NoError(t, err)
	before := map[string]string{}
	for _, file := range filesIn(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		before[file] = string(text)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	command.Env = append(os.Environ(), fullDiskFolder+"="+dir)
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestFullDisk")
	after := filesIn(t, dir)
	assert.Len(t, after, len(before), "no half file, no leftover: %v", after)
	for file, text := range before {
		now, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		assert.Equal(t, text, string(now))
	}
	assert.Len(t, reload(t, dir).Prompt("p").Versions, 1)
}

func writeOnFullDisk(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	small := before
	small.Cur = 64
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }()
	_, err := AddVersion(dir, NewVersion{Prompt: "p", Template: strings.Repeat("Report the weather. ", 50)})
	require.ErrorIs(t, err, syscall.EFBIG)
	_, err = AddRelease(dir, "p", NewRelease{Environment: "staging", Targets: []Target{{Version: "v1"}}})
	require.ErrorIs(t, err, syscall.EFBIG)
}

// A registry that cannot be written says so, with its path.
func TestWriteWhereNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := AddVersion(filepath.Join(file, "registry"), NewVersion{Prompt: "p", Template: "Report the weather."})
	require.ErrorContains(t, err, "not a directory")

	locked := filepath.Join(dir, "locked")
	require.NoError(t, os.MkdirAll(filepath.Join(locked, lockFile), 0o755))
	_, err = AddVersion(locked, NewVersion{Prompt: "p", Template: "Report the weather."})
	require.ErrorContains(t, err, locked+" cannot be written")
}

// A pipe or a device is no file to wait for.
func TestLoadNoRegularFile(t *testing.T) {
	dir := directory(t, map[string]string{one: simple})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "prompts", "p", "versions", "2.yaml"), 0o600))
	_, problems := Load(dir)
	assert.Equal(t, []string{"prompts/p/versions/2.yaml: not a regular file: ignored"}, reasons(dir, problems))
}
