// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Settings that void the queue on disk are named by the built collector, with
// its real storage extension and batch processor; the example's are not.
func TestTrapsAreNamed(t *testing.T) {
	c := newCollector(t, "examples/collector/config-durable.yaml")
	c.start(t)
	require.NoError(t, c.sendTraces(chatSpans(1, 1)))
	c.stop(t)
	for line := range strings.Lines(c.log(t)) {
		assert.False(t, strings.Contains(line, "warn\t") && strings.Contains(line, "genai_parquet"), line)
	}

	c.settings = []string{
		"extensions::file_storage::fsync: false",
		"exporters::genai_parquet::retry_on_failure::max_elapsed_time: 5m",
		"processors::batch: {timeout: 10ms}",
		"service::pipelines::traces::processors: [genai_identity, batch]",
	}
	c.start(t)
	require.NoError(t, c.sendTraces(chatSpans(1, 2)))
	warned := func(text string) func() bool {
		return func() bool { return strings.Contains(c.log(t), text) }
	}
	for _, text := range []string{"file_storage has fsync: false", "max_elapsed_time is 5m0s", "Requests come without a sender that waits"} {
		assert.Eventually(t, warned(text), 10*time.Second, 20*time.Millisecond, text)
	}
	c.stop(t)
}
