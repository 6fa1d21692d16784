// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// rebuilt reads a span with the given attributes and rebuilds its request.
func rebuilt(t testing.TB, dialect string, attributes pcommon.Map) *Request {
	t.Helper()
	span := ptrace.NewSpan()
	attributes.CopyTo(span.Attributes())
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	require.True(t, ok)
	r, err := Rebuild(dialect, call, RecordedOf(span.Attributes()))
	require.NoError(t, err)
	return r
}

var openAIBody = `{"model":"gpt-4o","temperature":0,"messages":[` +
	`{"role":"system","content":"Be <brief> & kind"},` +
	`{"role":"user","content":[{"type":"text","text":"hé","cache_control":{"type":"ephemeral"}}]},` +
	`{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},` +
	`{"role":"tool","tool_call_id":"c1","content":"40 C"}],` +
	`"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{},"a":{}}},"strict":true}}],` +
	`"tool_choice":"required","stream":true,"stream_options":{"include_usage":true},"seed":9007199254740993}`

var anthropicBody = `{"model": "claude-x", "max_tokens": 100, "system": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}], ` +
	`"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [` +
	`{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1.0, "a": 2}}]}, ` +
	`{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": true}]}], ` +
	`"tools": [{"name": "f", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}], "thinking": {"type": "enabled", "budget_tokens": 10}}`

func TestCaptureRebuild(t *testing.T) {
	for dialect, body := range map[string]string{OpenAIChat: openAIBody, AnthropicMessages: anthropicBody} {
		captured, err := Capture(dialect, []byte(body))
		require.NoError(t, err)
		r := rebuilt(t, dialect, captured.Attributes)
		assert.Equal(t, Exact, r.Grade, r.Notes)
		assert.Equal(t, body, string(r.Source))
		assert.Equal(t, captured.SHA256, r.SHA256)
		want, err := jsondoc.ParseString(body)
		require.NoError(t, err)
		assert.True(t, jsondoc.Equal(withoutTransport(want), r.Body))
		assert.Nil(t, r.Body.Member("stream"))
	}
}

func TestResidualHoldsOnlyWhatSpansCannotCarry(t *testing.T) {
	captured, err := Capture(OpenAIChat, []byte(openAIBody))
	require.NoError(t, err)
	assert.JSONEq(t, `{"[]/messages/1/content":null,"/messages/1/content/0/cache_control":{"type":"ephemeral"},
		"/messages/2/content":null,"/tool_choice":"required"}`, captured.Residual)
	captured, err = Capture(AnthropicMessages, []byte(anthropicBody))
	require.NoError(t, err)
	residual, err := jsondoc.ParseString(captured.Residual)
	require.NoError(t, err)
	for _, key := range []string{"/messages/1/content/0/signature", "/messages/2/content/0/is_error", "/thinking", "[]/system", "/system/0/cache_control"} {
		assert.NotNil(t, residual.Member(key), key)
	}
	assert.Equal(t, 5, residual.Len(), captured.Residual)
}

func TestGrades(t *testing.T) {
	captured, err := Capture(OpenAIChat, []byte(openAIBody))
	require.NoError(t, err)
	change := func(edit func(pcommon.Map)) *Request {
		attributes := pcommon.NewMap()
		captured.Attributes.CopyTo(attributes)
		edit(attributes)
		return rebuilt(t, OpenAIChat, attributes)
	}
	assert.Equal(t, Modelled, change(func(a pcommon.Map) { a.Remove("spanloop.request.sha256") }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.PutStr("spanloop.request.sha256", strings.Repeat("0", 64)) }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.PutStr("spanloop.request.sha256", "x") }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.PutStr("spanloop.request.residual", "{") }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.PutStr("spanloop.request.residual", `{"/x/y":1}`) }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.Remove("spanloop.request.residual") }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.PutDouble("gen_ai.request.temperature", 0.1) }).Grade)
	assert.Equal(t, Mismatch, change(func(a pcommon.Map) { a.Remove("gen_ai.input.messages") }).Grade)
	assert.Equal(t, Exact, change(func(a pcommon.Map) { a.PutStr("spanloop.request.sha256", "sha256:"+captured.SHA256) }).Grade)
	broken := change(func(a pcommon.Map) { a.PutStr("spanloop.request.layout", `{"style":"compact","sha256":"00"}`) })
	assert.Equal(t, Exact, broken.Grade)
	assert.Nil(t, broken.Source)
}

// An application without our capture may record the whole request as residual:
// what docs/replay.md shows for other languages.
func TestWholeRequestAsResidual(t *testing.T) {
	document, err := jsondoc.ParseString(openAIBody)
	require.NoError(t, err)
	hash, err := Hash(document)
	require.NoError(t, err)
	attributes := pcommon.NewMap()
	attributes.PutStr("gen_ai.operation.name", "chat")
	attributes.PutStr("gen_ai.request.model", "gpt-4o")
	attributes.PutStr("spanloop.request.sha256", "sha256:"+hash)
	attributes.PutStr("spanloop.request.residual", `{"":`+openAIBody+`}`)
	r := rebuilt(t, OpenAIChat, attributes)
	assert.Equal(t, Exact, r.Grade, r.Notes)
	assert.True(t, jsondoc.Equal(withoutTransport(document), r.Body))
	attributes.PutStr("spanloop.request.residual", `{"":`+strings.Replace(openAIBody, "gpt-4o", "gpt-4", 1)+`}`)
	assert.Equal(t, Mismatch, rebuilt(t, OpenAIChat, attributes).Grade)
	attributes.PutStr("spanloop.request.residual", `{"":7}`)
	assert.Equal(t, Mismatch, rebuilt(t, OpenAIChat, attributes).Grade)
}

func TestResidualWithoutHashThatDoesNotFit(t *testing.T) {
	captured, err := Capture(OpenAIChat, []byte(openAIBody))
	require.NoError(t, err)
	captured.Attributes.Remove("spanloop.request.sha256")
	captured.Attributes.PutStr("spanloop.request.residual", `{"/nowhere/x":1}`)
	r := rebuilt(t, OpenAIChat, captured.Attributes)
	assert.Equal(t, Mismatch, r.Grade)
	assert.True(t, slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Severity == Error }), "and nothing is sent")
}

func TestCaptureWithoutContent(t *testing.T) {
	captured, err := CaptureWith(OpenAIChat, []byte(openAIBody), CaptureOptions{WithoutContent: true})
	require.NoError(t, err)
	for key, value := range captured.Attributes.All() {
		assert.NotContains(t, value.AsString(), "brief", key)
	}
	assert.NotEmpty(t, captured.SHA256)
	assert.Equal(t, Mismatch, rebuilt(t, OpenAIChat, captured.Attributes).Grade)
	assert.NotEmpty(t, captured.KeyValues())
}

func TestCaptureRefuses(t *testing.T) {
	_, err := Capture("gemini.generateContent", []byte(`{}`))
	assert.ErrorIs(t, err, ErrDialect)
	for _, body := range []string{"", "[]", `{"a":`, "\"\xff\""} {
		_, err := Capture(OpenAIChat, []byte(body))
		assert.ErrorIs(t, err, jsondoc.ErrSyntax, body)
	}
	captured, err := Capture(OpenAIChat, []byte(`{"model":"m","messages":[],"model":"n"}`))
	require.NoError(t, err)
	assert.Empty(t, captured.SHA256, "a request with duplicate members has no canonical form")
	assert.Equal(t, Modelled, rebuilt(t, OpenAIChat, captured.Attributes).Grade)
}

// TestCaptureProperty rebuilds generated requests: whatever a client sends, the
// capture proves the rebuilt request equal.
func TestCaptureProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		g := generator{random}
		dialect, body := OpenAIChat, g.request(g.openAIMessage)
		if i%2 == 1 {
			dialect, body = AnthropicMessages, g.request(g.anthropicMessage)
		}
		captured, err := Capture(dialect, []byte(body))
		require.NoError(t, err, body)
		want, err := jsondoc.ParseString(body)
		require.NoError(t, err)
		r := rebuilt(t, dialect, captured.Attributes)
		require.Equal(t, Exact, r.Grade, "%s\n%v", body, r.Notes)
		require.True(t, jsondoc.Equal(r.Body, withoutTransport(want)), body)
		require.Equal(t, body, string(r.Source))

		captured.Attributes.Remove("spanloop.request.sha256")
		require.NotEqual(t, Exact, rebuilt(t, dialect, captured.Attributes).Grade)
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) text() string {
	return g.pick(`"hello"`, `""`, `"é<&>\"q\\"`, `"line\nbreak"`, `"[{\"type\":\"text\",\"text\":\"x\"}]"`, `"None"`, `"{\"a\":1}"`)
}

func (g generator) number() string {
	return g.pick("0", "-1", "1", "0.7", "1.0", "1e-7", "9007199254740993", "123456789.125")
}

func (g generator) value(depth int) string {
	switch g.IntN(6 - min(depth, 3)) {
	case 0:
		return g.text()
	case 1:
		return g.number()
	case 2:
		return g.pick("null", "true", "false")
	case 3:
		return "[" + g.value(depth+1) + "," + g.value(depth+1) + "]"
	}
	return `{"z":` + g.value(depth+1) + `,"a":` + g.value(depth+1) + `}`
}

func (g generator) list(n int, item func() string) string {
	items := make([]string, g.IntN(n+1))
	for i := range items {
		items[i] = item()
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (g generator) request(message func() string) string {
	members := []string{`"messages":` + g.list(5, message)}
	optional := func(name string, value func() string) {
		if g.IntN(3) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, value()))
		}
	}
	optional("model", g.text)
	for _, name := range []string{"temperature", "max_tokens", "max_completion_tokens", "top_p", "seed", "n", "top_k"} {
		optional(name, g.number)
	}
	optional("stop", func() string { return g.pick(`"x"`, `["a","b"]`, `[]`, `null`, `[1]`) })
	optional("stop_sequences", func() string { return g.pick(`["a"]`, `null`) })
	optional("system", func() string {
		return g.pick(g.text(), `[{"type":"text","text":"s"}]`, `[{"type":"text","text":""},{"type":"text","text":"b","x":1}]`, `[]`, "null")
	})
	optional("response_format", func() string {
		return g.pick(`{"type":"json_object"}`, `{"type":"json_schema","json_schema":{}}`, "null")
	})
	optional("tool_choice", func() string { return g.value(1) })
	optional("stream", func() string { return g.pick("true", "false") })
	optional("extra", func() string { return g.value(0) })
	optional("tools", func() string {
		return g.list(3, func() string {
			return g.pick(
				`{"type":"function","function":{"name":"f","description":`+g.text()+`,"parameters":`+g.value(0)+`}}`,
				`{"name":"g","input_schema":`+g.value(0)+`,"cache_control":null}`, `{"type":"custom","name":"h","description":""}`,
				`{"type":"web_search_1","max":1}`, `{"function":{"strict":null}}`, `{}`, `1`, `"f"`, `{"function_declarations":[{"name":"x"},{"name":"y"}]}`)
		})
	})
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}

func (g generator) openAIMessage() string {
	return g.pick(
		`{"role":"system","content":`+g.text()+`}`, `{"content":`+g.text()+`,"role":"user","name":"bob"}`,
		`{"role":"user","content":[{"type":"text","text":`+g.text()+`}]}`,
		`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"http://x","detail":"low"}}]}`,
		`{"role":"assistant","content":null,"refusal":`+g.pick("null", `"no"`)+`}`,
		`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":`+g.text()+`}}]}`,
		`{"role":"assistant","content":"x","reasoning_content":"r","tool_calls":[]}`,
		`{"role":"assistant","function_call":{"name":"f","arguments":"{}"}}`,
		`{"role":"tool","tool_call_id":"1","content":`+g.pick(g.text(), `[{"type":"text","text":"r"}]`, "null")+`}`,
		`{"role":"function","name":"f","content":"r"}`, `{"role":"user"}`, `{}`, `{"role":null,"content":`+g.value(0)+`}`, `"text"`, "1", "[]",
	)
}

func (g generator) anthropicMessage() string {
	part := func() string {
		return g.pick(`{"type":"text","text":`+g.text()+`}`, `{"type":"tool_use","id":"1","name":"f","input":`+g.value(0)+`}`,
			`{"type":"tool_result","tool_use_id":"1","content":`+g.value(0)+`,"is_error":false}`, `{"type":"tool_result","tool_use_id":"2"}`,
			`{"type":"thinking","thinking":"h","signature":"s"}`, `{"type":"redacted_thinking","data":"x"}`,
			`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}`, `{"type":"server_tool_use","id":"1"}`, `{"text":"x"}`, `{}`, `null`)
	}
	return g.pick(`{"role":"user","content":`+g.text()+`}`, `{"role":`+g.pick(`"user"`, `"assistant"`)+`,"content":`+g.list(4, part)+`}`)
}

func FuzzCapture(f *testing.F) {
	f.Add(true, openAIBody)
	f.Add(false, anthropicBody)
	f.Add(false, `{"messages":[{"role":"user","content":[[]]}],"system":[1]}`)
	f.Fuzz(func(t *testing.T, openAI bool, body string) {
		dialect := AnthropicMessages
		if openAI {
			dialect = OpenAIChat
		}
		captured, err := Capture(dialect, []byte(body))
		if err != nil {
			return
		}
		r := rebuilt(t, dialect, captured.Attributes)
		want, err := jsondoc.ParseString(body)
		require.NoError(t, err)
		same := jsondoc.Equal(r.Body, withoutTransport(want))
		if captured.SHA256 == "" {
			require.NotEqual(t, Exact, r.Grade)
		} else if !same || r.Grade != Exact {
			t.Fatalf("%s, equal %v: %s\n%s", r.Grade, same, body, r.Body.Text())
		}
	})
}

func FuzzRebuild(f *testing.F) {
	f.Add(true, `[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, `[{"type":"function","name":"f"}]`, `[{"type":"text","content":"s"}]`, `{"/a":1,"-/model":null,"[]/b":null}`, "")
	f.Add(false, `[{"role":"tool","parts":[{"type":"tool_call_response","id":"1","response":{}}]}]`, `{}`, `x`, `{"/messages/0":1}`, `{"style":"compact"}`)
	f.Fuzz(func(t *testing.T, openAI bool, input, tools, system, residual, layout string) {
		dialect := AnthropicMessages
		if openAI {
			dialect = OpenAIChat
		}
		attributes := pcommon.NewMap()
		attributes.PutStr("gen_ai.request.model", "m")
		attributes.PutStr("gen_ai.input.messages", input)
		attributes.PutStr("gen_ai.tool.definitions", tools)
		attributes.PutStr("gen_ai.system_instructions", system)
		attributes.PutStr("spanloop.request.residual", residual)
		attributes.PutStr("spanloop.request.layout", layout)
		r := rebuilt(t, dialect, attributes)
		require.NotEqual(t, Exact, r.Grade, "exact without a hash")
		_, err := jsondoc.Parse(r.Body.Bytes())
		require.NoError(t, err, "the body is JSON: %q", r.Body.Text())
		Texts(dialect, r.Body)
	})
}

func BenchmarkCapture(b *testing.B) {
	for b.Loop() {
		if _, err := Capture(OpenAIChat, []byte(openAIBody)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRebuild(b *testing.B) {
	captured, err := Capture(OpenAIChat, []byte(openAIBody))
	require.NoError(b, err)
	for b.Loop() {
		rebuilt(b, OpenAIChat, captured.Attributes)
	}
}
