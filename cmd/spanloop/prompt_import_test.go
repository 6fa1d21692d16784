// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/sources"
)

// importedDocument is the command's JSON.
type importedDocument struct {
	System   string            `json:"system"`
	URL      string            `json:"url"`
	DryRun   bool              `json:"dry_run"`
	Complete bool              `json:"complete"`
	Counts   map[string]int    `json:"counts"`
	Findings []sources.Finding `json:"findings"`
}

// mlflowServer holds one prompt with the given text, and fails while it is down.
func mlflowServer(t *testing.T, text *string, down *bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case *down:
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "you sent %s", r.Header.Get("Authorization"))
		case r.URL.Path == "/api/2.0/mlflow/registered-models/search":
			fmt.Fprint(w, `{"registered_models":[{"name":"greeting"},{"name":"other"}]}`)
		default:
			fmt.Fprintf(w, `{"model_versions":[{"version":"1","creation_timestamp":1767225600000,"user_id":"ann","tags":[{"key":"mlflow.prompt.text","value":%q}]}]}`, *text)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestPromptImport(t *testing.T) {
	d := exampleDesk(t)
	t.Setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
	text, down := "Hello {{name}}, welcome to the shop.", false
	url := mlflowServer(t, &text, &down)
	args := []string{"prompt", "import", "mlflow", "--url", url, "--name", "gree*"}

	var got importedDocument
	d.json(exitDone, "spanloop.prompt.import/1", &got, append(args, "--dry-run")...)
	assert.True(t, got.DryRun)
	assert.Equal(t, 1, got.Counts["imported"])
	assert.NoDirExists(t, filepath.Join(d.registry, "prompts", "greeting"))

	d.json(exitDone, "spanloop.prompt.import/1", &got, args...)
	assert.True(t, got.Complete)
	require.Len(t, got.Findings, 1, "the other prompt was not asked for")
	assert.Equal(t, sources.Finding{Prompt: "greeting", Version: "1", What: "version", Outcome: registry.Added}, got.Findings[0])
	assert.Contains(t, d.must(exitDone, args...), "mlflow: 0 imported, 1 unchanged, 0 refused")
	shown := d.must(exitDone, "prompt", "show", "greeting")
	assert.Contains(t, shown, "origin   mlflow greeting/1, imported 2026-11-25 12:00")
	assert.Contains(t, shown, "by ann")

	text = "Goodbye {{name}}, welcome to the shop."
	assert.Contains(t, d.must(exitFinding, args...), "it has changed there (sha256:")

	down = true
	failed := d.run(append(args, "--format", "json")...)
	assert.Equal(t, exitFailed, failed.code)
	assert.Contains(t, failed.out, `"complete": false`)
	assert.Contains(t, failed.err, "418 I'm a teapot (you sent Bearer ***)")
	assert.NotContains(t, failed.out+failed.err, "secret-token")
	assert.Contains(t, d.must(exitDone, "prompt", "show", "greeting"), "Hello {{name}}", "the last good state stays")
}

func TestPromptImportRefuses(t *testing.T) {
	d := exampleDesk(t)
	for _, name := range []string{"LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "MLFLOW_TRACKING_URI"} {
		t.Setenv(name, "")
	}
	for says, args := range map[string][]string{
		"unknown system \"langfus\"":        {"langfus"},
		"set LANGFUSE_PUBLIC_KEY":           {"langfuse"},
		"Give --url or set MLFLOW_TRACKING": {"mlflow"},
		"its export with --file":            {"humanloop"},
		"no-such-file":                      {"humanloop", "--file", "no-such-file"},
	} {
		got := d.run(append([]string{"prompt", "import"}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%v", args)
		assert.Contains(t, got.err, says)
	}
	file := d.file("a.prompt", "---\nmodel: x\n---\n<system>\nHello\n")
	got := d.run("prompt", "import", "humanloop", "--file", file)
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "a.prompt:4: <system> does not end")
	assert.Contains(t, d.must(exitDone, "__complete", "prompt", "import", ""), "langsmith")
	require.NoError(t, os.Remove(file))
}
