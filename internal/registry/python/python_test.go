// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What Python 3.11 prints for json.loads of a text.
func TestReprOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		`1`: "1", `-0`: "0", `1.0`: "1.0", `-0.0`: "-0.0", `1e5`: "100000.0", `1e16`: "1e+16", `0.0001`: "0.0001", `0.00001`: "1e-05",
		`123456789012345678901234567890`: "123456789012345678901234567890", `true`: "True", `null`: "None",
		`[]`: "[]", `{}`: "{}", `{"b":1,"a":[2]}`: "{'b': 1, 'a': [2]}", `{"a":1,"b":2,"a":3}`: "{'a': 3, 'b': 2}",
		`["it's"]`: `["it's"]`, `["\"it's"]`: `['"it\'s']`, `["\u0000\u00a0\u200b\ud83d\ude00\\"]`: `['\x00\xa0\u200b😀\\']`,
	} {
		value, err := FromJSON(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, Repr(value), text)
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for _, text := range []string{"", "1 2", "[1", "{", "{1:2}", "1e999", strings.Repeat("9", 1001), strings.Repeat("[", 100) + strings.Repeat("]", 100), "1]"} {
		_, err := FromJSON(text)
		assert.Error(t, err, text)
	}
}
