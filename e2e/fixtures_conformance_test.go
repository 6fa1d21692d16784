// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && conformance

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/genai/genaiconformance"
	"github.com/spanloop/spanloop/internal/sharedtest"
)

// TestConformanceCollectorFixtures posts the recorded spans and log events of
// each dialect to the built collector and compares what the dataset says of
// them with what the providers answered. Whatever the recording holds must
// agree.
func TestConformanceCollectorFixtures(t *testing.T) {
	shared := sharedtest.Dir(t)
	c := newCollector(t, defaults)
	c.start(t)
	fixtures := map[string][]genaiconformance.Fixture{}
	dialects := slices.Concat(genaiconformance.Dialects, genaiconformance.MoreDialects)
	for _, dialect := range dialects {
		postFolder(t, c, filepath.Join(shared, "fixtures", dialect))
		known, err := genaiconformance.Load(shared, dialect)
		require.NoError(t, err)
		require.NotEmpty(t, known, dialect)
		fixtures[dialect] = known
	}
	c.stop(t)

	rows := callRows(t, c)
	for _, dialect := range dialects {
		compareFixtures(t, dialect, fixtures[dialect], rows)
	}
}

// postFolder sends every file of a folder as it is.
func postFolder(t *testing.T, c *collector, folder string) {
	t.Helper()
	for _, signal := range []string{"traces", "logs"} {
		paths, err := filepath.Glob(filepath.Join(folder, "*."+signal+".json"))
		require.NoError(t, err)
		for _, path := range paths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			status, answer, err := c.post(signal, "application/json", content)
			require.NoError(t, err, path)
			require.Equal(t, http.StatusOK, status, "%s: %s", path, answer)
		}
	}
}

// callRow is one model call as the dataset has it.
type callRow struct {
	TraceID       string   `json:"trace_id"`
	SpanID        string   `json:"span_id"`
	Counted       bool     `json:"counted"`
	RequestModel  string   `json:"request_model"`
	ResponseModel string   `json:"response_model"`
	ResponseID    string   `json:"response_id"`
	Input         *int64   `json:"input_tokens"`
	Output        *int64   `json:"output_tokens"`
	CacheRead     *int64   `json:"cache_read_tokens"`
	CacheWrite    *int64   `json:"cache_write_tokens"`
	Reasoning     *int64   `json:"reasoning_tokens"`
	Finish        []string `json:"finish_reasons"`
	PromptName    string   `json:"prompt_name"`
	PromptVersion string   `json:"prompt_version"`
	Resolution    string   `json:"prompt_resolution"`
	ErrorType     string   `json:"error_type"`
	Params        string   `json:"params"`
	Tools         string   `json:"tool_definitions"`
	System        string   `json:"system_instructions"`
	InputText     string   `json:"input_messages"`
	OutputText    string   `json:"output_messages"`
	Calls         []struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"tool_calls"`
}

// callRows reads the dataset's GenAI spans by trace and span id, in order of
// time.
func callRows(t *testing.T, c *collector) []callRow {
	t.Helper()
	rows := c.query(t, `SELECT trace_id, span_id, counted, request_model, response_model, response_id, input_tokens, output_tokens,
		cache_read_tokens, cache_write_tokens, reasoning_tokens, finish_reasons, prompt_name, prompt_version, prompt_resolution,
		error_type, params, tool_definitions, system_instructions, input_messages, output_messages, tool_calls
		FROM spans ORDER BY start_unix_nano, span_id`)
	text, err := json.Marshal(rows)
	require.NoError(t, err)
	var calls []callRow
	require.NoError(t, json.Unmarshal(text, &calls))
	return calls
}

// compareFixtures prints how many facts of a dialect agree, and fails for each
// fact that the recording holds and the dataset has not.
func compareFixtures(t *testing.T, dialect string, fixtures []genaiconformance.Fixture, rows []callRow) {
	t.Helper()
	matched, held := 0, 0
	var absent []string
	for _, fixture := range fixtures {
		if fixture.Logs != "" {
			var err error
			fixture, err = fixture.WithLogs()
			require.NoError(t, err)
		}
		agreed, misses := genaiconformance.Compare(fixture, observed(t, fixture, rows))
		matched, held = matched+agreed, held+agreed
		for _, miss := range misses {
			if !miss.Held {
				absent = append(absent, fmt.Sprintf("conformance:   not counted: %s %s: %s", miss.Fixture, miss.Fact, miss.Reason))
				continue
			}
			held++
			assert.Fail(t, "a fact in the recording is not in the dataset", miss.String())
		}
	}
	fmt.Printf("conformance: collector/%s %d/%d facts of %d files\n", dialect, matched, held, len(fixtures))
	for _, line := range absent {
		fmt.Println(line)
	}
}

// observed returns the model calls of a fixture, and checks that all of its
// GenAI spans arrived.
func observed(t *testing.T, fixture genaiconformance.Fixture, rows []callRow) []genaiconformance.Observed {
	t.Helper()
	sent := genaiSpans(t, fixture.Path)
	var calls []genaiconformance.Observed
	arrived := 0
	for i := range rows {
		row := &rows[i]
		if !slices.Contains(sent, row.TraceID+row.SpanID) {
			continue
		}
		arrived++
		assert.NotEmpty(t, row.Resolution, "%s span %s has no identity", fixture.Name, row.SpanID)
		if row.Counted {
			calls = append(calls, row.observation(t))
		}
	}
	assert.Equal(t, len(sent), arrived, "%s: GenAI spans in the dataset", fixture.Name)
	return calls
}

// genaiSpans lists the trace and span ids of a file's GenAI spans.
func genaiSpans(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
	require.NoError(t, err)
	var ids []string
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if genai.IsGenAI(span, ss.Scope()) {
					ids = append(ids, span.TraceID().String()+span.SpanID().String())
				}
			}
		}
	}
	return ids
}

// observation returns a row in the terms of the comparison.
func (r *callRow) observation(t *testing.T) genaiconformance.Observed {
	t.Helper()
	call := genai.Call{
		System: genai.PartsFromJSON(r.System), Input: genai.MessagesFromJSON(r.InputText),
		Output: genai.MessagesFromJSON(r.OutputText), Tools: genai.ToolDefinitionsFromJSON(r.Tools),
	}
	o := genaiconformance.Observed{
		RequestModel: r.RequestModel, ResponseModel: r.ResponseModel, ResponseID: r.ResponseID,
		InputTokens: r.Input, OutputTokens: r.Output, CacheRead: r.CacheRead,
		FinishReasons: r.Finish, PromptName: r.PromptName, PromptVersion: r.PromptVersion,
		Content: &genaiconformance.Content{
			CacheWrite: r.CacheWrite, Reasoning: r.Reasoning, ErrorType: r.ErrorType,
			OutputText: call.OutputText(), SystemText: call.SystemText(), Params: map[string]string{},
		},
	}
	if strings.HasPrefix(r.PromptVersion, "fp-") {
		// A fingerprint is ours, not a reference that was set.
		o.PromptName, o.PromptVersion = strings.TrimPrefix(o.PromptName, r.PromptVersion), ""
	}
	var err error
	o.Tools, err = genaiconformance.ToolNames(call.Tools)
	require.NoError(t, err)
	for _, c := range r.Calls {
		o.ToolCalls = append(o.ToolCalls, genaiconformance.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	if r.Params != "" {
		var params map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(r.Params), &params))
		for name, value := range params {
			o.Content.Params[name] = string(value)
		}
	}
	return o
}
