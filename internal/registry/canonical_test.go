// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The examples of RFC 8785: sections 3.2.2 to 3.2.4 and appendix B.
func TestCanonicalJSONOfRFC8785(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"3.2.2": {
			`{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}`,
			`{"literals":[null,true,false],"numbers":["number:333333333.33333329",1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		},
		"3.2.3 sorting by UTF-16": {
			`{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		},
		"white space and nesting": {" { \"b\" : [ 1 , { \"d\":2,\n\"c\":[] } ] , \"a\" : { } } ", `{"a":{},"b":[1,{"c":[],"d":2}]}`},
		"scalars":                 {`"text"`, `"text"`},
		"control characters":      {`"\b\f\n\r\t\u0000\u001f\u007f"`, `"\b\f\n\r\t\u0000\u001f` + "\x7f\""},
		"no HTML escapes":         {`"<a&b>\u2028"`, "\"<a&b>\u2028\""},
		"escaped key":             {`{"\u0061":1}`, `{"a":1}`},
	} {
		got, err := CanonicalJSON([]byte(test.in))
		require.NoError(t, err, name)
		assert.Equal(t, test.want, string(got), name)
		again, err := CanonicalJSON(got)
		require.NoError(t, err, name)
		assert.Equal(t, string(got), string(again), "%s: canonical already", name)
	}
	// Appendix B: bits of a double and their text.
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x7fefffffffffffff: "1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0x4430000000000000: "295147905179352830000", 0x44b52d02c7e14af5: "9.999999999999997e+22",
		0x44b52d02c7e14af6: "1e+23", 0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef50: "1e+21", 0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7",
		0x3eb0c6f7a0b5ed8d: "0.000001", 0x41b3de4355555553: "333333333.3333332", 0x41b3de4355555555: "333333333.3333333", 0xbecbf647612f3696: "-0.0000033333333333333333",
	} {
		text := strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)
		got, err := CanonicalJSON([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%016x", bits)
	}
}

// Numbers that a double cannot hold keep their digits, so that two of them are
// never one.
func TestCanonicalJSONKeepsNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"9007199254740993": `"number:9007199254740993"`, "9007199254740992": "9007199254740992", "12345678901234567890": `"number:12345678901234567890"`,
		"1.0": "1", "1e2": "100", "1E+2": "100", "-0": "0", "-0.0": "0", "0.1": "0.1", "0.10": "0.1", "1e400": `"number:1e400"`, "-1e-400": `"number:-1e-400"`,
		"1e99999999": `"number:1e99999999"`, "0." + strings.Repeat("0", 500) + "1": `"number:0.` + strings.Repeat("0", 500) + `1"`,
		"0.1000000000000000055": `"number:0.1000000000000000055"`, "100000000000000000000": "100000000000000000000", "4.35": "4.35", "1.7976931348623157e308": "1.7976931348623157e+308",
	} {
		got, err := CanonicalJSON([]byte(in))
		require.NoError(t, err, in)
		assert.Equal(t, want, string(got), in)
		wrapped, err := CanonicalJSON([]byte(`{"a":[` + in + `,"` + in + `"]}`))
		require.NoError(t, err)
		assert.Equal(t, `{"a":[`+want+`,"`+in+`"]}`, string(wrapped), "texts that look like numbers stay texts")
	}
}

func TestCanonicalJSONRefuses(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"a":1,}`, "[1,]", "nul", `"\x"`, "{} {}", "01", "+1", ".5", "1.", "NaN", "'a'", `{"a":1,"a":2}`, "\"\xff\"", `{"a" 1}`} {
		_, err := CanonicalJSON([]byte(text))
		assert.Error(t, err, "%q", text)
	}
}

// The order of keys and the white space make no difference, anything else does.
func TestHashJSONProperty(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(7, 7))}
	seen := map[string]string{}
	for range 3000 {
		value := g.json(3)
		compact, err := json.Marshal(value)
		require.NoError(t, err)
		indented, err := json.MarshalIndent(value, " ", "\t")
		require.NoError(t, err)
		shuffled := g.shuffled(value)
		hash := mustHash(t, string(compact))
		require.Equal(t, hash, mustHash(t, string(indented)))
		require.Equal(t, hash, mustHash(t, shuffled), shuffled)
		if before, ok := seen[hash]; ok {
			require.JSONEq(t, before, string(compact))
		}
		seen[hash] = string(compact)
	}
}

func (g generator) json(depth int) any {
	if depth == 0 {
		return []any{nil, true, g.IntN(5), float64(g.IntN(100)) / 8, "a\n<" + fmt.Sprint(g.IntN(5)), "ü€😀"}[g.IntN(6)]
	}
	if g.IntN(2) == 0 {
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.json(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range g.IntN(5) {
		object[string([]rune{rune('a' + g.IntN(4)), rune(0x20ac + g.IntN(3))}[:1+g.IntN(2)])] = g.json(depth - 1)
	}
	return object
}

// shuffled writes a value with its keys in any order.
func (g generator) shuffled(value any) string {
	switch v := value.(type) {
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, g.shuffled(item))
		}
		return "[ " + strings.Join(parts, " ,") + "]"
	case map[string]any:
		var parts []string
		for key, item := range v {
			parts = append(parts, string(marshal(key))+"\n:"+g.shuffled(item))
		}
		g.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		return "{" + strings.Join(parts, ", ") + "\t}"
	}
	return string(marshal(value))
}

// The identity of a version is a tree of hashes: whatever changes, it changes,
// and the part that changed is known.
func TestContentHashIsATree(t *testing.T) {
	files := func(change map[string]string) map[string]string {
		all := map[string]string{
			one:                             "time: 2026-01-01\nmessages: [{role: system, content: 'Report. {{> tone@1}}'}, {role: user, content: '{{q}}'}]\nparams: {temperature: 0.5, top_p: 1}\nresponse_format: {type: text}\n",
			"partials/tone/versions/1.yaml": "content: 'Be kind. {{> deep@1}}'\n", "partials/deep/versions/1.yaml": "content: Deep.\n",
		}
		for file, text := range change {
			all[file] = strings.NewReplacer("\x00", all[file]).Replace(text)
		}
		return all
	}
	base := load(t, files(nil)).Prompt("p").Latest()
	hashes := map[string]string{base.Hash: "base"}
	for name, change := range map[string]map[string]string{
		"text":            {one: "time: 2026-01-01\nmessages: [{role: system, content: 'Report! {{> tone@1}}'}, {role: user, content: '{{q}}'}]\nparams: {temperature: 0.5, top_p: 1}\nresponse_format: {type: text}\n"},
		"role":            {one: "time: 2026-01-01\nmessages: [{role: developer, content: 'Report. {{> tone@1}}'}, {role: user, content: '{{q}}'}]\nparams: {temperature: 0.5, top_p: 1}\nresponse_format: {type: text}\n"},
		"params":          {one: "time: 2026-01-01\nmessages: [{role: system, content: 'Report. {{> tone@1}}'}, {role: user, content: '{{q}}'}]\nparams: {temperature: 0.6, top_p: 1}\nresponse_format: {type: text}\n"},
		"response format": {one: "time: 2026-01-01\nmessages: [{role: system, content: 'Report. {{> tone@1}}'}, {role: user, content: '{{q}}'}]\nparams: {temperature: 0.5, top_p: 1}\n"},
		"partial":         {"partials/tone/versions/1.yaml": "content: 'Be nice. {{> deep@1}}'\n"},
		"deep partial":    {"partials/deep/versions/1.yaml": "content: Deeper.\n"},
	} {
		v := load(t, files(change)).Prompt("p").Latest()
		assert.Empty(t, hashes[v.Hash], "%s makes another version", name)
		hashes[v.Hash] = name
		_, changes := DiffVersions(base, v)
		if strings.Contains(name, "partial") {
			var changed []string
			for _, c := range changes {
				require.Equal(t, ChangePartial, c.Kind)
				changed = append(changed, c.Path)
			}
			want := []string{"tone"}
			if name == "deep partial" {
				want = []string{"deep", "tone"}
			}
			assert.Equal(t, want, changed, "the part that changed is named")
		} else {
			require.Len(t, changes, 1, name)
		}
	}
	for name, same := range map[string]string{
		"who and when":  "version: '1'\nauthor: ann\nmessage: why\nparent: '0'\n\x00",
		"order of keys": "response_format: {type: text}\nparams: {top_p: 1.0, temperature: 5e-1}\nmessages: [{content: 'Report. {{> tone@1}}', role: system}, {role: user, content: '{{q}}'}]\n",
	} {
		assert.Equal(t, base.Hash, load(t, files(map[string]string{one: same})).Prompt("p").Latest().Hash, name)
	}
}

// The hash of a version is that of its RFC 8785 form as anybody else computes it.
func TestContentHashIsOfCanonicalJSON(t *testing.T) {
	g := generator{newRand(4)}
	for range 500 {
		text := g.value() + hostileTexts[g.IntN(len(hostileTexts))]
		if !utf8.ValidString(text) {
			continue
		}
		messages := []TemplateMessage{{Role: "system", Content: text}, {Role: "user", Content: g.value()}}
		refs := []PartialRef{{"a", "1", "sha256:1"}, {"a", "2", "sha256:1"}, {"b\n", "1", "sha256:2"}}[:g.IntN(4)]
		params, format := json.RawMessage(g.shuffled(map[string]any{"a": g.json(2)})), json.RawMessage(nil)
		if g.IntN(2) == 0 {
			params, format = nil, params
		}
		object := map[string]any{"messages": []any{map[string]any{"role": "system", "content": text}, map[string]any{"role": "user", "content": messages[1].Content}}}
		var partials []any
		for i, ref := range refs {
			if i != 1 {
				partials = append(partials, map[string]any{"name": ref.Name, "hash": ref.Hash})
			}
		}
		for key, value := range map[string]any{"params": params, "response_format": format, "partials": partials} {
			switch v := value.(type) {
			case json.RawMessage:
				if v != nil {
					object[key] = v
				}
			case []any:
				if v != nil {
					object[key] = v
				}
			}
		}
		got, err := contentHash(formatMustache, messages, refs, params, format)
		require.NoError(t, err)
		require.Equal(t, mustHash(t, string(marshal(object))), got, "%s", marshal(object))
		if partials == nil {
			continue
		}
		require.Equal(t, mustHash(t, string(marshal(map[string]any{"content": text, "partials": partials}))), partialContentHash(formatMustache, text, refs))
	}
}
