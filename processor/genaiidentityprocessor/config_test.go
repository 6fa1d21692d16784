// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
)

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		given map[string]any
		fails string
	}{
		"empty":                {},
		"all keys":             {given: map[string]any{"registry": t.TempDir(), "environment": "production", "keep_originals": false, "max_traces": 10}},
		"registry not there":   {given: map[string]any{"registry": filepath.Join(t.TempDir(), "later")}},
		"registry is a file":   {given: map[string]any{"registry": file}, fails: "must be a folder"},
		"registry with a NUL":  {given: map[string]any{"registry": "a\x00b"}, fails: "NUL"},
		"no traces":            {given: map[string]any{"max_traces": 0}, fails: "max_traces: 0 is not above zero"},
		"environment too long": {given: map[string]any{"environment": strings.Repeat("x", 101)}, fails: "environment: longer than 100 bytes"},
		"unknown key":          {given: map[string]any{"registri": "x"}, fails: "registri"},
		"wrong type":           {given: map[string]any{"max_traces": "many"}, fails: "max_traces"},
	} {
		t.Run(name, func(t *testing.T) {
			config := createDefaultConfig()
			err := confmap.NewFromStringMap(test.given).Unmarshal(config)
			if err == nil {
				err = confmap.Validate(config)
			}
			if test.fails == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, test.fails)
			}
		})
	}
}

// The defaults are those that the README states.
func TestDefaultsAreDocumented(t *testing.T) {
	assert.Equal(t, &Config{KeepOriginals: true, MaxTraces: 50_000}, createDefaultConfig())
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, row := range []string{"| `registry` | none |", "| `environment` | from the resource |", "| `keep_originals` | `true` |", "| `max_traces` | `50000` |"} {
		assert.Contains(t, string(readme), row)
	}
}

// The life cycle of every component: shut down without a start, twice, started
// and stopped.
func TestLifecycle(t *testing.T) {
	factory := NewFactory()
	assert.Equal(t, "genai_identity", factory.Type().String())
	for _, started := range []bool{false, true} {
		config, _ := factory.CreateDefaultConfig().(*Config)
		config.Registry = t.TempDir()
		p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(Type), config, consumertest.NewNop())
		require.NoError(t, err)
		assert.True(t, p.Capabilities().MutatesData)
		if started {
			require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		}
		require.NoError(t, p.Shutdown(t.Context()))
	}
	_, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(Type), nil, consumertest.NewNop())
	assert.Error(t, err, "a configuration of another component")
	_, err = factory.CreateLogs(t.Context(), processortest.NewNopSettings(Type), nil, consumertest.NewNop())
	assert.Error(t, err, "a configuration of another component")
	_, err = factory.CreateMetrics(t.Context(), processortest.NewNopSettings(Type), factory.CreateDefaultConfig(), consumertest.NewNop())
	assert.Error(t, err, "no metrics")
}

// An error of what comes next reaches the sender, which can send again.
func TestErrorsOfTheNextComponentReachTheSender(t *testing.T) {
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), createDefaultConfig(), consumertest.NewErr(assert.AnError))
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { assert.NoError(t, p.Shutdown(t.Context())) }()
	assert.ErrorIs(t, p.ConsumeTraces(t.Context(), manyCalls(1)), assert.AnError)
}
