// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExitCodesOfUsage(t *testing.T) {
	d := emptyDesk(t)
	for name, test := range map[string]struct {
		args []string
		says []string
	}{
		"unknown command":     {[]string{"coverge"}, []string{`unknown command "coverge"`, "coverage"}},
		"unknown subcommand":  {[]string{"dataset", "inof"}, []string{`unknown command "inof"`}},
		"unknown flag":        {[]string{"coverage", "--dataste", "x"}, []string{"unknown flag: --dataste"}},
		"unknown short flag":  {[]string{"coverage", "-z"}, []string{"unknown shorthand flag"}},
		"a flag's value":      {[]string{"query", "SELECT 1", "--limit", "many"}, []string{"--limit", "many"}},
		"a missing value":     {[]string{"coverage", "--since"}, []string{"needs an argument"}},
		"too many arguments":  {[]string{"coverage", "now"}, []string{"unknown command"}},
		"too many statements": {[]string{"query", "SELECT 1", "SELECT 2"}, []string{"accepts at most 1"}},
		"format":              {[]string{"coverage", "--format", "yaml"}, []string{"yaml", "table, json, csv, html"}},
		"memory":              {[]string{"coverage", "--memory", "lots"}, []string{"--memory", "lots", "2GB"}},
		"since":               {[]string{"coverage", "--since", "yesterday"}, []string{"--since", "yesterday", "24h or 7d"}},
		"until":               {[]string{"coverage", "--until", "-3h"}, []string{"--until", "-3h"}},
		"empty window":        {[]string{"coverage", "--since", "1h", "--until", "2h"}, []string{"--since 1h is not before --until 2h"}},
		"no dataset":          {[]string{"coverage"}, []string{d.dataset, "no dataset", "genai_parquet"}},
		"no dataset to query": {[]string{"query", "SELECT 1"}, []string{"no dataset"}},
		"no dataset to check": {[]string{"dataset", "verify"}, []string{"no dataset"}},
		"no dataset to list":  {[]string{"dataset", "info"}, []string{"no dataset"}},
		"another store":       {[]string{"dataset", "info", "--dataset", "ftp://host/data"}, []string{"ftp://"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.run(test.args...)
			assert.Equal(t, exitUsage, got.code, got.err)
			assert.Empty(t, got.out)
			assert.True(t, strings.HasPrefix(got.err, "spanloop: "), got.err)
			for _, text := range test.says {
				assert.Contains(t, got.err, text)
			}
		})
	}
}

func TestCommandsAloneHelp(t *testing.T) {
	d := emptyDesk(t)
	for _, args := range [][]string{{}, {"--help"}, {"help", "coverage"}, {"dataset"}, {"prompt"}, {"tool"}} {
		got := d.run(args...)
		assert.Equal(t, exitDone, got.code, "%v", args)
		assert.Contains(t, got.out, "Usage:", "%v", args)
	}
	assert.Equal(t, "spanloop dev\n", d.must(exitDone, "version"))
	assert.Contains(t, d.must(exitDone, "--version"), "dev")
}

// What went wrong has the code that its kind has, and text that no terminal
// takes for commands.
func TestErrorsEscapeHostileText(t *testing.T) {
	d := emptyDesk(t)
	got := d.run("coverage", "--format", "\x1b[31mred\x07")
	assert.Equal(t, exitUsage, got.code)
	assert.NotContains(t, got.err, "\x1b")
	assert.NotContains(t, got.err, "\x07")
	got = d.run("dataset", "info", "--dataset", d.dataset+"\x1b]0;owned\x07")
	assert.Equal(t, exitUsage, got.code)
	assert.NotContains(t, got.err, "\x1b")
}

func TestExitError(t *testing.T) {
	cause := errors.New("cause")
	assert.Equal(t, "exit 3", (&exitError{Code: 3}).Error())
	assert.Equal(t, "cause", (&exitError{Code: 3, Err: cause}).Error())
	assert.ErrorIs(t, usage(cause), cause)
}

func TestMoments(t *testing.T) {
	a := &app{Now: func() time.Time { return clock }}
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T06:30":          time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC),
		"2026-11-01 06:30:15":       time.Date(2026, 11, 1, 6, 30, 15, 0, time.UTC),
		"2026-11-01T06:30:00+02:00": time.Date(2026, 11, 1, 4, 30, 0, 0, time.UTC),
		"2026-11-01T06:30:00.5Z":    time.Date(2026, 11, 1, 6, 30, 0, 5e8, time.UTC),
		"24h":                       clock.Add(-24 * time.Hour),
		"90m":                       clock.Add(-90 * time.Minute),
		"7d":                        clock.AddDate(0, 0, -7),
		"2w":                        clock.AddDate(0, 0, -14),
		"0.5d":                      clock.Add(-12 * time.Hour),
		"0s":                        clock,
	} {
		got, err := a.moment("--since", text)
		require.NoError(t, err, text)
		assert.True(t, want.Equal(got), "%s: %s", text, got)
		assert.Equal(t, time.UTC, got.Location(), text)
	}
	for _, text := range []string{"tomorrow", "7", "-1d", "1e9d", "NaNd", "infd", "-5m", "2026-13-01", "2026-11-01T25:00", "d", " 24h"} {
		_, err := a.moment("--since", text)
		var exit *exitError
		require.ErrorAs(t, err, &exit, text)
		assert.Equal(t, exitUsage, exit.Code)
	}
}

// FuzzMoment reads whatever stands after --since: it never panics, and what it
// takes lies within a century.
func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"7d", "24h", "2026-11-01", "1e400d", "9999999999999h", "+1d"} {
		f.Add(seed)
	}
	a := &app{Now: func() time.Time { return clock }}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := a.moment("--since", text)
		if err == nil && strings.HasSuffix(text, "d") {
			assert.WithinDuration(t, clock, got, 36501*24*time.Hour)
		}
	})
}

func TestEnvironmentNamesTheFolders(t *testing.T) {
	t.Setenv("SPANLOOP_DATASET", "/elsewhere/data")
	t.Setenv("SPANLOOP_REGISTRY", "/elsewhere/registry")
	a := &app{}
	newRoot(a)
	assert.Equal(t, "/elsewhere/data", a.Dataset)
	assert.Equal(t, "/elsewhere/registry", a.Registry)
	t.Setenv("SPANLOOP_DATASET", "")
	newRoot(a)
	assert.Equal(t, "./spanloop-data", a.Dataset)
}

// Colours are for terminals, and only where nobody said no.
func TestColours(t *testing.T) {
	for name, test := range map[string]struct {
		app  app
		want bool
	}{
		"terminal":   {app{Terminal: true, Format: "table"}, true},
		"pipe":       {app{Format: "table"}, false},
		"--no-color": {app{Terminal: true, NoColor: true, Format: "table"}, false},
		"JSON":       {app{Terminal: true, Format: "json"}, false},
		"CSV":        {app{Terminal: true, Format: "csv"}, false},
	} {
		assert.Equal(t, test.want, test.app.options().Color, name)
	}
	t.Setenv("NO_COLOR", "1")
	a := &app{}
	newRoot(a)
	assert.True(t, a.NoColor)
}

// A dataset's folder that is there and empty, or is no folder.
func TestEmptyAndWrongDatasets(t *testing.T) {
	d := emptyDesk(t)
	require.NoError(t, os.MkdirAll(d.dataset, 0o750))
	got := d.run("coverage")
	assert.Contains(t, []int{exitDone, exitUsage}, got.code, got.err)
	assert.NotEmpty(t, got.err, "it says that there is nothing")

	file := d.file("file", "no folder")
	for _, args := range [][]string{{"coverage"}, {"query", "SELECT 1"}, {"dataset", "info"}, {"dataset", "verify"}} {
		got := d.run(append(args, "--dataset", file)...)
		assert.Contains(t, []int{exitUsage, exitFailed}, got.code, "%v", args)
		assert.Contains(t, got.err, file, "%v", args)
	}
}

// Every command prints valid JSON with its schema first.
func TestJSONNamesItsSchema(t *testing.T) {
	d := emptyDesk(t).write(t, resolved("explicit", "support", "v1"))
	for schema, args := range map[string][]string{
		"spanloop.coverage/1":       {"coverage"},
		"spanloop.query/1":          {"query", "SELECT 1 AS one"},
		"spanloop.schema/1":         {"query"},
		"spanloop.dataset.info/1":   {"dataset", "info"},
		"spanloop.dataset.verify/1": {"dataset", "verify"},
	} {
		out := d.must(exitDone, append(args, "--format", "json")...)
		assert.True(t, json.Valid([]byte(out)), out)
		assert.True(t, strings.HasPrefix(out, fmt.Sprintf("{\n  \"schema\": %q", schema)), out)
	}
}
