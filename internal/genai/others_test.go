// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "testing"

func TestReadOthers(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "a call for which another span counts",
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "gen_ai.usage.input_tokens", 7, AttrDuplicateOf, "0102030405060708"}},
			want: `
inference chat [otel]
usage: in=7`,
		},
		{
			name: "MCP: a tool call",
			want: `
tool execute_tool [otel]
execution: w id= type= description= arguments={"city":"Oslo"} result={"content":[]}`,
			span: testSpan{name: "tools/call w", attrs: kv{"mcp.method.name", "tools/call", "gen_ai.tool.name", "w", "gen_ai.tool.call.arguments", `{"city":"Oslo"}`, "gen_ai.tool.call.result", `{"content":[]}`}},
		},
		{
			name: "MCP: a prompt that is fetched is no prompt of a call",
			want: `
prompt  [otel]`,
			span: testSpan{name: "prompts/get greet", attrs: kv{"mcp.method.name", "prompts/get", "gen_ai.prompt.name", "greet"}},
		},
		{
			name: "MLflow: JSON in every value",
			want: `
inference chat, counted [mlflow]
provider: openai
request model: m
response id: r1
params: {"temperature":0.5}
usage: in=22 out=5 cache_read=2 cost=0.75
finish: stop
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Wet."}],"finish_reason":"stop"}]
prompt: name=customer-support version=12 source=mlflow.linkedPrompts`,
			span: testSpan{name: "Completions", attrs: kv{
				"mlflow.spanType", `"CHAT_MODEL"`, "mlflow.llm.model", `"m-2026"`, "mlflow.llm.provider", `"openai"`,
				"mlflow.spanInputs", `{"model":"m","messages":[{"role":"user","content":"Rain?"}],"temperature":0.5}`,
				"mlflow.spanOutputs", `{"id":"r1","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Wet."}}]}`,
				"mlflow.chat.tokenUsage", `{"input_tokens":22,"output_tokens":5,"cache_read_input_tokens":2}`, "mlflow.llm.cost", `{"input_cost":0.25,"output_cost":0.5,"total_cost":0.75}`,
				"mlflow.linkedPrompts", `[{"name":"customer-support","version":"12"},{"name":"b","version":"1"}]`,
			}},
		},
		{
			name: "LangWatch: handle and tag",
			want: `
inference chat, counted [otel langwatch]
request model: m
prompt: name=team/weather label=production source=langwatch.prompt.id
session: s`,
			span: testSpan{attrs: kv{"langwatch.span.type", "llm", "gen_ai.request.model", "m", "langwatch.prompt.id", "team/weather:production", "langwatch.thread.id", "s"}},
		},
		{
			name: "LangWatch: handle and number",
			want: `
inference chat, counted [otel langwatch]
request model: m
prompt: name=weather version=7 source=langwatch.prompt.id {city=Oslo} {n=3}`,
			span: testSpan{attrs: kv{"langwatch.span.type", "llm", "gen_ai.request.model", "m", "langwatch.prompt.id", "weather:7", "langwatch.prompt.variables", `{"type":"json","value":{"city":"Oslo","n":3}}`}},
		},
		{
			name: "Braintrust: span attributes, metadata, scores",
			want: `
inference chat, counted [braintrust]
provider: openai
request model: m
response id: r1
params: {"temperature":0.5}
usage: in=7 out=5 ttft_ns=500000000
finish: stop
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Wet."}],"finish_reason":"stop"}]
score: factuality value=0.5 kind=external scope=span`,
			span: testSpan{name: "Chat Completion", scope: "braintrust", attrs: kv{
				"braintrust.span_attributes", `{"type":"llm"}`, "braintrust.input_json", `[{"role":"user","content":"Rain?"}]`,
				"braintrust.output_json", `[{"message":{"role":"assistant","content":"Wet."},"finish_reason":"stop"}]`,
				"braintrust.metadata", `{"model":"m","provider":"openai","temperature":0.5,"id":"r1"}`, "braintrust.metrics", `{"prompt_tokens":7,"completion_tokens":5,"time_to_first_token":0.5}`,
				"braintrust.scores", `{"factuality":0.5,"broken":null}`,
			}},
		},
		{
			name: "Agenta",
			want: `
inference chat, counted [agenta]
request model: m
usage: in=7 out=5
prompt: name=my-chatbot version=3 label=production source=ag.refs.application.slug
session: s`,
			span: testSpan{attrs: kv{"ag.type.span", "chat", "ag.refs.application.slug", "my-chatbot", "ag.refs.application_revision.version", 3, "ag.refs.environment.slug", "production",
				"ag.meta.request.model", "m", "ag.metrics.unit.tokens.prompt", 7, "ag.metrics.unit.tokens.completion", 5, "ag.session.id", "s"}},
		},
		{
			name: "PromptLayer on the resource",
			want: `
inference chat, counted [otel]
request model: m
prompt: name=greet version=3 source=promptlayer.prompt.name
session: s`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "gen_ai.request.model", "m"}, resource: kv{"promptlayer.prompt.name", "greet", "promptlayer.prompt.version", 3, "session.id", "s"}},
		},
		{
			name: "the resource names no prompt of spans that are no calls",
			want: `
agent invoke_agent [otel]`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "invoke_agent"}, resource: kv{"promptlayer.prompt.name", "greet"}},
		},
		{
			name: "Humanloop: a file that is no prompt",
			want: `
inference chat, counted [otel humanloop]`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "humanloop.file.path", "tools/w", "humanloop.file.type", "tool"}},
		},
		{
			name: "Humanloop: a prompt",
			want: `
inference chat, counted [otel humanloop]
prompt: name=weather/answer source=humanloop.file.path {city=Oslo}`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "humanloop.file.path", "weather/answer", "humanloop.file.type", "prompt", "humanloop.log.inputs.city", "Oslo"}},
		},
		{
			name: "Google ADK: Gemini's request and answer",
			want: `
inference chat, counted [otel google-adk]
provider: gcp.vertex_ai
request model: gemini
usage: in=7 out=8 reasoning=3
system: [{"type":"text","content":"Be brief."}]
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":{"city":"Oslo"}}]}]
tools: [{"type":"function","name":"w","parameters":{"type":"OBJECT"}}]
session: s`,
			span: testSpan{name: "call_llm", scope: "gcp.vertex.agent", attrs: kv{
				"gen_ai.system", "gcp.vertex.agent", "gen_ai.request.model", "gemini", "gcp.vertex.agent.session_id", "s",
				"gcp.vertex.agent.llm_request", `{"model":"gemini","config":{"system_instruction":"Be brief.","tools":[{"function_declarations":[{"name":"w","parameters":{"type":"OBJECT"}}]}]},"contents":[{"role":"user","parts":[{"text":"Rain?"}]}]}`,
				"gcp.vertex.agent.llm_response", `{"content":{"role":"model","parts":[{"functionCall":{"id":"c1","name":"w","args":{"city":"Oslo"}}}]},"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":5,"thoughtsTokenCount":3}}`,
			}},
		},
		{
			name: "Strands: a tool run as events, in Bedrock's blocks",
			want: `
tool execute_tool [otel]
execution: w id= type= description= arguments={"city":"Oslo"} result=wet`,
			span: testSpan{name: "execute_tool w", attrs: kv{"gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "w", "gen_ai.system", "strands-agents"}, events: []spanEvent{
				{"gen_ai.tool.message", kv{"role", "tool", "content", `{"city":"Oslo"}`, "id", "c1"}},
				{"gen_ai.choice", kv{"message", `[{"text":"wet"}]`, "id", "c1"}},
			}},
		},
		{
			name: "gemini-cli: a name made anew for every request names no prompt",
			want: `
inference chat, counted [otel]`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "gen_ai.prompt.name", "550e8400-e29b-41d4-a716-446655440000########3"}},
		},
	})
}
