// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package genai_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/genai/genaiconformance"
	"github.com/spanloop/spanloop/internal/sharedtest"
)

// TestConformanceFixtures reads recorded spans and compares every fact with
// what the provider answered.
func TestConformanceFixtures(t *testing.T) {
	shared := sharedtest.Dir(t)
	for _, dialect := range genaiconformance.Dialects {
		fixtures, err := genaiconformance.Load(shared, dialect)
		require.NoError(t, err)
		require.NotEmpty(t, fixtures)
		matched, unheld := 0, 0
		for _, fixture := range fixtures {
			ok, misses := genaiconformance.Compare(fixture, readFixture(t, fixture.Path))
			matched += ok
			for _, miss := range misses {
				if !miss.Held {
					unheld++
					continue
				}
				assert.Fail(t, "miss", "%s %s: want %q, got %q", miss.Fixture, miss.Fact, miss.Want, miss.Got)
				matched--
			}
		}
		fmt.Printf("conformance: genai/%s %d facts in %d files agree; %d more are not on the spans\n", dialect, matched, len(fixtures), unheld)
	}
}

type timed struct {
	start pcommon.Timestamp
	call  genaiconformance.Observed
}

func readFixture(t *testing.T, path string) []genaiconformance.Observed {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
	require.NoError(t, err, path)
	var calls []timed
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				call, ok := genai.Read(span, ss.Scope(), rs.Resource())
				if ok && call.Counted {
					calls = append(calls, timed{span.StartTimestamp(), observe(t, call)})
				}
			}
		}
	}
	slices.SortStableFunc(calls, func(a, b timed) int { return int(int64(a.start) - int64(b.start)) })
	out := make([]genaiconformance.Observed, len(calls))
	for i := range calls {
		out[i] = calls[i].call
	}
	return out
}

func observe(t *testing.T, call *genai.Call) genaiconformance.Observed {
	t.Helper()
	o := genaiconformance.Observed{
		RequestModel: call.RequestModel, ResponseModel: call.ResponseModel, ResponseID: call.ResponseID,
		InputTokens: pointer(call.Usage.InputTokens), OutputTokens: pointer(call.Usage.OutputTokens),
		CacheRead: pointer(call.Usage.CacheReadTokens), FinishReasons: call.FinishReasons,
		PromptName: call.Prompt.Name, PromptVersion: call.Prompt.Version,
	}
	tools, err := call.Tools.List()
	require.NoError(t, err)
	for _, tool := range tools {
		name := tool.Name
		if name == "" {
			name = tool.Type
		}
		o.Tools = append(o.Tools, name)
	}
	for _, c := range call.ToolCalls() {
		o.ToolCalls = append(o.ToolCalls, genaiconformance.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return o
}

func pointer(count genai.Opt[int64]) *int64 {
	if !count.Set {
		return nil
	}
	return &count.Value
}
