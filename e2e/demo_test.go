// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// demonstration is a run of the demo with few sessions, in a folder of its own.
func demonstration(t *testing.T, args ...string) (cmd *exec.Cmd, out *bytes.Buffer, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "demo")
	out = &bytes.Buffer{}
	cmd = exec.Command(program(t, "example-demo"), append([]string{"--scripted", "--dir", dir, "--sessions", "150"}, args...)...)
	cmd.Dir = absolute(t, repository)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out, dir
}

// With too little traffic the demo says which planted changes it does not find,
// ends with 1, and every command that it prints to try next works.
func TestDemoWithTooFewSessions(t *testing.T) {
	cmd, out, dir := demonstration(t)
	err := cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, out)
	assert.Equal(t, 1, exit.ExitCode(), out)
	text := out.String()
	assert.NotContains(t, text, "\x1b", "no colours outside a terminal")
	for _, part := range []string{"spans in the dataset", "Prompt resolved by", "compare support-agent@v3.1", "drift support-agent@v3.1", "NOT FOUND", "nothing is left running"} {
		assert.Contains(t, text, part)
	}
	assertNoneRuns(t, dir)

	_, next, found := strings.Cut(text, "Try next")
	require.True(t, found, text)
	commands := 0
	for line := range strings.Lines(next) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		commands++
		shell := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
		shell.Dir = absolute(t, repository)
		printed, err := shell.CombinedOutput()
		if err != nil {
			require.ErrorAs(t, err, &exit, "%s\n%s", command, printed)
		}
		assert.Contains(t, []int{0, 1, 3}, shell.ProcessState.ExitCode(), "%s\n%s", command, printed)
	}
	assert.GreaterOrEqual(t, commands, 5)
}

// An interrupted demo stops what it started.
func TestDemoInterrupted(t *testing.T) {
	cmd, out, dir := demonstration(t)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(filepath.Join(dir, "logs", "example-agent.log"))
		return err == nil && len(log) > 0
	}, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	began := time.Now()
	err := cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, out)
	assert.Equal(t, 4, exit.ExitCode())
	assert.Contains(t, out.String(), "demo: interrupted")
	assert.Less(t, time.Since(began), 20*time.Second)
	assertNoneRuns(t, dir)
}

// assertNoneRuns proves that no process works on a folder.
func assertNoneRuns(t *testing.T, dir string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, file := range append(lines, environments...) {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		assert.NotContains(t, string(content), dir+"/", "%s was left behind", file)
	}
}
