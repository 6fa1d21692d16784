// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const backfillCollector = `extensions:
  file_storage:
    directory: ${env:SPANLOOP_STORAGE}
    create_directory: true
receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:${env:SPANLOOP_HTTP_PORT}
  genai_dataset:
    path: %s
    select: {prompt: "weath*", since: 8d, until: 12h, condition: 'span.attributes["gen_ai.operation.name"] == "chat"'}
    rate: %d
    storage: file_storage
processors:
  genai_eval:
    rules: [{name: backfill, evaluators: [tool_args_schema, output_tokens]}]
exporters:
  genai_parquet:
    path: ${env:SPANLOOP_DATASET}
service:
  extensions: [file_storage]
  pipelines:
    traces/live: {receivers: [otlp], exporters: [genai_parquet]}
    traces: {receivers: [genai_dataset], processors: [genai_eval], exporters: [genai_parquet]}
  telemetry:
    metrics:
      level: none
`

// Last week's traffic, which nothing scored when it passed, is scored from its
// dataset into another one: every span once, over stops in the middle, and none
// of other prompts or of today; a third start adds nothing.
func TestBackfill(t *testing.T) {
	const calls = 3000
	source := newCollector(t, stockConfig(t, "exporters:\n  genai_parquet:\n    path: ${env:SPANLOOP_DATASET}", "[]", "[genai_parquet]"))
	source.start(t)
	for push := range uint64(3) {
		td := chatSpans(calls/3, push)
		day := time.Now().Add(-time.Duration(push+1) * 48 * time.Hour)
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(day))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(day.Add(time.Second)))
		}
		require.NoError(t, source.sendTraces(td))
	}
	others := chatSpans(20, 7)
	spans := others.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 10 {
		spans.At(i).Attributes().PutStr("gen_ai.prompt.name", "support")
		spans.At(i).SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-48 * time.Hour)))
	}
	require.NoError(t, source.sendTraces(others))
	source.stop(t)
	require.EqualValues(t, calls+20, source.count(t, "SELECT count(*) AS n FROM spans"))
	require.Zero(t, source.count(t, "SELECT count(*) AS n FROM scores"))

	config := filepath.Join(t.TempDir(), "config.yaml")
	configure := func(rate int) {
		require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, backfillCollector, source.dataset, rate), 0o600))
	}
	configure(500)
	c := newCollector(t, config)
	c.start(t)
	time.Sleep(1500 * time.Millisecond)
	c.stop(t)
	sent := c.count(t, "SELECT count(*) AS n FROM spans")
	assert.Positive(t, sent)
	assert.Less(t, sent, int64(calls), "stopped in the middle")
	configure(0)
	for _, end := range []string{"the dataset was sent", "was sent completely before"} {
		c.start(t)
		require.Eventually(t, func() bool {
			log, err := os.ReadFile(filepath.Join(c.logs, "collector.log"))
			return err == nil && strings.Contains(string(log), end)
		}, time.Minute, 50*time.Millisecond)
		c.stop(t)
	}
	files, err := filepath.Glob(filepath.Join(c.dataset, "spans", "*", "*", "*", "*.parquet"))
	require.NoError(t, err)
	rows := c.count(t, fmt.Sprintf("SELECT count(*) AS n FROM read_parquet('%s/spans/**/*.parquet', hive_partitioning = false)", c.dataset))
	assert.EqualValues(t, calls, rows, "rows of the files: nothing was sent twice")
	assert.EqualValues(t, calls, c.count(t, "SELECT count(*) AS n FROM spans WHERE NOT is_replay AND attributes['spanloop.source'] = 'dataset'"))
	assert.EqualValues(t, calls, c.count(t, "SELECT count(*) AS n FROM scores WHERE name = 'tool_args_schema' AND label = 'pass'"))
	assert.EqualValues(t, 12*calls, c.count(t, "SELECT sum(value)::BIGINT AS n FROM scores JOIN spans USING (trace_id, span_id) WHERE scores.name = 'output_tokens' AND spans.prompt_version = '7'"))
	fmt.Printf("e2e: backfill: %d of %d spans selected, %d sent before a stop in the middle, %d rows in %d files, each scored once\n",
		calls, calls+20, sent, rows, len(files))
}
