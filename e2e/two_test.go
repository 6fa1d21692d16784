// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
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
