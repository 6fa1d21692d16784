// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const defaults = "examples/collector/config.yaml"

// A span is stamped, scored and queryable within seconds, with default
// settings and while the collector runs on.
func TestFreshness(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)
	sent := time.Now()
	require.NoError(t, c.sendTraces(chatSpans(3, 1)))
	require.Eventually(t, func() bool {
		_, err := os.Stat(c.dataset)
		return err == nil && c.count(t, "SELECT count(*) AS n FROM spans") == 3
	}, time.Minute, 250*time.Millisecond)
	took := time.Since(sent)
	fmt.Printf("e2e: span queryable %.1f s after it was sent\n", took.Seconds())
	assert.Less(t, took, 15*time.Second)

	row := c.query(t, `SELECT prompt_name, prompt_version, prompt_resolution, tool_versions, variant_id,
		request_model, input_tokens, tool_calls FROM spans LIMIT 1`)[0]
	assert.Equal(t, "weather", row["prompt_name"])
	assert.Equal(t, "7", row["prompt_version"])
	assert.Equal(t, "explicit", row["prompt_resolution"])
	assert.Len(t, row["tool_versions"], 1)
	assert.NotEmpty(t, row["variant_id"])
	assert.Equal(t, "gpt-4o-mini", row["request_model"])

	scores := c.count(t, "SELECT count(*) AS n FROM scores WHERE name = 'tool_args_schema' AND label = 'pass'")
	assert.EqualValues(t, 3, scores)
	c.stop(t)
}

// stockConfig writes the configuration of an otherwise stock collector.
func stockConfig(t *testing.T, sections, processors, exporters string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	content := fmt.Sprintf(stockCollector, sections, processors, exporters)
	require.NoError(t, os.WriteFile(config, []byte(content), 0o600))
	return config
}

const stockCollector = `receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:${env:SPANLOOP_HTTP_PORT}
%s
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: %s
      exporters: %s
  telemetry:
    metrics:
      level: none
`
