// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// otelRows are the OpenTelemetry GenAI conventions, current and old.
var otelRows = dialectRows{
	name: "otel",
	rows: []row{
		{key: "gen_ai.operation.name", field: fOperation},
		{key: "mcp.method.name", field: fMCPMethod},
		{key: "gen_ai.provider.name", field: fProvider, rank: 0},
		{key: "gen_ai.system", field: fProvider, rank: 10},
		{key: "gen_ai.request.model", field: fRequestModel, rank: 0},
		{key: "gen_ai.response.model", field: fResponseModel, rank: 0},
		{key: "gen_ai.response.id", field: fResponseID, rank: 0},
		{key: "openai.response.system_fingerprint", field: fFingerprint, rank: 0},
		{key: "gen_ai.openai.response.system_fingerprint", field: fFingerprint, rank: 10},

		{key: "gen_ai.usage.input_tokens", field: fInputTokens, rank: 0},
		{key: "gen_ai.usage.output_tokens", field: fOutputTokens, rank: 0},
		{key: "gen_ai.usage.prompt_tokens", field: fInputTokens, rank: 10},
		{key: "gen_ai.usage.completion_tokens", field: fOutputTokens, rank: 10},
		{key: "gen_ai.usage.cache_read.input_tokens", field: fCacheRead, rank: 0},
		{key: "gen_ai.usage.cache_write.input_tokens", field: fCacheWrite, rank: 0},
		{key: "gen_ai.usage.cache_creation.input_tokens", field: fCacheWrite, rank: 10},
		{key: "gen_ai.usage.cache_write_input_tokens", field: fCacheWrite, rank: 30},
		{key: "gen_ai.usage.cached_input_tokens", field: fCacheRead, rank: 20},
		{key: "gen_ai.usage.reasoning.output_tokens", field: fReasoning, rank: 0},
		{key: "gen_ai.usage.cost", field: fCost, rank: 0},
		{key: "gen_ai.cost.total_cost", field: fCost, rank: 50},
		{key: "gen_ai.response.time_to_first_chunk", field: fTTFTSeconds, rank: 0},
		{key: "gen_ai.server.time_to_first_token", field: fTTFTSeconds, rank: 10},
		{key: "gen_ai.response.finish_reasons", field: fFinish, rank: 0},
		{key: "gen_ai.response.finish_reason", field: fFinish, rank: 10},

		{key: "gen_ai.system_instructions", field: fSystem, rank: 0},
		{key: "gen_ai.input.messages", field: fInput, rank: 0},
		{key: "gen_ai.output.messages", field: fOutput, rank: 0},
		{key: "gen_ai.prompt", field: fInputDocument, rank: 10},
		{key: "gen_ai.completion", field: fOutputDocument, rank: 10},
		{key: "gen_ai.tool.definitions", field: fTools, rank: 0},

		{key: "gen_ai.openai.request.seed", field: fParam, as: "seed"},
		{key: "gen_ai.openai.request.response_format", field: fParam, as: "output.type"},
		{key: "gen_ai.openai.request.service_tier", field: fParam, as: "service_tier"},
		{key: "openai.request.service_tier", field: fParam, as: "service_tier"},
		{key: "gen_ai.output.type", field: fParam, as: "output.type"},

		{key: "gen_ai.prompt.name", field: fPromptName, rank: 0},
		{key: "gen_ai.prompt.version", field: fPromptVersion, rank: 0},
		{key: "gen_ai.conversation.id", field: fSession, rank: 0},
		{key: "gen_ai.agent.name", field: fAgent, rank: 0},

		{key: "gen_ai.tool.name", field: fToolName, rank: 0},
		{key: "gen_ai.tool.call.id", field: fToolCallID, rank: 0},
		{key: "gen_ai.tool.type", field: fToolType, rank: 0},
		{key: "gen_ai.tool.description", field: fToolDescription, rank: 0},
		{key: "gen_ai.tool.call.arguments", field: fToolArguments, rank: 0},
		{key: "gen_ai.tool.call.result", field: fToolResult, rank: 0},
		{key: "gen_ai.retrieval.documents", field: fDocuments, rank: 0},
	},
	families: []familyRow{
		{"gen_ai.request.", familyRequestParam},
		{"gen_ai.prompt.variable.", familyVariable},
	},
}

// commonRows are attributes that every dialect uses.
var commonRows = dialectRows{
	rows: []row{
		{key: AttrDuplicateOf, field: fDuplicateOf},
		{key: "error.type", field: fErrorType, rank: 0},
		{key: "http.response.status_code", field: fHTTPStatus, rank: 0},
		{key: "session.id", field: fSession, rank: 10},
		{key: "user.id", field: fUser, rank: 0},
		{key: "enduser.id", field: fUser, rank: 10},
	},
}

// openLLMetryRows are OpenLLMetry and Traceloop. Their new generation writes
// the OpenTelemetry messages.
var openLLMetryRows = dialectRows{
	name: "openllmetry",
	rows: []row{
		{key: "traceloop.span.kind", field: fKind, rank: 40},
		{key: "llm.request.type", field: fKind, rank: 50},
		{key: "gen_ai.openai.system_fingerprint", field: fFingerprint, rank: 20},
		{key: "gen_ai.usage.cache_read_input_tokens", field: fCacheRead, rank: 10},
		{key: "gen_ai.usage.cache_creation_input_tokens", field: fCacheWrite, rank: 20},
		{key: "gen_ai.usage.reasoning_tokens", field: fReasoning, rank: 10},
		{key: "llm.response.finish_reason", field: fFinish, rank: 30},
		{key: "gen_ai.prompt.prompt_error", field: fErrorMessage, rank: 20},
		{key: "traceloop.entity.input", field: fInputDocument, rank: 70},
		{key: "traceloop.entity.output", field: fOutputDocument, rank: 70},
		{key: "traceloop.entity.name", field: fEntityName, rank: 0},
		{key: "llm.top_k", field: fParam, as: "top_k"},
		{key: "llm.frequency_penalty", field: fParam, as: "frequency_penalty"},
		{key: "llm.presence_penalty", field: fParam, as: "presence_penalty"},
		{key: "llm.chat.stop_sequences", field: fParam, as: "stop_sequences"},
		{key: "llm.is_streaming", field: fParam, as: "stream"},
		{key: "gen_ai.is_streaming", field: fParam, as: "stream"},
		{key: "traceloop.prompt.key", field: fPromptName, rank: 40},
		{key: "traceloop.prompt.version", field: fPromptVersion, rank: 40},
		{key: "traceloop.prompt.version_name", field: fPromptLabel, rank: 40},
		{key: "traceloop.prompt.version_hash", field: fPromptHash, rank: 0},
		{key: "traceloop.prompt.template", field: fPromptTemplate, rank: 10},
		{key: "traceloop.association.properties.prompt_name", field: fPromptName, rank: 120},
		{key: "traceloop.association.properties.prompt_version", field: fPromptVersion, rank: 120},
		{key: "traceloop.association.properties.session_id", field: fSession, rank: 30},
		{key: "traceloop.association.properties.chat_id", field: fSession, rank: 40},
		{key: "traceloop.association.properties.thread_id", field: fSession, rank: 50},
		{key: "traceloop.association.properties.user_id", field: fUser, rank: 30},
		{key: "llm.user", field: fUser, rank: 40},
		{key: "gen_ai.user", field: fUser, rank: 50},
		{key: "gen_ai.request.user", field: fUser, rank: 60},
	},
	families: []familyRow{
		{"gen_ai.prompt.", familyInput},
		{"gen_ai.completion.", familyOutput},
		{"llm.request.functions.", familyTools},
		{"traceloop.prompt.template_variables.", familyVariable},
	},
}
