// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

// always answers every request with the same bytes, up to some requests.
type always struct {
	body []byte
	left int
}

func (a *always) RoundTrip(*http.Request) (*http.Response, error) {
	a.left--
	if a.left < 0 {
		return &http.Response{StatusCode: http.StatusGone, Body: http.NoBody, Header: http.Header{}}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a.body)), Header: http.Header{}}, nil
}

// fuzzSystem lets a system answer anything: no panic, no end of memory, and what is
// written can be read.
func fuzzSystem(f *testing.F, system string) {
	r := readRecording(f, system)
	all := map[string]json.RawMessage{}
	for _, e := range r.Exchanges {
		f.Add([]byte(e.Answer))
		// One answer with the members of all answers gets through every request.
		var members map[string]json.RawMessage
		if json.Unmarshal(e.Answer, &members) == nil {
			for name, value := range members {
				if _, ok := all[name]; !ok {
					all[name] = value
				}
			}
		}
	}
	joined, err := json.Marshal(all)
	require.NoError(f, err)
	f.Add(joined)
	f.Fuzz(func(t *testing.T, body []byte) {
		source, err := Open(system, Options{URL: "http://localhost:1", Getenv: r.env, transport: &always{body, 40}, wait: noWait})
		require.NoError(t, err)
		dir := t.TempDir()
		_, _ = run(t, source, dir)
		_, problems := registry.Load(dir)
		for _, p := range problems {
			require.True(t, p.Warning, "%s", p)
		}
	})
}

func FuzzLangfuse(f *testing.F)    { fuzzSystem(f, "langfuse") }
func FuzzLangsmith(f *testing.F)   { fuzzSystem(f, "langsmith") }
func FuzzPromptlayer(f *testing.F) { fuzzSystem(f, "promptlayer") }
func FuzzBraintrust(f *testing.F)  { fuzzSystem(f, "braintrust") }
func FuzzHelicone(f *testing.F)    { fuzzSystem(f, "helicone") }
func FuzzAgenta(f *testing.F)      { fuzzSystem(f, "agenta") }
func FuzzRespan(f *testing.F)      { fuzzSystem(f, "respan") }
func FuzzPhoenix(f *testing.F)     { fuzzSystem(f, "phoenix") }
func FuzzMLflow(f *testing.F)      { fuzzSystem(f, "mlflow") }

func FuzzHumanloop(f *testing.F) {
	for _, file := range []string{"song.prompt", "picture.prompt", "team/welcome.prompt", "triage.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "humanloop", "export", file))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		from, dir := t.TempDir(), t.TempDir()
		write(t, filepath.Join(from, "a.prompt"), string(data))
		for _, end := range []string{".prompt", ".json"} {
			file := filepath.Join(from, "a"+end)
			write(t, file, string(data))
			source, err := Open("humanloop", Options{File: file})
			require.NoError(t, err)
			_, _ = run(t, source, dir)
		}
		_, problems := registry.Load(dir)
		for _, p := range problems {
			require.True(t, p.Warning, "%s", p)
		}
	})
}

// FuzzLangChain reads serialised prompts, which hide deep in answers.
func FuzzLangChain(f *testing.F) {
	for _, e := range readRecording(f, "langsmith").Exchanges {
		var answer struct {
			Manifest json.RawMessage `json:"manifest"`
		}
		if json.Unmarshal(e.Answer, &answer) == nil && answer.Manifest != nil {
			f.Add([]byte(answer.Manifest))
		}
	}
	f.Fuzz(func(_ *testing.T, manifest []byte) {
		if json.Valid(manifest) {
			v := &Version{Number: "1"}
			v.langchain(manifest)
		}
	})
}
