// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/wire"
)

// whole is a span of any instrumentation that lost as little as such a span can.
func whole() recording {
	return recording{body: chatBody("You help."), answer: chatAnswer("alias", `{"id":"17"}`), plain: true}
}

func set(key, value string) func(pcommon.Map) {
	return func(a pcommon.Map) { a.PutStr(key, value) }
}

// history replaces the input messages.
func history(messages string) func(pcommon.Map) {
	return set("gen_ai.input.messages", messages)
}

const user = `{"role":"user","parts":[{"type":"text","content":"q"}]},`

// damages are what can be wrong with a span: each must be found, and none on a
// whole span.
var damages = []struct {
	id       string
	severity wire.Severity
	edit     func(pcommon.Map)
}{
	{"no-input", wire.Error, func(a pcommon.Map) { a.Remove("gen_ai.input.messages") }},
	{"content-malformed", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"cut o`)},
	{"truncated", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"a long story [TRUNCATED]"}]}]`)},
	{"truncated", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"a long story... (truncated)"}]}]`)},
	{"truncated", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"a story (120 more characters omitted)"}]}]`)},
	{"truncated", wire.Warning, history(`[{"role":"user","parts":[{"type":"text","content":"he said [...] and left"}]}]`)},
	{"length-at-limit", wire.Warning, history(`[{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("x", 1024) + `"}]}]`)},
	{"length-at-limit", wire.Warning, func(a pcommon.Map) {
		text := `[{"role":"user","parts":[{"type":"text","content":"%s"}]}]`
		a.PutStr("gen_ai.input.messages", fmt.Sprintf(text, strings.Repeat("x", 4096-len(text)+2)))
	}},
	{"redacted", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"I am [REDACTED]"}]}]`)},
	{"redacted", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"write to <EMAIL_1>"}]}]`)},
	{"redacted", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"write to <EMAIL_ADDRESS>"}]}]`)},
	{"redacted", wire.Error, history(`[{"role":"user","parts":[{"type":"text","content":"card ************1234"}]}]`)},
	{"tool-id-missing", wire.Error, history(`[` + user + `{"role":"assistant","parts":[{"type":"tool_call","name":"find","arguments":{}}]}]`)},
	{"tool-result-without-call", wire.Error, history(`[` + user + `{"role":"tool","parts":[{"type":"tool_call_response","id":"c9","response":"x"}]}]`)},
	{"tool-id-duplicate", wire.Error, history(`[` + user + `{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"find","arguments":{}},{"type":"tool_call","id":"c","name":"find","arguments":{}}]},
		{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"x"}]}]`)},
	{"tool-call-unanswered", wire.Warning, history(`[` + user + `{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"find","arguments":{}}]}]`)},
	{"arguments-reencoded", wire.Warning, history(`[` + user + `{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"find","arguments":{"a":1}}]},
		{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"x"}]}]`)},
	{"tools-missing", wire.Error, func(a pcommon.Map) { a.Remove("gen_ai.tool.definitions") }},
	{"tools-missing", wire.Warning, func(a pcommon.Map) {
		a.Remove("gen_ai.tool.definitions")
		a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"Done."}],"finish_reason":"stop"}]`)
		history(`[` + user + `{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"find","arguments":"{}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"x"}]}]`)(a)
	}},
	{"tool-incomplete", wire.Warning, set("gen_ai.tool.definitions", `[{"type":"function","name":"find"}]`)},
	{"output-schema-unknown", wire.Warning, set("gen_ai.output.type", "json")},
	{"temperature-unknown", wire.Warning, func(a pcommon.Map) { a.Remove("gen_ai.request.temperature") }},
	{"system-twice", wire.Warning, set("gen_ai.system_instructions", `[{"type":"text","content":"other"}]`)},
	{"model-missing", wire.Error, func(a pcommon.Map) { a.Remove("gen_ai.request.model") }},
	{"model-alias", wire.Warning, set("gen_ai.response.model", "m-2026-01-01")},
	{"several-choices", wire.Info, func(a pcommon.Map) { a.PutInt("gen_ai.request.choice.count", 3) }},
	{"seed", wire.Info, func(a pcommon.Map) { a.PutInt("gen_ai.request.seed", 3) }},
	{"cache", wire.Info, func(a pcommon.Map) { a.PutInt("gen_ai.usage.cache_read.input_tokens", 10) }},
	{"streamed", wire.Info, func(a pcommon.Map) { a.PutBool("gen_ai.request.stream", true) }},
	{"server-tool", wire.Warning, set("gen_ai.tool.definitions", `[{"type":"web_search","name":"web"}]`)},
	{"remote-content", wire.Warning, history(`[{"role":"user","parts":[{"type":"uri","modality":"image","mime_type":"image/png","uri":"https://example.org/a.png"}]}]`)},
	{"file-reference", wire.Warning, history(`[{"role":"user","parts":[{"type":"file","file":{"file_id":"file-1"}}]}]`)},
	{"recorded-error", wire.Warning, set("error.type", "timeout")},
	{"recorded-cut", wire.Warning, func(a pcommon.Map) {
		a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("length")
	}},
	{"no-output", wire.Warning, func(a pcommon.Map) {
		a.Remove("gen_ai.output.messages")
		a.Remove("gen_ai.response.finish_reasons")
	}},
	{"hash-malformed", wire.Error, set("spanloop.request.sha256", "abc")},
	{"hash-mismatch", wire.Error, set("spanloop.request.sha256", strings.Repeat("ab", 32))},
	{"residual-unusable", wire.Warning, set("spanloop.request.residual", `{"/nowhere/at/all":1}`)},
}

func TestDamagesAreFound(t *testing.T) {
	clean := noteIDs(planned(t, nil, whole(), Changes{}).Notes)
	for i, d := range damages {
		call := whole()
		call.edit = d.edit
		notes := planned(t, nil, call, Changes{}).Notes
		found := withID(notes, d.id)
		if assert.NotEmpty(t, found, "%d %s: %v", i, d.id, notes) {
			assert.Equal(t, d.severity, found[0].Severity, d.id)
		}
		assert.NotContains(t, clean, d.id, "a false alarm")
	}
	assert.ElementsMatch(t, []string{"no-hash", "dialect-guessed", "tool-choice-unknown", "prompt-not-found"}, clean,
		"a whole span of another instrumentation gets only what is true of all of them")
}

// Text that prompts are full of is no damage.
func TestMarksThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"Answer in <name> and <address> tags.": "", "a redacted document": "", "******\nRules\n******": "", "****** RULES ******": "",
		"**bold** and ***both***": "", "* one\n* two": "", "see [1] and [note]": "", "x ** 2": "",
		"card ************1234": "************", "************1234": "************", "password: ********": "********", "I am ******** of": "********",
		"<PERSON> lives in <LOCATION>": "<PERSON>", "[FILTERED]": "[FILTERED]", "[redacted by policy 7]": "[redacted by policy 7]", "<US_SSN>": "<US_SSN>", "<IP_ADDRESS_2>": "<IP_ADDRESS_2>",
	} {
		mark := redactMarks.FindString(text)
		if mark == "" {
			mark = masked(text)
		}
		assert.Equal(t, want, mark, text)
	}
}

func TestProvedSpansRaiseNoDoubts(t *testing.T) {
	call := whole()
	call.plain = false
	assert.Equal(t, []string{"prompt-not-found"}, noteIDs(planned(t, nil, call, Changes{}).Notes))
	// A marker that stood in the request that was sent is no damage.
	call.body = chatBody("Write [REDACTED] for names. [truncated]")
	assert.Equal(t, []string{"prompt-not-found"}, noteIDs(planned(t, nil, call, Changes{}).Notes))
}

func TestDamagesOfOneProvider(t *testing.T) {
	anthropic := recording{
		dialect: wire.AnthropicMessages, answer: `{"id":"msg_1","type":"message","role":"assistant","model":"alias","stop_reason":"end_turn","content":[{"type":"text","text":"x"}]}`,
		body: `{"model":"alias","max_tokens":9,"temperature":1,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"c2ln"},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]}`,
	}
	ids := noteIDs(planned(t, nil, anthropic, Changes{}).Notes)
	assert.Contains(t, ids, "thinking-bound")
	assert.NotContains(t, ids, "thinking-unsigned")
	plain := anthropic
	plain.plain = true
	ids = noteIDs(planned(t, nil, plain, Changes{}).Notes)
	assert.Contains(t, ids, "thinking-unsigned", "semantic conventions drop the signature")
	assert.NotContains(t, ids, "max-tokens-missing")
	plain.edit = func(a pcommon.Map) { a.Remove("gen_ai.request.max_tokens") }
	plan := planned(t, nil, plain, Changes{})
	assert.Contains(t, noteIDs(plan.Notes), "max-tokens-missing")
	assert.True(t, plan.Refused())

	state := anthropic
	state.body = `{"model":"alias","max_tokens":9,"container":"c-1","mcp_servers":[{"url":"https://example.org"}],"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]}`
	ids = noteIDs(planned(t, nil, state, Changes{}).Notes)
	assert.Subset(t, ids, []string{"stateful", "server-tool", "file-reference"}, "also when the request is proved")
}

func TestErrorsComeFirstAndAreBounded(t *testing.T) {
	call := whole()
	var b strings.Builder
	for range 500 {
		b.WriteString(`{"role":"user","parts":[{"type":"text","content":"[redacted] \u001b[2J"}]},`)
	}
	call.edit = func(a pcommon.Map) {
		history("[" + strings.TrimSuffix(b.String(), ",") + "]")(a)
		a.Remove("gen_ai.request.temperature")
	}
	plan := planned(t, nil, call, Changes{})
	require.LessOrEqual(t, len(plan.Notes), 130)
	rank := map[wire.Severity]int{wire.Error: 0, wire.Warning: 1, wire.Info: 2}
	for i := range plan.Notes[1:] {
		assert.LessOrEqual(t, rank[plan.Notes[i].Severity], rank[plan.Notes[i+1].Severity])
	}
}

// Scripts match on the ids of findings: docs/replay.md has to list all.
func TestEveryFindingIsDocumented(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "replay.md"))
	require.NoError(t, err)
	made := regexp.MustCompile(`(?:\.(?:add|note)\(wire\.\w+, |wire\.Note\{ID: |Note\w+ += )"([a-z-]+)"`)
	ids := map[string]bool{}
	for _, folder := range []string{".", filepath.Join("..", "wire")} {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, file := range sources {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range made.FindAllStringSubmatch(string(text), -1) {
				ids[match[1]] = true
			}
		}
	}
	require.Greater(t, len(ids), 40)
	for id := range ids {
		if id != "content-" {
			assert.Contains(t, string(docs), "`"+id+"`")
		}
	}
	for _, d := range damages {
		assert.Contains(t, string(docs), "`"+d.id+"`")
	}
}

func TestQuoteBoundsTextOfSpans(t *testing.T) {
	assert.Equal(t, `"a\x1b[2J"`, quote("a\x1b[2J"))
	assert.Less(t, len(quote(strings.Repeat("é", 1000))), 200)
}
