// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math/rand/v2"
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
	valid := func(s string) bool {
		same, ok := known.known(0, s)
		require.Equal(t, s, same)
		return ok
	}
	for range 3 {
		assert.True(t, valid(good))
		assert.False(t, valid(bad), "of the size of a valid one")
		assert.True(t, valid("short"))
		assert.False(t, valid("short\xff"))
	}
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
func TestWalkProvesKeys(t *testing.T) {
	invalid := pcommon.NewMap()
	invalid.PutInt("a", 1)
	invalid.PutInt("\xff", 1)
	long, many := pcommon.NewMap(), pcommon.NewMap()
	long.PutInt("a", 1)
	long.PutInt(strings.Repeat("b", maxLayoutKey+1), 1)
	for i := range maxKnownKeys + 5 {
		many.PutInt(strconv.Itoa(i), 1)
	}
	var m rowMemory
	for i, c := range []struct {
		keys pcommon.Map
		want bool
	}{
		{keysOf(t, "a", "b"), true},
		{keysOf(t, "a", "b"), true},
		{keysOf(t, "a", "a"), false},
		{keysOf(t, "a", "b"), true},
		{keysOf(t, "b", "a"), true},
		{keysOf(t, "b", "b"), false},
		{invalid, false},
		{invalid, false},
		{long, true},
		{keysOf(t, "a", "b"), true},
		{many, true},
		{many, true},
		{keysOf(t, "a", "b", "c", "d", "e", "f", "g", "h", "i", "a"), false},
		{keysOf(t, "a", "b"), true},
		{keysOf(t), true},
		{keysOf(t, ""), true},
		{keysOf(t, "", ""), false},
	} {
		span := ptrace.NewSpan()
		c.keys.CopyTo(span.Attributes())
		row := m.spans.next()
		r := &spanReading{row: row, span: span}
		require.Equal(t, c.want, m.walk.read(r), "%d", i)
		if !c.want {
			assert.Empty(t, row.attributes)
			continue
		}
		at := 0
		for key := range span.Attributes().All() {
			require.Equal(t, heldAttribute{key, "1"}, row.attributes[at], "%d", i)
			at++
		}
		require.Len(t, row.attributes, at)
		require.Equal(t, strings.Repeat("i", at), r.types)
	}
	m.release()
	for _, chunk := range m.walk.arena.chunks {
		assert.Empty(t, chunk)
	}
}

func TestTextArena(t *testing.T) {
	var a textArena
	random := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		var texts, copies []string
		for i := range 300 {
			text := strings.Repeat(string(rune('a'+i%26)), random.IntN(2*maxArenaText))
			texts = append(texts, text)
			if i%2 == 0 {
				copies = append(copies, a.copy(text))
			} else {
				copies = append(copies, a.keep(append(a.room(), text+text...)))
				texts[i] += text
			}
		}
		require.Equal(t, texts, copies)
		a.reset()
	}
}

func TestPositionsOfLongTexts(t *testing.T) {
	assert.Equal(t, bitSystem, liftIndex["gen_ai.system_instructions"])
	assert.Equal(t, bitTools, liftIndex["gen_ai.tool.definitions"])
}
