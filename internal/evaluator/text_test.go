// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import "strings"

// fiveMegabytes is an answer of 5 MB without line breaks.
var fiveMegabytes = strings.Repeat("lorem ipsum ", 5<<20/12)

const cutAnswer = `[{"role":"assistant","parts":[{"type":"text","content":"I ca`

const answerUnreadable = "unscored unknown: the answer on the span cannot be read"

// rawAnswer is an answer of one text that holds bytes as they are.
func rawAnswer(content string) attribute {
	return text("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"`+content+`"}]}]`)
}

var containsCases = []testCase{
	{name: "all of them", params: map[string]any{"all": []string{"refund", "14 days"}}, call: []attribute{answers("A refund within 14 days.")}, want: "1 pass"},
	{name: "one missing", params: map[string]any{"all": []string{"refund", "14 days"}}, call: []attribute{answers("A refund.")}, want: `0 fail: "14 days" is missing`},
	{name: "any", params: map[string]any{"any": []string{"yes", "sure"}}, call: []attribute{answers("sure")}, want: "1 pass"},
	{name: "none of any", params: map[string]any{"any": []string{"yes", "sure"}}, call: []attribute{answers("no")}, want: "0 fail: none of the texts occurs"},
	{name: "a forbidden text", params: map[string]any{"none": []string{"guarantee"}}, call: []attribute{answers("We guarantee it.")}, want: `0 fail: "guarantee" occurs`},
	{name: "no forbidden text", params: map[string]any{"none": []string{"guarantee"}}, call: []attribute{answers("We try.")}, want: "1 pass"},
	{name: "case counts", params: map[string]any{"all": []string{"Refund"}}, call: []attribute{answers("refund")}, want: `0 fail: "Refund" is missing`},
	{name: "case does not count", params: map[string]any{"all": []string{"ÉTÉ"}, "ignore_case": true}, call: []attribute{answers("un été")}, want: "1 pass"},
	{name: "two choices", params: map[string]any{"all": []string{"a"}}, call: []attribute{answers("a", "b")}, want: `0.5 fail: choice 2: "a" is missing`},
	{name: "no text", params: map[string]any{"all": []string{"a"}}, call: []attribute{toolCalls("t", "{}")}, want: "n/a"},
	{name: "not a model call", params: map[string]any{"all": []string{"a"}}, call: []attribute{text("gen_ai.operation.name", "execute_tool"), answers("a")}, want: "n/a"},
	{name: "cut off", params: map[string]any{"none": []string{"a"}}, call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
	{name: "of a wrong type", params: map[string]any{"none": []string{"a"}}, call: []attribute{number64("gen_ai.output.messages", 3)}, want: answerUnreadable},
	{name: "5 MB", params: map[string]any{"all": []string{"needle"}, "ignore_case": true}, call: []attribute{answers(fiveMegabytes)}, want: `0 fail: "needle" is missing`},
	{name: "invalid UTF-8", params: map[string]any{"all": []string{"ok"}}, call: []attribute{rawAnswer("\xff\xfeok")}, want: "1 pass"},
	{name: "text that controls a terminal", params: map[string]any{"all": []string{"\x1b[31mred"}}, call: []attribute{answers("blue")}, want: `0 fail: "\x1b[31mred" is missing`},
}

var equalsCases = []testCase{
	{name: "equal", params: map[string]any{"value": "yes"}, call: []attribute{answers(" yes\n")}, want: "1 pass"},
	{name: "differs", params: map[string]any{"value": "yes"}, call: []attribute{answers("yes.")}, want: "0 fail: the answer differs"},
	{name: "case counts", params: map[string]any{"value": "yes"}, call: []attribute{answers("Yes")}, want: "0 fail: the answer differs"},
	{name: "case does not count", params: map[string]any{"value": "STRASSE é", "ignore_case": true}, call: []attribute{answers("strasse É")}, want: "1 pass"},
	{name: "one of four choices", params: map[string]any{"value": "a"}, call: []attribute{answers("b", "a", "c", "d")}, want: "0.25 fail: choice 1: the answer differs"},
	{name: "no text", params: map[string]any{"value": ""}, call: []attribute{answers("")}, want: "n/a"},
	{name: "cut off", params: map[string]any{"value": "a"}, call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
	{name: "5 MB", params: map[string]any{"value": "a"}, call: []attribute{answers(fiveMegabytes)}, want: "0 fail: the answer differs"},
}

var regexCases = []testCase{
	{name: "matches", params: map[string]any{"pattern": `order #\d+`}, call: []attribute{answers("Your order #4711 is on its way.")}, want: "1 pass"},
	{name: "does not match", params: map[string]any{"pattern": `^\d+$`}, call: []attribute{answers("4711.")}, want: "0 fail: the pattern does not match"},
	{name: "must not match", params: map[string]any{"pattern": `\b\d{16}\b`, "not": true}, call: []attribute{answers("4111111111111111")}, want: "0 fail: the pattern matches"},
	{name: "does not, as it must not", params: map[string]any{"pattern": `\b\d{16}\b`, "not": true}, call: []attribute{answers("none")}, want: "1 pass"},
	{name: "exponential with backtracking", params: map[string]any{"pattern": `^(a+)+$`}, call: []attribute{answers(strings.Repeat("a", 100_000) + "!")}, want: "0 fail: the pattern does not match"},
	{name: "5 MB", params: map[string]any{"pattern": `needle`}, call: []attribute{answers(fiveMegabytes)}, want: "0 fail: the pattern does not match"},
	{name: "5 MB and a large pattern", params: map[string]any{"pattern": `(?:lorem|ipsum|dolor){100}`}, call: []attribute{answers(fiveMegabytes)}, want: "unscored unknown: the answer is too large for this pattern"},
	{name: "invalid UTF-8", params: map[string]any{"pattern": `ok`}, call: []attribute{rawAnswer("\xff\xfeok")}, want: "1 pass"},
	{name: "cut off", params: map[string]any{"pattern": `a`, "not": true}, call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
	{name: "no text", params: map[string]any{"pattern": "a"}, want: "n/a"},
}

var isJSONCases = []testCase{
	{name: "JSON", call: []attribute{text("gen_ai.output.type", "json"), answers(` {"a": [1, null]} `)}, want: "1 pass"},
	{name: "JSON in a code fence", call: []attribute{text("gen_ai.output.type", "json"), answers("```json\n{}\n```")}, want: "0 fail: the answer is not valid JSON"},
	{name: "cut JSON", call: []attribute{text("gen_ai.output.type", "json"), answers(`{"a": [1,`)}, want: "0 fail: the answer is not valid JSON"},
	{name: "not a number", call: []attribute{text("gen_ai.output.type", "json"), answers(`{"a": NaN}`)}, want: "0 fail: the answer is not valid JSON"},
	{name: "two values", call: []attribute{text("gen_ai.output.type", "json"), answers(`{} {}`)}, want: "0 fail: the answer is not valid JSON"},
	{name: "nobody asked for JSON", call: []attribute{answers(`{}`)}, want: "n/a"},
	{name: "asked for text", call: []attribute{text("gen_ai.output.type", "text"), answers(`hello`)}, want: "n/a"},
	{name: "every answer", params: map[string]any{"always": true}, call: []attribute{answers(`hello`)}, want: "0 fail: the answer is not valid JSON"},
	{name: "asked for JSON, answered with a tool call", call: []attribute{text("gen_ai.output.type", "json"), toolCalls("t", "{}")}, want: "n/a"},
	{name: "deeper than the quick check goes", call: []attribute{text("gen_ai.output.type", "json"), answers(nested(5000))}, want: "1 pass"},
	{name: "deeper than anybody reads", call: []attribute{text("gen_ai.output.type", "json"), answers(strings.Repeat("[", 1<<20))}, want: "0 fail: the answer is not valid JSON"},
	{name: "5 MB", call: []attribute{text("gen_ai.output.type", "json"), answers(quoted(fiveMegabytes))}, want: "1 pass"},
	{name: "cut off", call: []attribute{text("gen_ai.output.type", "json"), text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
}

var schemaParams = map[string]any{"schema": map[string]any{
	"type": "object", "required": []any{"sentiment"},
	"properties": map[string]any{"sentiment": map[string]any{"enum": []any{"good", "bad"}}},
}}

var jsonSchemaCases = []testCase{
	{name: "fits", params: schemaParams, call: []attribute{answers(`{"sentiment":"good"}`)}, want: "1 pass"},
	{name: "another value", params: schemaParams, call: []attribute{answers(`{"sentiment":"mixed"}`)}, want: "0 fail: /sentiment: not one of good, bad"},
	{name: "schema as text", params: map[string]any{"schema": `{"type":"array"}`}, call: []attribute{answers(`{}`)}, want: "0 fail: got object, want array"},
	{name: "one of two choices", params: schemaParams, call: []attribute{answers(`{"sentiment":"bad"}`, `{}`)}, want: "0.5 fail: choice 2: missing sentiment"},
	{name: "no JSON", params: schemaParams, call: []attribute{answers(`good`)}, want: "0 fail: not valid JSON"},
	{name: "no text", params: schemaParams, call: []attribute{toolCalls("t", "{}")}, want: "n/a"},
	{name: "cut off", params: schemaParams, call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
	{name: "5 MB", params: schemaParams, call: []attribute{answers(quoted(fiveMegabytes))}, want: "unscored unknown: the answer cannot be checked: larger than 512 KiB"},
	{name: "value with a million digits", params: schemaParams, call: []attribute{answers(`{"sentiment":1e-999999}`)}, want: "unscored unknown: the answer cannot be checked: a number is too large to compare"},
	{name: "exponential", params: map[string]any{"schema": exponentialSchema(40)}, call: []attribute{answers(`{}`)}, want: "unscored unknown: the answer cannot be checked: the schema is too complex for a text of this size"},
}

var refusalCases = []testCase{
	{name: "refuses", call: []attribute{answers("I'm sorry, but I can't help with that.")}, want: "1 refused"},
	{name: "typographic apostrophe", call: []attribute{answers("Sorry, I can’t assist with this request.")}, want: "1 refused"},
	{name: "unable", call: []attribute{answers("Unfortunately, I am unable to provide legal advice.")}, want: "1 refused"},
	{name: "must decline", call: []attribute{answers("I must respectfully decline.")}, want: "1 refused"},
	{name: "answers", call: []attribute{answers("Your order is on its way.")}, want: "0 answered"},
	{name: "cannot find is no refusal", call: []attribute{answers("I can't find the order 4711. Could you check the number?")}, want: "0 answered"},
	{name: "not at the beginning", call: []attribute{answers(strings.Repeat("Here is the answer in full. ", 20) + "I can't help with more.")}, want: "0 answered"},
	{name: "quoted refusal of somebody else", call: []attribute{answers("They told the customer that nobody can help.")}, want: "0 answered"},
	{name: "one of two choices", call: []attribute{answers("Done.", "I cannot help with that.")}, want: "0.5 refused: 1 of 2 choices"},
	{name: "the provider says so", call: []attribute{finishReasons("content_filter")}, want: "1 refused: finish reason content_filter"},
	{name: "no text", call: []attribute{toolCalls("t", "{}"), finishReasons("tool_calls")}, want: "n/a"},
	{name: "cut off", call: []attribute{text("gen_ai.output.messages", cutAnswer)}, want: answerUnreadable},
	{name: "5 MB", call: []attribute{answers(fiveMegabytes)}, want: "0 answered"},
	{name: "invalid UTF-8", call: []attribute{rawAnswer("I can't \xffhelp")}, want: "0 answered"},
}
