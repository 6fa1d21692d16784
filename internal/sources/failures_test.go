// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer answers every request with this.
func answer(status int, body string, headers ...string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// echo answers with all that it was sent, as a careless system may.
func echo(status int) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(status)
		for name, values := range r.Header {
			fmt.Fprintf(w, "%s: %s\n", name, strings.Join(values, ", "))
		}
		return true
	}
}

// A system that is down or answers nonsense: the error says what, where and what to
// do, never a secret, and the registry stays as it was.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		before func(int, http.ResponseWriter, *http.Request) bool
		says   string
	}{
		"unauthorized": {echo(http.StatusUnauthorized), "401 Unauthorized: the credentials in the environment are not accepted"},
		"forbidden":    {echo(http.StatusForbidden), "403 Forbidden"},
		"not found":    {echo(http.StatusNotFound), "is it the address of the API?"},
		"too many":     {answer(429, "slow down", "Retry-After", "1"), "429 Too Many Requests"},
		"broken":       {echo(500), "500 Internal Server Error"},
		"for long":     {answer(503, "", "Retry-After", "86400"), "it asks to come back in 24h0m0s"},
		"garbage":      {answer(200, "}{ no JSON"), "line 1 of the answer is no JSON"},
		"empty":        {answer(200, " "), "the answer is empty"},
		"HTML":         {answer(200, "<!doctype html><p>Sign in</p>"), "the answer is HTML, not JSON"},
		"number":       {answer(200, `12`), "another form than documented"},
		"list":         {answer(200, `[1, 2]`), "another form than documented"},
		"huge":         {answer(200, `"`+strings.Repeat("x", maxBody)+`"`), "larger than 32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, system := range httpSystems() {
				s := newServer(t, system)
				s.before = c.before
				dir := t.TempDir()
				findings, err := run(t, s.source(t, system), dir)
				require.Error(t, err, system)
				assert.Contains(t, err.Error(), c.says, system)
				assert.Contains(t, err.Error(), system+": ")
				assert.Contains(t, err.Error(), s.URL)
				for _, secret := range s.recording.secrets() {
					assert.NotContains(t, err.Error(), secret, system)
				}
				for _, secret := range s.recording.Headers {
					assert.NotContains(t, err.Error(), secret, system)
				}
				assert.Empty(t, findings)
				assert.Empty(t, tree(t, dir), system)
				if name == "huge" {
					break
				}
			}
		})
	}
}

// Whatever request fails, what was written is whole, and the next import brings the
// rest.
func TestFailsMidway(t *testing.T) {
	for _, system := range httpSystems() {
		t.Run(system, func(t *testing.T) {
			whole := newServer(t, system)
			want := t.TempDir()
			_, err := run(t, whole.source(t, system), want)
			require.NoError(t, err)
			requests := whole.n
			for fails := 1; fails <= requests; fails++ {
				s := newServer(t, system)
				source := s.source(t, system)
				s.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
					if n == fails {
						w.WriteHeader(http.StatusUnprocessableEntity)
					}
					return n == fails
				}
				dir := t.TempDir()
				findings, err := run(t, source, dir)
				if system == "phoenix" && err == nil {
					// Times and authors are asked for, and done without.
					assert.Contains(t, listed(findings), "authors and times")
					continue
				}
				require.Error(t, err, "request %d", fails)
				_, problems := registry.Load(dir)
				for _, p := range problems {
					assert.True(t, p.Warning, "%s", p)
				}
				s.before = nil
				_, err = run(t, source, dir)
				require.NoError(t, err)
				assert.Equal(t, strings.ReplaceAll(tree(t, want), whole.URL, ""), strings.ReplaceAll(tree(t, dir), s.URL, ""), "request %d", fails)
			}
		})
	}
}

// Failures that pass are waited for, as long as the system says.
func TestRetries(t *testing.T) {
	s := newServer(t, "langfuse")
	var waited []time.Duration
	source, err := Open("langfuse", Options{URL: s.URL, Getenv: s.recording.env, wait: func(_ context.Context, d time.Duration) error {
		waited = append(waited, d)
		return nil
	}})
	require.NoError(t, err)
	s.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		case 3:
			w.Header().Set("Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			return false
		}
		return true
	}
	_, err = run(t, source, t.TempDir())
	require.NoError(t, err)
	require.Len(t, waited, 3)
	assert.Equal(t, 7*time.Second, waited[0])
	assert.InDelta(t, time.Second, waited[1], float64(500*time.Millisecond))
	assert.InDelta(t, 19*time.Second, waited[2], float64(2*time.Second))
}

// A secret at the edge of what an error shows is not cut in half.
func TestSecretsAreMaskedBeforeTheyAreCut(t *testing.T) {
	for pad := 150; pad < 260; pad++ {
		s := newServer(t, "promptlayer")
		s.before = answer(400, strings.Repeat("x", pad)+" pl_secret")
		_, err := run(t, s.source(t, "promptlayer"), t.TempDir())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "pl_")
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	s := newServer(t, "langfuse")
	ctx, cancel := context.WithCancel(t.Context())
	s.before = answer(500, "")
	source, err := Open("langfuse", Options{URL: s.URL, Getenv: s.recording.env, wait: func(ctx context.Context, d time.Duration) error {
		cancel()
		return sleep(ctx, d)
	}})
	require.NoError(t, err)
	_, err = Import{Registry: t.TempDir(), Now: clock}.Run(ctx, source)
	assert.ErrorIs(t, err, context.Canceled)
}

// Credentials never follow a redirect to another address, nor is its answer taken.
func TestRedirects(t *testing.T) {
	for _, system := range httpSystems() {
		var asked int
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			_, _ = w.Write([]byte("{}"))
		}))
		s := newServer(t, system)
		s.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		_, err := run(t, s.source(t, system), t.TempDir())
		require.Error(t, err)
		assert.Contains(t, err.Error(), "it redirects to "+other.URL)
		assert.Zero(t, asked, system)
		other.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	keys := map[string]string{"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-secret"}
	for name, c := range map[string]struct {
		system string
		o      Options
		says   string
	}{
		"unknown system":   {"langfus", Options{Getenv: env(keys)}, "unknown system"},
		"no credentials":   {"langfuse", Options{Getenv: env(nil)}, "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"},
		"no key":           {"langsmith", Options{Getenv: env(nil)}, "set LANGSMITH_API_KEY or LANGCHAIN_API_KEY"},
		"no address":       {"mlflow", Options{Getenv: env(nil)}, "Give --url or set MLFLOW_TRACKING_URI"},
		"plain http":       {"langfuse", Options{URL: "http://langfuse.example", Getenv: env(keys)}, "--allow-plain-http"},
		"user in address":  {"langfuse", Options{URL: "https://a:sk-secret@langfuse.example", Getenv: env(keys)}, "credentials come from the environment"},
		"query in address": {"langfuse", Options{URL: "https://langfuse.example/?key=sk-secret", Getenv: env(keys)}, "credentials come from the environment"},
		"other scheme":     {"langfuse", Options{URL: "ftp://langfuse.example", Getenv: env(keys)}, "begins with https://"},
		"databricks":       {"mlflow", Options{Getenv: env(map[string]string{"MLFLOW_TRACKING_URI": "databricks"})}, `MLFLOW_TRACKING_URI "databricks"`},
		"shut":             {"humanloop", Options{Getenv: env(nil)}, "import its export with --file"},
		"no export":        {"langfuse", Options{File: "x", Getenv: env(keys)}, "has no export"},
		"missing file":     {"humanloop", Options{File: "no-such-file", Getenv: env(nil)}, "no-such-file"},
		"file and address": {"humanloop", Options{File: ".", URL: "https://x.example", Getenv: env(nil)}, "exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(c.system, c.o)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.says)
			assert.NotContains(t, err.Error(), "sk-secret")
			assert.True(t, errors.Is(err, ErrConfiguration) || errors.Is(err, ErrUnknownSystem))
		})
	}
	for _, o := range []Options{
		{URL: "http://langfuse.example", PlainHTTP: true, Getenv: env(keys)},
		{URL: "http://127.0.0.1:3000/", Getenv: env(keys)},
		{URL: "https://langfuse.example/base/", Getenv: env(keys)},
		{Getenv: env(keys)},
	} {
		source, err := Open("langfuse", o)
		require.NoError(t, err)
		assert.False(t, strings.HasSuffix(source.URL, "/"))
	}
	// Without credentials there is nothing to lose.
	_, err := Open("mlflow", Options{URL: "http://mlflow.example", Getenv: env(nil)})
	assert.NoError(t, err)
}

// A list that never ends is noticed.
func TestEndlessLists(t *testing.T) {
	for system, page := range map[string]string{
		"phoenix": `{"data": [], "next_cursor": "same"}`,
		"mlflow":  `{"registered_models": [], "next_page_token": "same"}`,
	} {
		s := newServer(t, system)
		s.before = answer(200, page)
		_, err := run(t, s.source(t, system), t.TempDir())
		require.Error(t, err)
		assert.Contains(t, err.Error(), "the list does not end")
	}
}

func TestBrokenExports(t *testing.T) {
	for name, c := range map[string]struct{ file, content, says string }{
		"settings without end": {"a.prompt", "---\nmodel: gpt-4o\n", "a.prompt:1: the settings do not end"},
		"no YAML":              {"a.prompt", "---\nmodel: [\n---\nx\n", "a.prompt:2: the settings are no YAML"},
		"message without end":  {"a.prompt", "---\nmodel: x\n---\n<system>\nHello\n", "a.prompt:4: <system> does not end"},
		"text outside":         {"a.prompt", "<system>\nHello\n</system>\nand more\n", "a.prompt:4: text outside of messages"},
		"no JSON":              {"a.json", "{\n\"records\": [}\n", "a.json: line 2 of the answer is no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, c.file), c.content)
			source, err := Open("humanloop", Options{File: dir})
			require.NoError(t, err)
			to := t.TempDir()
			_, err = run(t, source, to)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.says)
			assert.Empty(t, tree(t, to))
		})
	}
}
