// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// The collector validates the queue's and the batch's own settings too, which
// grow with its versions.
func TestDefaultConfigIsValid(t *testing.T) {
	config := NewFactory().CreateDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(config))
	assert.NoError(t, confmap.Validate(config))
}

func load(t *testing.T, content map[string]any) *Config {
	t.Helper()
	config := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(content).Unmarshal(config))
	return config
}

const longKey = "a key that nobody knows"

// An empty section leaves the defaults that the README states.
func TestDefaults(t *testing.T) {
	c := load(t, map[string]any{})
	assert.Equal(t, createDefaultConfig(), c)
	assert.Equal(t, "./spanloop-data", c.Path)
	assert.Equal(t, "genai", c.Include)
	assert.Equal(t, "zstd", c.Compression)
	assert.Equal(t, 64<<20, c.MaxSpanBytes)
	assert.Equal(t, CompactionConfig{Interval: 5 * time.Minute, MinFiles: 8, TargetBytes: 8 << 20, Grace: 15 * time.Minute, Settle: 10 * time.Minute}, *c.Compaction.Get())
	queue := c.Queue.Get()
	assert.True(t, queue.BlockOnOverflow, "senders wait, nothing is dropped")
	assert.EqualValues(t, 64<<20, queue.QueueSize)
	assert.EqualValues(t, 16<<20, queue.Batch.Get().MinSize)
	assert.Equal(t, 5*time.Second, queue.Batch.Get().FlushTimeout, "a span is in the dataset soon")
	assert.True(t, c.Retry.Enabled)
	assert.Zero(t, c.Retry.MaxElapsedTime, "retried without end")
	assert.Empty(t, c.traps(componenttest.NewNopHost()))
}

func TestValidateNamesTheKey(t *testing.T) {
	for key, content := range map[string]map[string]any{
		"path: a directory":                                                        {"path": ""},
		"path: ftp:// is not supported":                                            {"path": "ftp://host/data"},
		`content: "some" is not one of full`:                                       {"content": "some"},
		"redaction_key: a secret of at least":                                      {"content": "redacted"},
		"redaction_key: a secret of":                                               {"content": "hashes", "redaction_key": "5ecre7"},
		`redaction::rules[1]: "mail" is not`:                                       {"content": "redacted", "redaction_key": longKey, "redaction": map[string]any{"rules": []any{"ip", "mail"}}},
		"redaction::patterns[0]: regex: error":                                     {"content": "redacted", "redaction_key": longKey, "redaction": map[string]any{"patterns": []any{map[string]any{"name": "x", "regex": "("}}}},
		`include: "most" is not one of genai`:                                      {"include": "most"},
		`compression: "lzma" is not one of`:                                        {"compression": "lzma"},
		"max_span_bytes: -1 is not above zero":                                     {"max_span_bytes": -1},
		"max_span_bytes: 67108864 is more than sending_queue.queue_size, 33554432": {"sending_queue": map[string]any{"queue_size": 32 << 20}},
		"memory_limit_mib: -1 is below zero":                                       {"memory_limit_mib": -1},
		"compaction: interval: 0s is not above zero":                               {"compaction": map[string]any{"interval": "0s"}},
		"compaction: min_files: 1 is below 2":                                      {"compaction": map[string]any{"min_files": 1}},
		"compaction: target_bytes: 1000 is below 1048576":                          {"compaction": map[string]any{"target_bytes": 1000}},
		"compaction: settle: -1s is below zero":                                    {"compaction": map[string]any{"settle": "-1s"}},
		"compaction: grace: -1s is below zero":                                     {"compaction": map[string]any{"grace": "-1s"}},
		"num_consumers":                                                            {"sending_queue": map[string]any{"num_consumers": 0}},
		"queue_size":                                                               {"sending_queue": map[string]any{"queue_size": 0}},
		"initial_interval":                                                         {"retry_on_failure": map[string]any{"initial_interval": "-1s"}},
	} {
		err := confmap.Validate(load(t, content))
		require.Error(t, err, key)
		assert.Contains(t, err.Error(), key)
		assert.NotContains(t, err.Error(), "5ecre7")
	}
	unknown := confmap.NewFromStringMap(map[string]any{"pth": "x"}).Unmarshal(createDefaultConfig())
	require.Error(t, unknown)
	assert.Contains(t, unknown.Error(), "pth")
}

// The configuration that docs/privacy.md shows is one.
func TestDocumentedRedaction(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "privacy.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(doc), "```yaml\n")
	require.True(t, found)
	text, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	var parsed map[string]map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(strings.ReplaceAll(text, "${env:SPANLOOP_REDACTION_KEY}", longKey)), &parsed))
	config := load(t, parsed["exporters"]["genai_parquet"])
	require.NoError(t, confmap.Validate(config))
	r, err := config.redactor()
	require.NoError(t, err)
	redacted, n := r.Text("C-123456 wrote from bob@example.com")
	assert.Equal(t, 2, n, redacted)
}
