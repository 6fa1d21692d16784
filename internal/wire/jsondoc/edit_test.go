// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// model is a value as encoding/json sees it; edits on it are plain Go.
type model struct{ root any }

// random makes a small value.
func random(r *rand.Rand, depth int) any {
	switch n := r.IntN(6); {
	case n == 0 && depth > 0:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, random(r, depth-1))
		}
		return list
	case n <= 2 && depth > 0:
		object := map[string]any{}
		for range r.IntN(4) {
			object[[]string{"a", "b", "c/d", "~", "", "é\n"}[r.IntN(6)]] = random(r, depth-1)
		}
		return object
	case n == 3:
		return float64(r.IntN(1000)) / 8
	case n == 4:
		return nil
	}
	return []string{"", "x", "\u2028<&>", "\"\\\n", "😀"}[r.IntN(5)]
}

// pointers lists pointers to all values below v.
func pointers(v any, at string) []string {
	list := []string{}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			list = append(append(list, JoinIndex(at, i)), pointers(item, JoinIndex(at, i))...)
		}
	case map[string]any:
		for name, item := range v {
			list = append(append(list, Join(at, name)), pointers(item, Join(at, name))...)
		}
	}
	slices.Sort(list)
	return list
}

// change rebuilds v with what the pointer leads to replaced, or taken away.
func change(v any, tokens Pointer, value any, remove bool) any {
	if len(tokens) == 0 {
		return value
	}
	switch v := v.(type) {
	case []any:
		i, _ := index(tokens[0], len(v))
		if len(tokens) == 1 && remove {
			return slices.Delete(slices.Clone(v), i, i+1)
		}
		out := slices.Clone(v)
		out[i] = change(v[i], tokens[1:], value, remove)
		return out
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			out[name] = item
		}
		if len(tokens) == 1 && remove {
			delete(out, tokens[0])
			return out
		}
		out[tokens[0]] = change(v[tokens[0]], tokens[1:], value, remove)
		return out
	}
	return v
}

func TestEditsLikeAModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		m := model{map[string]any{"root": random(r, 4)}}
		text, err := json.Marshal(m.root)
		require.NoError(t, err)
		v, err := Parse(text)
		require.NoError(t, err)
		for range 5 {
			all := pointers(m.root, "")
			if len(all) == 0 {
				break
			}
			at := all[r.IntN(len(all))]
			tokens, err := ParsePointer(at)
			require.NoError(t, err)
			if r.IntN(2) == 0 {
				require.NoError(t, v.Remove(at))
				m.root = change(m.root, tokens, nil, true)
			} else {
				value := random(r, 2)
				encoded, err := json.Marshal(value)
				require.NoError(t, err)
				parsed, err := Parse(encoded)
				require.NoError(t, err)
				require.NoError(t, v.Set(at, parsed))
				m.root = change(m.root, tokens, value, false)
			}
			want, err := json.Marshal(m.root)
			require.NoError(t, err)
			require.JSONEq(t, string(want), v.Text(), at)
			again, err := ParseString(v.Pretty())
			require.NoError(t, err)
			require.True(t, Equal(v, again))
		}
	}
}

func TestDiffFindsEveryDifference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		a, b := model{map[string]any{"root": random(r, 3)}}, model{map[string]any{"root": random(r, 3)}}
		x, y := parsed(t, a.root), parsed(t, b.root)
		differences := Diff(x, y)
		require.Equal(t, Equal(x, y), len(differences) == 0)
		for _, d := range differences {
			if d.After == nil {
				require.True(t, Equal(d.Before, x.At(d.Pointer)), d.Pointer)
			} else {
				require.True(t, Equal(d.After, y.At(d.Pointer)), d.Pointer)
			}
		}
	}
}

func parsed(t *testing.T, v any) *Value {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := Parse(text)
	require.NoError(t, err)
	return out
}

func TestPointersThatLeadNowhere(t *testing.T) {
	v, err := ParseString(`{"a":[1,{"b":2}],"s":"x"}`)
	require.NoError(t, err)
	before := v.Text()
	for _, pointer := range []string{"", "a", "/x/y", "/a/01", "/a/+1", "/a/-1", "/a/9", "/a/x", "/s/0", "/a/0/b", "/" + strings.Repeat("a/", 2000)} {
		require.ErrorIs(t, v.Set(pointer, NewNull()), ErrPointer, pointer)
		require.ErrorIs(t, v.Remove(pointer), ErrPointer, pointer)
	}
	require.ErrorIs(t, v.Splice("/s", 0, 0), ErrPointer)
	require.ErrorIs(t, v.Splice("/a", 1, 0), ErrPointer)
	require.ErrorIs(t, v.Splice("/a", 0, 3), ErrPointer)
	assert.Equal(t, before, v.Text(), "a refused edit changes nothing")
	require.NoError(t, v.Set("/a/-", NewInt(3)))
	require.NoError(t, v.Set("/a/3", NewBool(true)))
	require.NoError(t, v.Splice("/a", 0, 1, NewString("first"), NewString("second")))
	assert.Equal(t, `{"a":["first","second",{"b":2},3,true],"s":"x"}`, v.Text())
}

func TestCloneIsIndependent(t *testing.T) {
	v, err := ParseString(`{"a":{"b":[1]}}`)
	require.NoError(t, err)
	c := v.Clone()
	require.NoError(t, c.Set("/a/b/0", NewInt(2)))
	assert.Equal(t, `{"a":{"b":[1]}}`, v.Text())
	assert.Equal(t, `{"a":{"b":[2]}}`, c.Text())
}

func TestNilValuesAreHarmless(t *testing.T) {
	var v *Value
	assert.Equal(t, Null, v.Kind())
	assert.False(t, v.Is(Null))
	assert.Empty(t, v.Str())
	assert.Zero(t, v.Len())
	assert.Nil(t, v.Items())
	assert.Nil(t, v.Members())
	assert.Nil(t, v.Member("a").Member("b").At("/c"))
	assert.Nil(t, v.Clone())
	assert.Equal(t, "null", v.Text())
}

func TestReorder(t *testing.T) {
	v, err := ParseString(`{"a":1,"b":2,"c":3}`)
	require.NoError(t, err)
	names, err := ParseString(`["c","x","a"]`)
	require.NoError(t, err)
	v.Reorder(names)
	assert.Equal(t, `{"c":3,"a":1,"b":2}`, v.Text())
}

func TestHugeDocuments(t *testing.T) {
	text := `{"messages":[` + strings.Repeat(`{"role":"user","content":"`+strings.Repeat("x", 1000)+`"},`, 5000) + `{}]}`
	v, err := ParseString(text)
	require.NoError(t, err)
	require.Len(t, v.Text(), len(text))
	require.NoError(t, v.Set("/messages/4999/content", NewString("y")))
	assert.Equal(t, 5001, v.Member("messages").Len())
	_, err = ParseString(strings.Repeat("[", 1_000_000))
	require.ErrorIs(t, err, ErrSyntax)
	_, err = ParseString(strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1))
	require.ErrorIs(t, err, ErrSyntax)
}

func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"/a/0", "", "/~1~0", "/a/-", "//", "/é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := ParsePointer(text)
		if err != nil {
			return
		}
		joined := ""
		for _, token := range tokens {
			joined = Join(joined, token)
		}
		again, err := ParsePointer(joined)
		require.NoError(t, err)
		require.Equal(t, tokens, again)
		v, err := ParseString(`{"a":[0],"":{"":1}}`)
		require.NoError(t, err)
		if v.Set(text, NewString("new")) == nil && !strings.HasSuffix(text, "/-") {
			require.Equal(t, "new", v.At(text).Str(), fmt.Sprintf("%q", text))
		}
	})
}
