// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanloop/spanloop/internal/process"
)

const rulesCollector = `receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:${env:SPANLOOP_HTTP_PORT}
processors:
  genai_identity:
  genai_eval:
    rules:
      - {name: tenth, sample: {rate: 0.1}, evaluators: [tool_args_schema]}
      - {name: floor, sample: {rate: 0, floor: 7}, evaluators: [output_tokens]}
      - {name: other, match: {prompt: "support-*"}}
      - {name: new, match: {version: ">=8"}}
exporters:
  genai_parquet:
    path: ${env:SPANLOOP_DATASET}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [genai_identity, genai_eval], exporters: [genai_parquet]}
    logs: {receivers: [otlp], processors: [genai_identity], exporters: [genai_parquet]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: localhost, port: %d}}}}]
`

// Every call has one decision of every rule: the metrics, the spans and the
// scores of the dataset agree on them. A span that is sent twice counts once,
// a replay is not scored, and a score that comes later joins its span.
func TestScoresAndDecisions(t *testing.T) {
	const calls = 1000
	metricsPort, err := process.FreePort()
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, rulesCollector, metricsPort), 0o600))
	c := newCollector(t, config)
	c.start(t)
	td := chatSpans(calls, 1)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	minute := time.Now().Truncate(time.Minute).Add(-2 * time.Minute)
	for _, span := range spans.All() {
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(minute))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(minute.Add(time.Second)))
	}
	replay := spans.AppendEmpty()
	fillChat(replay, 2, 1)
	replay.Attributes().PutBool("spanloop.replay", true)
	require.NoError(t, c.sendTraces(td))
	counted := decisionsCounted(t, metricsPort)
	require.NoError(t, c.sendTraces(td), "as a sender does that saw no acknowledgement")
	require.NoError(t, c.sendLogs(lateScore(spans.At(3).TraceID(), spans.At(3).SpanID())))
	c.stop(t)

	stored := map[string]int64{}
	for _, row := range c.query(t, `SELECT decision, count(*) AS n FROM (SELECT unnest(from_json(
		attributes['spanloop.evaluation.decisions'], '["VARCHAR"]')) AS decision FROM spans) GROUP BY decision`) {
		n, err := row["n"].(json.Number).Int64()
		require.NoError(t, err)
		stored[row["decision"].(string)] = n
	}
	assert.EqualValues(t, calls+1, c.count(t, "SELECT count(*) AS n FROM spans"))
	assert.Equal(t, counted, stored, "metrics and spans")
	assert.EqualValues(t, calls, stored["tenth=scored"]+stored["tenth=sampled_out"])
	assert.InDelta(t, calls/10, stored["tenth=scored"], 40)
	assert.EqualValues(t, map[string]int64{"other=filtered": calls, "new=filtered": calls},
		map[string]int64{"other=filtered": stored["other=filtered"], "new=filtered": stored["new=filtered"]})
	assert.EqualValues(t, stored["tenth=scored"], c.count(t,
		"SELECT count(*) AS n FROM scores WHERE name = 'tool_args_schema' AND sampling_probability = 0.1"))
	assert.EqualValues(t, stored["floor=scored"], c.count(t,
		"SELECT count(*) AS n FROM scores WHERE name = 'output_tokens' AND sampling_probability = 1"))
	assert.EqualValues(t, 7, stored["floor=scored"])
	assert.EqualValues(t, 1, c.count(t, `SELECT count(*) AS n FROM scores JOIN spans USING (trace_id, span_id)
		WHERE scores.name = 'helpful' AND value = 0.25 AND spans.prompt_version = '7'`), "the late score")
	fmt.Printf("e2e: scores: %d calls, decisions %v; metrics, spans and scores agree\n", calls, stored)
}

var decisionLine = regexp.MustCompile(`otelcol_processor_genai_eval_decisions\{decision="([a-z_]+)",.*rule="([a-z]+)".*\} (\d+)`)

func decisionsCounted(t *testing.T, port int) map[string]int64 {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(fmt.Sprintf("http://localhost:%d/metrics", port))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	counts := map[string]int64{}
	for _, m := range decisionLine.FindAllStringSubmatch(string(body), -1) {
		n, err := strconv.ParseInt(m[3], 10, 64)
		require.NoError(t, err)
		counts[m[2]+"="+m[1]] = n
	}
	require.NotEmpty(t, counts, string(body))
	return counts
}

// lateScore is a score of another system, in a log event.
func lateScore(traceID pcommon.TraceID, spanID pcommon.SpanID) plog.Logs {
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("gen_ai.evaluation.result")
	record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	record.SetTraceID(traceID)
	record.SetSpanID(spanID)
	record.Attributes().PutStr("gen_ai.evaluation.name", "helpful")
	record.Attributes().PutDouble("gen_ai.evaluation.score.value", 0.25)
	return ld
}
