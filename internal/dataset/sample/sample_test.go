// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sample_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/sample"
)

// The sample is sound, holds what its figures say, is read whole although a file
// lacks columns, and is as hard as it claims.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	figures, err := sample.Write(t.Context(), dir)
	require.NoError(t, err)
	set, err := dataset.Open(dir)
	require.NoError(t, err)
	v, err := set.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, v.Findings)
	td, err := set.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	assert.EqualValues(t, figures.Spans, td.SpanCount())
	var tokens int64
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if n, ok := span.Attributes().Get("gen_ai.usage.input_tokens"); ok {
					tokens += n.Int()
				}
			}
		}
	}
	assert.Equal(t, figures.InputTokens, tokens)
	files, err := set.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	assert.Greater(t, len(files), 64)
	mixed := false
	for _, f := range files {
		mixed = mixed || strings.Contains(f.Path, "prompt_name="+dataset.Mixed+"/")
	}
	assert.True(t, mixed)
}
