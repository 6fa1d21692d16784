// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainSeeds are histories with and without what the quick way leaves alone.
var plainSeeds = map[string]bool{
	`[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`:                                                                                                        true,
	`[{"role": "user", "parts": [{"content": "hé \n \"x\" \u00e9\ud83d\ude00", "type": "text"}]}]`:                                                                      true,
	`[{"parts":[{"type":"text","content":"a"},{"type":"text","content":"b"}],"role":"model","finish_reason":"stop"}]`:                                                   true,
	`[{"role":"user","parts":[{"type":"text","content":"a"}]},{"role":"assistant","parts":[{"type":"text","content":"b"}]}]`:                                            true,
	`[{"parts":[{"type":"text","content":"no role"}]}]`:                                                                                                                 true,
	`[{"role":"assistant","parts":[{"type":"text","content":"a"},{"type":"tool_call","id":"1","name":"f","arguments":{"x":[1,"}\""]} }],"finish_reason":"tool_calls"}]`: true,
	`[{"role":"assistant","parts":[{"arguments":"{\"x\":1}","name":"f","type":"tool_call"}]}]`:                                                                          true,
	`[{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"f"}]}]`:                                                                                         true,
	`[{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"f","arguments": -1.5e3 }]}]`:                                                                    true,
	`[{"role":"tool","parts":[{"type":"tool_call_response","id":"1","response":["a"]}]}]`:                                                                               true,
	`[{"role":"tool","parts":[{"type":"tool_call_response","name":"f","response":false}]}]`:                                                                             true,
	`[{"role":"a","parts":[{"type":"tool_call","id":"1","name":"f","arguments":null}]}]`:                                                                                false,
	`[{"role":"a","parts":[{"type":"tool_call","id":"1","name":"f","arguments":{"x":}}]}]`:                                                                              false,
	`[{"role":"a","parts":[{"type":"tool_call","id":"1","id":"2","name":"f"}]}]`:                                                                                        false,
	`[{"role":"a","parts":[{"type":"tool_call","id":1,"name":"f"}]}]`:                                                                                                   false,
	`[{"role":"a","parts":[{"type":"tool_call","id":"1","function":{"name":"f"}}]}]`:                                                                                    false,
	`[{"role":"a","parts":[{"type":"tool_call","content":"x"}]}]`:                                                                                                       false,
	`[{"role":"a","parts":[{"type":"text","content":"x","name":"f"}]}]`:                                                                                                 false,
	`[{"role":"a","parts":[{"type":"tool_call_response","id":"1"}]}]`:                                                                                                   false,
	`[{"role":"a","parts":[{"type":"reasoning","content":"x"}]}]`:                                                                                                       false,
	"[{\"role\":\"a\",\"parts\":[{\"type\":\"tool_call\",\"arguments\":1\x01}]}]":                                                                                       false,
	`[{"role":"a","parts":[{"type":"tool_call","arguments":1]}]`:                                                                                                        false,
	`[]`: false,
	`[{"role":"user","content":"old shape"}]`:                                                        false,
	`[{"role":"user","role":"system","parts":[{"type":"text","content":"a"}]}]`:                      false,
	`[{"role":"user","parts":[{"type":"text","content":""}]}]`:                                       false,
	`[{"role":"user","parts":[{"type":"text","content":"a","extra":1}]}]`:                            false,
	`[{"role":"user","parts":[{"type":"text","content":"cut`:                                         false,
	`[{"role":"user","parts":[{"type":"text","content":"bad \x escape"}]}]`:                          false,
	"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"raw\nnewline\"}]}]":             false,
	`[{"role":"user","parts":[{"type":"text","content":"a"}]}] trailing`:                             false,
	`{"role":"user","parts":[{"type":"text","content":"a"}]}`:                                        false,
	`[{"role":1,"parts":[{"type":"text","content":"a"}]}]`:                                           false,
	`[{"role":"user","parts":[{"type":"text","content":"a"}],"parts":[{"type":"x","content":"b"}]}]`: false,
}

// What is read the quick way equals what the general way reads.
func comparePlain(t *testing.T, text string) bool {
	t.Helper()
	quick, ok := plainMessages(text)
	if !ok {
		return false
	}
	general, err := parseAnyMessages(text)
	require.NoError(t, err)
	require.Equal(t, general, quick)
	return true
}

func TestPlainMessages(t *testing.T) {
	for text, plain := range plainSeeds {
		assert.Equal(t, plain, comparePlain(t, text), text)
	}
}

func FuzzPlainMessages(f *testing.F) {
	for text := range plainSeeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { comparePlain(t, text) })
}

// Values are read as deep as the general way reads them, and no deeper.
func TestPlainMessagesDepth(t *testing.T) {
	for depth, plain := range map[int]bool{maxJSONDepth - plainDepth: true, maxJSONDepth - plainDepth + 1: false} {
		text := `[{"role":"a","parts":[{"type":"tool_call","arguments":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}]}]`
		assert.Equal(t, plain, comparePlain(t, text))
		_, err := parseMessages(text)
		assert.Equal(t, plain, err == nil)
	}
}

// The index found eight bytes at a time is the one found byte by byte.
func TestPlainUntil(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []byte{'a', ' ', '!', '"', '\\', '#', '[', ']', 0, 1, 0x1f, 0x20, 0x21, 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff}
	for range 20_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			if text[i] = 'x'; random.IntN(6) == 0 {
				text[i] = letters[random.IntN(len(letters))]
			}
		}
		from := random.IntN(len(text) + 1)
		want := from
		for want < len(text) && text[want] != '"' && text[want] != '\\' && text[want] >= ' ' {
			want++
		}
		require.Equal(t, want, plainUntil(string(text), from), "%q from %d", text, from)
	}
}
