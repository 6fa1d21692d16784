// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestReadOpenLLMetry(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "flattened messages, indices in numeric order, parameters, prompt",
			span: testSpan{name: "openai.chat", scope: "opentelemetry.instrumentation.openai.v1", attrs: kv{
				"llm.request.type", "chat", "gen_ai.system", "OpenAI", "gen_ai.request.model", "m", "gen_ai.response.model", "m-1",
				"gen_ai.request.reasoning_effort", list{}, "gen_ai.request.top_p", 0.5, "llm.presence_penalty", 0.1,
				"llm.is_streaming", false, "llm.chat.stop_sequences", `["END"]`,
				"gen_ai.prompt.0.role", "system", "gen_ai.prompt.0.content", "Be brief.",
				"gen_ai.prompt.10.role", "tool", "gen_ai.prompt.10.content", `{"t": 5}`, "gen_ai.prompt.10.tool_call_id", "c1",
				"gen_ai.prompt.9.role", "assistant", "gen_ai.prompt.9.tool_calls.0.id", "c1", "gen_ai.prompt.9.tool_calls.0.name", "w",
				"gen_ai.prompt.9.tool_calls.0.arguments", `{"city": "Oslo"}`,
				"gen_ai.completion.0.role", "assistant", "gen_ai.completion.0.content", "Cold.", "gen_ai.completion.0.finish_reason", "stop",
				"gen_ai.completion.1.role", "assistant", "gen_ai.completion.1.content", "Icy.", "gen_ai.completion.1.finish_reason", "length",
				"llm.request.functions.0.name", "w", "llm.request.functions.0.description", "Weather", "llm.request.functions.0.parameters", `{"type": "object"}`,
				"llm.request.functions.1.name", "v", "llm.request.functions.1.input_schema", `{"a": 1}`,
				"gen_ai.usage.prompt_tokens", 99, "gen_ai.usage.completion_tokens", 24, "gen_ai.usage.cache_read_input_tokens", 8,
				"gen_ai.usage.cache_creation_input_tokens", 4, "gen_ai.usage.reasoning_tokens", 2,
				"traceloop.prompt.key", "weather-system", "traceloop.prompt.version", "7", "traceloop.prompt.version_name", "concise tone",
				"traceloop.prompt.version_hash", "f3a91c", "traceloop.prompt.template_variables.city", "Oslo",
				"traceloop.association.properties.session_id", "s1", "traceloop.association.properties.user_id", "u1",
			}},
			want: `
inference chat, counted [otel openllmetry]
provider: openai
request model: m
response model: m-1
params: {"presence_penalty":0.1,"stop_sequences":["END"],"top_p":0.5}
usage: in=99 out=24 cache_read=8 cache_write=4 reasoning=2
finish: stop length
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"city\": \"Oslo\"}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"{\"t\": 5}"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Cold."}],"finish_reason":"stop"},{"role":"assistant","parts":[{"type":"text","content":"Icy."}],"finish_reason":"length"}]
tools: [{"type":"function","name":"w","description":"Weather","parameters":{"type": "object"}},{"type":"function","name":"v","parameters":{"a": 1}}]
prompt: name=weather-system version=7 label=concise tone hash=f3a91c source=traceloop.prompt.key {city=Oslo}
session: s1
user: u1
problem: gen_ai.prompt.1 truncated`,
		},
		{
			name: "Anthropic content blocks as JSON text",
			span: testSpan{attrs: kv{
				"llm.request.type", "completion", "gen_ai.system", "Anthropic", "gen_ai.request.model", "claude",
				"gen_ai.prompt.0.role", "user", "gen_ai.prompt.0.content", `[{"type":"tool_result","tool_use_id":"t1","content":"wet"}]`,
				"gen_ai.prompt.1.role", "user", "gen_ai.prompt.1.content", `[{"not":"a block"}]`,
			}},
			want: `
inference chat, counted [otel openllmetry]
provider: anthropic
request model: claude
input: [{"role":"user","parts":[{"type":"tool_call_response","id":"t1","response":"wet"}]},{"role":"user","parts":[{"type":"text","content":"[{\"not\":\"a block\"}]"}]}]`,
		},
		{
			name: "a Responses span has neither kind nor operation",
			span: testSpan{name: "openai.response", attrs: kv{
				"gen_ai.system", "openai", "gen_ai.request.model", "m", "gen_ai.prompt.0.role", "user", "gen_ai.prompt.0.content", "hi",
				"gen_ai.usage.input_tokens", 5, "gen_ai.usage.output_tokens", 1,
			}},
			want: `
inference chat, counted [otel openllmetry]
provider: openai
request model: m
usage: in=5 out=1
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
		},
		{
			name: "tool span",
			span: testSpan{name: "w.tool", attrs: kv{
				"traceloop.span.kind", "tool", "traceloop.entity.name", "w",
				"traceloop.entity.input", `{"args": [], "kwargs": {"city": "Oslo"}}`, "traceloop.entity.output", `"cold"`,
			}},
			want: `
tool execute_tool [openllmetry]
execution: w id= type= description= arguments={"city": "Oslo"} result=cold`,
		},
		{
			name: "tool span with positional arguments",
			span: testSpan{attrs: kv{
				"traceloop.span.kind", "TraceloopSpanKindValues.TOOL", "traceloop.entity.name", "w",
				"traceloop.entity.input", `{"args": ["Oslo"], "kwargs": {}}`,
			}},
			want: `
tool execute_tool [openllmetry]
execution: w id= type= description= arguments={"args": ["Oslo"], "kwargs": {}} result=`,
		},
		{
			name: "workflow and task",
			span: testSpan{attrs: kv{"traceloop.span.kind", "workflow", "traceloop.entity.output", `"done"`, "gen_ai.prompt.prompt_filter_results", "[]"}},
			want: `
workflow invoke_workflow [openllmetry]
output: [{"role":"assistant","parts":[{"type":"text","content":"done"}]}]`,
		},
		{
			name: "the provider's filter refused the prompt",
			span: testSpan{attrs: kv{"llm.request.type", "chat", "gen_ai.request.model", "m", "gen_ai.prompt.prompt_error", "filtered"}},
			want: `
inference chat, counted [otel openllmetry]
request model: m
error: _OTHER filtered`,
		},
		{
			name: "new generation",
			span: testSpan{attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.provider.name", "anthropic", "gen_ai.request.model", "claude",
				"gen_ai.input.messages", `[{"parts": [{"content": "hi", "type": "text"}], "role": "user"}]`,
				"gen_ai.usage.input_tokens", 10, "gen_ai.usage.reasoning_tokens", 3, "gen_ai.is_streaming", true, "gen_ai.user", "u1",
			}},
			want: `
inference chat, counted [otel openllmetry]
provider: anthropic
request model: claude
params: {"stream":true}
usage: in=10 reasoning=3
input: [{"parts": [{"content": "hi", "type": "text"}], "role": "user"}]
user: u1`,
		},
		{
			name: "tool calls as content (Koog)",
			span: testSpan{attrs: kv{
				"gen_ai.operation.name", "chat", "gen_ai.request.model", "m",
				"gen_ai.prompt.0.role", "tool", "gen_ai.prompt.0.content", `[{"function": {"name": "w", "arguments": {"c": "Oslo"}}, "id": "c1", "type": "function"}]`,
				"gen_ai.prompt.1.role", "tool", "gen_ai.prompt.1.content", "cold",
			}},
			want: `
inference chat, counted [otel openllmetry]
request model: m
input: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":{"c": "Oslo"}}]},{"role":"tool","parts":[{"type":"tool_call_response","response":"cold"}]}]`,
		},
	})
}

func TestReadOpenInference(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "chat with tools, template and annotations",
			span: testSpan{name: "ChatCompletion", status: ptrace.StatusCodeOk, attrs: kv{
				"openinference.span.kind", "LLM", "llm.system", "openai",
				"llm.invocation_parameters", `{"model": "m", "temperature": 0.10, "user": "u"}`,
				"llm.input_messages.0.message.role", "user",
				"llm.input_messages.0.message.contents.0.message_content.type", "text",
				"llm.input_messages.0.message.contents.0.message_content.text", "What is it?",
				"llm.input_messages.0.message.contents.1.message_content.type", "image",
				"llm.input_messages.0.message.contents.1.message_content.image.image.url", "https://x.example/a\"b.png",
				"llm.input_messages.1.message.role", "tool", "llm.input_messages.1.message.tool_call_id", "c0", "llm.input_messages.1.message.content", "wet",
				"llm.output_messages.0.message.role", "assistant",
				"llm.output_messages.0.message.contents.0.message_content.type", "text",
				"llm.output_messages.0.message.contents.0.message_content.text", "Let me see.",
				"llm.output_messages.0.message.contents.1.message_content.type", "tool_use",
				"llm.output_messages.0.message.tool_calls.0.tool_call.id", "c1",
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "w",
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", `{"c": 1.0}`,
				"llm.output_messages.0.message.tool_calls.1.tool_call.other", "nothing",
				"llm.tools.0.tool.json_schema", `{"type": "function", "function": {"name": "w", "description": "Weather", "strict": true, "parameters": {"type": "object"}}}`,
				"llm.tools.1.tool.json_schema", `{"name": "v", "input_schema": {"b": 1}}`,
				"llm.model_name", "m-2024", "llm.token_count.prompt", 70, "llm.token_count.completion", 9,
				"llm.token_count.prompt_details.cache_read", 4, "llm.token_count.completion_details.reasoning", 1, "llm.cost.total", 0.002,
				"llm.prompt_template.template", "What is {x}?", "llm.prompt_template.version", "v3", "llm.prompt_template.variables", `{"x": "it", "n": 1}`,
				"session.id", "s1", "user.id", "u1",
				"annotations.0.annotation.name", "correct", "annotations.0.annotation.score", 1, "annotations.0.annotation.annotator_kind", "HUMAN",
				"session.annotations.0.annotation.name", "mood", "session.annotations.0.annotation.label", "good", "session.annotations.0.annotation.annotator_kind", "CODE",
				"output.value", `{"id": "chatcmpl-1", "system_fingerprint": "fp", "choices": [{"finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Let me see."}}]}`,
			}},
			want: `
inference chat, counted [openinference]
provider: openai
request model: m
response model: m-2024
response id: chatcmpl-1
fingerprint: fp
params: {"temperature":0.10}
usage: in=70 out=9 cache_read=4 reasoning=1 cost=0.002
finish: tool_calls
input: [{"role":"user","parts":[{"type":"text","content":"What is it?"},{"type":"uri","modality":"image","uri":"https://x.example/a\"b.png"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c0","response":"wet"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"Let me see."},{"type":"tool_call","id":"c1","name":"w","arguments":"{\"c\": 1.0}"}]}]
tools: [{"type":"function","name":"w","description":"Weather","parameters":{"type": "object"},"strict":true},{"type":"function","name":"v","parameters":{"b": 1}}]
prompt: version=v3 template=What is {x}? {x=it} {n=1}
session: s1
user: u1
score: correct value=1 kind=human scope=span
score: mood label=good kind=code scope=session`,
		},
		{
			name: "everything in the raw request and answer, Anthropic usage without cached tokens",
			span: testSpan{attrs: kv{
				"openinference.span.kind", "LLM", "llm.provider", "anthropic",
				"input.value", `{"model":"claude","max_tokens":64,"made_up":"x","system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{"name":"w","input_schema":{"type":"object"}}]}`,
				"output.value", `{"id":"msg_1","model":"claude-1","stop_reason":"tool_use","role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"t1","name":"w","input":{"z":1,"a":2}}],"usage":{"input_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":7}}`,
			}},
			want: `
inference chat, counted [openinference]
provider: anthropic
request model: claude
response model: claude-1
response id: msg_1
params: {"max_tokens":64}
usage: in=125 out=7 cache_read=100 cache_write=20
finish: tool_use
system: [{"type":"text","content":"Be brief."}]
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]
output: [{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"tool_call","id":"t1","name":"w","arguments":{"z":1,"a":2}}],"finish_reason":"tool_use"}]
tools: [{"type":"function","name":"w","parameters":{"type":"object"}}]`,
		},
		{
			name: "completions of old models",
			span: testSpan{attrs: kv{
				"openinference.span.kind", "LLM", "llm.model_name", "m",
				"llm.prompts.0.prompt.text", "Once", "llm.choices.0.completion.text", "upon a time",
			}},
			want: `
inference chat, counted [openinference]
response model: m
input: [{"role":"user","parts":[{"type":"text","content":"Once"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"upon a time"}]}]`,
		},
		{
			name: "a failed call has no answering model",
			span: testSpan{status: ptrace.StatusCodeError, attrs: kv{"openinference.span.kind", "LLM", "llm.model_name", "nope"},
				events: []spanEvent{{"exception", kv{"exception.type", "openai.NotFoundError", "exception.message", "no such model"}}}},
			want: `
inference chat, counted [openinference]
request model: nope
error: openai.NotFoundError no such model`,
		},
		{
			name: "a chain takes no identifiers or parameters from its input",
			span: testSpan{attrs: kv{
				"openinference.span.kind", "CHAIN", "input.value", `{"id":"k-1","temperature":1,"messages":[{"role":"user","content":"hi"}]}`, "output.value", "done",
			}},
			want: `
workflow invoke_workflow [openinference]
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"done"}]}]`,
		},
		{
			name: "tool",
			span: testSpan{name: "w", attrs: kv{
				"openinference.span.kind", "TOOL", "tool.name", "w", "tool.id", "c1", "tool.description", "Weather",
				"input.value", `{"c": "Oslo"}`, "output.value", "cold",
			}},
			want: `
tool execute_tool [openinference]
execution: w id=c1 type= description=Weather arguments={"c": "Oslo"} result=cold`,
		},
	})
}

func TestReadLangfuse(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "generation",
			span: testSpan{scope: "langfuse-sdk", attrs: kv{
				"langfuse.observation.type", "generation",
				"langfuse.observation.input", `{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"w","parameters":{"b":1,"a":2}}}],"tool_choice":"auto"}`,
				"langfuse.observation.output", `{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"w","arguments":"{\"x\": 1}"}}]}`,
				"langfuse.observation.model.name", "m-2024", "langfuse.observation.model.parameters", `{"temperature":"0.2","response_format":""}`,
				"langfuse.observation.usage_details", `{"input":75,"output":51,"total":126,"input_cached_tokens":3,"output_reasoning_tokens":2}`,
				"langfuse.observation.cost_details", `{"input":0.25,"output":0.5}`,
				"langfuse.observation.prompt.name", "weather-system", "langfuse.observation.prompt.version", 7,
				"langfuse.observation.status_message", "nothing to report", "user.id", "u1", "session.id", "s1",
			}},
			want: `
inference chat, counted [langfuse]
request model: m-2024
response model: m-2024
params: {"temperature":"0.2"}
usage: in=75 out=51 cache_read=3 reasoning=2 cost=0.75
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"x\": 1}"}]}]
tools: [{"type":"function","name":"w","parameters":{"b":1,"a":2}}]
prompt: name=weather-system version=7 source=langfuse.observation.prompt.name
session: s1
user: u1`,
		},
		{
			name: "counts within counts, an answer of one item and a limit that was not set",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation", "langfuse.observation.model.name", "m",
				"langfuse.observation.output", `{"type":"function_call","id":"fc_1","call_id":"c1","name":"w","arguments":"{\"x\": 1}","status":"completed"}`,
				"langfuse.observation.model.parameters", `{"temperature":0.2,"max_tokens":"Infinity"}`,
				"langfuse.observation.usage_details", `{"input_tokens":75,"output_tokens":51,"total_tokens":126,"input_tokens_details":{"cached_tokens":3},"output_tokens_details":{"reasoning_tokens":2}}`,
			}},
			want: `
inference chat, counted [langfuse]
request model: m
response model: m
params: {"temperature":0.2}
usage: in=75 out=51 cache_read=3 reasoning=2
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":"{\"x\": 1}"}]}]`,
		},
		{
			name: "an answer of one message",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation",
				"langfuse.observation.output", `{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","annotations":[]}]}`,
			}},
			want: `
inference chat, counted [langfuse]
output: [{"role":"assistant","parts":[{"type":"text","content":"a"}]}]`,
		},
		{
			name: "counts within the counts of a chat completion",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation",
				"langfuse.observation.usage_details", `{"prompt_tokens":75,"completion_tokens":51,"total_tokens":126,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}`,
			}},
			want: `
inference chat, counted [langfuse]
usage: in=75 out=51 cache_read=3 reasoning=2`,
		},
		{
			name: "counts beside counts",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation",
				"langfuse.observation.usage_details", `{"input":72,"output":49,"total":126,"input_cached_tokens":3,"output_reasoning_tokens":2}`,
			}},
			want: `
inference chat, counted [langfuse]
usage: in=75 out=51 cache_read=3 reasoning=2`,
		},
		{
			name: "an error leaves the status unset",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation", "langfuse.observation.model.name", "nope", "langfuse.observation.level", "ERROR",
				"langfuse.observation.status_message", "404", "langfuse.observation.input", "hi",
				"langfuse.observation.cost_details", `{"total":0}`,
			}},
			want: `
inference chat, counted [langfuse]
request model: nope
usage: cost=0
error: _OTHER 404
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
		},
		{
			name: "parallel calls that streaming merged are taken apart",
			span: testSpan{attrs: kv{
				"langfuse.observation.type", "generation", "langfuse.observation.model.name", "m",
				"langfuse.observation.output", `{"role":"assistant","content":"","tool_calls":[{"function":{"name":"w","arguments":"{\"c\": \"}{\"}{\"c\": \"Rome\"}"}}]}`,
			}},
			want: `
inference chat, counted [langfuse]
request model: m
response model: m
output: [{"role":"assistant","parts":[{"type":"tool_call","name":"w","arguments":"{\"c\": \"}{\"}"},{"type":"tool_call","name":"w","arguments":"{\"c\": \"Rome\"}"}]}]
problem: langfuse.observation.output merged_calls`,
		},
		{
			name: "tool",
			span: testSpan{name: "w", attrs: kv{"langfuse.observation.type", "tool", "langfuse.observation.input", `{"c":"Oslo"}`, "langfuse.observation.output", "cold"}},
			want: `
tool execute_tool [langfuse]
execution: w id= type= description= arguments={"c":"Oslo"} result=cold`,
		},
	})
}

func TestReadLangSmith(t *testing.T) {
	runCases(t, []spanCase{
		{
			name: "counts as Python prints them",
			span: testSpan{attrs: kv{
				"langsmith.span.kind", "llm", "gen_ai.usage.input_tokens", 75, "gen_ai.usage.output_tokens", 51,
				"gen_ai.usage.input_token_details", `{'cache_read': 3}`, "gen_ai.usage.output_token_details", `{'reasoning': 2}`,
			}},
			want: `
inference chat, counted [otel langsmith]
usage: in=75 out=51 cache_read=3 reasoning=2`,
		},
		{
			name: "what cannot be read of them is named",
			span: testSpan{attrs: kv{"langsmith.span.kind", "llm", "gen_ai.usage.input_token_details", `{'cache_read': None}`}},
			want: `
inference chat, counted [langsmith]
problem: gen_ai.usage.input_token_details malformed_json`,
		},
		{
			name: "LangChain's answer and metadata",
			span: testSpan{name: "ChatOpenAI", attrs: kv{
				"langsmith.span.kind", "llm", "langsmith.metadata.ls_model_name", "m", "langsmith.metadata.ls_temperature", 0.2, "langsmith.metadata.ls_max_tokens", 9,
				"langsmith.metadata.usage_metadata", `{"input_tokens":75,"output_tokens":51,"total_tokens":126,"input_token_details":{"cache_read":3},"output_token_details":{"reasoning":2}}`,
				"gen_ai.completion", `{"generations":[[{"text":"a","generation_info":{"finish_reason":"stop"},"message":{"lc":1,"type":"constructor","id":["langchain","schema","messages","AIMessage"],` +
					`"kwargs":{"content":"a","type":"ai","response_metadata":{"id":"chatcmpl-1","model_name":"m-2026","system_fingerprint":"fp_1"}}}}]]}`,
			}},
			want: `
inference chat, counted [otel langsmith]
request model: m
response model: m-2026
response id: chatcmpl-1
fingerprint: fp_1
params: {"max_tokens":9,"temperature":0.2}
usage: in=75 out=51 cache_read=3 reasoning=2
finish: stop
output: [{"role":"assistant","parts":[{"type":"text","content":"a"}],"finish_reason":"stop"}]`,
		},
		{
			name: "OpenAI request and answer as whole",
			span: testSpan{name: "ChatOpenAI", scope: "langsmith", status: ptrace.StatusCodeOk, attrs: kv{
				"langsmith.span.kind", "llm", "gen_ai.operation.name", "chat", "gen_ai.system", "langchain", "langsmith.metadata.ls_provider", "openai",
				"gen_ai.request.model", "m", "langsmith.metadata.ls_invocation_params", `{"max_tokens": 9}`,
				"gen_ai.prompt", `{"messages":[{"role":"user","content":"hi"}],"model":"m","temperature":0,"tools":[{"type":"function","function":{"name":"w"}}]}`,
				"gen_ai.completion", `{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}]}`,
				"gen_ai.response.finish_reasons", "stop, stop", "gen_ai.usage.input_tokens", 5,
				"langsmith.usage_metadata", `{"input_tokens":6,"output_tokens":4,"input_token_details":{"cache_read":2},"output_token_details":{"reasoning":1}}`,
				"langsmith.metadata.lc_hub_owner", "acme", "langsmith.metadata.lc_hub_repo", "weather", "langsmith.metadata.lc_hub_commit_hash", "3f1a9c0d",
				"langsmith.metadata.ls_prompt_tag", "prod", "langsmith.metadata.thread_id", "th-5", "langsmith.metadata.user_id", "u1",
				"langsmith.trace.session_name", "a project is no session",
			}},
			want: `
inference chat, counted [otel langsmith]
provider: openai
request model: m
response id: chatcmpl-1
params: {"max_tokens":9}
usage: in=5 out=4 cache_read=2 reasoning=1
finish: stop stop
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]
output: [{"role":"assistant","parts":[{"type":"text","content":"a"}],"finish_reason":"stop"},{"role":"assistant","parts":[{"type":"text","content":"b"}],"finish_reason":"stop"}]
tools: [{"type":"function","name":"w"}]
prompt: name=acme/weather version=3f1a9c0d label=prod source=langsmith.metadata.lc_hub_repo
session: th-5
user: u1`,
		},
		{
			name: "LangChain's serialised messages",
			span: testSpan{attrs: kv{
				"langsmith.span.kind", "llm", "gen_ai.request.model", "m",
				"gen_ai.prompt", `{"messages":[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","SystemMessage"],"kwargs":{"content":"Be brief.","type":"system"}},{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"hi"}},{"lc":1,"type":"constructor","id":["langchain","schema","messages","ToolMessage"],"kwargs":{"content":"wet","tool_call_id":"c0"}}]]}`,
				"gen_ai.completion", `{"generations":[[{"text":"","generation_info":{"finish_reason":"tool_calls"},"message":{"lc":1,"type":"constructor","id":["langchain","schema","messages","AIMessage"],"kwargs":{"content":"","tool_calls":[{"name":"w","args":{"c":"Oslo"},"id":"c1","type":"tool_call"}]}}}]]}`,
			}},
			want: `
inference chat, counted [otel langsmith]
request model: m
finish: tool_calls
input: [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c0","response":"wet"}]}]
output: [{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"w","arguments":{"c":"Oslo"}}],"finish_reason":"tool_calls"}]`,
		},
		{
			name: "an error with status OK",
			span: testSpan{status: ptrace.StatusCodeOk, attrs: kv{"langsmith.span.kind", "llm", "gen_ai.request.model", "nope", "gen_ai.prompt", `{"messages":[{"role":"user","content":"hi"}]}`},
				events: []spanEvent{{"exception", kv{"exception.type", "Error", "exception.message", "404"}}}},
			want: `
inference chat, counted [otel langsmith]
request model: nope
error: Error 404
input: [{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
		},
		{
			name: "an exception that was survived is no error",
			span: testSpan{attrs: kv{"langsmith.span.kind", "llm", "gen_ai.request.model", "m", "gen_ai.completion", `{"role":"assistant","content":"a"}`},
				events: []spanEvent{{"exception", kv{"exception.type", "Retry"}}}},
			want: `
inference chat, counted [otel langsmith]
request model: m
output: [{"role":"assistant","parts":[{"type":"text","content":"a"}]}]`,
		},
		{
			name: "tool and chain",
			span: testSpan{name: "w", attrs: kv{"langsmith.span.kind", "tool", "gen_ai.operation.name", "tool", "gen_ai.prompt", `{"input":"{\"c\": 1}"}`, "gen_ai.completion", `{"outputs":"cold"}`}},
			want: `
tool execute_tool [otel langsmith]
execution: w id= type= description= arguments={"c": 1} result=cold`,
		},
	})
}
