// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// Two collectors write to one dataset at once, some spans both of them: each is
// there once, and the stop of one does not disturb the other.
func TestTwoCollectors(t *testing.T) {
	first, second := newCollector(t, defaults), newCollector(t, defaults)
	second.dataset = first.dataset
	for _, c := range []*collector{first, second} {
		c.settings = []string{"exporters::genai_parquet::sending_queue::batch::flush_timeout: 50ms"}
		c.start(t)
	}
	const requests = 20
	for seed := range uint64(requests) {
		require.NoError(t, first.sendTraces(chatSpans(perRequest, 1+seed)))
		require.NoError(t, second.sendTraces(chatSpans(perRequest, 1+seed+requests/2)))
	}
	second.stop(t)
	second.start(t)
	require.NoError(t, second.sendTraces(chatSpans(perRequest, 1000)))
	second.stop(t)
	first.stop(t)
	assert.EqualValues(t, (requests*3/2+1)*perRequest, first.count(t, "SELECT count(*) AS n FROM spans"))
	assert.EqualValues(t, (requests*3/2+1)*perRequest, first.count(t, "SELECT count(DISTINCT span_id) AS n FROM spans"))
	first.checkFiles(t)
}

// Files of others in the dataset: the collector writes on beside them; a query
// that cannot read one says which and what to do, and verify names each; taken
// away, nothing of ours is missing.
func TestForeignFiles(t *testing.T) {
	c := newCollector(t, defaults)
	c.start(t)
	require.NoError(t, c.sendTraces(chatSpans(perRequest, 1)))
	c.stop(t)
	files, err := filepath.Glob(filepath.Join(c.dataset, "spans", "*", "*", "*", "*.parquet"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	folder := filepath.Dir(files[0])
	stranger := filepath.Join(folder, "stranger.parquet")
	require.NoError(t, os.WriteFile(stranger, []byte("PAR1 and no more"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("hello"), 0o600))
	c.start(t)
	require.NoError(t, c.sendTraces(chatSpans(perRequest, 2)))
	c.stop(t)
	_, stderr, code := c.spanloop(t, "query", "SELECT count(*) FROM spans")
	assert.Equal(t, 4, code)
	assert.Contains(t, stderr, "stranger.parquet")
	assert.Contains(t, stderr, "spanloop dataset verify")
	stdout, stderr, code := c.spanloop(t, "dataset", "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout+stderr, "stranger.parquet")
	require.NoError(t, os.Remove(stranger))
	assert.EqualValues(t, 2*perRequest, c.count(t, "SELECT count(*) AS n FROM spans"))
}
