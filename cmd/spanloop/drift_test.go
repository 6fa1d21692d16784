// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// driftDesk has calls of weather@v1, one an hour, that are answered by another
// model and at greater length from number n/2 on.
func driftDesk(t *testing.T, n int) *desk {
	t.Helper()
	d := exampleDesk(t)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	first := clock.Add(-time.Duration(n) * time.Hour)
	for i := range n {
		span := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		span.SetTraceID(id)
		span.SetSpanID([8]byte(id[8:]))
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(first.Add(time.Duration(i) * time.Hour)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(first.Add(time.Duration(i)*time.Hour + time.Second)))
		model, words := "large-1", 10+i%7
		if i >= n/2 {
			model, words = "large-2", 2*words
		}
		for key, value := range map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "large", "gen_ai.response.model": model, "gen_ai.prompt.name": "weather", "gen_ai.prompt.version": "v1",
			"gen_ai.input.messages":  `[{"role":"user","parts":[{"type":"text","content":"will it rain"}]}]`,
			"gen_ai.output.messages": fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"text","content":"yes%s"}]}]`, strings.Repeat(" rain", words)),
		} {
			span.Attributes().PutStr(key, value)
		}
	}
	w, err := dataset.NewWriter(d.dataset, dataset.WriterOptions{})
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return d
}

func TestDriftCommand(t *testing.T) {
	d := driftDesk(t, 200)
	text := d.must(exitFinding, "drift", "weather", "v1")
	require.Contains(t, text, "DRIFT: 1 change")
	require.Contains(t, text, "cause: responding model large-1 to large-2")

	var report struct {
		Schema, Verdict string
		ExitCode        int `json:"exit_code"`
		Changes         []struct {
			At    time.Time
			Cause struct{ Kind string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(d.must(exitFinding, "drift", "weather", "--format", "json")), &report))
	require.Equal(t, "spanloop.drift/1", report.Schema)
	require.Equal(t, "drift", report.Verdict)
	require.Equal(t, exitFinding, report.ExitCode)
	require.Equal(t, clock.Add(-100*time.Hour), report.Changes[0].At)
	require.Equal(t, "recorded", report.Changes[0].Cause.Kind)

	require.Contains(t, d.must(exitFinding, "drift", "weather", "--format", "csv"), "change,1,")
	require.Contains(t, d.must(exitFinding, "drift", "weather", "--format", "html"), "<svg")
	require.Contains(t, d.must(exitDone, "drift", "weather", "--since", "95h"), "NO DRIFT")
	require.Contains(t, d.must(exitDone, "drift", "weather", "--baseline-until", "150h", "--until", "101h"), "NO DRIFT")
	require.Contains(t, d.must(exitFinding, "drift", "weather", "--baseline-until", "100h"), "DRIFT")
	require.Contains(t, d.must(exitFinding, "drift", "weather", "--alarm-budget", "1/quarter", "--every", "1d"), "error rate 0.011")
	require.Contains(t, d.must(exitCannotTell, "drift", "weather", "--since", "10h"), "NOT ENOUGH DATA")
	require.Contains(t, d.must(exitCannotTell, "drift", "weather", "v9"), "seen: v1")
}

func TestDriftUsage(t *testing.T) {
	d := driftDesk(t, 10)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{}, "PROMPT [VERSION]"},
		{[]string{"a", "b", "c"}, "PROMPT [VERSION]"},
		{[]string{"wether"}, "weather"},
		{[]string{"weather", "--alpha", "2"}, "alpha"},
		{[]string{"weather", "--alpha", "0"}, "alpha"},
		{[]string{"weather", "--alpha", "x"}, "--alpha"},
		{[]string{"weather", "--alpha", "0.1", "--alarm-budget", "1/day"}, "not both"},
		{[]string{"weather", "--alarm-budget", "1/fortnight"}, "N/quarter"},
		{[]string{"weather", "--alarm-budget", "-1/day"}, "N/quarter"},
		{[]string{"weather", "--alarm-budget", "1/day", "--every", "soon"}, "--every"},
		{[]string{"weather", "--baseline-since", "yesterday"}, "--baseline-since"},
		{[]string{"weather", "--baseline-since", "2d", "--baseline-until", "3d"}, "before it begins"},
		{[]string{"weather", "--baseline-since", "2d"}, "needs its end"},
		{[]string{"weather", "--stratify", "no_such"}, "no_such"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			got := d.run(append([]string{"drift"}, tc.args...)...)
			require.Equal(t, exitUsage, got.code, got.err)
			require.Contains(t, got.err, tc.want)
		})
	}
}

// TestDriftWindowsOfARunningClock gives both windows as durations while time
// passes.
func TestDriftWindowsOfARunningClock(t *testing.T) {
	now := clock
	a := &app{Since: "7d", Now: func() time.Time { now = now.Add(time.Microsecond); return now }}
	o, err := a.driftOptions(&driftFlags{baselineSince: "28d", baselineUntil: "7d"}, []string{"weather"})
	require.NoError(t, err)
	require.Equal(t, o.Since, o.BaselineUntil)
}

func TestAlarmBudget(t *testing.T) {
	for _, tc := range []struct {
		budget, every string
		want          float64
	}{
		{"1/quarter", "24h", 1.0 / 91}, {"2/year", "7d", 14.0 / 365}, {"1/week", "1h", 1.0 / 168}, {"1/day", "30d", 0.2},
	} {
		got, err := alarmBudget(tc.budget, tc.every)
		require.NoError(t, err)
		require.InDelta(t, tc.want, got, 1e-12)
	}
}
