// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainSeeds are histories with and without what the quick way leaves alone.
var plainSeeds = map[string]bool{
	`[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`:                                                             true,
	`[{"role": "user", "parts": [{"content": "hé \n \"x\" \u00e9\ud83d\ude00", "type": "text"}]}]`:                           true,
	`[{"parts":[{"type":"text","content":"a"},{"type":"text","content":"b"}],"role":"model","finish_reason":"stop"}]`:        true,
	`[{"role":"user","parts":[{"type":"text","content":"a"}]},{"role":"assistant","parts":[{"type":"text","content":"b"}]}]`: true,
	`[{"parts":[{"type":"text","content":"no role"}]}]`:                                                                      true,
	`[]`: false,
	`[{"role":"user","content":"old shape"}]`:                                                        false,
	`[{"role":"user","role":"system","parts":[{"type":"text","content":"a"}]}]`:                      false,
	`[{"role":"user","parts":[{"type":"text","content":""}]}]`:                                       false,
	`[{"role":"user","parts":[{"type":"text","content":"a","extra":1}]}]`:                            false,
	`[{"role":"user","parts":[{"type":"tool_call","id":"1","name":"f","arguments":{}}]}]`:            false,
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
