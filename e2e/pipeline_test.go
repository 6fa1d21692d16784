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
	fmt.Printf("e2e: span queryable %.1f s after it was sent\n", time.Since(sent).Seconds())

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

// Each component starts, passes data and stops alone in an otherwise stock
// collector, with an empty configuration.
func TestEachComponentAlone(t *testing.T) {
	pipelines := map[string]struct{ processors, exporters, sections string }{
		"genai_identity": {"[genai_identity]", "[file]", "processors:\n  genai_identity:\n" + fileExporter},
		"genai_eval":     {"[genai_eval]", "[file]", "processors:\n  genai_eval:\n" + fileExporter},
		"genai_parquet":  {"[]", "[genai_parquet]", "exporters:\n  genai_parquet:\n"},
	}
	for name, p := range pipelines {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, stockConfig(t, p.sections, p.processors, p.exporters))
			c.start(t)
			require.NoError(t, c.sendTraces(chatSpans(5, 2)))
			c.stop(t)
			if name == "genai_parquet" {
				c.dataset = filepath.Join(c.logs, "spanloop-data")
				assert.EqualValues(t, 5, c.count(t, "SELECT count(*) AS n FROM spans"))
				return
			}
			out, err := os.ReadFile(filepath.Join(c.logs, "out.json"))
			require.NoError(t, err)
			assert.Equal(t, 5, strings.Count(string(out), `"gen_ai.operation.name"`))
			want := map[string]string{"genai_identity": "spanloop.variant.id", "genai_eval": "gen_ai.evaluation.result"}
			assert.Contains(t, string(out), want[name])
		})
	}
}

// stockConfig writes the configuration of an otherwise stock collector.
func stockConfig(t *testing.T, sections, processors, exporters string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	content := fmt.Sprintf(stockCollector, sections, processors, exporters)
	require.NoError(t, os.WriteFile(config, []byte(content), 0o600))
	return config
}

const fileExporter = "exporters:\n  file:\n    path: out.json\n"

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
