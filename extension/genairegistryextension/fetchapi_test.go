// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"
)

func configured(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var content map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &content))
	cfg := createDefaultConfig()
	if err := confmap.NewFromStringMap(content).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg.(*Config), confmap.Validate(cfg)
}

func TestFetchAPIConfig(t *testing.T) {
	for text, fails := range map[string]string{
		"path: x":                           "",
		"fetch_api:":                        "",
		"fetch_api: {endpoint: ''}":         "fetch_api: endpoint: empty",
		"fetch_api: {endpiont: 'a:1'}":      "fetch_api::endpiont: no such key",
		"fetch_api: {rate_limit: {per: 1}}": "fetch_api::rate_limit::per: no such key; there are burst",
		"fetch_api: {rate_limit: {requests_per_second: -1}}":            "requests_per_second: below 0",
		"fetch_api: {rate_limit: {requests_per_second: .nan}}":          "requests_per_second: below 0",
		"fetch_api: {rate_limit: {burst: 5}}":                           "nothing without",
		"fetch_api: {rate_limit: {burst: -5}}":                          "burst: below 0",
		"fetch_api: {max_request_body_size: -1}":                        "max_request_body_size: below 0",
		"fetch_api: {tls: {cert_file: a}}":                              "fetch_api",
		"fetch_api: {auth: {authenticator: basicauth}, cors: {}}":       "",
		"fetch_api: {rate_limit: {requests_per_second: 0.5, burst: 2}}": "",
		"fetch_api: {enabled: false}":                                   "",
		"fetch_api: {response_headers: {X-A: b}, write_timeout: 1s}":    "",
	} {
		_, err := configured(t, text)
		if fails == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, fails, text)
		}
	}
	off, err := configured(t, "path: x")
	require.NoError(t, err)
	assert.False(t, off.FetchAPI.HasValue())
	on, err := configured(t, "fetch_api: {rate_limit: {requests_per_second: 5}}")
	require.NoError(t, err)
	assert.Equal(t, "localhost:4319", on.FetchAPI.Get().Server.NetAddr.Endpoint)
	assert.EqualValues(t, 1<<20, on.FetchAPI.Get().Server.MaxRequestBodySize)
}

func TestExposed(t *testing.T) {
	for text, warns := range map[string]string{
		"endpoint: 'localhost:1'": "", "endpoint: '127.0.0.1:1'": "", "endpoint: '[::1]:1'": "",
		"endpoint: /run/api.sock, transport: unix": "",
		"endpoint: ':1'": "set auth", "endpoint: '0.0.0.0:1'": "set auth",
		"endpoint: 'host:1', auth: {authenticator: a}":                                   "in the clear",
		"endpoint: 'host:1', auth: {authenticator: a}, tls: {cert_file: a, key_file: b}": "",
	} {
		cfg, err := configured(t, "fetch_api: {"+text+"}")
		require.NoError(t, err, text)
		got := cfg.FetchAPI.Get().exposed()
		assert.Equal(t, warns == "", got == "", text)
		assert.Contains(t, got, warns, text)
	}
}

// host has extensions.
type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// password is an authenticator that wants one.
type password struct {
	component.StartFunc
	component.ShutdownFunc
}

func (password) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if len(sources["Authorization"]) == 1 && sources["Authorization"][0] == "Bearer right" {
		return ctx, nil
	}
	return ctx, errors.New("not authenticated")
}

func start(t *testing.T, text string) (*registryExtension, string, *observer.ObservedLogs) {
	t.Helper()
	cfg, err := configured(t, text)
	require.NoError(t, err)
	core, logs := observer.New(zap.InfoLevel)
	set := extension.Settings{ID: component.NewID(Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	set.Logger = zap.New(core)
	made, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	e := made.(*registryExtension)
	require.NoError(t, e.Start(t.Context(), host{map[component.ID]component.Component{component.MustNewID("password"): password{}}}))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context()))) })
	for _, entry := range logs.FilterMessage("fetch API: serving prompts").All() {
		return e, "http://" + entry.ContextMap()["endpoint"].(string), logs
	}
	return e, "", logs
}

func fetch(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	if answer.StatusCode >= 400 {
		var said struct{ Message, Error string }
		require.NoError(t, json.Unmarshal(text, &said), "%s", text)
		require.NotEmpty(t, said.Message)
	}
	return answer.StatusCode, string(text)
}

func TestFetchAPI(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "prompts/p/versions/1.yaml", "time: 2026-01-01\ntemplate: Report {{what}}.\n")
	e, url, _ := start(t, fmt.Sprintf("{path: %s, fetch_api: {endpoint: 'localhost:0', max_request_body_size: 100}}", dir))
	status, body := fetch(t, "GET", url+"/v1/prompts/p?version=1", "")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, "Report {{what}}.")
	status, body = fetch(t, "POST", url+"/v1/render", `{"name": "p", "version": "1", "variables": {"what": "x"}}`)
	assert.Equal(t, 200, status)
	assert.Contains(t, body, "Report x.")
	status, _ = fetch(t, "POST", url+"/v1/render", `{"name": "p", "variables": {"what": "`+strings.Repeat("x", 100)+`"}}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)

	put(t, dir, "prompts/q/versions/1.yaml", "time: 2026-01-01\ntemplate: Another.\n")
	require.Eventually(t, func() bool {
		status, _ := fetch(t, "GET", url+"/v1/prompts/q?version=1", "")
		return status == 200
	}, 10*time.Second, 50*time.Millisecond, "a change is served without a restart")
	require.NoError(t, e.Shutdown(t.Context()))
	_, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	require.Error(t, err, "nobody listens any more")
}

func TestFetchAPIAuthentication(t *testing.T) {
	_, url, logs := start(t, "{path: nowhere, fetch_api: {endpoint: '127.0.0.1:0', auth: {authenticator: password}}}")
	status, body := fetch(t, "GET", url+"/v1/prompts", "")
	assert.Equal(t, 401, status)
	assert.Contains(t, body, "not authenticated")
	status, _ = fetch(t, "GET", url+"/v1/prompts", "", "Authorization", "Bearer wrong")
	assert.Equal(t, 401, status)
	status, body = fetch(t, "GET", url+"/v1/prompts", "", "Authorization", "Bearer right")
	assert.Equal(t, 200, status, body)
	for _, entry := range logs.All() {
		assert.NotContains(t, fmt.Sprint(entry), "wrong", "no credentials in the log")
	}
}

func TestFetchAPIRateLimit(t *testing.T) {
	_, url, _ := start(t, "{path: nowhere, fetch_api: {endpoint: '127.0.0.1:0', rate_limit: {requests_per_second: 0.001, burst: 3}}}")
	var statuses []int
	for range 5 {
		status, _ := fetch(t, "GET", url+"/healthz", "")
		statuses = append(statuses, status)
	}
	assert.Equal(t, []int{200, 200, 200, 429, 429}, statuses)
}

// What cannot start says so and leaves nothing behind.
func TestFetchAPIDoesNotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for text, fails := range map[string]string{
		"endpoint: '" + taken.Addr().String() + "'":                     "fetch_api::endpoint",
		"endpoint: '127.0.0.1:0', auth: {authenticator: missing}":       "missing",
		"endpoint: '127.0.0.1:0', tls: {cert_file: no, key_file: file}": "fetch_api::endpoint",
	} {
		cfg, err := configured(t, "{path: nowhere, fetch_api: {"+text+"}}")
		require.NoError(t, err)
		set := extension.Settings{ID: component.NewID(Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
		made, err := NewFactory().Create(t.Context(), set, cfg)
		require.NoError(t, err)
		require.ErrorContains(t, made.Start(t.Context(), componenttest.NewNopHost()), fails)
		assert.Nil(t, made.(*registryExtension).Snapshot())
	}
}
