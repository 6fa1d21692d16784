// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && clients

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/process"
	"github.com/spanloop/spanloop/internal/registry"
)

var fetchRegistry = map[string]string{
	"prompts/greeting/versions/v3.yaml":      "time: 2026-01-01\ntemplate: 'Greet {{name}}. {{> tone@1}}'\nparams: {temperature: 0.5}\n",
	"prompts/dotted/versions/v1.5.yaml":      "time: 2026-01-01\ntemplate: Text.\n",
	"prompts/support/answer/versions/1.yaml": "time: 2026-01-01\ntemplate: 'Help {{name}} at length.'\n",
	"prompts/support/answer/versions/2.yaml": "time: 2026-01-02\nmessages: [{role: system, content: 'Help {{name}} in a few words.'}, {role: user, content: '{{question}}'}]\n",
	"prompts/chatty/versions/1.yaml":         "time: 2026-01-01\nmessages: [{role: system, content: 'Chat about {{topic}} politely.'}, {placeholder: history}, {role: user, content: '{{question}}'}]\n",
	"releases/chatty.yaml":                   "- {environment: production, time: 2026-01-03, targets: [{version: 1}]}\n",
	"partials/tone/versions/1.yaml":          "content: Be kind.\n",
	"releases/greeting.yaml":                 "- {environment: production, time: 2026-01-03, targets: [{version: v3}]}\n",
	"releases/dotted.yaml":                   "- {environment: production, time: 2026-01-03, targets: [{version: v1.5}]}\n",
	"releases/support/answer.yaml":           "- {environment: production, time: 2026-01-03, targets: [{version: 1, weight: 90}, {version: 2, weight: 10}]}\n- {environment: staging, time: 2026-01-03, targets: [{version: 2}]}\n",
}

// clientFacts are what one SDK saw.
type clientFacts struct {
	Auth bool
	Text struct {
		Version  int
		Labels   []string
		Config   map[string]any
		Compiled string
	}
	Chat struct {
		Version  int
		Compiled []struct{ Role, Content string }
	}
	Placed   []struct{ Role, Content string }
	Old      string
	Listed   [][2]any
	Fallback struct {
		Is       bool
		Compiled string
	}
	Refused string
	Canary  []int
	Again   []int
}

// front is one address for the fetch API and the spans, as a proxy in production
// is, and counts what passes.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func newFront(t *testing.T, fetchPort, spansPort int) *front {
	t.Helper()
	to := func(port int) http.Handler {
		return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", port)})
	}
	fetch, spans, f := to(fetchPort), to(spansPort), &front{seen: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen[r.URL.Path]++
		f.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/api/public/otel/") {
			spans.ServeHTTP(w, r)
			return
		}
		fetch.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// The unmodified SDKs of Langfuse fetch, cache, compile and link the registry's
// prompts; a canary is shared by weight over keys, and every key keeps its version.
func TestFetchClients(t *testing.T) {
	keys, err := strconv.Atoi(os.Getenv("SPANLOOP_KEYS"))
	require.NoError(t, err)
	javascript := os.Getenv("SPANLOOP_LANGFUSE_JS")
	clients := map[string][]string{
		"python":     {os.Getenv("SPANLOOP_LANGFUSE_PYTHON"), "fetchclients.py", strconv.Itoa(keys)},
		"javascript": {"node", "fetchclients.mjs", strconv.Itoa(keys), javascript},
	}
	for name, command := range clients {
		t.Run(name, func(t *testing.T) {
			c, f := fetchCollector(t, fetchRegistry)
			facts := runClient(t, f, command)
			checkFacts(t, facts)
			assert.Equal(t, 1, f.seen["/api/public/v2/prompts/greeting"], "51 uses, one request")
			checkCanary(t, c.registry, facts, keys)
			c.stop(t)
			rows := c.query(t, `SELECT prompt_name, prompt_version, prompt_resolution, prompt_unresolved_reason, request_model FROM spans ORDER BY ALL`)
			assert.Equal(t, []map[string]any{
				{"prompt_name": "greeting", "prompt_version": "v3", "prompt_resolution": "explicit", "prompt_unresolved_reason": nil, "request_model": "m"},
				{"prompt_name": "support/answer", "prompt_version": "2", "prompt_resolution": "explicit", "prompt_unresolved_reason": nil, "request_model": "m"},
			}, rows)
		})
	}
}

// fetchCollector runs the example's configuration over a registry of these files.
func fetchCollector(t *testing.T, files map[string]string) (*collector, *front) {
	t.Helper()
	c := newCollector(t, "examples/collector/config-fetch.yaml")
	for rel, content := range files {
		file := filepath.Join(c.registry, filepath.FromSlash(rel))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	fetchPort, err := process.FreePort()
	require.NoError(t, err)
	spansPort, err := process.FreePort()
	require.NoError(t, err)
	t.Setenv("SPANLOOP_FETCH_SECRET", "sk-secret")
	t.Setenv("SPANLOOP_FETCH_PORT", strconv.Itoa(fetchPort))
	t.Setenv("SPANLOOP_LANGFUSE_PORT", strconv.Itoa(spansPort))
	// All keys at once would meet the example's rate limit.
	c.settings = []string{"extensions::genai_registry::fetch_api::rate_limit::requests_per_second: 0"}
	c.start(t)
	f := newFront(t, fetchPort, spansPort)
	answer, err := http.Get(f.URL + "/v1/prompts/greeting")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode, "nothing without the password")
	return c, f
}

func runClient(t *testing.T, f *front, command []string) clientFacts {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "LANGFUSE_BASE_URL="+f.URL, "LANGFUSE_PUBLIC_KEY=pk-spanloop", "LANGFUSE_SECRET_KEY=sk-secret")
	var errors strings.Builder
	cmd.Stderr = &errors
	began := time.Now()
	out, err := cmd.Output()
	require.NoError(t, err, errors.String())
	t.Logf("%s: %.0f s", command[1], time.Since(began).Seconds())
	var facts clientFacts
	require.NoError(t, json.Unmarshal(out, &facts), "%s", out)
	return facts
}

func checkFacts(t *testing.T, facts clientFacts) {
	t.Helper()
	assert.True(t, facts.Auth)
	assert.Equal(t, 3, facts.Text.Version)
	assert.Equal(t, []string{"production", "latest"}, facts.Text.Labels)
	assert.Equal(t, map[string]any{"temperature": 0.5}, facts.Text.Config)
	assert.Equal(t, "Greet Ada {{x}}. Be kind.", facts.Text.Compiled)
	assert.Equal(t, 2, facts.Chat.Version)
	require.Len(t, facts.Chat.Compiled, 2)
	assert.Equal(t, "Help Ada in a few words.", facts.Chat.Compiled[0].Content)
	assert.Equal(t, "Why?", facts.Chat.Compiled[1].Content)
	assert.Equal(t, "Help Ada at length.", facts.Old)
	assert.Equal(t, []struct{ Role, Content string }{{"system", "Chat about tea politely."}, {"user", "Hi"}, {"assistant", "Ho"}, {"user", "Why?"}}, facts.Placed)
	assert.Equal(t, [][2]any{{"chatty", []any{1.0}}, {"greeting", []any{3.0}}, {"support/answer", []any{1.0, 2.0}}}, facts.Listed)
	assert.True(t, facts.Fallback.Is)
	assert.Equal(t, "Hello Ada", facts.Fallback.Compiled)
	assert.NotEmpty(t, facts.Refused, "v1.5 is no whole number")
}

// checkCanary compares each key's version with Release.Assign, the shares with the
// weights, and the second round with the first.
func checkCanary(t *testing.T, dir string, facts clientFacts, keys int) {
	t.Helper()
	snapshot, problems := registry.Load(dir)
	require.Empty(t, problems)
	release, ok := snapshot.LiveAt("support/answer", "production", time.Now())
	require.True(t, ok)
	require.Len(t, facts.Canary, keys)
	second := 0
	for i, version := range facts.Canary {
		require.Equal(t, release.Assign("support/answer", fmt.Sprintf("user-%d", i)).Version, strconv.Itoa(version))
		if version == 2 {
			second++
		}
	}
	share := 100 * float64(second) / float64(keys)
	t.Logf("canary of 10 %%: %.2f %% of %d keys", share, keys)
	if keys >= 10_000 {
		assert.InDelta(t, 10, share, 1)
	}
	require.Equal(t, facts.Canary[:len(facts.Again)], facts.Again, "a key keeps its version")
	require.Len(t, facts.Again, keys/10)
}
