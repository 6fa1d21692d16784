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
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/process"
	"github.com/spanloop/spanloop/internal/registry"
)

// TestSources imports from real servers what their own clients have put there, and
// renders it as these clients do.
func TestSources(t *testing.T) {
	variables := map[string]string{"name": "Ada", "tier": "gold", "style": "brief", "question": "Why?", "customer": "Ada"}
	for _, s := range []struct {
		system, variable string
		args             func(port string) []string
		env              func(dir, port string) []string
		check            func(t *testing.T, s *registry.Snapshot)
	}{
		{"mlflow", "SPANLOOP_MLFLOW", func(port string) []string {
			return []string{"server", "--host", "127.0.0.1", "--port", port, "--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db"}
		}, func(string, string) []string { return []string{"MLFLOW_DISABLE_TELEMETRY=true"} }, checkMLflow},
		{"phoenix", "SPANLOOP_PHOENIX", func(string) []string { return []string{"serve"} }, func(dir, port string) []string {
			grpc, err := process.FreePort()
			require.NoError(t, err)
			return []string{
				"PHOENIX_WORKING_DIR=" + dir, "PHOENIX_HOST=127.0.0.1", "PHOENIX_PORT=" + port, fmt.Sprintf("PHOENIX_GRPC_PORT=%d", grpc),
				"PHOENIX_TELEMETRY_ENABLED=false",
			}
		}, checkPhoenix},
	} {
		t.Run(s.system, func(t *testing.T) {
			port, err := process.FreePort()
			require.NoError(t, err)
			dir := t.TempDir()
			bin := os.Getenv(s.variable)
			server, err := process.Start(process.Options{
				Name: s.system, Path: filepath.Join(bin, s.system), Args: s.args(fmt.Sprint(port)), Env: s.env(dir, fmt.Sprint(port)), Dir: dir, LogDir: dir,
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
			address := fmt.Sprintf("127.0.0.1:%d", port)
			require.NoError(t, server.WaitListening(ctx, address))

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

			folder := filepath.Join(t.TempDir(), "registry")
			var document struct {
				Counts map[string]int `json:"counts"`
			}
			importAll := func() {
				out, err := exec.CommandContext(ctx, "../bin/spanloop", "--registry", folder, "prompt", "import", s.system, "--url", "http://"+address, "--format", "json").Output()
				require.NoError(t, err, string(out))
				require.NoError(t, json.Unmarshal(out, &document))
			}
			importAll()
			versions := 0
			snapshot, _ := registry.Load(folder)
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
			s.check(t, snapshot)
			assert.GreaterOrEqual(t, document.Counts["imported"], versions)
			importAll()
			assert.Zero(t, document.Counts["imported"])
			assert.Zero(t, document.Counts["refused"])
			t.Logf("%s: %d versions of %d prompts render as its client renders them; a second import wrote nothing", s.system, versions, len(rendered))
		})
	}
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
