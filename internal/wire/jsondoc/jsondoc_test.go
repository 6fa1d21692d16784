// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const document = "{ \"b\" : [1, 2.50, 1e3, 9007199254740993],\n\t\"a\": {\"z\": \"<&>\\u00e9\\/\", \"y\": null}, \"t\": true }"

func TestParseKeepsBytes(t *testing.T) {
	v, err := ParseString(document)
	require.NoError(t, err)
	assert.Equal(t, document, v.Text())
	assert.Equal(t, "<&>é/", v.At("/a/z").Str())
	assert.Equal(t, "2.50", v.At("/b/1").Text())
	assert.Nil(t, v.At("/b/4"))
	assert.Nil(t, v.At("/b/01"))
	assert.Equal(t, 3, v.Len())
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "two": "1 2", "comma": "[1,]", "name": "{a:1}", "open": `{"a":[1`, "control": "\"a\nb\"", "escape": `"\x"`,
		"hex": `"\u12g4"`, "zero": "01", "point": "1.", "exponent": "1e", "plus": "+1", "word": "nul", "utf8": "\"\xff\"",
		"deep": strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2),
	} {
		_, err := ParseString(text)
		assert.ErrorIs(t, err, ErrSyntax, name)
	}
}

func TestEdit(t *testing.T) {
	v, err := ParseString(document)
	require.NoError(t, err)
	copied := v.Clone()
	require.NoError(t, v.Set("/a/z", NewString("new \"<é>\"")))
	require.NoError(t, v.Set("/b/-", NewInt(7)))
	require.NoError(t, v.Remove("/b/0"))
	require.NoError(t, v.Set("/c~1d", NewBool(false)))
	assert.Equal(t, `{"b":[2.50,1e3,9007199254740993,7],"a":{"z":"new \"<é>\"","y":null},"t":true,"c/d":false}`, v.Text())
	assert.Equal(t, document, copied.Text(), "a clone is not edited")
	for _, pointer := range []string{"", "x", "/b/9", "/t/x", "/q/r"} {
		assert.ErrorIs(t, v.Set(pointer, NewNull()), ErrPointer, pointer)
	}
	assert.ErrorIs(t, v.Remove("/none"), ErrPointer)
	assert.ErrorIs(t, v.Remove("/b/9"), ErrPointer)
	require.NoError(t, v.Splice("/b", 1, 3, NewString("x")))
	assert.Equal(t, `[2.50,"x",7]`, v.At("/b").Text())
	assert.ErrorIs(t, v.Splice("/b", 2, 9), ErrPointer)
}

func TestDuplicates(t *testing.T) {
	v, err := ParseString(`{"a":1,"b":{"c":1,"c":2},"a":3}`)
	require.NoError(t, err)
	assert.Equal(t, []string{"/b/c", "/a"}, v.Duplicates())
	assert.Equal(t, "3", v.Member("a").Text())
	_, err = v.Canonical()
	assert.ErrorIs(t, err, ErrNotCanonical)
	assert.Equal(t, `{"a":1,"b":{"c":1,"c":2},"a":3}`, v.Text())
}

func TestCanonical(t *testing.T) {
	for source, want := range map[string]string{
		`{"b":1.0,"a":1e2}`:      `{"a":100,"b":1}`,
		`["\u00e9\/<", 0.1]`:     `["é/<",0.1]`,
		`{"n":9007199254740993}`: `{"n":"number:9007199254740993"}`,
	} {
		v, err := ParseString(source)
		require.NoError(t, err)
		got, err := v.Canonical()
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	v, err := ParseString(`"\ud800"`)
	require.NoError(t, err)
	_, err = v.Canonical()
	assert.ErrorIs(t, err, ErrNotCanonical)
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1e0}`, true},
		{`"\u0041"`, `"A"`, true},
		{`"\ud800"`, `"\ud801"`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1,"a":2}`, `{"a":2,"a":2}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`null`, `false`, false},
		{`true`, `false`, false},
	} {
		a, err := ParseString(c.a)
		require.NoError(t, err)
		b, err := ParseString(c.b)
		require.NoError(t, err)
		assert.Equal(t, c.want, Equal(a, b), "%s %s", c.a, c.b)
		assert.Equal(t, c.want, Equal(b, a), "%s %s", c.b, c.a)
	}
	assert.True(t, Equal(nil, nil))
	assert.False(t, Equal(nil, NewNull()))
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{`{"a":1,"b":2}`, `{"b":2,"a":1.0}`, nil},
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, []string{"/a 1 -", "/b 2 3", "/c - 4"}},
		{`[1,2,3]`, `[1,9,3]`, []string{"/1 2 9"}},
		{`[1,2,3]`, `[1,8,9,3]`, []string{"/1 2 -", "/1 - 8", "/2 - 9"}},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":2}]}`, []string{"/a/0/b 1 2"}},
		{`1`, `2`, []string{" 1 2"}},
	} {
		a, err := ParseString(c.a)
		require.NoError(t, err)
		b, err := ParseString(c.b)
		require.NoError(t, err)
		var got []string
		for _, change := range Diff(a, b) {
			show := func(v *Value) string {
				if v == nil {
					return "-"
				}
				return v.Text()
			}
			got = append(got, change.Pointer+" "+show(change.Before)+" "+show(change.After))
		}
		assert.Equal(t, c.want, got, "%s %s", c.a, c.b)
	}
}

func TestFormat(t *testing.T) {
	value := map[string]any{"a": []any{1, "é<\u2028>", map[string]any{}}, "b": []any{}}
	compact, err := json.Marshal(value)
	require.NoError(t, err)
	v, err := Parse(compact)
	require.NoError(t, err)
	assert.Equal(t, string(compact), string(v.Format(Style{Comma: ",", Colon: ":", Escape: EscapeHTML})))
	indented, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	assert.Equal(t, string(indented), string(v.Format(Style{Comma: ",", Colon: ": ", Indent: "  ", Escape: EscapeHTML})))
	assert.Equal(t, `{"a": [1, "\u00e9<\u2028>", {}], "b": []}`, string(v.Format(Style{Comma: ", ", Colon: ": ", Escape: EscapeASCII})))
	emoji, err := ParseString(`"😀"`)
	require.NoError(t, err)
	assert.Equal(t, `"\ud83d\ude00"`, string(emoji.Format(Style{Escape: EscapeASCII})))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{document, `{"a":1,"a":2}`, `[[[]]]`, `"\ud800\u0041"`, `-0.0e-7`, `{"":{"":0}}`, "[", `{"a":}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseString(text)
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(text)), "accepts what is no JSON")
		assert.Equal(t, strings.Trim(text, " \t\r\n"), v.Text())
		again, err := Parse(v.Format(Compact))
		require.NoError(t, err)
		if !strings.Contains(text, `\u`) {
			assert.True(t, Equal(v, again))
		}
		if a, err := v.Canonical(); err == nil {
			b, err := again.Canonical()
			require.NoError(t, err)
			assert.Equal(t, string(a), string(b))
		}
		assert.Empty(t, Diff(v, v.Clone()))
	})
}
