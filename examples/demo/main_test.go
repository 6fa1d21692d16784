// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workplace makes a working directory with stand-ins for the built programs,
// shell scripts by name.
func workplace(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("bin", 0o750))
	require.NoError(t, os.MkdirAll("registry/prompts", 0o750))
	require.NoError(t, os.WriteFile("registry/prompts/note.txt", []byte("as it was"), 0o600))
	require.NoError(t, os.WriteFile("config.yaml", nil, 0o600))
	for _, name := range []string{"otelcol-spanloop", "spanloop", "example-agent", "example-provider"} {
		script, ok := scripts[name]
		if !ok {
			script = "exec sleep 60"
		}
		require.NoError(t, os.WriteFile(filepath.Join("bin", name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	return dir
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func runDemo(ctx context.Context, env map[string]string, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(ctx, append([]string{"--registry", "registry", "--config", "config.yaml"}, args...), environment(env), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestUsage(t *testing.T) {
	workplace(t, nil)
	for name, args := range map[string][]string{
		"unknown flag":     {"--no-such-flag"},
		"argument":         {"now"},
		"negative":         {"--sessions", "-1"},
		"nothing is built": {"--bin", "elsewhere"},
		"no registry":      {"--registry", "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := runDemo(t.Context(), nil, args...)
			assert.Equal(t, exitUsage, code, errs)
			assert.NotEmpty(t, errs)
		})
	}
	code, _, errs := runDemo(t.Context(), nil, "--help")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, errs, "-seed")
}

func TestWhichProvider(t *testing.T) {
	workplace(t, nil)
	parsed := func(env map[string]string, args ...string) settings {
		s, err := parse(append([]string{"--registry", "registry", "--config", "config.yaml"}, args...), environment(env), &bytes.Buffer{})
		require.NoError(t, err)
		return s
	}
	assert.False(t, parsed(nil).real)
	key := map[string]string{"OPENAI_API_KEY": "k"}
	assert.False(t, parsed(key, "--scripted").real)
	s := parsed(key)
	assert.True(t, s.real)
	assert.Equal(t, openAI, s.baseURL)
	assert.Equal(t, realModel, s.model)
	s = parsed(map[string]string{"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_MODEL": "m"})
	assert.Equal(t, "http://127.0.0.1:1/v1", s.baseURL)
	assert.Equal(t, "m", s.model)
}

// A program that cannot start is named, with the last lines of its log, and the
// others are stopped.
func TestAProgramThatCannotStart(t *testing.T) {
	workplace(t, map[string]string{"example-provider": "echo my reason; exit 3"})
	code, _, errs := runDemo(t.Context(), nil)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, errs, "example-provider ended: exit status 3")
	assert.Contains(t, errs, "my reason")
}

func TestInterruptedWhileStarting(t *testing.T) {
	workplace(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, errs := runDemo(ctx, nil)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, errs, "interrupted")
}

func TestAPortThatIsTakenIsTriedAgain(t *testing.T) {
	tries := 0
	err := again(func() error {
		if tries++; tries < attempts {
			return errors.New("listen tcp 127.0.0.1:4318: bind: address already in use")
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, attempts, tries)

	tries = 0
	require.Error(t, again(func() error { tries++; return errors.New("permission denied") }))
	assert.Equal(t, 1, tries, "another error is final")
}
