// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// clock is the time of the tests' commands.
var clock = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// desk runs commands on a registry and a dataset of its own.
type desk struct {
	t                 testing.TB
	registry, dataset string
	in                string
}

// exampleDesk has a copy of the example's registry and no dataset.
func exampleDesk(t testing.TB) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, registry: filepath.Join(dir, "registry"), dataset: filepath.Join(dir, "data")}
	require.NoError(t, os.CopyFS(d.registry, os.DirFS(filepath.Join("..", "..", "examples", "registry"))))
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	t.Setenv("USER", "ada")
	return d
}

// outcome is what a command did.
type outcome struct {
	code     int
	out, err string
}

func (d *desk) run(args ...string) outcome {
	d.t.Helper()
	var out, errs bytes.Buffer
	a := &app{In: strings.NewReader(d.in), Out: &out, Err: &errs, Now: func() time.Time { return clock }}
	code := run(d.t.Context(), a, append([]string{"--registry", d.registry, "--dataset", d.dataset}, args...))
	return outcome{code, out.String(), errs.String()}
}

// must runs a command that has to end with a code.
func (d *desk) must(code int, args ...string) string {
	d.t.Helper()
	got := d.run(args...)
	require.Equal(d.t, code, got.code, "%v\n%s%s", args, got.out, got.err)
	return got.out
}

// json runs a command and reads its JSON, which names the schema.
func (d *desk) json(code int, schema string, into any, args ...string) {
	d.t.Helper()
	out := d.must(code, append(args, "--format", "json")...)
	var named struct {
		Schema string `json:"schema"`
	}
	require.NoError(d.t, json.Unmarshal([]byte(out), &named), out)
	require.Equal(d.t, schema, named.Schema)
	require.NoError(d.t, json.Unmarshal([]byte(out), into), out)
}

// golden compares text with testdata/<name>; paths of the test stand as REGISTRY.
func (d *desk) golden(name, text string) {
	d.t.Helper()
	text = strings.ReplaceAll(text, d.registry, "REGISTRY")
	file := filepath.Join("testdata", name)
	if *updateGolden {
		require.NoError(d.t, os.MkdirAll("testdata", 0o755))
		require.NoError(d.t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(d.t, err)
	assert.Equal(d.t, string(want), text)
}

// file writes a file beside the registry and returns its path.
func (d *desk) file(name, text string) string {
	d.t.Helper()
	file := filepath.Join(filepath.Dir(d.registry), name)
	require.NoError(d.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
