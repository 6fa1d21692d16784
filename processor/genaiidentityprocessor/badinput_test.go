// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

func zapFile(path string) zap.Field { return zap.String("file", path) }

// Whatever is wrong with a span is stated on it, and the rest of it is stamped.
func TestBadInput(t *testing.T) {
	r := start(t, func(c *Config) { c.Registry = registryIn(t, t.TempDir(), supportFiles) })
	secret := "sk-do-not-log-me"
	for name, test := range map[string]struct {
		attributes map[string]any
		want       map[string]any
		problem    string
	}{
		"malformed messages": {
			attributes: with(chatOf("x"), "gen_ai.input.messages", `[{"role": `+secret+`}]`),
			want:       map[string]any{"spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": "malformed"},
			problem:    "gen_ai.input.messages: malformed_json",
		},
		"messages cut off": {
			attributes: with(chatOf("x"), "gen_ai.input.messages", `[{"role":"system","parts":[{"type":"text","content":"You he`),
			want:       map[string]any{"spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": "malformed"},
			problem:    "gen_ai.input.messages: truncated",
		},
		"tools cut off": {
			attributes: with(chatOf("You help Anna with orders, politely."), "gen_ai.tool.definitions", `[{"type":"function","name":"f`),
			want:       map[string]any{"spanloop.prompt.resolution": "template", "spanloop.toolset.completeness": "truncated"},
			problem:    "gen_ai.tool.definitions: truncated",
		},
		"tokens that are no number": {
			attributes: with(chatOf("You help Anna with orders, politely."), "gen_ai.usage.input_tokens", "many"),
			want:       map[string]any{"spanloop.prompt.resolution": "template"},
			problem:    "gen_ai.usage.input_tokens: wrong_type",
		},
		"a model that is a number": {
			attributes: with(chatOf("You help Anna with orders, politely."), "gen_ai.request.model", 4.5),
			want:       map[string]any{"spanloop.prompt.resolution": "template"},
			problem:    "gen_ai.request.model: wrong_type",
		},
		"a prompt that is a list": {
			attributes: with(chatOf("You help Anna with orders, politely."), "gen_ai.prompt.name", []any{"a"}),
			want:       map[string]any{"spanloop.prompt.resolution": "template", "spanloop.prompt.name": "support"},
			problem:    "gen_ai.prompt.name: wrong_type",
		},
		"a name that climbs": {
			attributes: with(chatOf("x"), "gen_ai.prompt.name", "../../x", "gen_ai.prompt.version", "../y"),
			want:       map[string]any{"gen_ai.prompt.name": "../../x", "gen_ai.prompt.version": "../y", "spanloop.prompt.unresolved_reason": "prompt_unknown"},
		},
		"a name with a NUL": {
			attributes: with(chatOf("x"), "gen_ai.prompt.name", "a\x00b\x1b[31m", "gen_ai.prompt.version", "'; DROP TABLE spans; --"),
			want:       map[string]any{"spanloop.prompt.resolution": "explicit", "spanloop.prompt.unresolved_reason": "prompt_unknown"},
		},
		"an unknown version": {
			attributes: with(chatOf("You help Anna with orders, politely."), "gen_ai.prompt.name", "support", "gen_ai.prompt.version", "v99"),
			want:       map[string]any{"gen_ai.prompt.version": "v99", "spanloop.prompt.resolution": "explicit", "spanloop.prompt.unresolved_reason": "version_unknown"},
		},
		"text that is no UTF-8": {
			attributes: with(chatOf("x"), "gen_ai.prompt.name", "p\xff"),
			want:       map[string]any{"gen_ai.prompt.name": "p\xff", "spanloop.prompt.resolution": "fingerprint"},
		},
		"5 MB of messages": {
			attributes: chatOf(strings.Repeat("five megabytes ", 350_000)),
			want:       map[string]any{"spanloop.prompt.resolution": "fingerprint"},
		},
		"brackets without end": {
			attributes: with(chatOf("x"), "gen_ai.input.messages", strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20)),
			want:       map[string]any{"spanloop.prompt.resolution": "none"},
			problem:    "gen_ai.input.messages: malformed_json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.one(t, test.attributes)
			for key, value := range test.want {
				assert.Equal(t, value, got[key], key)
			}
			for key, value := range test.attributes {
				assert.EqualValues(t, value, got[key], "the original %s stays", key)
			}
			if test.problem == "" {
				assert.NotContains(t, got, "spanloop.problems")
			} else {
				assert.Contains(t, got["spanloop.problems"], test.problem)
			}
		})
	}
	require.NotZero(t, r.logs.FilterMessageSnippet("could not be read").Len())
	for _, entry := range r.logs.All() {
		assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), secret, "values of spans are in no log")
	}
	assert.Positive(t, r.sum(t, "problems", "reason", "malformed_json"))
	assert.Positive(t, r.sum(t, "problems", "reason", "truncated"))
}

// One bad span costs none of those beside it, and a span without ids is stamped
// as far as it goes.
func TestBadSpansBesideGoodOnes(t *testing.T) {
	r := start(t, func(c *Config) { c.Registry = registryIn(t, t.TempDir(), supportFiles) })
	td := ptrace.NewTraces()
	for i := range 100 {
		attributes := chatOf("You help Anna with orders, politely.")
		if i%2 == 1 {
			attributes["gen_ai.input.messages"] = `[{"role":"user","parts":[{`
		}
		span := addSpan(t, td, byte(i), byte(i), attributes)
		switch i % 10 {
		case 2:
			span.SetTraceID(pcommon.TraceID{})
		case 4:
			span.SetSpanID(pcommon.SpanID{})
		case 6:
			span.SetStartTimestamp(0)
		}
	}
	good := 0
	for _, span := range spansOf(r.through(t, td)) {
		if text(span, "spanloop.prompt.resolution") == "template" {
			good++
		}
	}
	assert.Equal(t, 50, good)
}

// A span with more problems than fit names the first of them.
func TestProblemsAreBounded(t *testing.T) {
	attributes := chatOf("x")
	for i := range 200 {
		attributes[fmt.Sprintf("llm.tools.%d.tool.json_schema", i)] = `{"name":`
		attributes[fmt.Sprintf("llm.tools.%d.%s", i, strings.Repeat("n", 1000))] = "x"
	}
	attributes["openinference.span.kind"] = "LLM"
	list, _ := start(t, nil).one(t, attributes)["spanloop.problems"].([]any)
	assert.NotEmpty(t, list)
	assert.LessOrEqual(t, len(list), maxProblems)
	for _, problem := range list {
		assert.LessOrEqual(t, len(problem.(string)), maxProblemBytes+40)
	}
}
