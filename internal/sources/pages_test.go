// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longList are ids of more prompts than one page holds.
func longList() []string {
	var ids []string
	for i := range 250 {
		ids = append(ids, fmt.Sprintf("id-%03d", i))
	}
	return ids
}

// after is the page of a list that begins after an id.
func after(ids []string, id string) []string {
	from := slices.Index(ids, id) + 1
	return ids[from:min(len(ids), from+100)]
}

// Systems whose pages are long are read to the end.
func TestLongLists(t *testing.T) {
	ids := longList()
	body := func(r *http.Request) map[string]any {
		var m map[string]any
		_ = json.NewDecoder(r.Body).Decode(&m)
		return m
	}
	objects := func(list []string, form string) json.RawMessage {
		out := []byte("[")
		for i, id := range list {
			if i > 0 {
				out = append(out, ',')
			}
			out = fmt.Appendf(out, form, id)
		}
		return append(out, ']')
	}
	for system, serve := range map[string]func(r *http.Request) any{
		"braintrust": func(r *http.Request) any {
			if r.URL.Path != "/v1/prompt" {
				return map[string]any{"objects": []any{}}
			}
			return map[string]any{"objects": objects(after(ids, r.URL.Query().Get("starting_after")),
				`{"id":%[1]q,"_xact_id":"1000192656880881099","project_id":"p","slug":%[1]q,"prompt_data":{"prompt":{"type":"completion","content":"Hello"}}}`)}
		},
		"helicone": func(r *http.Request) any {
			m := body(r)
			switch r.URL.Path {
			case "/v1/prompt-2025/query":
				page := int(m["page"].(float64))
				return map[string]any{"data": objects(ids[min(len(ids), 100*page):min(len(ids), 100*page+100)], `{"id":%[1]q,"name":%[1]q}`)}
			case "/v1/prompt-2025/query/versions":
				if m["majorVersion"] == nil {
					var newest []map[string]any
					for i := range 50 {
						newest = append(newest, map[string]any{"id": fmt.Sprint("v1.", i), "major_version": 1, "minor_version": i})
					}
					return map[string]any{"data": newest}
				}
				return map[string]any{"data": []map[string]any{{"id": "v", "major_version": m["majorVersion"], "minor_version": 0, "created_at": "2026-01-01T00:00:00Z"}}}
			}
			return map[string]any{"data": map[string]any{"prompt_body": map[string]any{"messages": []map[string]any{{"role": "system", "content": "Hello"}}}}}
		},
		"agenta": func(r *http.Request) any {
			m := body(r)
			next, _ := m["windowing"].(map[string]any)["next"].(string)
			switch r.URL.Path {
			case "/api/applications/query":
				return map[string]any{"applications": objects(after(ids, next), `{"id":%[1]q,"slug":%[1]q}`)}
			case "/api/applications/revisions/query":
				return map[string]any{"application_revisions": json.RawMessage(
					`[{"id":"r","version":"1","variant_slug":"default","data":{"parameters":{"prompt":{"messages":[{"role":"system","content":"Hello"}]}}}}]`)}
			}
			return map[string]any{}
		},
	} {
		t.Run(system, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(serve(r)) }))
			defer s.Close()
			source, err := Open(system, Options{URL: s.URL, Getenv: func(string) string { return "key" }, wait: noWait})
			require.NoError(t, err)
			var names []string
			for p, err := range source.Prompts(t.Context(), Wanted("")) {
				require.NoError(t, err)
				names = append(names, p.Name)
				if system == "helicone" {
					assert.Len(t, p.Versions, 2, "the older major version too")
				}
			}
			assert.Len(t, names, len(ids))
			slices.Sort(names)
			assert.Len(t, slices.Compact(names), len(ids))
		})
	}
}
