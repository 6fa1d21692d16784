// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "testing"

func TestReadPydantic(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "format 5: a call",
			want: `
inference chat, counted [otel pydantic-ai]
provider: openai
request model: m
usage: in=75 out=51 reasoning=3 cost=0.25
system: [{"type":"text","content":"Be brief."}]
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"},{"type":"tool_call_response","id":"c0","name":"w","result":"wet"}]}]
output: [{"role":"assistant","parts":[{"type":"thinking","content":"hm"},{"type":"tool_call","id":"c1","name":"w","arguments":"{\"city\":\"Oslo\"}"}]}]
tools: [{"type":"function","name":"w","description":"Weather","parameters":{"type":"object"}}]
prompt: name=weather_prompt version=4 label=production source=logfire.variables.weather_prompt
session: s
agent: weather_agent`,
			span: testSpan{name: "chat m", scope: "pydantic-ai", attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.provider.name", "function", "gen_ai.system", "openai", "gen_ai.request.model", "m", "gen_ai.agent.name", "weather_agent",
				"gen_ai.conversation.id", "s", "operation.cost", 0.25,
				"model_request_parameters", `{"function_tools":[{"name":"other","parameters_json_schema":{}}]}`,
				"gen_ai.tool.definitions", `[{"type":"function","name":"w","description":"Weather","parameters":{"type":"object"}}]`,
				"gen_ai.system_instructions", `[{"type":"text","content":"Be brief."}]`,
				"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"Rain?"},{"type":"tool_call_response","id":"c0","name":"w","result":"wet"}]}]`,
				"gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"thinking","content":"hm"},{"type":"tool_call","id":"c1","name":"w","arguments":"{\"city\":\"Oslo\"}"}]}]`,
				"gen_ai.usage.details.reasoning_tokens", 3, "gen_ai.usage.input_tokens", 75, "gen_ai.usage.output_tokens", 51,
				"logfire.variables.weather_prompt", "production", "logfire.variables.weather_prompt.version", "4",
			}},
		},
		{
			name: "tools of the request's parameters",
			want: `
inference chat, counted [otel pydantic-ai]
tools: [{"type":"function","name":"w","description":"Weather","parameters":{"type":"object"}},{"type":"function","name":"final_result","parameters":{}}]`,
			span: testSpan{name: "chat m", attrs: kv{
				"gen_ai.operation.name", "chat",
				"model_request_parameters", `{"function_tools":[{"name":"w","description":"Weather","parameters_json_schema":{"type":"object"}}],"output_tools":[{"name":"final_result","parameters_json_schema":{}}]}`,
			}},
		},
		{
			name: "format 1: events as one attribute",
			want: `
inference chat, counted [otel pydantic-ai]
request model: m
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":{"city":"Oslo"}}]}]`,
			span: testSpan{name: "chat m", attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.request.model", "m",
				"events", `[{"event.name":"gen_ai.system.message","content":"Be brief.","role":"system"},{"event.name":"gen_ai.user.message","content":"Rain?","role":"user"},` +
					`{"event.name":"gen_ai.choice","index":0,"message":{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"w","arguments":{"city":"Oslo"}}}]}}]`,
			}},
		},
		{
			name: "the agent's span holds the messages and does not count",
			want: `
agent invoke_agent [otel pydantic-ai]
usage: in=174
input: [{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Wet."}]}]
agent: weather_agent`,
			span: testSpan{name: "agent run", attrs: kv{
				"agent_name", "weather_agent", "gen_ai.usage.input_tokens", 174, "final_result", "Wet.",
				"pydantic_ai.all_messages", `[{"role":"user","parts":[{"type":"text","content":"Rain?"}]}]`,
			}},
		},
		{
			name: "format 2: a tool run",
			want: `
tool execute_tool [otel pydantic-ai]
execution: w id=c1 type= description= arguments={"city":"Oslo"} result=wet`,
			span: testSpan{name: "running tool: w", attrs: kv{"gen_ai.tool.name", "w", "gen_ai.tool.call.id", "c1", "tool_arguments", `{"city":"Oslo"}`, "tool_response", "wet"}},
		},
		{
			name: "two variables name no prompt",
			want: `
inference chat, counted [otel pydantic-ai]`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "logfire.variables.a", "production", "logfire.variables.b", "production"}},
		},
		{
			name: "the code's own default is no version",
			want: `
inference chat, counted [otel pydantic-ai]
prompt: name=a source=logfire.variables.a`,
			span: testSpan{attrs: kv{"gen_ai.operation.name", "chat", "logfire.variables.a", "<code_default>"}},
		},
		{
			name: "feedback",
			want: `
evaluation  [pydantic-ai]
score: factuality value=0.1 explanation=the agent lied kind=human scope=parent`,
			span: testSpan{name: "feedback: factuality", scope: "logfire.feedback", attrs: kv{
				"logfire.span_type", "annotation", "logfire.feedback.name", "factuality", "factuality", 0.1, "logfire.feedback.comment", "the agent lied",
			}},
		},
		{
			name: "feedback by a word",
			want: `
evaluation  [pydantic-ai]
score: tone label=rude kind=human scope=parent`,
			span: testSpan{attrs: kv{"logfire.feedback.name", "tone", "tone", "rude", "logfire.span_type", "annotation"}},
		},
	})
}
