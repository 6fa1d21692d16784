// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplitHistory(t *testing.T) {
	for text, want := range map[string][]string{
		`[{"a":1}]`:                        {`{"a":1}`},
		`[{"a":1},{"b":[2,{}]}]`:           {`{"a":1}`, `{"b":[2,{}]}`},
		`[{"a": 1}, {"b": 2}]`:             {`{"a": 1}`, ` {"b": 2}`},
		"[\n {\"a\":1}\n,\t{\"b\":2}\r\n]": {"\n {\"a\":1}\n", "\t{\"b\":2}\r\n"},
		`[{"a":"},{"},{"b":"\"},{\\"}]`:    {`{"a":"},{"}`, `{"b":"\"},{\\"}`},
		`[{"a":"]"},{"b":"["}]`:            {`{"a":"]"}`, `{"b":"["}`},
		"[{\"a\":\"\x00\"},{}]":            {"{\"a\":\"\x00\"}", "{}"},
	} {
		got, ok := splitHistory(text, nil)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "[", "]", "[]", "[ ]", "[,]", `{"a":1}`, `[1]`, `["a"]`, `[{"a":1},]`, `[,{"a":1}]`, `[{"a":1},2]`, `[{"a":1}{"b":2}]`,
		`[{"a":1}`, `{"a":1}]`, `[{"a":"]`, `[{"a":"\"}]`, `[{"a":1]}`, `[{"a":[1}]`, `[[{"a":1}]]`, `[{"a":1}]]`, ` [{"a":1}]`, `[{"a":1}] `, `[null,{}]`, `[{"a":1},x{}]`,
	} {
		_, ok := splitHistory(text, nil)
		assert.False(t, ok, text)
	}
}

func TestRoleOf(t *testing.T) {
	for _, c := range []struct{ message, role string }{
		{`{"role":"user","parts":[]}`, "user"},
		{` { "parts" : [ {"role":"x"} ] , "role" : "tool"}`, "tool"},
		{`{"a":"\"role\":","b":{"role":"x"},"role":"y"}`, "y"},
		{`{"role":"a\u0062"}`, ""},
		{`{"role":1}`, ""},
		{`{"role"`, ""},
		{`{"role":`, ""},
		{`{"role":"`, ""},
		{`{}`, ""},
		{`{1:2}`, ""},
		{`{"parts":[]}`, ""},
	} {
		assert.Equal(t, c.role, roleOf(c.message), c.message)
	}
}

// Whatever is split joins to the same bytes, and an array of JSON objects is
// split into what a decoder finds in it.
func FuzzSplitHistory(f *testing.F) {
	f.Add(`[{"role":"user","parts":[{"type":"text","content":"a,]}\"[{"}]}, {"role":"x"}]`)
	f.Add("[{}\n,{\"a\":\"\\\\\"}]")
	f.Fuzz(func(t *testing.T, text string) {
		pieces, ok := splitHistory(text, nil)
		var list []json.RawMessage
		err := json.Unmarshal([]byte(text), &list)
		if !ok {
			if err == nil && len(list) > 0 && strings.TrimSpace(text) == text {
				objects := true
				for _, item := range list {
					objects = objects && item[0] == '{'
				}
				assert.False(t, objects, "%q was not split", text)
			}
			return
		}
		require.Equal(t, text, joinHistory(pieces))
		if err != nil {
			return
		}
		require.Len(t, pieces, len(list))
		for i, piece := range pieces {
			assert.JSONEq(t, string(list[i]), piece)
			var message struct{ Role json.RawMessage }
			if role := roleOf(piece); role != "" && json.Unmarshal([]byte(piece), &message) == nil && message.Role != nil {
				assert.NotContains(t, role, `\`)
			}
		}
	})
}
