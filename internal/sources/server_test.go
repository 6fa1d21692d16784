// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// clock is the time of imports.
var clock = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// exchange is a request and its answer, in the form that the system documents.
type exchange struct {
	Request string          `json:"request"`
	Body    json.RawMessage `json:"body"`
	Status  int             `json:"status"`
	Answer  json.RawMessage `json:"answer"`
}

// recording is what a system answers, in testdata/<system>/server.json.
type recording struct {
	// Env are the credentials, Headers what the system must be sent of them.
	Env       map[string]string `json:"env"`
	Headers   map[string]string `json:"headers"`
	Exchanges []exchange        `json:"exchanges"`
}

// httpSystems are the systems that are read over HTTP.
func httpSystems() []string {
	return slices.DeleteFunc(Systems(), func(name string) bool { return name == "humanloop" })
}

func readRecording(t testing.TB, system string) *recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", system, "server.json"))
	require.NoError(t, err)
	r := &recording{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(r), system)
	return r
}

func (r *recording) env(name string) string { return r.Env[name] }

// secrets are what no error, output or file may hold.
func (r *recording) secrets() []string {
	var all []string
	for name, value := range r.Env {
		if !strings.Contains(name, "PUBLIC") && !strings.Contains(name, "USERNAME") {
			all = append(all, value)
		}
	}
	return all
}

// server is a system under test.
type server struct {
	*httptest.Server
	recording *recording
	// before may answer in place of the recording.
	before func(n int, w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	n       int
	unknown []string
}

func newServer(t testing.TB, system string) *server {
	t.Helper()
	s := &server{recording: readRecording(t, system)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.before != nil && s.before(n, w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	for name, value := range s.recording.Headers {
		if r.Header.Get(name) != value {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
	}
	for _, e := range s.recording.Exchanges {
		if matches(e, r, body) {
			if e.Status != 0 {
				w.WriteHeader(e.Status)
			}
			_, _ = w.Write(e.Answer)
			return
		}
	}
	s.mu.Lock()
	s.unknown = append(s.unknown, r.Method+" "+r.URL.String()+" "+string(body))
	s.mu.Unlock()
	w.WriteHeader(http.StatusNotFound)
}

func matches(e exchange, r *http.Request, body []byte) bool {
	method, target, _ := strings.Cut(e.Request, " ")
	u, err := url.Parse(target)
	if err != nil || method != r.Method || u.EscapedPath() != r.URL.EscapedPath() || u.Query().Encode() != r.URL.Query().Encode() {
		return false
	}
	if len(e.Body) == 0 {
		return true
	}
	var want, got any
	return json.Unmarshal(e.Body, &want) == nil && json.Unmarshal(body, &got) == nil && assert.ObjectsAreEqual(want, got)
}

// source opens the system with its recorded credentials. Waiting takes no time.
func (s *server) source(t testing.TB, system string) *Source {
	t.Helper()
	source, err := Open(system, Options{URL: s.URL, Getenv: s.recording.env, Agent: "spanloop/test", wait: noWait})
	require.NoError(t, err)
	return source
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// run imports into a registry.
func run(t testing.TB, source *Source, dir string) ([]Finding, error) {
	t.Helper()
	return Import{Registry: dir, Now: clock}.Run(t.Context(), source)
}

// tree is a registry's files as one text.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".spanloop.lock" {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		b.WriteString("== " + filepath.ToSlash(rel) + "\n" + string(data))
		return err
	}))
	return b.String()
}

// listed are findings as one text.
func listed(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(strings.Join([]string{f.Prompt, f.Version, f.What, string(f.Outcome)}, " | "))
		if f.Reason != "" {
			b.WriteString(" | " + f.Reason)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func golden(t testing.TB, file, text string) {
	t.Helper()
	if *updateGolden {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}
