// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/report"
)

const (
	goodCompare = `{"verdict":"worse","metrics":[
		{"name":"tool_call_accuracy","verdict":"worse","a":{"estimate":0.93},"b":{"estimate":0.78},"effect":-0.13},
		{"name":"latency","verdict":"better","a":{"estimate":30.5},"b":{"estimate":23},"effect":0.75}],
		"worst_spans":[
		{"trace_id":"t1","span_id":"s1","reason":"wrong tool call: tool_args_schema, tool execution failed (refund_order)"},
		{"trace_id":"t2","span_id":"s2","reason":"wrong tool call: tool_call_loop (lookup_order)"},
		{"trace_id":"t3","span_id":"s3","reason":"wrong tool call: tool_args_schema (lookup_order)"}]}`
	goodDrift = `{"verdict":"drift","changes":[
		{"at":"2026-11-09T07:34:01Z","dated_by":"cause","cause":{"kind":"recorded","text":"tool search_docs v1 to 445a388c1e8b",
			"dimensions":[{"name":"tool search_docs","before":"v1","after":"445a388c1e8b","first_seen":"2026-11-09T00:05:14Z"}]}},
		{"at":"2026-11-12T01:22:14Z","dated_by":"cause","cause":{"kind":"recorded","text":"responding model",
			"dimensions":[{"name":"responding model","before":"example-large-2026-09-03","after":"example-small-2026-10-21","first_seen":"2026-11-12T00:16:38Z"}]}}]}`
)

func resultsOf(t *testing.T, compare, drift string) results {
	t.Helper()
	var r results
	require.NoError(t, json.Unmarshal([]byte(compare), &r.compare))
	require.NoError(t, json.Unmarshal([]byte(drift), &r.drift))
	return r
}

// Each planted change is checked by itself: what a command says of another day,
// another cause, or with less certainty does not count.
func TestFindings(t *testing.T) {
	replace := strings.ReplaceAll
	cases := map[string]struct {
		compare, drift string
		found          []bool
	}{
		"all":                     {goodCompare, goodDrift, []bool{true, true, true, true}},
		"nothing":                 {`{}`, `{}`, []bool{false, false, false, false}},
		"accuracy undecided":      {replace(goodCompare, `"tool_call_accuracy","verdict":"worse"`, `"tool_call_accuracy","verdict":"not enough data"`), goodDrift, []bool{false, true, true, true}},
		"latency the wrong way":   {replace(goodCompare, `"latency","verdict":"better"`, `"latency","verdict":"worse"`), goodDrift, []bool{true, false, true, true}},
		"another tool":            {goodCompare, replace(goodDrift, "tool search_docs", "tool refund_order"), []bool{true, true, false, true}},
		"tool on another day":     {goodCompare, replace(goodDrift, "2026-11-09T00:05", "2026-11-08T23:05"), []bool{true, true, false, true}},
		"dated two days late":     {goodCompare, replace(goodDrift, "2026-11-09T07:34", "2026-11-11T07:34"), []bool{true, true, false, true}},
		"undated":                 {goodCompare, replace(goodDrift, `"dated_by":"cause"`, `"dated_by":""`), []bool{true, true, false, false}},
		"cause is one of several": {goodCompare, replace(goodDrift, `"kind":"recorded"`, `"kind":"ambiguous"`), []bool{true, true, false, false}},
		"another model":           {goodCompare, replace(goodDrift, "example-small-2026-10-21", "example-other"), []bool{true, true, true, false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := resultsOf(t, c.compare, c.drift)
			list := r.findings(false)
			wrong := 0
			for i, f := range list {
				assert.Equal(t, c.found[i], f.found, "%s: %s", f.planted, f.reported)
				if !f.found {
					wrong++
				}
			}
			table, missing := findingsTable(list)
			assert.Equal(t, wrong, missing)
			var out bytes.Buffer
			require.NoError(t, table.Write(&out, report.FormatTable, report.Options{MaxCell: 200}))
			assert.Equal(t, wrong, strings.Count(out.String(), "NOT FOUND"))
			assert.NotContains(t, out.String(), "\x1b")
		})
	}
}

// With a real provider nothing is planted for sure, so nothing can be missing.
func TestFindingsWithARealProvider(t *testing.T) {
	r := resultsOf(t, `{}`, `{}`)
	_, missing := findingsTable(r.findings(true))
	assert.Zero(t, missing)
}

func TestWrongCalls(t *testing.T) {
	r := resultsOf(t, goodCompare, goodDrift)
	var ids []string
	for _, w := range r.compare.wrongCalls("") {
		ids = append(ids, w.id())
	}
	assert.Equal(t, []string{"t1:s1", "t3:s3"}, ids)
	require.Len(t, r.compare.wrongCalls("lookup_order"), 1)
	assert.Equal(t, "t3:s3", r.compare.wrongCalls("lookup_order")[0].id())
}

func TestLooseNumber(t *testing.T) {
	for text, want := range map[string]looseNumber{`0.25`: 0.25, `null`: 0, `"NaN"`: 0, `-3`: -3} {
		var n looseNumber
		require.NoError(t, json.Unmarshal([]byte(text), &n))
		if text != `"NaN"` {
			assert.InDelta(t, float64(want), float64(n), 0, text)
		}
	}
}

func TestFailsAgain(t *testing.T) {
	for text, want := range map[string]bool{
		`{"scores":[{"name":"tool_args_schema","control":{"mean":0.1,"runs":5}}]}`: true,
		`{"scores":[{"name":"tool_args_schema","control":{"mean":0.8,"runs":5}}]}`: false,
		`{"scores":[{"name":"tool_args_schema","control":{"mean":0,"runs":0}}]}`:   false,
		`{"scores":[]}`: false,
	} {
		var r replayed
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		assert.Equal(t, want, r.failsAgain(), text)
	}
}
