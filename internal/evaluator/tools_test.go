// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"strings"
)

const citySchema = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":7},` +
	`"unit":{"enum":["C","F"]}},"required":["city"],"additionalProperties":false}`

// treeSchema is recursive: a node holds nodes.
const treeSchema = `{"type":"object","properties":{"name":{"type":"string"},"nodes":{"type":"array","items":{"$ref":"#"}}},"required":["name"]}`

// exponentialSchema visits a value 2^n times.
func exponentialSchema(n int) string {
	var b strings.Builder
	b.WriteString(`{"definitions":{`)
	for i := range n {
		fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]},`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `"d%d":{"type":"object"}},"$ref":"#/definitions/d0"}`, n)
	return b.String()
}

func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
}

var toolArgsCases = []testCase{
	{name: "fits", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `{"city":"Bern","days":3,"unit":"C"}`)}, want: "1 pass"},
	{name: "arguments in a string", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `"{\"city\":\"Bern\"}"`)}, want: "1 pass"},
	{
		name: "missing property", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `{"days":3}`)},
		want: "0 fail: call 1, weather: missing city",
	},
	{
		name: "wrong type, wrong value, unexpected property", call: []attribute{
			toolsOffered("weather", citySchema), toolCalls("weather", `{"city":5,"unit":"K","zip":1}`),
		},
		want: "0 fail: call 1, weather: /city: got number, want string; /unit: not one of C, F; unexpected zip",
	},
	{
		name: "outside of its bounds", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `{"city":"Bern","days":8}`)},
		want: "0 fail: call 1, weather: /days: more than 7",
	},
	{
		name: "one of two fits", call: []attribute{
			toolsOffered("weather", citySchema), toolCalls("weather", `{"city":"Bern"}`, "weather", `{"city":null}`),
		},
		want: "0.5 fail: call 2, weather: /city: got null, want string",
	},
	{name: "no arguments where none are needed", call: []attribute{toolsOffered("now", `{"type":"object","properties":{}}`), toolCalls("now", `null`)}, want: "1 pass"},
	{name: "arguments that are no JSON", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `"{city: Bern"`)}, want: "0 fail: call 1, weather: not valid JSON"},
	{name: "not a number", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `"{\"city\":\"x\",\"days\":NaN}"`)}, want: "0 fail: call 1, weather: not valid JSON"},
	{name: "arguments that are an array", call: []attribute{toolsOffered("weather", citySchema), toolCalls("weather", `["Bern"]`)}, want: "0 fail: call 1, weather: got array, want object"},
	{name: "no tool call", call: []attribute{toolsOffered("weather", citySchema), answers("Sunny.")}, want: "n/a"},
	{name: "no answer", call: []attribute{toolsOffered("weather", citySchema)}, want: "n/a"},
	{name: "answer cut off", call: []attribute{toolsOffered("weather", citySchema), text("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"tool_call","na`)}, want: "unscored unknown: the answer on the span cannot be read"},
	{name: "no definitions", call: []attribute{toolCalls("weather", `{}`)}, want: "unscored unknown: no tool definitions on the span"},
	{name: "definitions cut off", call: []attribute{text("gen_ai.tool.definitions", `[{"type":"function","name":"weather","param`), toolCalls("weather", `{}`)}, want: "unscored unknown: the tool definitions on the span cannot be read"},
	{name: "definitions of a wrong type", call: []attribute{number64("gen_ai.tool.definitions", 7), toolCalls("weather", `{}`)}, want: "unscored unknown: the tool definitions on the span cannot be read"},
	{name: "definition without schema", call: []attribute{text("gen_ai.tool.definitions", `[{"type":"function","name":"weather"}]`), toolCalls("weather", `{}`)}, want: "unscored unknown: weather: the definition has no schema"},
	{name: "tool that was not offered", call: []attribute{toolsOffered("weather", citySchema), toolCalls("refund", `{}`)}, want: "unscored unknown: refund: no definition of this tool on the span"},
	{name: "one was not offered, one fits", call: []attribute{toolsOffered("weather", citySchema), toolCalls("refund", `{}`, "weather", `{"city":"x"}`)}, want: "1 pass"},
	{name: "OpenAPI types of Gemini", call: []attribute{
		toolsOffered("weather", `{"type":"OBJECT","properties":{"city":{"type":"STRING","nullable":true}},"required":["city"]}`),
		toolCalls("weather", `{"city":null}`),
	}, want: "1 pass"},
	{name: "draft 2020-12", call: []attribute{
		toolsOffered("point", `{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"at":{"prefixItems":[{"type":"number"},{"type":"number"}],"items":false}}}`),
		toolCalls("point", `{"at":[1,2,3]}`),
	}, want: "0 fail: call 1, point: /at/2: not allowed"},
	{name: "a draft that nobody knows", call: []attribute{
		toolsOffered("weather", `{"$schema":"https://example.com/draft-99","type":"object","required":["city"]}`), toolCalls("weather", `{}`),
	}, want: "0 fail: call 1, weather: missing city"},
	{name: "local reference", call: []attribute{
		toolsOffered("weather", `{"definitions":{"c":{"type":"string"}},"properties":{"city":{"$ref":"#/definitions/c"}}}`), toolCalls("weather", `{"city":1}`),
	}, want: "0 fail: call 1, weather: /city: got number, want string"},
	{name: "recursion over the value", call: []attribute{
		toolsOffered("tree", treeSchema), toolCalls("tree", `{"name":"a","nodes":[{"name":"b","nodes":[{"nodes":[]}]}]}`),
	}, want: "0 fail: call 1, tree: /nodes/0/nodes/0: missing name"},
}

// Schemas and arguments that somebody chose to do harm.
var hostileToolArgsCases = []testCase{
	{name: "reference to the network", call: []attribute{
		toolsOffered("t", `{"$ref":"http://127.0.0.1:9/schema.json"}`), toolCalls("t", `{}`),
	}, want: "unscored unknown: t: schema: a reference leaves the schema"},
	{name: "reference to a file", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`), toolCalls("t", `{}`),
	}, want: "unscored unknown: t: schema: a reference leaves the schema"},
	{name: "schema that names itself elsewhere", call: []attribute{
		toolsOffered("t", `{"$id":"http://127.0.0.1:9/a.json","properties":{"a":{"$ref":"b.json"}}}`), toolCalls("t", `{}`),
	}, want: "unscored unknown: t: schema: a reference leaves the schema"},
	{name: "reference to nothing", call: []attribute{
		toolsOffered("t", `{"$ref":"#/definitions/none"}`), toolCalls("t", `{}`),
	}, want: "unscored unknown: t: schema: a reference or identifier in it cannot be resolved"},
	{name: "cycle", call: []attribute{toolsOffered("t", `{"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"}`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema: the schema refers to itself without end"},
	{name: "paradox", call: []attribute{toolsOffered("t", `{"not":{"$ref":"#"}}`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema: the schema refers to itself without end"},
	{name: "exponential", call: []attribute{toolsOffered("t", exponentialSchema(40)), toolCalls("t", `{"a":1}`)}, want: "unscored unknown: t: the arguments cannot be checked: the schema is too complex for a text of this size"},
	{name: "dynamic reference", call: []attribute{
		toolsOffered("t", `{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicAnchor":"n","properties":{"a":{"$dynamicRef":"#n"}}}`), toolCalls("t", `{"a":{}}`),
	}, want: "unscored unknown: t: schema: dynamic references are not supported"},
	{name: "pattern that explodes", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"pattern":"((a{99}){99}){99}"}}}`), toolCalls("t", `{"a":"a"}`),
	}, want: "unscored unknown: t: schema: not a valid JSON schema: /properties/a/pattern: a pattern is not RE2 syntax"},
	{name: "large pattern", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"pattern":"(a|b|c|d|e|f|g|h){1000}"}}}`), toolCalls("t", `{"a":"a"}`),
	}, want: "unscored unknown: t: schema: not a valid JSON schema: /properties/a/pattern: a pattern is too large"},
	{name: "pattern with backtracking", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"pattern":"(?=x)"}}}`), toolCalls("t", `{"a":"a"}`),
	}, want: "unscored unknown: t: schema: not a valid JSON schema: /properties/a/pattern: a pattern is not RE2 syntax"},
	{name: "type that does not exist", call: []attribute{toolsOffered("t", `{"type":"dict"}`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema: not a valid JSON schema: /type: fits none of the alternatives"},
	{name: "schema that is a text", call: []attribute{toolsOffered("t", `"anything"`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema: not a valid JSON schema: got string, want boolean or object"},
	{name: "schema that is a list", call: []attribute{toolsOffered("t", `[1]`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema: not a valid JSON schema: got array, want boolean or object"},
	{name: "number with a million digits", call: []attribute{toolsOffered("t", `{"properties":{"a":{"minimum":1}}}`), toolCalls("t", `{"a":1e999999}`)}, want: "unscored unknown: t: the arguments cannot be checked: a number is too large to compare"},
	{name: "limit with a million digits", call: []attribute{toolsOffered("t", `{"maximum":1e999999}`), toolCalls("t", `{"a":1}`)}, want: "unscored unknown: t: schema: a number is too large to compare"},
	{name: "deep arguments", call: []attribute{toolsOffered("t", `{"type":"object"}`), toolCalls("t", quoted(nested(5000)))}, want: "unscored unknown: t: the arguments cannot be checked: nests too deep"},
	{name: "recursion deeper than it is worked out", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}`), toolCalls("t", nested(60)),
	}, want: "unscored unknown: t: the arguments cannot be checked: the schema is too complex for a text of this size"},
	{name: "arguments of 5 MB", call: []attribute{toolsOffered("t", `{"type":"object"}`), toolCalls("t", `{"a":"`+strings.Repeat("x", 5<<20)+`"}`)}, want: "unscored unknown: t: the arguments cannot be checked: larger than 512 KiB"},
	{name: "schema of 300 KiB", call: []attribute{toolsOffered("t", `{"description":"`+strings.Repeat("x", 300<<10)+`"}`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema of 307218 bytes is larger than 262144"},
	{name: "schema of 5000 objects", call: []attribute{toolsOffered("t", `{"allOf":[{}`+strings.Repeat(`,{}`, 5000)+`]}`), toolCalls("t", `{}`)}, want: "unscored unknown: t: schema of 5002 objects: at most 4000 are used"},
	{name: "names that control a terminal", call: []attribute{
		toolsOffered("t\x1b[31m\u202e", `{"required":["a\u001b[2J"]}`), toolCalls("t\x1b[31m\u202e", `{}`),
	}, want: "0 fail: call 1, t[31m: missing a[2J"},
	{name: "long names", call: []attribute{
		toolsOffered(strings.Repeat("n", 300), `{"required":["`+strings.Repeat("p", 300)+`"]}`), toolCalls(strings.Repeat("n", 300), `{}`),
	}, want: "0 fail: call 1, " + strings.Repeat("n", 39) + "…: missing " + strings.Repeat("p", 39) + "…"},
	{name: "invalid UTF-8", call: []attribute{
		toolsOffered("t", `{"properties":{"a":{"maxLength":3}}}`), text("gen_ai.output.messages", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"t\",\"arguments\":{\"a\":\"\xff\xfe\xff\xfe\"}}]}]"),
	}, want: "0 fail: call 1, t: /a: longer than 3 characters"},
}

var toolKnownCases = []testCase{
	{name: "known", call: []attribute{toolsOffered("a", `{}`, "b", `{}`), toolCalls("a", `{}`, "b", `{}`)}, want: "1 pass"},
	{name: "unknown tool", call: []attribute{toolsOffered("a", `{}`), toolCalls("b", `{}`)}, want: "0 fail: not offered: b"},
	{name: "one of three", call: []attribute{toolsOffered("a", `{}`), toolCalls("a", `{}`, "x", `{}`, "x", `{}`)}, want: "0.3333333333333333 fail: not offered: x"},
	{name: "names only", call: []attribute{text("gen_ai.tool.definitions", `[{"type":"function","name":"a"}]`), toolCalls("a", `{}`)}, want: "1 pass"},
	{name: "another case", call: []attribute{toolsOffered("Search", `{}`), toolCalls("search", `{}`)}, want: "0 fail: not offered: search"},
	{name: "provider's tool without a name", call: []attribute{text("gen_ai.tool.definitions", `[{"type":"web_search"}]`), toolCalls("browse", `{}`)}, want: "unscored unknown: a tool without a name was offered"},
	{name: "call without a name", call: []attribute{toolsOffered("a", `{}`), toolCalls("", `{}`)}, want: "0 fail: not offered: (no name)"},
	{name: "no definitions", call: []attribute{toolCalls("a", `{}`)}, want: "unscored unknown: no tool definitions on the span"},
	{name: "no call", call: []attribute{toolsOffered("a", `{}`), answers("hi")}, want: "n/a"},
	{name: "answer that is no list", call: []attribute{toolsOffered("a", `{}`), text("gen_ai.output.messages", `{"role":`)}, want: "unscored unknown: the answer on the span cannot be read"},
	{name: "twenty names", call: []attribute{toolsOffered("a", `{}`), toolCalls(strings.Split(strings.TrimSuffix(strings.Repeat("t1,{},t2,{},t3,{},t4,{},t5,{},t6,{},t7,{},", 3), ","), ",")...)}, want: "0 fail: not offered: t1, t2, t3, t4, t5 and 1 more"},
	{name: "more definitions than are read", call: []attribute{toolsOffered("a", `{"description":"`+strings.Repeat("x", 5<<20)+`"}`), toolCalls("a", `{}`)}, want: "unscored unknown: the tool definitions on the span are too large"},
}

func history(messages ...string) attribute {
	return text("gen_ai.input.messages", "["+strings.Join(messages, ",")+"]")
}

const userMessage = `{"role":"user","parts":[{"type":"text","content":"go on"}]}`

var toolCallLoopCases = []testCase{
	{name: "one call", call: []attribute{history(userMessage), toolCalls("a", `{"x":1}`)}, want: "1 pass"},
	{name: "twice", call: []attribute{history(userMessage, callMessage("a", `{"x":1}`)), toolCalls("a", `{"x":1}`)}, want: "2 pass"},
	{
		name: "three times in one conversation",
		call: []attribute{history(userMessage, callMessage("a", `{"x":1,"y":[2]}`), callMessage("a", `{"y": [2.0], "x": 1}`)), toolCalls("a", `"{\"x\":1,\"y\":[2]}"`)},
		want: "3 fail: a was called 3 times with equal arguments",
	},
	{name: "three times in one answer", call: []attribute{toolCalls("a", `{}`, "a", `{}`, "a", `null`)}, want: "3 fail: a was called 3 times with equal arguments"},
	{name: "other arguments", call: []attribute{history(callMessage("a", `{"x":1}`, "a", `{"x":2}`)), toolCalls("a", `{"x":3}`)}, want: "1 pass"},
	{name: "a repeated call of another tool in the past", call: []attribute{history(callMessage("b", `{}`, "b", `{}`, "b", `{}`)), toolCalls("a", `{}`)}, want: "1 pass"},
	{name: "numbers that a float cannot tell apart", call: []attribute{history(callMessage("a", `{"id":9007199254740993}`)), toolCalls("a", `{"id":9007199254740992}`)}, want: "1 pass"},
	{name: "earlier", params: map[string]any{"repeats": 2}, call: []attribute{history(callMessage("a", `{}`)), toolCalls("a", `{}`)}, want: "2 fail: a was called 2 times with equal arguments"},
	{name: "arguments that are no JSON", params: map[string]any{"repeats": 2}, call: []attribute{history(callMessage("a", `"{x"`)), toolCalls("a", `"{x"`)}, want: "2 fail: a was called 2 times with equal arguments"},
	{name: "no history on the span", call: []attribute{toolCalls("a", `{}`)}, want: "1 pass"},
	{name: "history cut off", call: []attribute{text("gen_ai.input.messages", `[{"role":"assistant","parts":[{"type":"tool_call","name":"a","argu`), toolCalls("a", `{}`)}, want: "unscored unknown: the history on the span cannot be read"},
	{name: "no call", call: []attribute{history(callMessage("a", `{}`)), answers("done")}, want: "n/a"},
	{name: "large arguments", params: map[string]any{"repeats": 2}, call: []attribute{
		history(callMessage("a", `{"x":"`+strings.Repeat("y", 100<<10)+`"}`)), toolCalls("a", `{"x":"`+strings.Repeat("y", 100<<10)+`"}`),
	}, want: "2 fail: a was called 2 times with equal arguments"},
}
