// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t *testing.T, dir, rel, content string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(rel))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
}

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, fails := range map[string]string{
		"./spanloop-registry": "", t.TempDir(): "", "": "name the folder", "a\x00b": "NUL", file: "must be a folder",
	} {
		err := (&Config{Path: path}).Validate()
		if fails == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, fails)
		}
	}
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	assert.Equal(t, "./spanloop-registry", createDefaultConfig().(*Config).Path)
}

// A folder that appears later is read, a broken file is logged, and what was
// good stays; without Start and after Shutdown nothing is served.
func TestLifeCycle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	core, logs := observer.New(zap.WarnLevel)
	set := extension.Settings{TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	set.Logger = zap.New(core)
	set.ID = component.NewID(Type)
	made, err := NewFactory().Create(t.Context(), set, &Config{Path: dir})
	require.NoError(t, err)
	e, ok := made.(*registryExtension)
	require.True(t, ok)
	require.NoError(t, e.Shutdown(t.Context()), "shutdown without a start")
	assert.Nil(t, e.Snapshot())
	assert.Empty(t, e.Problems())

	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	assert.True(t, e.Snapshot().Empty())
	assert.Len(t, e.Problems(), 1, "the missing folder")
	put(t, dir, "prompts/p/versions/1.yaml", "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: Report the weather.\n")
	require.Eventually(t, func() bool { return !e.Snapshot().Empty() }, 10*time.Second, 20*time.Millisecond)

	put(t, dir, "prompts/p/versions/1.yaml", "template: [\n")
	require.Eventually(t, func() bool { return len(e.Problems()) > 0 }, 10*time.Second, 20*time.Millisecond)
	assert.Equal(t, "Report the weather.", e.Snapshot().Prompt("p").Latest().Messages[0].Content)
	assert.NotZero(t, logs.FilterMessageSnippet("last good state").Len())

	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()), "twice")
	assert.Nil(t, e.Snapshot())
}
