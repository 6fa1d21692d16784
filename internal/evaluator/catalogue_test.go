// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run go test -update when this change is meant")
}

// sampleParams configures the evaluators that do not work without parameters.
var sampleParams = map[string]map[string]any{
	"contains":    {"all": []string{"refund"}},
	"equals":      {"value": "yes"},
	"regex":       {"pattern": "^a"},
	"json_schema": {"schema": `{"type":"object"}`},
}

// Names, parameters, directions, ranges and versions are what users write down
// and what stored scores refer to.
func TestCatalogue(t *testing.T) {
	var b strings.Builder
	for _, info := range Catalogue() {
		e := configured(t, info.Name, sampleParams[info.Name])
		params, err := json.Marshal(sampleParams[info.Name])
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s range %s direction %s needs_params %v version of %s %s\n",
			info.Name, info.Range, info.Direction, info.NeedsParams, params, e.Version())
		for _, p := range info.Params {
			fmt.Fprintf(&b, "  %s: %s\n", p.Name, p.Meaning)
		}
		assert.Equal(t, info, e.Info())
		assert.Equal(t, info.Name, e.Name())
		assert.Equal(t, info.NeedsParams, sampleParams[info.Name] != nil)
		_, err = New(info.Name, nil)
		assert.Equal(t, info.NeedsParams, err != nil, "%s without parameters: %v", info.Name, err)
	}
	golden(t, "catalogue.golden", b.String())
}

func TestDefaults(t *testing.T) {
	var names []string
	for _, e := range Defaults() {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{
		"cost_usd", "error", "finish_reason", "input_tokens", "is_json", "latency_ms", "length_chars", "length_words",
		"output_tokens", "refusal", "tool_args_schema", "tool_call_loop", "tool_known",
	}, names)
}

// TestOutcomes pins what each evaluator version says about each case. A stored
// score can be made again only as long as a version keeps its word: an outcome
// that changes needs a higher revision, even under -update.
func TestOutcomes(t *testing.T) {
	old := map[string]string{}
	if content, err := os.ReadFile(filepath.Join("testdata", "outcomes.golden")); err == nil {
		for line := range strings.Lines(string(content)) {
			key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
			require.True(t, ok, line)
			old[key] = value
		}
	}
	var b strings.Builder
	for _, name := range Names() {
		for _, c := range tables[name] {
			e := configured(t, name, c.params)
			key := fmt.Sprintf("%s %s %s", name, e.Version(), c.name)
			got := fmt.Sprintf("%q", outcome(e.Evaluate(newTestInput(t, c.call...))))
			if before, known := old[key]; known {
				require.Equal(t, before, got, "%s: the outcome changed and the version did not: raise the revision", key)
			}
			fmt.Fprintf(&b, "%s => %s\n", key, got)
		}
	}
	golden(t, "outcomes.golden", b.String())
}

// A version changes with everything that changes a result, and with nothing
// else.
func TestVersion(t *testing.T) {
	version := func(name string, params map[string]any) string { return configured(t, name, params).Version() }
	same := []struct {
		name string
		a, b map[string]any
	}{
		{"tool_call_loop", nil, map[string]any{"repeats": 3}},
		{"is_json", nil, map[string]any{"always": false}},
		{"latency_ms", map[string]any{"max": 5}, map[string]any{"max": 5.0}},
		{"latency_ms", nil, map[string]any{"as": "slowness"}},
		{"latency_ms", nil, map[string]any{"max": nil}},
		{"contains", map[string]any{"any": []string{"a", "b"}}, map[string]any{"any": []any{"b", "a", "b"}, "ignore_case": false}},
		{"contains", map[string]any{"all": []string{"A"}, "ignore_case": true}, map[string]any{"all": []string{"a"}, "ignore_case": true}},
		{"equals", map[string]any{"value": "yes"}, map[string]any{"value": " yes\n"}},
		{"finish_reason", map[string]any{"allowed": []string{"stop", "length"}}, map[string]any{"allowed": []string{"length", "stop"}}},
		{
			"json_schema", map[string]any{"schema": map[string]any{"type": "object", "required": []any{"a"}}},
			map[string]any{"schema": "{\n  \"required\": [\"a\"], \"type\": \"object\"}"},
		},
		{
			"cost_usd", map[string]any{"prices": []any{map[string]any{"model": "*", "input": 1, "output": 2}}},
			map[string]any{"prices": []any{map[string]any{"model": "*", "input": 1, "output": 2, "cache_read": 1, "cache_write": 1, "provider": ""}}},
		},
	}
	for _, c := range same {
		assert.Equal(t, version(c.name, c.a), version(c.name, c.b), "%s: %v and %v", c.name, c.a, c.b)
	}
	different := []struct {
		name string
		list []map[string]any
	}{
		{"tool_call_loop", []map[string]any{{"repeats": 2}, {"repeats": 3}, {"repeats": 4}}},
		{"is_json", []map[string]any{{}, {"always": true}}},
		{"latency_ms", []map[string]any{{}, {"max": 5}, {"min": 5}, {"min": 0}, {"min": 5, "max": 6}}},
		{"contains", []map[string]any{
			{"any": []string{"a"}}, {"all": []string{"a"}}, {"none": []string{"a"}}, {"any": []string{"A"}},
			{"any": []string{"a"}, "ignore_case": true}, {"any": []string{"a", "b"}}, {"any": []string{"a,b"}},
		}},
		{"equals", []map[string]any{{"value": "a"}, {"value": "b"}, {"value": ""}, {"value": "a", "ignore_case": true}}},
		{"regex", []map[string]any{{"pattern": "a"}, {"pattern": "a", "not": true}, {"pattern": "b"}}},
		{"json_schema", []map[string]any{
			{"schema": `{"maximum":9007199254740992}`}, {"schema": `{"maximum":9007199254740993}`}, {"schema": `{"enum":[1,2]}`}, {"schema": `{"enum":[2]}`},
		}},
		{"cost_usd", []map[string]any{
			{}, {"prices": []any{map[string]any{"model": "*", "input": 1, "output": 2}}},
			{"prices": []any{map[string]any{"model": "*", "input": 1, "output": 2, "cache_read": 0}}},
			{"prices": []any{map[string]any{"model": "*", "input": 1, "output": 2}}, "max": 1},
		}},
		{"finish_reason", []map[string]any{{}, {"allowed": []string{"stop"}}}},
	}
	seen := map[string]string{}
	for _, c := range different {
		for _, params := range c.list {
			v, what := version(c.name, params), fmt.Sprint(c.name, params)
			assert.Empty(t, seen[v], "%s and %s have one version", seen[v], what)
			seen[v] = what
		}
	}
	for _, e := range Defaults() {
		assert.Regexp(t, `^sha256:[0-9a-f]{16}$`, e.Version())
	}
}

func TestNewErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string]any
		want   string
	}{
		{"tool_arg_schema", nil, `unknown evaluator "tool_arg_schema"; did you mean tool_args_schema`},
		{"\x1b[31mfaithfulness", nil, `unknown evaluator "[31mfaithfulness"`},
		{"", nil, "unknown evaluator"},
		{"latency_ms", map[string]any{"maximum": 5}, `latency_ms: parameters: json: unknown field "maximum"`},
		{"latency_ms", map[string]any{"max": "5"}, "latency_ms: parameters: json: cannot unmarshal string"},
		{"latency_ms", map[string]any{"min": 5, "max": 4}, "latency_ms: min is above max"},
		{"latency_ms", map[string]any{"max": func() {}}, "latency_ms: parameters: json: unsupported type"},
		{"latency_ms", map[string]any{"as": "no spaces"}, "latency_ms: as: a name of up to 64"},
		{"latency_ms", map[string]any{"as": 5}, "latency_ms: as: a name of up to 64"},
		{"latency_ms", map[string]any{"as": strings.Repeat("a", 65)}, "latency_ms: as: a name of up to 64"},
		{"error", map[string]any{"min": 1}, `error: parameters: json: unknown field "min"`},
		{"contains", nil, "contains: one of all, any and none is expected"},
		{"contains", map[string]any{"any": []string{""}}, "contains: an empty text"},
		{"equals", nil, "equals: value: a text is expected"},
		{"regex", nil, "regex: pattern: an expression is expected"},
		{"regex", map[string]any{"pattern": "("}, "regex: pattern: error parsing regexp"},
		{"regex", map[string]any{"pattern": "(?=a)"}, "regex: pattern: error parsing regexp"},
		{"regex", map[string]any{"pattern": "[a-z]{900}{9}[a-z]{999}"}, "regex: pattern: "},
		{"json_schema", nil, "json_schema: schema: a JSON schema is expected"},
		{"json_schema", map[string]any{"schema": `{"type":`}, "json_schema: schema is no JSON"},
		{"json_schema", map[string]any{"schema": `{"$ref":"https://example.com/s.json"}`}, "json_schema: schema: a reference leaves the schema"},
		{"json_schema", map[string]any{"schema": nil}, "json_schema: schema: a JSON schema is expected"},
		{"tool_call_loop", map[string]any{"repeats": 1}, "tool_call_loop: repeats: 1 is less than 2"},
		{"tool_call_loop", map[string]any{"repeats": 2.5}, "tool_call_loop: parameters"},
		{"cost_usd", map[string]any{"prices": []any{map[string]any{"input": 1, "output": 1}}}, "cost_usd: prices[0]: model: a model name is expected"},
		{"cost_usd", map[string]any{"prices": []any{map[string]any{"model": "*", "input": 1}}}, "cost_usd: prices[0]: input and output"},
		{"cost_usd", map[string]any{"prices": []any{map[string]any{"model": "*", "input": -1, "output": 1}}}, "cost_usd: prices[0]: -1: a price is zero or more"},
	} {
		_, err := New(c.name, c.params)
		require.Error(t, err, c.want)
		assert.Contains(t, err.Error(), c.want)
		assert.NotContains(t, err.Error(), "\x1b")
	}
}

func TestAsRenamesScores(t *testing.T) {
	e := configured(t, "contains", map[string]any{"as": "mentions_policy", "any": []string{"policy"}})
	s, applies := e.Evaluate(newTestInput(t, answers("our policy")))
	assert.True(t, applies)
	assert.Equal(t, "mentions_policy", s.Name)
	assert.Equal(t, "contains", e.Info().Name)
}
