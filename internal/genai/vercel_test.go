// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestReadVercel(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "version 6: the call itself, streamed",
			want: `
inference chat, counted [otel vercel-ai]
provider: openai
request model: m
response model: m-1
response id: r1
params: {"max_tokens":64,"temperature":0.5,"tool_choice":{"type":"auto"}}
usage: in=75 out=51 cache_read=5 reasoning=3 ttft_ns=169250000
finish: tool-calls
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"Rain?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c0","name":"w","arguments":{"city":"Oslo"}}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c0","name":"w","response":{"t":5}}]}]
output: [{"role":"assistant","parts":[{"type":"reasoning","content":"I think."},{"type":"text","content":"Wet."},{"type":"tool_call","id":"c1","name":"w","arguments":{"city":"Bergen"}}]}]
tools: [{"type":"function","name":"w","description":"Weather","parameters":{"type":"object"}},{"type":"function","name":"v","parameters":{}}]
prompt: name=weather version=7 source=ai.telemetry.metadata.promptName
session: s
user: u`,
			span: testSpan{name: "ai.streamText.doStream", scope: "ai", attrs: kv{
				"ai.operationId", "ai.streamText.doStream", "ai.model.provider", "openai.chat", "ai.model.id", "m", "gen_ai.system", "openai.chat",
				"ai.settings.maxRetries", 2, "ai.settings.maxOutputTokens", 64, "ai.settings.temperature", 0.5,
				"ai.telemetry.metadata.userId", "u", "ai.telemetry.metadata.sessionId", "s",
				"ai.telemetry.metadata.promptName", "weather", "ai.telemetry.metadata.promptVersion", 7,
				"ai.prompt.messages", `[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Rain?"}]},` +
					`{"role":"assistant","content":[{"type":"tool-call","toolCallId":"c0","toolName":"w","input":{"city":"Oslo"}}]},` +
					`{"role":"tool","content":[{"type":"tool-result","toolCallId":"c0","toolName":"w","output":{"type":"json","value":{"t":5}}}]}]`,
				"ai.prompt.tools", list{`{"type":"function","name":"w","description":"Weather","inputSchema":{"type":"object"}}`, `{"type":"function","name":"v","inputSchema":{}}`},
				"ai.prompt.toolChoice", `{"type":"auto"}`,
				"ai.response.text", "Wet.", "ai.response.reasoning", "I think.", "ai.response.toolCalls", `[{"toolCallId":"c1","toolName":"w","input":{"city":"Bergen"}}]`,
				"ai.response.finishReason", "tool-calls", "ai.response.id", "r1", "ai.response.model", "m-1", "ai.response.msToFirstChunk", 169.25,
				"ai.usage.inputTokens", 75, "ai.usage.outputTokens", 51, "ai.usage.cachedInputTokens", 5, "ai.usage.reasoningTokens", 3,
			}},
		},
		{
			name: "version 4: arguments as args, the prompt linked to Langfuse",
			want: `
inference chat, counted [vercel-ai]
request model: m
usage: in=7 out=5
input: [{"role":"tool","parts":[{"type":"tool_call_response","id":"c0","name":"w","response":"wet"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"city\":\"Oslo\"}"}]}]
prompt: name=weather-system version=7 source=ai.telemetry.metadata.langfusePrompt`,
			span: testSpan{name: "ai.generateText.doGenerate", scope: "ai", attrs: kv{
				"ai.operationId", "ai.generateText.doGenerate", "ai.model.id", "m",
				"ai.prompt.messages", `[{"role":"tool","content":[{"type":"tool-result","toolCallId":"c0","toolName":"w","result":"wet"}]}]`,
				"ai.response.toolCalls", `[{"toolCallId":"c1","toolName":"w","args":"{\"city\":\"Oslo\"}"}]`,
				"ai.usage.promptTokens", 7, "ai.usage.completionTokens", 5,
				"ai.telemetry.metadata.langfusePrompt", `{"name":"weather-system","version":7,"isFallback":false}`,
			}},
		},
		{
			name: "a fallback prompt is not that version",
			want: `
inference chat, counted [vercel-ai]`,
			span: testSpan{attrs: kv{"ai.operationId", "ai.generateText.doGenerate", "ai.telemetry.metadata.langfusePrompt", `{"name":"weather-system","version":7,"isFallback":true}`}},
		},
		{
			name: "the outer span repeats the usage and does not count",
			want: `
workflow invoke_workflow [vercel-ai]
request model: m
usage: in=174 out=75
system: [{"type":"text","content":"Be brief."}]
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Wet."}]}]`,
			span: testSpan{name: "ai.generateText", scope: "ai", attrs: kv{
				"ai.operationId", "ai.generateText", "ai.model.id", "m", "ai.prompt", `{"system":"Be brief.","messages":[{"role":"user","content":"Rain?"}]}`,
				"ai.response.text", "Wet.", "ai.usage.promptTokens", 174, "ai.usage.completionTokens", 75,
			}},
		},
		{
			name: "an object as answer",
			want: `
inference chat, counted [vercel-ai]
request model: m
output: [{"role":"assistant","parts":[{"type":"text","content":"{\"city\":\"Oslo\"}"}]}]`,
			span: testSpan{attrs: kv{"ai.operationId", "ai.generateObject.doGenerate", "ai.model.id", "m", "ai.response.object", `{"city":"Oslo"}`}},
		},
		{
			name: "a tool run",
			want: `
tool execute_tool [vercel-ai]
execution: w id=c1 type= description= arguments={"city":"Oslo"} result=wet`,
			span: testSpan{name: "ai.toolCall", scope: "ai", attrs: kv{
				"ai.operationId", "ai.toolCall", "ai.toolCall.name", "w", "ai.toolCall.id", "c1", "ai.toolCall.args", `{"city":"Oslo"}`, "ai.toolCall.result", `"wet"`,
			}},
		},
		{
			name: "embeddings",
			want: `
embeddings embeddings, counted [vercel-ai]
request model: e
usage: in=3`,
			span: testSpan{attrs: kv{"ai.operationId", "ai.embed.doEmbed", "ai.model.id", "e", "ai.usage.tokens", 3}},
		},
		{
			name: "version 7 speaks the conventions, with its own word for the schema",
			want: `
inference chat, counted [otel]
provider: openai
request model: m
finish: tool-calls
tools: [{"type":"function","name":"w","parameters":{"type":"object"}}]`,
			span: testSpan{name: "chat m", scope: "gen_ai", attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.provider.name", "openai", "gen_ai.request.model", "m",
				"gen_ai.tool.definitions", `[{"type":"function","name":"w","inputSchema":{"type":"object"}}]`, "gen_ai.response.finish_reasons", list{"tool-calls"},
			}},
		},
		{
			name: "version 7: a step is no call",
			want: `
agent agent_step [otel]
usage: in=75`,
			span: testSpan{name: "step 1", scope: "gen_ai", attrs: kv{"gen_ai.operation.name", "agent_step", "gen_ai.usage.input_tokens", 75}},
		},
		{
			name: "an error",
			want: `
inference chat, counted [vercel-ai]
request model: m
error: AI_APICallError not found`,
			span: testSpan{
				attrs: kv{"ai.operationId", "ai.generateText.doGenerate", "ai.model.id", "m"}, status: ptrace.StatusCodeError, message: "not found",
				events: []spanEvent{{"exception", kv{"exception.type", "AI_APICallError", "exception.message", "not found"}}},
			},
		},
	})
}
