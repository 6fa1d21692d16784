// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestReadOTel(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "chat with a tool call",
			span: testSpan{name: "chat gpt-4o-mini", attrs: kv{
				"gen_ai.operation.name", "chat",
				"gen_ai.provider.name", "openai",
				"gen_ai.request.model", "gpt-4o-mini",
				"gen_ai.request.temperature", 0.2,
				"gen_ai.request.max_tokens", 256,
				"gen_ai.request.stop_sequences", list{"END", "STOP"},
				"gen_ai.request.stream", true,
				"gen_ai.response.model", "gpt-4o-mini-2024-07-18",
				"gen_ai.response.id", "chatcmpl-1",
				"gen_ai.response.finish_reasons", list{"tool_calls"},
				"gen_ai.response.time_to_first_chunk", 0.25,
				"openai.response.system_fingerprint", "fp_1",
				"gen_ai.usage.input_tokens", 75,
				"gen_ai.usage.output_tokens", 51,
				"gen_ai.usage.cache_read.input_tokens", 10,
				"gen_ai.usage.cache_write.input_tokens", 5,
				"gen_ai.usage.reasoning.output_tokens", 7,
				"gen_ai.system_instructions", `[{"type":"text","content":"Be brief."}]`,
				"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"Rain in Oslo?"}]}]`,
				"gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"weather","arguments":{"b":1.50,"a":9007199254740993}}],"finish_reason":"tool_calls"}]`,
				"gen_ai.tool.definitions", `[{"type":"function","name":"weather","description":"Weather of a city","parameters":{"type":"object"}}]`,
				"gen_ai.prompt.name", "weather-system",
				"gen_ai.prompt.version", "1.4.0",
				"gen_ai.prompt.variable.city", "Oslo",
				"gen_ai.conversation.id", "conv-1",
				"gen_ai.agent.name", "helper",
				"user.id", "u-1",
			}},
			want: `
inference chat, counted [otel]
provider: openai
request model: gpt-4o-mini
response model: gpt-4o-mini-2024-07-18
response id: chatcmpl-1
fingerprint: fp_1
params: {"max_tokens":256,"stop_sequences":["END","STOP"],"stream":true,"temperature":0.2}
usage: in=75 out=51 cache_read=10 cache_write=5 reasoning=7 ttft_ns=250000000
finish: tool_calls
system: [{"type":"text","content":"Be brief."}]
input: [{"role":"user","parts":[{"type":"text","content":"Rain in Oslo?"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"weather","arguments":{"b":1.50,"a":9007199254740993}}],"finish_reason":"tool_calls"}]
tools: [{"type":"function","name":"weather","description":"Weather of a city","parameters":{"type":"object"}}]
prompt: name=weather-system version=1.4.0 source=gen_ai.prompt.name {city=Oslo}
session: conv-1
user: u-1
agent: helper`,
		},
		{
			name: "structured values become JSON in their order",
			span: testSpan{attrs: kv{
				"gen_ai.operation.name", "chat",
				"gen_ai.request.model", "m",
				"gen_ai.input.messages", list{kv{"role", "user", "parts", list{kv{"type", "text", "content", "hi <b> & \"you\""}}}},
				"gen_ai.output.messages", list{kv{"role", "assistant", "parts", list{kv{
					"type", "tool_call", "name", "f", "arguments", kv{"z", 1, "a", 2.5, "m", list{true, none{}}},
				}}}},
				"gen_ai.tool.definitions", list{kv{"type", "function", "name", "f"}},
			}},
			want: `
inference chat, counted [otel]
request model: m
input: [{"role":"user","parts":[{"type":"text","content":"hi <b> & \"you\""}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","name":"f","arguments":{"z":1,"a":2.5,"m":[true,null]}}]}]
tools: [{"type":"function","name":"f"}]`,
		},
		{
			name: "content in the details event of the span",
			span: testSpan{
				attrs: kv{"gen_ai.operation.name", "chat", "gen_ai.request.model", "m"},
				events: []spanEvent{{"gen_ai.client.inference.operation.details", kv{
					"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"a"}]}]`,
					"gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"b"}]}]`,
				}}},
			},
			want: `
inference chat, counted [otel]
request model: m
input: [{"role":"user","parts":[{"type":"text","content":"a"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"b"}]}]`,
		},
		{
			name: "tool execution",
			span: testSpan{name: "execute_tool weather", attrs: kv{
				"gen_ai.operation.name", "execute_tool",
				"gen_ai.tool.name", "weather",
				"gen_ai.tool.call.id", "c1",
				"gen_ai.tool.type", "function",
				"gen_ai.tool.description", "Weather of a city",
				"gen_ai.tool.call.arguments", kv{"city", "Oslo"},
				"gen_ai.tool.call.result", `"cold"`,
			}},
			want: `
tool execute_tool [otel]
execution: weather id=c1 type=function description=Weather of a city arguments={"city":"Oslo"} result=cold`,
		},
		{
			name: "an agent repeats the usage of its calls",
			span: testSpan{name: "invoke_agent helper", attrs: kv{
				"gen_ai.operation.name", "invoke_agent", "gen_ai.agent.name", "helper",
				"gen_ai.usage.input_tokens", 174, "gen_ai.usage.output_tokens", 75,
			}},
			want: `
agent invoke_agent [otel]
usage: in=174 out=75
agent: helper`,
		},
		{
			name: "embeddings and retrieval",
			span: testSpan{attrs: kv{
				"gen_ai.operation.name", "embeddings", "gen_ai.request.model", "text-embedding-3-small", "gen_ai.usage.input_tokens", 6,
				"gen_ai.request.encoding_formats", list{"float"},
			}},
			want: `
embeddings embeddings, counted [otel]
request model: text-embedding-3-small
params: {"encoding_formats":["float"]}
usage: in=6`,
		},
		{
			name: "retrieval",
			span: testSpan{attrs: kv{"gen_ai.operation.name", "retrieval", "gen_ai.retrieval.documents", list{kv{"id", "d1", "score", 0.5}}}},
			want: `
retrieval retrieval [otel]
documents: [{"id":"d1","score":0.5}]`,
		},
		{
			name: "fetching a stored answer is no call",
			span: testSpan{attrs: kv{"gen_ai.operation.name", "fetch_response", "gen_ai.response.id", "resp_1", "gen_ai.request.model", "m", "gen_ai.usage.input_tokens", 3}},
			want: `
other fetch_response [otel]
request model: m
response id: resp_1
usage: in=3`,
		},
		{
			name: "an instruction that is sent twice counts once",
			span: testSpan{attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.request.model", "m",
				"gen_ai.system_instructions", `[{"type":"text","content":"Be brief."}]`,
				"gen_ai.input.messages", `[{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]`,
			}},
			want: `
inference chat, counted [otel]
request model: m
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]`,
		},
		{
			name: "an error",
			span: testSpan{status: ptrace.StatusCodeError, message: "no such model", attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.request.model", "nope", "error.type", "NotFoundError",
			}},
			want: `
inference chat, counted [otel]
request model: nope
error: NotFoundError no such model`,
		},
		{
			name: "a score on the span",
			span: testSpan{
				attrs: kv{"gen_ai.operation.name", "chat", "gen_ai.request.model", "m"},
				events: []spanEvent{
					{"gen_ai.evaluation.result", kv{
						"gen_ai.evaluation.name", "relevance", "gen_ai.evaluation.score.value", 0.75, "gen_ai.evaluation.score.label", "good",
						"gen_ai.evaluation.explanation", "on topic", "gen_ai.evaluation.evaluator.type", "llm_judge", "gen_ai.evaluation.evaluator.id", "j1",
					}},
					{"gen_ai.evaluation.result", kv{"gen_ai.evaluation.name", "own", "spanloop.evaluation.id", "x"}},
				},
			},
			want: `
inference chat, counted [otel]
request model: m
score: relevance value=0.75 label=good explanation=on topic kind=judge evaluator=j1 scope=span`,
		},
	})
}

func TestReadOldOTel(t *testing.T) {
	base := kv{"gen_ai.system", "openai", "gen_ai.operation.name", "chat", "gen_ai.request.model", "m"}
	head := "inference chat, counted [otel]\nprovider: openai\nrequest model: m\n"
	runCases(t, []spanCase{
		{
			name: "JSON in gen_ai.prompt and gen_ai.completion (1.26)",
			span: testSpan{attrs: append(kv{
				"gen_ai.prompt", `[{"role":"user","content":"hi"}]`,
				"gen_ai.completion", `[{"role":"assistant","content":"hello"}]`,
				"gen_ai.usage.prompt_tokens", 3, "gen_ai.usage.completion_tokens", 2,
			}, base...)},
			want: head + `usage: in=3 out=2
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"hello"}]}]`,
		},
		{
			name: "content events (1.27), one of them printed Python",
			span: testSpan{attrs: base, events: []spanEvent{
				{"gen_ai.content.prompt", kv{"gen_ai.prompt", `[{'role': 'user', 'content': 'hi'}]`}},
				{"gen_ai.content.completion", kv{"gen_ai.completion", `[{"role":"assistant","content":"hello"}]`}},
			}},
			want: head + `input: [{"role":"user","parts":[{"type":"text","content":"[{'role': 'user', 'content': 'hi'}]"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"hello"}]}]
problem: gen_ai.content.prompt/gen_ai.prompt malformed_json`,
		},
		{
			name: "content events that hold plain text",
			span: testSpan{attrs: base, events: []spanEvent{{"gen_ai.content.prompt", kv{"gen_ai.prompt", "user: hi"}}}},
			want: head + `input: [{"role":"user","parts":[{"type":"text","content":"user: hi"}]}]`,
		},
		{
			name: "an event a message, content as JSON (Azure)",
			span: testSpan{attrs: base, events: []spanEvent{
				{"gen_ai.system.message", kv{"gen_ai.event.content", `{"role":"system","content":"Be brief."}`}},
				{"gen_ai.user.message", kv{"gen_ai.event.content", `{"content":"Rain?"}`}},
				{"gen_ai.assistant.message", kv{"gen_ai.event.content", `{"tool_calls":[{"id":"c1","type":"function","function":{"name":"w","arguments":"{\"c\": 1}"}}]}`}},
				{"gen_ai.tool.message", kv{"gen_ai.event.content", `{"content":"wet","id":"c1"}`}},
				{"gen_ai.choice", kv{"gen_ai.event.content", `{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Yes."}}`}},
			}},
			want: head + `finish: stop
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"Rain?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"c\": 1}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"wet"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Yes."}],"finish_reason":"stop"}]`,
		},
		{
			name: "an event a message, content in attributes (Semantic Kernel): text that looks like JSON stays text",
			span: testSpan{attrs: base, events: []spanEvent{
				{"gen_ai.user.message", kv{"content", `["a", 1]`}},
				{"gen_ai.choice", kv{"index", 0, "finish_reason", "stop", "message", `{"role":"assistant","content":"b"}`}},
			}},
			want: head + `finish: stop
input: [{"role":"user","parts":[{"type":"text","content":"[\"a\", 1]"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"b"}],"finish_reason":"stop"}]`,
		},
		{
			name: "Bedrock blocks in events (Strands)",
			span: testSpan{attrs: base, events: []spanEvent{
				{"gen_ai.user.message", kv{"content", `[{"text":"Rain?"}]`}},
				{"gen_ai.assistant.message", kv{"content", `[{"toolUse":{"toolUseId":"t1","name":"w","input":{"c":"Oslo"}}}]`}},
				{"gen_ai.tool.message", kv{"content", `[{"toolResult":{"toolUseId":"t1","status":"success","content":[{"text":"wet"}]}}]`}},
				{"gen_ai.choice", kv{"finish_reason", "toolUse", "message", `[{"type":"toolUse","name":"w","toolUseId":"t2","input":{"c":"Rome"}}]`}},
			}},
			want: head + `finish: toolUse
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"t1","name":"w","arguments":{"c":"Oslo"}}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"t1","response":[{"text":"wet"}]}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"t2","name":"w","arguments":{"c":"Rome"}}],"finish_reason":"toolUse"}]`,
		},
		{
			name: "old names of parameters",
			span: testSpan{attrs: append(kv{
				"gen_ai.openai.request.seed", 42, "gen_ai.openai.request.response_format", "json_object",
				"gen_ai.openai.response.system_fingerprint", "fp",
			}, base...)},
			want: head + `fingerprint: fp
params: {"output.type":"json_object","seed":42}`,
		},
	})
}
