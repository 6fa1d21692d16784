// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

var files = map[string]string{
	"prompts/support/answer/versions/1.yaml": "time: 2026-01-01\ntemplate: 'Help {{name}}. {{> tone@1}}'\n",
	"prompts/support/answer/versions/2.yaml": "time: 2026-01-02\nmessage: shorter\nmessages: [{role: system, content: 'Help {{name}}, shortly.'}, {role: user, content: '{{question}}'}]\nparams: {model: m, temperature: 0.2}\n",
	"prompts/named/versions/v1.yaml":         "time: 2026-01-01\ntemplate: Text.\n",
	"partials/tone/versions/1.yaml":          "content: Be kind.\n",
	"releases/support/answer.yaml":           "- {environment: production, time: 2026-01-03, targets: [{version: 1, weight: 90}, {version: 2, weight: 10}]}\n",
}

func serve(t testing.TB) http.Handler {
	t.Helper()
	dir := t.TempDir()
	for rel, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(rel))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	snapshot, problems := registry.Load(dir)
	require.Empty(t, problems)
	require.NoError(t, os.RemoveAll(dir), "no request reads the disk")
	return New(func() *registry.Snapshot { return snapshot })
}

func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestLangfuse(t *testing.T) {
	h := serve(t)
	w := ask(h, "GET", "/api/public/v2/prompts/support%2Fanswer?version=2")
	require.Equal(t, 200, w.Code, w.Body)
	assert.JSONEq(t, `{"name": "support/answer", "version": 2, "type": "chat", "prompt": [
		{"type": "chatmessage", "role": "system", "content": "Help {{name}}, shortly."},
		{"type": "chatmessage", "role": "user", "content": "{{question}}"}],
		"config": {"model": "m", "temperature": 0.2}, "labels": ["production", "latest"], "tags": [],
		"commitMessage": "shorter", "resolutionGraph": null}`, w.Body.String())
	w = ask(h, "GET", "/api/public/v2/prompts/support%2Fanswer")
	require.Equal(t, 200, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), `"type":"text","prompt":"Help {{name}}. Be kind."`, "the heaviest version, with its partial")
}

func TestRefusals(t *testing.T) {
	h := serve(t)
	for target, want := range map[string]int{
		"GET /api/public/v2/prompts/nowhere":                       404,
		"GET /api/public/v2/prompts/named?version=v1":              422,
		"GET /api/public/v2/prompts/named":                         404,
		"GET /v1/prompts/support%2Fanswer?version=9":               404,
		"GET /v1/prompts/support%2Fanswer?version=1&label=x":       400,
		"GET /v1/prompts/support%2Fanswer?label=a&label=b":         400,
		"GET /v1/prompts/support%2Fanswer?at=soon":                 400,
		"GET /v1/prompts/support%2Fanswer?at=2025-01-01T00:00:00Z": 404,
		"GET /v1/prompts/..%2F..%2Fetc%2Fpasswd":                   404,
		"GET /v1/prompts/%00%ff":                                   404,
		"GET /v1/prompts/x?key=%zz":                                400,
		"POST /api/public/v2/prompts":                              405,
		"DELETE /api/public/v2/prompts/named":                      405,
		"PATCH /api/public/v2/prompts/named/versions/1":            405,
	} {
		var method, path string
		_, err := fmt.Sscan(target, &method, &path)
		require.NoError(t, err)
		w := ask(h, method, path)
		assert.Equal(t, want, w.Code, target)
		var body struct{ Message, Error string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), target)
		assert.NotEmpty(t, body.Message, target)
		assert.NotEmpty(t, body.Error, target)
	}
	closed := New(func() *registry.Snapshot { return nil })
	assert.Equal(t, 503, ask(closed, "GET", "/v1/prompts/x").Code)
	assert.Equal(t, 200, ask(closed, "GET", "/healthz").Code)
}

func TestETag(t *testing.T) {
	h := serve(t)
	first := ask(h, "GET", "/v1/prompts/named?version=v1")
	require.Equal(t, 200, first.Code, first.Body)
	again := ask(h, "GET", "/v1/prompts/named?version=v1", "If-None-Match", `"x", W/`+first.Header().Get("ETag"))
	assert.Equal(t, 304, again.Code)
	assert.Empty(t, again.Body.String())
	assert.Equal(t, 200, ask(h, "GET", "/v1/prompts/named?version=v1", "If-None-Match", `"x"`).Code)
}

// A canary's share of 10,000 keys is within 1 % of its weight, each key keeps its
// version, and the answer carries the attributes of the version.
func TestCanary(t *testing.T) {
	h := serve(t)
	count := map[string]int{}
	for i := range 10_000 {
		var first ownAnswer
		for range 2 {
			w := ask(h, "GET", "/v1/prompts/support%2Fanswer?key="+url.QueryEscape(fmt.Sprint("user ", i)))
			require.Equal(t, 200, w.Code)
			var got ownAnswer
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			if first.Version == "" {
				first = got
				count[got.Version]++
			}
			require.Equal(t, first, got)
			require.Equal(t, got.Version, got.Attributes["gen_ai.prompt.version"])
			require.Equal(t, "production", got.Attributes["spanloop.prompt.label"])
		}
	}
	assert.InDelta(t, 9000, count["1"], 100)
	assert.InDelta(t, 1000, count["2"], 100)
}

func FuzzRequest(f *testing.F) {
	h := serve(f)
	f.Add("support%2Fanswer", "key=a")
	f.Add("..%2f", "version=1&label=%00")
	f.Fuzz(func(t *testing.T, name, query string) {
		for _, prefix := range []string{"/v1/prompts/", "/api/public/v2/prompts/"} {
			u, err := url.ParseRequestURI(prefix + url.PathEscape(name))
			require.NoError(t, err)
			u.RawQuery = query
			w := httptest.NewRecorder()
			h.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
			if w.Code >= 500 {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		}
	})
}
