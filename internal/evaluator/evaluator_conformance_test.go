// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package evaluator

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/wire"
)

// scoredSet counts what the default evaluators say about the calls of a set.
type scoredSet struct {
	calls, scores, failed int
	// toolAnswers counts the labels of tool_args_schema, why the reasons of
	// those that are not pass.
	toolAnswers, why map[string]int
}

func (s *scoredSet) add(t *testing.T, span ptrace.Span, read func() *genai.Call) {
	t.Helper()
	s.calls++
	in := NewInput(span, read())
	for _, e := range Defaults() {
		score, applies := e.Evaluate(in)
		again, _ := e.Evaluate(NewInput(span, read()))
		require.Equal(t, score, again, "%s twice", e.Name())
		if !applies {
			continue
		}
		assertScore(t, score)
		s.scores++
		if score.ErrorType != "" {
			s.failed++
		}
		if e.Name() == "tool_args_schema" {
			s.toolAnswers[score.Label]++
			if score.Label != LabelPass {
				s.why[score.Explanation]++
			}
		}
	}
}

func (s *scoredSet) print(name string) {
	fmt.Printf("evaluator/%s: %d calls, %d scores, %d failed; tool arguments: %d pass, %d fail, %d unknown\n",
		name, s.calls, s.scores, s.failed, s.toolAnswers[LabelPass], s.toolAnswers[LabelFail], s.toolAnswers[LabelUnknown])
	for _, why := range slices.Sorted(maps.Keys(s.why)) {
		fmt.Printf("  %d x %s\n", s.why[why], why)
	}
}

func newScoredSet() *scoredSet {
	return &scoredSet{toolAnswers: map[string]int{}, why: map[string]int{}}
}

// TestConformanceFixtures scores every recorded call of every dialect: nothing
// fails, and each call scores the same twice.
func TestConformanceFixtures(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(sharedtest.Dir(t), "fixtures", "*"))
	require.NoError(t, err)
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.traces.json"))
		require.NoError(t, err)
		set := newScoredSet()
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
			require.NoError(t, err, file)
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						read := func() *genai.Call {
							call, _ := genai.Read(span, ss.Scope(), rs.Resource())
							return call
						}
						if call := read(); call != nil && call.Kind == genai.KindInference && call.Counted {
							set.add(t, span, read)
						}
					}
				}
			}
		}
		if set.calls > 0 {
			set.print("fixtures/" + filepath.Base(folder))
		}
		assert.Zero(t, set.failed)
	}
}

// TestConformanceCassettes scores what real models answered to real requests,
// tools in full: real schemas can be used, and few answers break them.
func TestConformanceCassettes(t *testing.T) {
	for _, api := range []string{wire.OpenAIChat, wire.AnthropicMessages} {
		files, err := filepath.Glob(filepath.Join(sharedtest.Dir(t), "cassettes", api+"--*.json"))
		require.NoError(t, err)
		set := newScoredSet()
		for _, file := range files {
			for _, span := range recordedAnswers(t, file, api) {
				set.add(t, span, func() *genai.Call {
					call, _ := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
					return call
				})
			}
		}
		set.print("cassettes/" + api)
		assert.Zero(t, set.failed)
		assert.Greater(t, set.toolAnswers[LabelPass], 10*set.toolAnswers[LabelFail], "real models mostly keep to the schema")
		for why := range set.why {
			assert.NotContains(t, why, "too complex", "a real schema that the bounds refuse")
			assert.NotContains(t, why, "schema:", "a real schema that cannot be used")
		}
	}
}

// recordedAnswers turns the recorded pairs of one file into spans.
func recordedAnswers(t *testing.T, file, api string) []ptrace.Span {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var cassette struct {
		Interactions []struct {
			API     string `json:"api"`
			Request struct {
				Body string `json:"body"`
			} `json:"request"`
			Response struct {
				Status int    `json:"status"`
				Body   string `json:"body"`
			} `json:"response"`
		} `json:"interactions"`
	}
	require.NoError(t, json.Unmarshal(content, &cassette))
	var spans []ptrace.Span
	for _, pair := range cassette.Interactions {
		if pair.API != "" && pair.API != api || pair.Response.Status != 200 {
			continue
		}
		captured, err := wire.Capture(api, []byte(pair.Request.Body))
		require.NoError(t, err, file)
		span := newSpan()
		captured.Attributes.CopyTo(span.Attributes())
		var response *wire.Response
		if strings.HasPrefix(strings.TrimSpace(pair.Response.Body), "{") {
			response, err = wire.ParseResponse(api, pair.Response.Status, []byte(pair.Response.Body))
		} else {
			response, err = wire.ParseStream(api, pair.Response.Status, strings.NewReader(pair.Response.Body))
		}
		require.NoError(t, err, file)
		response.PutAttributes(span.Attributes())
		spans = append(spans, span)
	}
	return spans
}
