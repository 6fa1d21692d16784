// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testSpanloop(script string, t *testing.T) (*spanloop, *bytes.Buffer) {
	t.Helper()
	workplace(t, map[string]string{"spanloop": script})
	var out bytes.Buffer
	p := &programs{settings: settings{bin: "bin"}, folder: folder{"demo"}}
	return newSpanloop(p, &out, func(s string) string { return s }), &out
}

// What is shown can be pasted into a shell and says the same there.
func TestLineSurvivesAShell(t *testing.T) {
	s, _ := testSpanloop(`printf '<%s>' "$@"`, t)
	args := []string{"query", `SELECT 'a b', "c" FROM spans -- $HOME; rm`, "", "it's"}
	shown, err := exec.Command("/bin/sh", "-c", s.line(args...)).Output()
	require.NoError(t, err)
	assert.Equal(t, `<query><SELECT 'a b', "c" FROM spans -- $HOME; rm><><it's><--dataset><demo/dataset>`, string(shown))
	assert.Contains(t, s.line("replay", "t:s"), "--registry demo/registry")
	assert.NotContains(t, s.line("coverage"), "--registry")
}

// A finding and "cannot tell" are answers; bad usage and failures are not.
func TestExitCodes(t *testing.T) {
	for code, fails := range map[string]bool{"0": false, "1": false, "2": true, "3": false, "4": true} {
		s, out := testSpanloop("echo said; exit "+code, t)
		err := s.show(t.Context(), "compare")
		assert.Equal(t, fails, err != nil, "exit code %s: %v", code, err)
		assert.Contains(t, out.String(), "$ bin/spanloop compare --dataset demo/dataset\nsaid\n")
	}
}

func TestRead(t *testing.T) {
	s, out := testSpanloop(`echo a note >&2; echo '{"rows":[{"spans":7}]}'`, t)
	var answer struct {
		Rows []struct {
			Spans int `json:"spans"`
		} `json:"rows"`
	}
	require.NoError(t, s.read(t.Context(), &answer, "query", "SELECT 1"))
	assert.Equal(t, 7, answer.Rows[0].Spans)
	assert.Empty(t, out.String(), "nothing is shown")

	s, _ = testSpanloop("echo no dataset >&2; exit 2", t)
	assert.ErrorContains(t, s.read(t.Context(), &answer, "query", "SELECT 1"), "no dataset")
}

func TestIndented(t *testing.T) {
	var out bytes.Buffer
	w := (&text{Writer: &out}).indented()
	for _, part := range []string{"one\ntw", "o\n", "\x1b[31mred\n"} {
		_, err := w.Write([]byte(part))
		require.NoError(t, err)
	}
	assert.Equal(t, "   one\n   two\n   \\u001b[31mred\n", out.String())
}

func TestNoColoursOutsideATerminal(t *testing.T) {
	var out bytes.Buffer
	text := &text{Writer: &out}
	text.heading("Start")
	assert.Equal(t, "\n1. Start\n", out.String())
	assert.False(t, isTerminal(&out))
}
