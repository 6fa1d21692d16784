// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func parse(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
	config := createDefaultConfig().(*Config)
	return config, confmap.NewFromStringMap(raw).Unmarshal(config)
}

func TestDefaultConfigIsValid(t *testing.T) {
	config := createDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(config))
	require.NoError(t, confmap.Validate(config))
	assert.Equal(t, &Config{Path: "./spanloop-data", End: "stop"}, config)
}

func TestConfigIsRead(t *testing.T) {
	config, err := parse(t, `
path: /var/lib/spanloop
select: {prompt: "support-*", version: "v3.*", since: 7d, until: "2126-11-01", condition: 'span.kind == SPAN_KIND_CLIENT', include_replays: true}
rate: 0.5
end: idle
storage: file_storage/backfill
`)
	require.NoError(t, err)
	require.NoError(t, config.Validate())
	id := component.MustNewIDWithName("file_storage", "backfill")
	assert.Equal(t, &Config{
		Path: "/var/lib/spanloop", Rate: 0.5, End: "idle", Storage: &id,
		Select: SelectConfig{
			Prompt: "support-*", Version: "v3.*", Since: "7d", Until: "2126-11-01", Condition: "span.kind == SPAN_KIND_CLIENT", IncludeReplays: true,
		},
	}, config)
}

// Quotes around a date make no difference.
func TestDatesWithoutQuotes(t *testing.T) {
	for _, text := range []string{
		"select: {since: 2026-11-01, until: 2026-11-02T03:04:05Z}", `select: {since: "2026-11-01", until: "2026-11-02T03:04:05Z"}`,
	} {
		config, err := parse(t, text)
		require.NoError(t, err)
		require.NoError(t, config.Validate())
		since, until, err := config.Select.window(time.Now())
		require.NoError(t, err)
		assert.Equal(t, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), since)
		assert.Equal(t, time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC), until)
	}
}

// Every mistake is named with its key, all of them at once.
func TestConfigMistakes(t *testing.T) {
	for text, wants := range map[string][]string{
		"path: ''":                       {"path: a directory"},
		"path: ftp://host/data":          {"path: ftp:// is not supported"},
		"rate: -1":                       {"rate: -1"},
		"rate: .inf":                     {"rate: +Inf"},
		"rate: .nan":                     {"rate: NaN"},
		"end: follow":                    {`end: "follow"`, "stop, idle"},
		"select: {version: '>=3'}":       {"select.version", "glob"},
		"select: {since: yesterday}":     {`select.since: "yesterday": a time is expected`},
		"select: {until: '-1h'}":         {`select.until: "-1h"`},
		"select: {since: 1d, until: 2d}": {"select.since: 1d is not before select.until 2d"},
		"select: {condition: 'name =='}": {"select.condition"},
		"{rate: -1, end: x, path: ''}":   {"path:", "rate:", "end:"},
	} {
		t.Run(text, func(t *testing.T) {
			config, err := parse(t, text)
			require.NoError(t, err)
			err = config.Validate()
			require.Error(t, err)
			for _, want := range wants {
				assert.ErrorContains(t, err, want)
			}
		})
	}
	_, err := parse(t, "selct: {}")
	require.ErrorContains(t, err, "selct", "an unknown key")
}

// The example of the README is a valid configuration.
func TestReadmeExample(t *testing.T) {
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	section := exampleOf(t, string(content))
	config := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(section).Unmarshal(config))
	require.NoError(t, config.Validate())
	assert.Equal(t, "support-*", config.Select.Prompt)
	assert.NotNil(t, config.Storage)
}
