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
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/genai/genaiconformance"
	"github.com/spanloop/spanloop/internal/sharedtest"
)

// TestConformanceFixtures reads recorded spans and compares every fact with
// what the provider answered. A fact that the span holds must agree; the others
// are listed with the reason.
func TestConformanceFixtures(t *testing.T) {
	shared := sharedtest.Dir(t)
	for _, dialect := range genaiconformance.Dialects {
		compareDialect(t, shared, dialect, "genai/"+dialect)
	}
	for _, dialect := range genaiconformance.MoreDialects {
		compareDialect(t, shared, dialect, "genai-more/"+dialect)
	}
}

func compareDialect(t *testing.T, shared, dialect, label string) {
	t.Helper()
	fixtures, err := genaiconformance.Load(shared, dialect)
	require.NoError(t, err)
	require.NotEmpty(t, fixtures, dialect)
	var tally tally
	for _, fixture := range fixtures {
		tally.compare(t, fixture, observations(t, readFixture(t, fixture.Path)))
	}
	tally.print(label, len(fixtures))
}

// TestConformanceFixtureLogs adds to each call what its log events say: all
// that the spans of event-writing instrumentations lack is there.
func TestConformanceFixtureLogs(t *testing.T) {
	shared := sharedtest.Dir(t)
	for _, dialect := range genaiconformance.Dialects {
		fixtures, err := genaiconformance.Load(shared, dialect)
		require.NoError(t, err)
		var tally tally
		files := 0
		for _, fixture := range fixtures {
			if fixture.Logs == "" {
				continue
			}
			files++
			calls := readFixture(t, fixture.Path)
			fixture, err = fixture.WithLogs()
			require.NoError(t, err)
			addLogs(t, fixture.Logs, calls)
			tally.compare(t, fixture, observations(t, calls))
		}
		if files > 0 {
			tally.print("genai-with-log-events/"+dialect, files)
		}
	}
}

// tally counts facts over the fixtures of a dialect.
type tally struct {
	matched, held int
	unheld        []genaiconformance.Miss
}

func (y *tally) compare(t *testing.T, fixture genaiconformance.Fixture, calls []genaiconformance.Observed) {
	t.Helper()
	matched, misses := genaiconformance.Compare(fixture, calls)
	y.matched += matched
	y.held += matched
	for _, miss := range misses {
		if !miss.Held {
			y.unheld = append(y.unheld, miss)
			continue
		}
		y.held++
		assert.Fail(t, "a fact on the span was not read", miss.String())
	}
}

func (y *tally) print(label string, files int) {
	fmt.Printf("conformance: %s %d/%d facts of %d files\n", label, y.matched, y.held, files)
	for _, miss := range y.unheld {
		fmt.Printf("conformance:   not counted: %s %s: %s\n", miss.Fixture, miss.Fact, miss.Reason)
	}
}

type timed struct {
	start pcommon.Timestamp
	span  pcommon.SpanID
	call  *genai.Call
}

func readFixture(t *testing.T, path string) []timed {
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
					calls = append(calls, timed{span.StartTimestamp(), span.SpanID(), call})
				}
			}
		}
	}
	slices.SortStableFunc(calls, func(a, b timed) int { return int(int64(a.start) - int64(b.start)) })
	return calls
}

func observations(t *testing.T, calls []timed) []genaiconformance.Observed {
	t.Helper()
	out := make([]genaiconformance.Observed, len(calls))
	for i := range calls {
		observed, err := genaiconformance.FromCall(calls[i].call)
		require.NoError(t, err)
		out[i] = observed
	}
	return out
}

// addLogs fills what the calls lack from the log events of their spans.
func addLogs(t *testing.T, path string, calls []timed) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(content)
	require.NoError(t, err, path)
	input, output := map[pcommon.SpanID][]genai.Message{}, map[pcommon.SpanID][]genai.Message{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				event, ok := genai.ReadLog(record, sl.Scope(), rl.Resource())
				if !ok || event.Call == nil {
					continue
				}
				in, err := event.Call.Input.List()
				require.NoError(t, err)
				out, err := event.Call.Output.List()
				require.NoError(t, err)
				input[event.SpanID] = append(input[event.SpanID], in...)
				output[event.SpanID] = append(output[event.SpanID], out...)
			}
		}
	}
	for i := range calls {
		if call := calls[i].call; call.Input.Empty() {
			call.Input = genai.NewMessages(input[calls[i].span])
		}
		if call := calls[i].call; call.Output.Empty() {
			call.Output = genai.NewMessages(output[calls[i].span])
		}
	}
}
