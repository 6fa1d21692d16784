// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

var files = map[string]string{
	"prompts/support/answer/prompt.yaml":     "tags: [support]\nvariables: {name: {type: string, default: you, description: Who.}}\n",
	"prompts/support/answer/versions/1.yaml": "time: 2026-01-01\ntemplate: 'Help {{name}}. {{> tone@1}}'\n",
	"prompts/support/answer/versions/2.yaml": "time: 2026-01-02\nmessage: shorter\nmessages: [{role: system, content: 'Help {{name}}, shortly.'}, {role: user, content: '{{question}}'}]\nparams: {model: m, temperature: 0.2}\n",
	"prompts/named/versions/v1.yaml":         "time: 2026-01-01\ntemplate: Text.\n",
	"prompts/named/versions/v1.5.yaml":       "time: 2026-01-02\ntemplate: Text, dotted.\n",
	"prompts/braces/versions/1.yaml":         "time: 2026-01-01\ntemplate: 'Write {{> code@1}} for {{name}}.'\n",
	"prompts/chatty/versions/1.yaml":         "time: 2026-01-01\nmessages: [{role: system, content: 'Chat about {{topic}}.'}, {placeholder: history}, {role: user, content: ''}]\n",
	"prompts/jinja/prompt.yaml":              "format: jinja\n",
	"prompts/jinja/versions/1.yaml":          "time: 2026-01-01\nformat: jinja\ntemplate: '{% if a %}{{ a }}{% endif %}{% include \"end@1\" %}'\n",
	"partials/tone/versions/1.yaml":          "content: Be kind.\n",
	"partials/code/versions/1.yaml":          "content: '{{=<% %>=}}{{x}}'\n",
	"partials/end/versions/1.yaml":           "format: jinja\ncontent: End.\n",
	"releases/support/answer.yaml":           "- {environment: production, time: 2026-01-03, targets: [{version: 1, weight: 90}, {version: 2, weight: 10}]}\n- {environment: staging, time: 2026-01-03, targets: [{version: 2}]}\n",
	"releases/named.yaml":                    "- {environment: production, time: 2026-01-03, targets: [{version: v1}]}\n",
}

func open(t testing.TB) *registry.Snapshot {
	t.Helper()
	dir := t.TempDir()
	for rel, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(rel))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	snapshot, problems := registry.Load(dir)
	for _, p := range problems {
		require.True(t, p.Warning, p.String())
	}
	require.NoError(t, os.RemoveAll(dir), "no request reads the disk")
	return snapshot
}

func serve(t testing.TB) http.Handler {
	t.Helper()
	snapshot := open(t)
	return New(func() *registry.Snapshot { return snapshot })
}

func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(t *testing.T, h http.Handler, target string, headers ...string) string {
	t.Helper()
	w := ask(h, http.MethodGet, target, "", headers...)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return w.Body.String()
}

func TestOwn(t *testing.T) {
	h := serve(t)
	hash := open(t).Prompt("support/answer").Version("1").Hash
	want := `{"schema": "spanloop.prompt/1", "name": "support/answer", "version": "1", "template_format": "mustache",
		"messages": [{"role": "system", "content": "Help {{name}}. Be kind."}],
		"variables": [{"name": "name", "type": "string", "default": "you", "description": "Who."}], "partials": [],
		"attributes": {"gen_ai.prompt.name": "support/answer", "gen_ai.prompt.version": "1", "spanloop.prompt.hash": "` + hash + `"}}`
	assert.JSONEq(t, want, get(t, h, "/v1/prompts/support/answer?version=1"))
	assert.JSONEq(t, want, get(t, h, "/v1/prompts/support%2Fanswer?version=1"), "or with the slash escaped")

	var canary, staging ownAnswer
	require.NoError(t, json.Unmarshal([]byte(get(t, h, "/v1/prompts/support/answer?label=staging&at=2026-01-04T00:00:00Z")), &staging))
	assert.Equal(t, "2", staging.Version)
	assert.Equal(t, "staging", staging.Attributes["spanloop.prompt.label"])
	assert.JSONEq(t, `{"model": "m", "temperature": 0.2}`, string(staging.Params))
	require.NoError(t, json.Unmarshal([]byte(get(t, h, "/v1/prompts/support/answer?key=a")), &canary))
	assert.Equal(t, "production", canary.Label)
	assert.JSONEq(t, get(t, h, "/v1/prompts/support/answer?key=a"), get(t, h, "/v1/prompts/support/answer", headerKey, "a"))

	assert.Contains(t, get(t, h, "/v1/prompts/chatty?version=1"), `{"content":"","placeholder":"history"},{"role":"user","content":""}],"variables":[{"name":"topic","type":"string"},{"name":"history","type":"messages"}]`)
	assert.Contains(t, get(t, h, "/v1/prompts/jinja?version=1"), `"partials":[{"name":"end","version":"1","content":"End."}]`)
}

func TestList(t *testing.T) {
	h := serve(t)
	assert.JSONEq(t, `{"schema": "spanloop.prompts/1", "prompts": [
		{"name": "support/answer", "tags": ["support"], "versions": ["1", "2"], "live": [
			{"label": "production", "time": "2026-01-03T00:00:00Z", "targets": [{"version": "1", "weight": 90}, {"version": "2", "weight": 10}]},
			{"label": "staging", "time": "2026-01-03T00:00:00Z", "targets": [{"version": "2", "weight": 100}]}]}]}`,
		get(t, h, "/v1/prompts?prefix=support/&tag=support&label=staging"))
	names, after := []string{}, ""
	for {
		var page listAnswer
		require.NoError(t, json.Unmarshal([]byte(get(t, h, "/v1/prompts?limit=1&after="+url.QueryEscape(after))), &page))
		require.Len(t, page.Prompts, 1)
		names = append(names, page.Prompts[0].Name)
		if after = page.Next; after == "" {
			break
		}
	}
	assert.Equal(t, []string{"braces", "chatty", "jinja", "named", "support/answer"}, names)
}

func TestRender(t *testing.T) {
	h := serve(t)
	w := ask(h, "POST", "/v1/render", `{"name": "support/answer", "label": "staging", "variables": {"question": "Why \"{{name}}\"?", "more": 1}}`)
	require.Equal(t, 200, w.Code, w.Body)
	var got renderAnswer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	assert.Equal(t, "spanloop.prompt.rendered/1", got.Schema)
	assert.Equal(t, []message{{Role: "system", Content: "Help you, shortly."}, {Role: "user", Content: `Why "{{name}}"?`}}, got.Messages)
	assert.Equal(t, []string{"more"}, got.UnusedVariables)
	assert.Equal(t, "2", got.Attributes["gen_ai.prompt.version"])
	w = ask(h, "POST", "/v1/render", `{"name": "chatty", "version": "1", "variables": {"topic": "tea", "history": [{"role": "user", "content": "Hi"}]}}`)
	require.Equal(t, 200, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), `[{"role":"system","content":"Chat about tea."},{"role":"user","content":"Hi"},{"role":"user","content":""}]`)
	w = ask(h, "POST", "/v1/render", `{"name": "braces", "version": "1", "variables": {"name": 7}}`)
	require.Equal(t, 200, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), "Write {{x}} for 7.")
	w = ask(h, "POST", "/v1/render", `{"name": "jinja", "version": "1", "variables": {"a": [1, "b"]}}`)
	require.Equal(t, 200, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), `"content":"[1, 'b']End."`)

	for body, want := range map[string]int{
		"": 400, "[]": 400, `{"name": "named"} x`: 400, `{"naem": "named"}`: 400, `{}`: 400,
		`{"name": "named", "variables": {"a": null}}`:                                          400,
		`{"name": "named", "version": "v1", "label": "production"}`:                            400,
		`{"name": "named", "at": "soon"}`:                                                      400,
		`{"name": "named", "key": "` + strings.Repeat("k", 2000) + `"}`:                        400,
		`{"name": "nowhere"}`:                                                                  404,
		`{"name": "support/answer", "label": "staging", "variables": {"name": "no question"}}`: 422,
	} {
		refused(t, ask(h, "POST", "/v1/render", body), want, body)
	}
	refused(t, ask(h, "POST", "/v1/render?name=named", `{}`), 400, "a query")
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 10)
		h.ServeHTTP(w, r)
	})
	refused(t, ask(limited, "POST", "/v1/render", `{"name": "support/answer"}`), 413, "too long")
}

// refused asks for an error that says what is wrong, in JSON.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, about string) {
	t.Helper()
	assert.Equal(t, status, w.Code, "%s: %s", about, w.Body)
	var body struct{ Message, Error string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), about)
	assert.NotEmpty(t, body.Message, about)
	assert.NotEmpty(t, body.Error, about)
}

func TestRefusals(t *testing.T) {
	h := serve(t)
	for target, want := range map[string]int{
		"GET /api/public/v2/prompts/nowhere":                       404,
		"GET /api/public/v2/prompts/named?version=2":               404,
		"GET /api/public/v2/prompts/named?version=v1.5":            422,
		"GET /api/public/v2/prompts/jinja?version=1":               422,
		"GET /api/public/v2/prompts/braces?version=1":              422,
		"GET /api/public/v2/prompts/braces?label=staging":          404,
		"GET /api/public/v2/prompts?limit=1000":                    400,
		"GET /api/public/v2/prompts?fromUpdatedAt=today":           400,
		"GET /v1/prompts/":                                         400,
		"GET /v1/prompts?limit=0":                                  400,
		"GET /v1/prompts?page=2":                                   400,
		"GET /v1/prompts/braces?version=1":                         422,
		"GET /v1/prompts/support%2Fanswer?version=9":               404,
		"GET /v1/prompts/support%2Fanswer?version=1&label=x":       400,
		"GET /v1/prompts/support%2Fanswer?label=a&label=b":         400,
		"GET /v1/prompts/support%2Fanswer?versoin=1":               400,
		"GET /v1/prompts/support%2Fanswer?at=soon":                 400,
		"GET /v1/prompts/support%2Fanswer?at=2025-01-01T00:00:00Z": 404,
		"GET /v1/prompts/..%2F..%2Fetc%2Fpasswd":                   404,
		"GET /v1/prompts/%00%ff":                                   404,
		"GET /v1/prompts/x?key=%zz":                                400,
		"GET /":                                                    404,
		"GET /v1/tools":                                            404,
		"GET /v1/render":                                           405,
		"POST /v1/prompts":                                         405,
		"POST /api/public/v2/prompts":                              405,
		"DELETE /api/public/v2/prompts/named":                      405,
		"PATCH /api/public/v2/prompts/named/versions/1":            405,
	} {
		var method, path string
		_, err := fmt.Sscan(target, &method, &path)
		require.NoError(t, err)
		w := ask(h, method, path, "")
		refused(t, w, want, target)
		assert.Equal(t, want == 405, w.Header().Get("Allow") != "", target)
	}
	refused(t, ask(h, "GET", "/v1/prompts/named", "", headerKey, strings.Repeat("k", 2000)), 400, "a long key")
	refused(t, ask(h, "GET", "/v1/prompts/"+strings.Repeat("n", 2000), ""), 400, "a long name")
	closed := New(func() *registry.Snapshot { return nil })
	for _, target := range []string{"/v1/prompts/x", "/v1/prompts", "/api/public/v2/prompts/x", "/api/public/v2/prompts"} {
		refused(t, ask(closed, "GET", target, ""), 503, target)
	}
	assert.Equal(t, 200, ask(closed, "GET", "/healthz", "").Code)
}

func TestETag(t *testing.T) {
	h := serve(t)
	first := ask(h, "GET", "/v1/prompts/named?version=v1", "")
	require.Equal(t, 200, first.Code, first.Body)
	again := ask(h, "GET", "/v1/prompts/named?version=v1", "", "If-None-Match", `"x", W/`+first.Header().Get("ETag"))
	assert.Equal(t, 304, again.Code)
	assert.Empty(t, again.Body.String())
	assert.Equal(t, 200, ask(h, "GET", "/v1/prompts/named?version=v1", "", "If-None-Match", `"x"`).Code)
	assert.Equal(t, 200, ask(h, "HEAD", "/v1/prompts/named?version=v1", "").Code)
}

// A canary's share of 10,000 keys is within 1 % of its weight, each key keeps its
// version, and the answer carries the attributes of the version.
func TestCanary(t *testing.T) {
	h := serve(t)
	count := map[string]int{}
	for i := range 10_000 {
		var first ownAnswer
		for range 2 {
			var got ownAnswer
			require.NoError(t, json.Unmarshal([]byte(get(t, h, "/v1/prompts/support%2Fanswer?key="+url.QueryEscape(fmt.Sprint("user ", i)))), &got))
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

// Without a key a canary is drawn by weight.
func TestCanaryWithoutAKey(t *testing.T) {
	snapshot, draws := open(t), 0
	a := &api{snapshot: func() *registry.Snapshot { return snapshot }, random: func() float64 { draws++; return float64(draws-1) / 1000 }}
	release, ok := snapshot.LiveAt("support/answer", "production", snapshot.Releases("support/answer")[0].Time)
	require.True(t, ok)
	count := map[string]int{}
	for range 1000 {
		count[a.pick(release, "support/answer", "").Version]++
	}
	assert.Equal(t, map[string]int{"1": 900, "2": 100}, count)
}

func FuzzRequest(f *testing.F) {
	h := serve(f)
	f.Add("support%2Fanswer", "key=a", `{"name": "named"}`)
	f.Add("..%2f", "version=1&label=%00", `{"name": "jinja", "version": "1", "variables": {"a": [1]}}`)
	f.Add("", "limit=1&after=a&page=2&label=production@x", "")
	f.Fuzz(func(t *testing.T, name, query, body string) {
		for _, path := range []string{"/v1/prompts/" + url.PathEscape(name), "/v1/prompts", "/api/public/v2/prompts/" + url.PathEscape(name), "/api/public/v2/prompts", "/v1/render"} {
			u, err := url.ParseRequestURI(path)
			require.NoError(t, err)
			u.RawQuery = query
			method := http.MethodGet
			if path == "/v1/render" {
				method, u.RawQuery = http.MethodPost, ""
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, &http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))})
			if w.Code >= 500 {
				t.Errorf("%s: %d: %s", path, w.Code, w.Body)
			}
		}
	})
}
