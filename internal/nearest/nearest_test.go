// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package nearest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spanloop/spanloop/internal/nearest"
)

func TestNames(t *testing.T) {
	known := []string{"contains", "cost_usd", "is_json", "json_schema", "tool_args_schema", "tool_known"}
	for _, c := range []struct {
		wrong string
		want  []string
	}{
		{"contain", []string{"contains"}},
		{"JSON_SHEMA", []string{"json_schema"}},
		{"tool_knwon", []string{"tool_known"}},
		{"schema", []string{"json_schema"}},
		{"tool_args", []string{"tool_args_schema"}},
		{"", []string{"is_json"}},
	} {
		assert.Equal(t, c.want, nearest.Names(c.wrong, known, 1), c.wrong)
	}
	assert.Len(t, nearest.Names("x", known, 100), len(known))
	assert.Empty(t, nearest.Names("x", nil, 3))
	hostile := strings.Repeat("a", 1<<20)
	assert.Len(t, nearest.Names(hostile, []string{hostile + "b", "c"}, 2), 2)
}
