// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && sources

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/process"
	"github.com/spanloop/spanloop/internal/registry"
)

// sourceServer is a system that prompts are imported from.
type sourceServer struct {
	system string
	args   func(port string) []string
	env    func(t *testing.T, dir, port string) []string
	check  func(t *testing.T, s *registry.Snapshot)
}

var sourceServers = []sourceServer{
	{"mlflow", func(port string) []string {
		return []string{"server", "--host", "127.0.0.1", "--port", port, "--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db"}
	}, func(*testing.T, string, string) []string { return []string{"MLFLOW_DISABLE_TELEMETRY=true"} }, checkMLflow},
	{"phoenix", func(string) []string { return []string{"serve"} }, func(t *testing.T, dir, port string) []string {
		grpc, err := process.FreePort()
		require.NoError(t, err)
		return []string{
			"PHOENIX_WORKING_DIR=" + dir, "PHOENIX_HOST=127.0.0.1", "PHOENIX_PORT=" + port, fmt.Sprintf("PHOENIX_GRPC_PORT=%d", grpc),
			"PHOENIX_TELEMETRY_ENABLED=false",
		}
	}, checkPhoenix},
}

// TestSources imports from real servers, those in SPANLOOP_SERVERS or all, what their
// own clients have put there, and renders it as these clients do.
func TestSources(t *testing.T) {
	names, given := os.LookupEnv("SPANLOOP_SERVERS")
	require.True(t, !given || strings.TrimSpace(names) != "", "SPANLOOP_SERVERS names no server")
	for _, name := range strings.Fields(names) {
		require.True(t, slices.ContainsFunc(sourceServers, func(s sourceServer) bool { return s.system == name }), "no server %q", name)
	}
	for _, s := range sourceServers {
		if !given || slices.Contains(strings.Fields(names), s.system) {
			t.Run(s.system, s.test)
		}
	}
}

func (s *sourceServer) test(t *testing.T) {
	port, err := process.FreePort()
	require.NoError(t, err)
	address, dir := fmt.Sprintf("127.0.0.1:%d", port), t.TempDir()
	bin := filepath.Join(absolute(t, repository), "build", s.system, "bin")
	server, err := process.Start(process.Options{
		Name: s.system, Path: filepath.Join(bin, s.system), Args: s.args(fmt.Sprint(port)), Env: s.env(t, dir, fmt.Sprint(port)), Dir: dir, LogDir: dir,
	})
	require.NoError(t, err, "run it by `make sources`")
	defer func() {
		_ = server.Stop(20 * time.Second)
		if t.Failed() {
			t.Log(server.Tail(30))
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, server.WaitListening(ctx, address))
	rendered := s.put(ctx, t, bin, address)

	folder := filepath.Join(t.TempDir(), "registry")
	counts := s.importInto(ctx, t, folder, address)
	snapshot, _ := registry.Load(folder)
	versions := s.compare(t, snapshot, rendered)
	s.check(t, snapshot)
	assert.GreaterOrEqual(t, counts["imported"], versions)
	counts = s.importInto(ctx, t, folder, address)
	assert.Zero(t, counts["imported"])
	assert.Zero(t, counts["refused"])
	t.Logf("%s: %d versions of %d prompts render as its client renders them; a second import wrote nothing", s.system, versions, len(rendered))
}

// put lets the system's client make prompts and returns the messages that it renders
// of each version of each.
func (s *sourceServer) put(ctx context.Context, t *testing.T, bin, address string) map[string]map[string][]string {
	t.Helper()
	client := exec.CommandContext(ctx, filepath.Join(bin, "python"), "sources_"+s.system+".py", "http://"+address)
	client.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true")
	out, err := client.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Logf("the client said: %s", failed.Stderr)
	}
	require.NoError(t, err)
	var rendered map[string]map[string][]string
	require.NoError(t, json.Unmarshal(out, &rendered), string(out))
	return rendered
}

// importInto imports everything and returns the counts of what happened.
func (s *sourceServer) importInto(ctx context.Context, t *testing.T, folder, address string) map[string]int {
	t.Helper()
	out, err := exec.CommandContext(ctx, "../bin/spanloop", "--registry", folder, "prompt", "import", s.system, "--url", "http://"+address, "--format", "json").Output()
	require.NoError(t, err, string(out))
	var document struct {
		Counts map[string]int `json:"counts"`
	}
	require.NoError(t, json.Unmarshal(out, &document))
	return document.Counts
}

// compare renders every version and returns how many there are.
func (s *sourceServer) compare(t *testing.T, snapshot *registry.Snapshot, rendered map[string]map[string][]string) (versions int) {
	t.Helper()
	variables := map[string]string{"name": "Ada", "tier": "gold", "style": "brief", "question": "Why?", "customer": "Ada"}
	for name, list := range rendered {
		for number, want := range list {
			versions++
			v := snapshot.Prompt(name).Version(number)
			require.NotNil(t, v, "%s %s", name, number)
			got, err := v.Render(variables)
			require.NoError(t, err)
			var texts []string
			for _, m := range got {
				texts = append(texts, m.Content)
			}
			assert.Equal(t, want, texts, "%s %s", name, number)
			assert.Equal(t, s.system, v.Origin.System)
			assert.WithinDuration(t, time.Now(), v.Time, 10*time.Minute)
		}
	}
	return versions
}

func checkMLflow(t *testing.T, s *registry.Snapshot) {
	r, live := s.LiveAt("greeting", "production", time.Now())
	require.True(t, live)
	assert.Equal(t, "2", r.Targets[0].Version)
	assert.Equal(t, []string{"team=growth"}, s.Prompt("greeting").Tags)
	assert.JSONEq(t, `{"model":"gpt-4o","temperature":0.1}`, string(s.Prompt("chat.bot").Version("1").Params))
}

func checkPhoenix(t *testing.T, s *registry.Snapshot) {
	p := s.Prompt("support")
	r, live := s.LiveAt("support", "production", time.Now())
	require.True(t, live)
	assert.Equal(t, p.Latest().Version, r.Targets[0].Version)
	assert.Equal(t, "Made for a test", p.Description)
	assert.Equal(t, "second", p.Latest().Message)
	assert.JSONEq(t, `{"model":"gpt-4o-mini","temperature":0.2,"tool_choice":"auto"}`, string(p.Latest().Params))
	assert.NotNil(t, s.Tool("lookup"))
}
