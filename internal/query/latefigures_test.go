// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package query

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// lateTrace is how many spans a trace of the figures has: an agent, two calls
// and a tool.
const lateTrace = 4

// shapes of traffic: who says the session, the prompt and the tool's version.
const (
	shapeComplete = "complete" // every span
	shapeSilent   = "silent"   // nobody
	shapeLate     = "late"     // the agent span alone
)

// fillForLate writes traces of one shape, in pushes of 50,000 spans.
func fillForLate(t *testing.T, dir, shape string, spans int) {
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 8)
	for from := 0; from < spans; from += 50_000 {
		td := ptrace.NewTraces()
		list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for n := from; n < min(spans, from+50_000); n++ {
			fillLateSpan(list.AppendEmpty(), n, shape, text)
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

func fillLateSpan(span ptrace.Span, n int, shape, text string) {
	trace, at := n/lateTrace, n%lateTrace
	span.SetTraceID(lookupTrace(trace * traceSpans))
	span.SetSpanID(lookupSpan(n))
	if at > 0 {
		span.SetParentSpanID(lookupSpan(trace * lateTrace))
	}
	start := noon.Add(time.Duration(n) * 20 * time.Millisecond)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", [...]string{"invoke_agent", "chat", "execute_tool", "chat"}[at])
	says := shape == shapeComplete || shape == shapeLate && at == 0
	if says {
		a.PutStr("gen_ai.conversation.id", "session-"+strconv.Itoa(trace))
	}
	switch at {
	case 2:
		a.PutStr("gen_ai.tool.name", "search")
		if shape == shapeComplete {
			a.PutStr("spanloop.tool.version", "3")
		}
		return
	case 1, 3:
		a.PutStr("gen_ai.request.model", "gpt-4.1")
		a.PutInt("gen_ai.usage.output_tokens", int64(n%500))
		a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"`+text+strconv.Itoa(n)+`"}]}]`)
		if shape != shapeSilent {
			a.PutEmptySlice("spanloop.tool.versions").AppendEmpty().SetStr("search@3")
		}
	}
	if says {
		a.PutStr("gen_ai.prompt.name", "prompt-"+strconv.Itoa(trace%4))
		a.PutStr("gen_ai.prompt.version", "7")
		a.PutStr("spanloop.prompt.resolution", "explicit")
	} else if at != 0 {
		a.PutStr("spanloop.prompt.resolution", "none")
		a.PutStr("spanloop.prompt.unresolved_reason", "no_content")
	}
}

// The time of usual statements over traffic that says everything itself, nothing,
// or all on one span of each trace.
func TestLateIdentityFigures(t *testing.T) {
	spans, _ := strconv.Atoi(os.Getenv("SPANLOOP_LATE"))
	if spans == 0 {
		t.Skip("a measurement: make bench-late")
	}
	for _, shape := range []string{shapeComplete, shapeSilent, shapeLate} {
		dir := os.Getenv("SPANLOOP_LATE_DIR")
		if dir == "" {
			dir = t.TempDir()
		}
		dir += "/" + shape
		if _, err := os.Stat(dir); err != nil {
			fillForLate(t, dir, shape, spans)
		}
		db := open(t, Options{Dataset: dir})
		for _, q := range []struct{ name, statement string }{
			{"count", "SELECT count(*) FROM spans"},
			{"tokens", "SELECT request_model, sum(output_tokens) FROM spans GROUP BY ALL"},
			{"by prompt", "SELECT prompt_name, prompt_version, count(*) FROM lean_spans GROUP BY ALL"},
			{"one prompt", "SELECT count(*), avg(duration_ns) FROM lean_spans WHERE prompt_name = 'prompt-1' AND call_kind = 'inference'"},
			{"sessions", "SELECT count(DISTINCT session_id) FROM lean_spans"},
			{"one trace", fmt.Sprintf("SELECT * FROM spans WHERE trace_id = '%s'", lookupTrace(40).String())},
		} {
			var times, work []float64
			for range 3 {
				begun, worked := time.Now(), cpuMillis(t)
				_, err := db.Query(t.Context(), q.statement)
				require.NoError(t, err)
				times = append(times, float64(time.Since(begun).Microseconds())/1000)
				work = append(work, cpuMillis(t)-worked)
			}
			t.Logf("%-9s %-11s first %6.0f ms, then %6.0f ms; of processors %6.0f and %6.0f ms", shape, q.name,
				times[0], min(times[1], times[2]), work[0], min(work[1], work[2]))
		}
	}
}

// cpuMillis is the time that processors worked for this process.
func cpuMillis(t *testing.T) float64 {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}
