// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

// Calls whose texts were not stored have their numbers and tools, and no text
// that a token was taken for.
func TestCallsWithoutContent(t *testing.T) {
	dir := t.TempDir()
	write := func(id string, minute int, mode string) {
		s := chat(id, minute)
		s.Input, s.Output, s.Tools = "Where is the parcel of ada@example.com?", "I'm sorry, but I can't help with that.", []string{"track"}
		s.OutputTokens = 12
		var o dataset.WriterOptions
		if mode != redact.ModeFull {
			var err error
			o.Redactor, err = redact.New(redact.Options{Key: []byte("a key that nobody knows"), Hashes: mode == redact.ModeHashes})
			require.NoError(t, err)
		}
		traffictest.WriteWith(t, dir, o, 0, s)
	}
	write("full", 0, redact.ModeFull)
	write("redacted", 1, redact.ModeRedacted)
	write("hashes", 2, redact.ModeHashes)
	db, err := query.Open(t.Context(), query.Options{Dataset: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	calls, _, err := Load(t.Context(), db.SQL(), Arm{Prompt: "p"}, Options{})
	require.NoError(t, err)
	require.Len(t, calls, 3)
	full, redacted, hashed := calls[0], calls[1], calls[2]
	assert.Equal(t, []string{"full", "redacted", "hashes"}, []string{full.ContentMode, redacted.ContentMode, hashed.ContentMode})

	assert.Equal(t, full.OutputHash, redacted.OutputHash, "nothing was found in the answer")
	assert.NotEqual(t, full.InputHash, redacted.InputHash)
	assert.Equal(t, 1.0, redacted.Refused)

	assert.Nil(t, hashed.Input)
	assert.Nil(t, hashed.Output)
	assert.Zero(t, hashed.InputHash)
	assert.Zero(t, hashed.OutputHash)
	assert.True(t, math.IsNaN(hashed.Refused), "a token is no refusal and none is a refusal")
	assert.True(t, math.IsNaN(hashed.OutputStyle.Words))
	assert.Equal(t, full.OutputStyle.Chars, hashed.OutputStyle.Chars, "the length is that of the original")
	assert.Equal(t, full.Tools, hashed.Tools)
	assert.Equal(t, full.OutputTokens, hashed.OutputTokens)

	for want, list := range map[string][]Call{
		"": {full}, "1 of 2 calls were stored redacted": {full, redacted}, "content not stored for 1 of 3 calls": calls,
	} {
		gate, ok := ContentGate(list)
		assert.Equal(t, want != "", ok)
		assert.Contains(t, gate.Text, want)
	}
	_, ok := ContentGate([]Call{redacted, redacted})
	assert.False(t, ok, "alike redacted calls can be compared")
}
