// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire"
)

// answered makes the call of an answer: "f{...}" lines are tool calls, others
// text; the last line is the finish reason.
func answered(t *testing.T, lines ...string) *genai.Call {
	t.Helper()
	var calls []string
	text := "null"
	for i, l := range lines[:len(lines)-1] {
		if name, arguments, found := strings.Cut(l, "{"); found {
			calls = append(calls, fmt.Sprintf(`{"id":"c%d","type":"function","function":{"name":%q,"arguments":%s}}`, i, name, quoted("{"+arguments)))
			continue
		}
		text = quoted(l)
	}
	tools := ""
	if len(calls) > 0 {
		tools = `,"tool_calls":[` + strings.Join(calls, ",") + `]`
	}
	r, err := wire.ParseResponse(wire.OpenAIChat, 200, []byte(fmt.Sprintf(
		`{"id":"x","model":"m","choices":[{"index":0,"finish_reason":%q,"message":{"role":"assistant","content":%s%s}}]}`, lines[len(lines)-1], text, tools)))
	require.NoError(t, err)
	return r.Call
}

func TestDiverge(t *testing.T) {
	list := func(lines ...string) []string { return lines }
	for _, c := range []struct {
		name          string
		before, after []string
		want          Divergence
	}{
		{"equal calls", list(`f{"a":1}`, "tool_calls"), list(`f{"a": 1}`, "tool_calls"), Divergence{Kind: Identical}},
		{"equal JSON in another order", list(`f{"a":1,"b":2}`, "t"), list(`f{"b":2,"a":1.0}`, "t"), Divergence{Kind: Identical}},
		{"text beside equal calls", list("I look.", `f{"a":1}`, "t"), list(`f{"a":1}`, "t"), Divergence{Kind: Identical}},
		{"equal text", list("Hi ", "stop"), list(" Hi", "stop"), Divergence{Kind: Identical}},
		{"other text", list("Hi", "stop"), list("Ho\nho", "stop"), Divergence{Kind: Final, Before: "Hi", After: "Ho ho"}},
		{"text instead of a call", list(`f{"a":1}`, "t"), list("Hi", "stop"), Divergence{Kind: TextVsTool, Before: `f({"a":1})`, After: "Hi"}},
		{"a call instead of text", list("Hi", "stop"), list(`f{"a":1}`, "t"), Divergence{Kind: TextVsTool, Before: "Hi", After: `f({"a":1})`}},
		{"another tool", list(`f{}`, "t"), list(`g{}`, "t"), Divergence{Kind: OtherTool, Before: "f({})", After: "g({})"}},
		{"another argument", list(`f{"x":{"a":[1,2]}}`, "t"), list(`f{"x":{"a":[1,3]}}`, "t"), Divergence{Kind: Arguments, Path: "/x/a/1", Before: "2", After: "3"}},
		{"an argument less", list(`f{"a":1,"b":2}`, "t"), list(`f{"a":1}`, "t"), Divergence{Kind: Arguments, Path: "/b", Before: "2", After: "(absent)"}},
		{"arguments that are no JSON", list(`f{"a":1}`, "t"), list(`f{"a":`, "t"), Divergence{Kind: Arguments, Before: `{"a":1}`, After: `{"a":`}},
		{"another order", list(`f{}`, `g{}`, "t"), list(`g{}`, `f{}`, "t"), Divergence{Kind: Order, Before: "f({})", After: "g({})"}},
		{"one more at the end", list(`f{}`, "t"), list(`f{}`, `g{}`, "t"), Divergence{Kind: Extra, Index: 1, After: "g({})"}},
		{"one more before", list(`f{}`, "t"), list(`g{}`, `f{}`, "t"), Divergence{Kind: Extra, After: "g({})"}},
		{"one less at the end", list(`f{}`, `g{}`, "t"), list(`f{}`, "t"), Divergence{Kind: Missing, Index: 1, Before: "g({})"}},
		{"one less before", list(`g{}`, `f{}`, "t"), list(`f{}`, "t"), Divergence{Kind: Missing, Before: "g({})"}},
		{"the second call's argument", list(`f{}`, `g{"a":1}`, "t"), list(`f{}`, `g{"a":2}`, "t"), Divergence{Kind: Arguments, Index: 1, Path: "/a", Before: "1", After: "2"}},
		{"another end", list("Hi", "stop"), list("Hi", "length"), Divergence{Kind: StopReason, Before: "stop", After: "length"}},
	} {
		assert.Equal(t, c.want, Diverge(answered(t, c.before...), answered(t, c.after...)), c.name)
	}
	assert.Equal(t, Divergence{Kind: Unrecorded}, Diverge(&genai.Call{}, answered(t, "Hi", "stop")), "content capture was off")
	failed := &genai.Call{ErrorType: "timeout"}
	assert.Equal(t, Divergence{Kind: Failed, Before: "timeout"}, Diverge(failed, answered(t, "Hi", "stop")))
	assert.Equal(t, Failed, Diverge(answered(t, "Hi", "stop"), failed).Kind)
}

func TestDivergenceIsBounded(t *testing.T) {
	long := `f{"a":"` + strings.Repeat("x\n", 10_000) + `"}`
	d := Diverge(answered(t, strings.ReplaceAll(long, "\n", `\n`), "t"), answered(t, `f{"a":"y"}`, "t"))
	assert.LessOrEqual(t, len([]rune(d.Before)), 120)
	assert.NotContains(t, d.Before, "\n")
	d = Diverge(answered(t, "f{}", "t"), answered(t, `f{"`+strings.Repeat("k", 5000)+`":1}`, "t"))
	assert.LessOrEqual(t, len(d.Path), maxPathBytes)
}
