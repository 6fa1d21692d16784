// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSuggest(t *testing.T) {
	known := []string{"support-agent", "summary", "router", "v3.1", "v3.2"}
	assert.Equal(t, "; there is none yet", suggest("x", nil))
	assert.Contains(t, suggest("suppor-agent", known), "; there is support-agent, ")
	assert.Contains(t, suggest("suppor-agent", known), ", …")
	assert.Equal(t, "; there is summary", suggest("summery", known[1:2]))
}
