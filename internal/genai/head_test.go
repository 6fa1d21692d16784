// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHead(t *testing.T) {
	text := `[{"role":"system","parts":[{"type":"text","content":"a ] } \" ,"}]} , {"role":"user","parts":[]},{"role":"assistant","parts":[{"type":"text","content":"c"}]}]`
	for n := range 5 {
		m := MessagesFromJSON(text)
		got, err := m.Head(n)
		require.NoError(t, err)
		assert.False(t, m.parsed && n < 4, "no more is read than was asked for")
		all := MessagesFromJSON(text)
		want, err := all.List()
		require.NoError(t, err)
		assert.Equal(t, len(want[:min(n, 3)]), len(got))
		for i := range got {
			assert.Equal(t, want[i], got[i])
		}
	}
	growing := MessagesFromJSON(text)
	for _, n := range []int{1, 3, 2, 9} {
		got, err := growing.Head(n)
		require.NoError(t, err)
		assert.Len(t, got, min(n, 3))
	}
	empty := Messages{}
	got, err := empty.Head(3)
	require.NoError(t, err)
	assert.Empty(t, got)
}

// What is broken at the end does not take the beginning away; what is broken at
// the beginning is an error.
func TestHeadOfBrokenHistory(t *testing.T) {
	sound := `{"role":"system","parts":[{"type":"text","content":"a"}]}`
	tail := Messages{text: "[" + sound + `,{"role": broken}]`}
	got, err := tail.Head(1)
	require.NoError(t, err)
	assert.Equal(t, "a", got[0].Text())
	_, err = tail.Head(2)
	require.ErrorIs(t, err, ErrMalformed)
	for _, text := range []string{`[{"role": broken},` + sound + "]", "[" + sound, "[" + sound + " " + sound + "]", "[,", "[[]", "{}}", "[" + sound + "}"} {
		m := Messages{text: text}
		_, err := m.Head(1)
		assert.ErrorIs(t, err, ErrMalformed, text)
	}
}

// FuzzHead: the beginning of a history is that of the whole, where that can be
// read at all.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		`[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, `[{"role":"a","parts":[]},{"role":"b","parts":[]}]`, `[ ]`, `[[{"role":"user"}]]`,
		`["text"]`, `{"messages":[]}`, `[{"parts":[]},null,{}]`, `[{"a":"]"},]`,
	} {
		f.Add(seed, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		whole, part := Messages{text: text}, Messages{text: text}
		want, err := whole.List()
		got, headErr := part.Head(int(n))
		if err != nil {
			return
		}
		if headErr != nil {
			t.Fatalf("%q: %v", text, headErr)
		}
		if want = want[:min(int(n), len(want))]; len(want) != len(got) || len(got) > 0 && !reflect.DeepEqual(want, got) {
			t.Fatalf("%q: %+v, whole %+v", text, got, want)
		}
	})
}

func BenchmarkHeadOf200Messages(b *testing.B) {
	var text strings.Builder
	text.WriteString(`[{"role":"system","parts":[{"type":"text","content":"You help."}]}`)
	for i := range 200 {
		fmt.Fprintf(&text, `,{"role":"user","parts":[{"type":"text","content":"Question %d"}]}`, i)
	}
	text.WriteString("]")
	b.ReportAllocs()
	for b.Loop() {
		m := MessagesFromJSON(text.String())
		if list, err := m.Head(1); err != nil || len(list) != 1 {
			b.Fatal(err)
		}
	}
}
