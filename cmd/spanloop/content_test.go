// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

// A dataset without texts is compared by its numbers, and every command that
// would need the texts says that they are not stored.
func TestCommandsWithoutContent(t *testing.T) {
	redactor, err := redact.New(redact.Options{Key: []byte("a key that nobody knows"), Hashes: true})
	require.NoError(t, err)
	var spans []traffictest.Span
	for i := range 240 {
		spans = append(spans, traffictest.Span{
			Trace: fmt.Sprint(i), ID: fmt.Sprint(i), Prompt: "support", Version: fmt.Sprint("1.", i%2), Model: "m",
			Start: time.Date(2026, 11, 2, 0, i, 0, 0, time.UTC), Duration: time.Duration(1+i%7) * time.Second,
			Input: "where is my parcel", Output: "it is on its way",
		})
	}
	dir := t.TempDir()
	traffictest.WriteWith(t, dir, dataset.WriterOptions{Redactor: redactor}, 0, spans...)

	_, out, _ := runCompare(t, dir, "compare", "support", "1.0", "1.1")
	assert.Contains(t, out, "content not stored for 238 of 238 calls")
	assert.Contains(t, out, "output_length", "the length of the original is known")
	assert.NotContains(t, out, "refusal_rate")
	_, out, _ = runCompare(t, dir, "drift", "support", "1.0")
	assert.Contains(t, out, "content not stored for 120 of 120 calls")

	code, _, failed := runCompare(t, dir, "replay", traffictest.SpanID("3").String(), "--check")
	assert.Equal(t, exitCannotTell, code)
	assert.Contains(t, failed, "content not stored")

	_, out, _ = runCompare(t, dir, "query", "--format", "csv", "-q", "SELECT content_mode, count(*), min(output_chars), max(redactions) > 0 FROM spans GROUP BY 1")
	assert.Contains(t, out, "hashes,240,16,true")
	_, out, _ = runCompare(t, dir, "query", "--format", "csv", "-q", "SELECT count(*) FROM spans WHERE output_messages LIKE '%on its way%' OR input_messages LIKE '%parcel%'")
	assert.Contains(t, out, "\n0")
}
