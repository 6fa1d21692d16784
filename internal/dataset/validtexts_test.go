// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
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

// A byte that is no UTF-8 is found wherever it stands, and so is a letter cut off.
func TestValidStringEverywhere(t *testing.T) {
	for length := range 100 {
		for at := range length {
			for _, part := range []string{"\xff", "é", "\xc3", "\u20ac", "\xe2\x82", "\x80"} {
				s := strings.Repeat("a", at) + part + strings.Repeat("b", length-at)
				require.Equal(t, utf8.ValidString(s), validString(s), "%q", s)
			}
		}
	}
}

// keysOf has the keys given, twice where they are.
func keysOf(t *testing.T, keys ...string) pcommon.Map {
	t.Helper()
	var pairs []string
	for _, key := range keys {
		pairs = append(pairs, `{"key":"`+key+`","value":{"intValue":"1"}}`)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(
		`{"resourceSpans":[{"resource":{"attributes":[` + strings.Join(pairs, ",") + `]}}]}`))
	require.NoError(t, err)
	return td.ResourceSpans().At(0).Resource().Attributes()
}

// What is remembered of keys never hides one that stands twice or is no UTF-8.
func TestValidKeys(t *testing.T) {
	invalid := pcommon.NewMap()
	invalid.PutInt("a", 1)
	invalid.PutInt("\xff", 1)
	var known validTexts
	for range 2 {
		for i, c := range []struct {
			keys pcommon.Map
			want bool
		}{
			{keysOf(t), true},
			{keysOf(t, "a", "b"), true},
			{keysOf(t, "a", "a"), false},
			{invalid, false},
			{keysOf(t, "a", "b"), true},
			{keysOf(t, "b", "a"), true},
			{keysOf(t, "a", "b", "a"), false},
			{keysOf(t, "", ""), false},
			{keysOf(t, ""), true},
		} {
			assert.Equal(t, c.want, known.validKeys(c.keys), "%d", i)
			assert.Equal(t, c.want, (*validTexts)(nil).validKeys(c.keys), "%d without memory", i)
		}
	}
	many := pcommon.NewMap()
	for i := range 2 * maxKnownKeys {
		many.PutInt(strconv.Itoa(i), 1)
	}
	assert.True(t, known.validKeys(many))
	assert.LessOrEqual(t, len(known.keys), maxKnownKeys)
}
