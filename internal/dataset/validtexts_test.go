// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is remembered never makes an invalid text valid.
func TestValidTexts(t *testing.T) {
	var known validTexts
	good, bad := strings.Repeat("é", longText), strings.Repeat("é", longText-1)+"\xff\xff"
	for range 3 {
		assert.True(t, known.valid(good))
		assert.False(t, known.valid(bad), "of the size of a valid one")
		assert.True(t, known.valid("short"))
		assert.False(t, known.valid("short\xff"))
	}
	assert.False(t, (*validTexts)(nil).valid(bad))
}
