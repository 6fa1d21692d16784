// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

func TestParseEdit(t *testing.T) {
	for text, want := range map[string]Edit{
		"a=>b":          {"a", "b"},
		"a=>":           {"a", ""},
		"a b => c d":    {"a b ", " c d"},
		"a=>b=>c":       {"a", "b=>c"},
		"x>=1=>x>=2":    {"x>=1", "x>=2"},
		"line\nend=>\n": {"line\nend", "\n"},
	} {
		got, err := ParseEdit(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "a", "=>b", "a=b", "->"} {
		_, err := ParseEdit(text)
		require.ErrorIs(t, err, ErrChange, text)
	}
}

func TestParsePatch(t *testing.T) {
	edits, err := ParsePatch("--- a/prompt\n+++ b/prompt\n@@ -1,3 +1,3 @@\n keep\n-old\n+new\n\n@@ -9 +9,2 @@ heading\n last\n+more\n\\ No newline at end of file\n")
	require.NoError(t, err)
	assert.Equal(t, []Edit{{"keep\nold\n", "keep\nnew\n"}, {"last", "last\nmore"}}, edits)
	windows, err := ParsePatch("@@ -1 +1 @@\r\n-a\r\n+b\r\n")
	require.NoError(t, err)
	assert.Equal(t, []Edit{{"a", "b"}}, windows)
	two, err := ParsePatch("@@ @@\n-a\n+b\ndiff --git x y\n--- x\n+++ y\n@@ @@\n-c\n+d\n")
	require.NoError(t, err)
	assert.Equal(t, []Edit{{"a", "b"}, {"c", "d"}}, two, "headers between hunks are no content")
	for _, text := range []string{"", "no hunk", "-a\n+b", "@@ -0,0 +1 @@\n+only new"} {
		_, err := ParsePatch(text)
		require.ErrorIs(t, err, ErrChange, text)
	}
}

func FuzzParseEdit(f *testing.F) {
	for _, text := range []string{"a=>b", "=>", "a=>b=>c", "\x00=>\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		edit, err := ParseEdit(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, edit.Old)
		require.Equal(t, text, edit.Old+"=>"+edit.New)
	})
}

func FuzzParsePatch(f *testing.F) {
	for _, text := range []string{"@@\n-a\n+b\n", "@@ -1 +1 @@\n x\n\n+y", "--- a\n+++ b\n@@\n", "@@\r\n-\r\n", "@@\n \n @@\n @@"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		edits, err := ParsePatch(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, edits)
		for _, e := range edits {
			require.NotEmpty(t, e.Old, "an edit without a place")
			require.LessOrEqual(t, len(e.Old)+len(e.New), 2*len(text), "nothing is made up")
		}
	})
}

func TestEditsMustMatchOnce(t *testing.T) {
	body := `{"messages":[{"role":"system","content":"a b a"},{"role":"user","content":[{"type":"text","text":"b once"}]},{"role":"user","content":"tail"}]}`
	systems := func(text wire.Text) bool { return text.Role == "system" }
	all := func(wire.Text) bool { return true }
	for _, c := range []struct {
		name  string
		scope func(wire.Text) bool
		edits []Edit
		want  string
		text  string
	}{
		{"once", systems, []Edit{{"b", "c"}}, "", `"content":"a c a"`},
		{"in a part", all, []Edit{{"once", "twice"}}, "", `"text":"b twice"`},
		{"one after the other", systems, []Edit{{"b", "c"}, {"c a", "d"}}, "", `"content":"a d"`},
		{"never", systems, []Edit{{"x", "y"}}, `"x" occurs 0 times`, ""},
		{"twice in a text", systems, []Edit{{"a", "y"}}, `"a" occurs 2 times`, ""},
		{"twice in two texts", all, []Edit{{"b", "y"}}, `"b" occurs 2 times`, ""},
		{"only elsewhere", systems, []Edit{{"tail", "y"}}, "(1 in messages that are not the prompt's)", ""},
		{"overwritten by the first", systems, []Edit{{"b", "c"}, {"b", "d"}}, `"b" occurs 0 times`, ""},
		{"no prompt", func(wire.Text) bool { return false }, []Edit{{"a", "b"}}, "no prompt text", ""},
		{"hostile text is quoted", systems, []Edit{{"\x1b[2Jx", "y"}}, `"\x1b[2Jx" occurs 0`, ""},
	} {
		document, err := jsondoc.ParseString(body)
		require.NoError(t, err)
		_, err = applyEdits(wire.OpenAIChat, document, c.scope, c.edits)
		if c.want != "" {
			require.ErrorIs(t, err, ErrChange, c.name)
			assert.Contains(t, err.Error(), c.want, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		assert.Contains(t, document.Text(), c.text, c.name)
	}
}

func TestTool(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	definition := snapshot.Tool("find").Version("v2").Definition
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Tools: map[string][]byte{"find": definition}})
	assert.Equal(t, "Finds everything.", plan.Treatment.At("/tools/0/function/description").Str())
	assert.Equal(t, "Finds an order.", plan.Control.At("/tools/0/function/description").Str())
	for _, c := range []struct{ name, definition, want string }{
		{"find", `{`, "tool"},
		{"find", `[]`, "array instead of an object"},
		{"find", `{"description":"no name"}`, "with a name is expected"},
		{"other", string(definition), `it offers "find"`},
	} {
		_, err := NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{
			Registry: snapshot, Changes: Changes{Tools: map[string][]byte{c.name: []byte(c.definition)}},
		})
		require.ErrorIs(t, err, ErrChange, c.definition)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestParam(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Params: map[string]string{
		"temperature": "0", "stop_sequences": `["x"]`, "response_format": `{"type":"json_object"}`, "user": "me", "max_tokens": "7",
	}})
	for pointer, want := range map[string]string{
		"/temperature": "0", "/stop": `["x"]`, "/response_format/type": `"json_object"`, "/user": `"me"`, "/max_tokens": "7",
	} {
		assert.Equal(t, want, plan.Treatment.At(pointer).Text(), pointer)
	}
	for _, name := range []string{"messages", "system", "tools", "model", "stream", "stream_options"} {
		_, err := NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Registry: snapshot, Changes: Changes{Params: map[string]string{name: "1"}}})
		require.ErrorIs(t, err, ErrChange, name)
	}
}

func TestWithin(t *testing.T) {
	assert.True(t, within("/a/b", []string{"/x", "/a"}))
	assert.True(t, within("/a", []string{"/a"}))
	assert.False(t, within("/ab", []string{"/a"}))
	assert.False(t, within("/a", []string{"/a/b"}))
	assert.False(t, within("/a", nil))
}

func TestEditsOfHugePrompts(t *testing.T) {
	text := strings.Repeat("word ", 1_000_000)
	document := jsondoc.NewObject().Put("messages", jsondoc.NewArray(wire.NewMessage("system", text+"needle")))
	made, err := applyEdits(wire.OpenAIChat, document, func(wire.Text) bool { return true }, []Edit{{"needle", "thread"}})
	require.NoError(t, err)
	assert.Less(t, len(made[0].Text), 200)
	assert.True(t, strings.HasSuffix(document.At("/messages/0/content").Str(), "thread"))
}
