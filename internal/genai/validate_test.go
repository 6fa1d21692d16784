// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestLikelyJSONRefusesWhatIsNoJSON(t *testing.T) {
	for _, text := range []string{
		"", "text", `"[]"`, `[`, `{"a":1`, `[{"a":"cut o`, `[}`, `{"a":[1}]`, `[]]`, `[{]}`,
		`{"type": function}`, `{type: "function"}`, `[{"content":"bad "quotes" inside"}]`, `['single']`,
		`[{"a":tru}]`, `[undefined]`, `[NaN]`, "[\x00]", `{"a":"b" "c":"d"}`,
	} {
		assert.False(t, likelyJSON(text), text)
		assert.False(t, ValidJSON(text) && looksClosed(text), "%s is JSON", text)
	}
	for _, text := range []string{
		`[]`, ` {} `, `{"a":[1,-2.5e+3,true,false,null,"x\"y\\"],"b":{"c":""}}`, strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		assert.True(t, likelyJSON(text), text)
	}
}

// What is refused is never JSON: a good span must not be called malformed.
func FuzzLikelyJSON(f *testing.F) {
	for _, seed := range []string{`[{"role":"user","parts":[]}]`, `{"a":1e5,"b":[null,"\u00e9\""]}`, `[,]`, `[tru`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if looksClosed(text) && ValidJSON(text) && !likelyJSON(text) {
			t.Errorf("valid JSON was refused: %q", text)
		}
	})
}

// Content that was glued together is a stated problem, although its beginning
// and its end look right.
func TestMalformedContentIsAProblem(t *testing.T) {
	for key, text := range map[string]string{
		"gen_ai.input.messages":      `[{"role":"user","parts":[{"type":"text","content":"say "hi" now"}]}]`,
		"gen_ai.output.messages":     `[{"role":"assistant","parts":[{"type":"text",content:"x"}]}]`,
		"gen_ai.system_instructions": `[{"type":"text","content":"be "brief""}]`,
		"gen_ai.tool.definitions":    `{"type": function}`,
	} {
		span := chatSpan()
		span.Attributes().PutStr(key, text)
		call, ok := Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
		assert.True(t, ok)
		assert.Contains(t, call.GlanceAtContent(), Problem{Attribute: key, Reason: ReasonMalformedJSON}, key)
	}
}

func TestSoundContentIsNoProblem(t *testing.T) {
	call, ok := Read(chatSpan(), pcommon.NewInstrumentationScope(), pcommon.NewResource())
	assert.True(t, ok)
	assert.Empty(t, call.GlanceAtContent())
}

func BenchmarkGlanceAtContent12KB(b *testing.B) {
	span, scope, resource := chatSpan(), pcommon.NewInstrumentationScope(), pcommon.NewResource()
	call, _ := Read(span, scope, resource)
	b.ReportAllocs()
	for b.Loop() {
		if len(call.GlanceAtContent()) > 0 {
			b.Fatal("sound content was called malformed")
		}
	}
}
