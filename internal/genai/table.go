// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// Dialect names, in the order of the table.
const (
	DialectOTel          = "otel"
	DialectOpenInference = "openinference"
	DialectOpenLLMetry   = "openllmetry"
	DialectLangfuse      = "langfuse"
	DialectLangSmith     = "langsmith"
	DialectVercel        = "vercel-ai"
	DialectPydantic      = "pydantic-ai"
	DialectOther         = "other"
)

// field is a place of the canonical call that attributes can fill.
type field uint8

const (
	fOperation field = iota
	fKind
	fProvider
	fRequestModel
	fResponseModel
	fResponseID
	fFingerprint
	fInputTokens
	fOutputTokens
	fCacheRead
	fCacheWrite
	fReasoning
	fUsageDetails
	fCost
	fTTFTSeconds
	fTTFTMillis
	fFinish
	fOutputType
	fErrorType
	fErrorMessage
	fErrorLevel
	fSystem
	fInput
	fOutput
	fInputDocument
	fOutputDocument
	fOutputText
	fOutputCalls
	fOutputReasoning
	fTools
	fParams
	fPromptName
	fPromptVersion
	fPromptLabel
	fPromptID
	fPromptHash
	fPromptTemplate
	fPromptVariables
	fPromptObject
	fSession
	fUser
	fAgent
	fToolName
	fToolCallID
	fToolType
	fToolDescription
	fToolArguments
	fToolResult
	fDocuments
	fEntityName
	fScores
	fieldCount
)

// row says that an attribute fills a field, for which dialect, and how early in
// the field's order: the lowest rank that yields something wins.
type row struct {
	field   field
	rank    uint8
	dialect string
}

// table holds every attribute that is read whole. Families of indexed or keyed
// attributes are in families. To support another dialect, add rows; the order
// of sources for each field is documented in docs/dialects.md.
var table = map[string][]row{
	"gen_ai.operation.name":   {{fOperation, 0, DialectOTel}},
	"openinference.span.kind": {{fKind, 0, DialectOpenInference}},
	"langfuse.observation.type": {
		{fKind, 1, DialectLangfuse},
	},
	"langsmith.span.kind":  {{fKind, 2, DialectLangSmith}},
	"ai.operationId":       {{fKind, 3, DialectVercel}},
	"traceloop.span.kind":  {{fKind, 4, DialectOpenLLMetry}},
	"llm.request.type":     {{fKind, 5, DialectOpenLLMetry}},
	"mlflow.spanType":      {{fKind, 6, DialectOther}},
	"langwatch.span.type":  {{fKind, 7, DialectOther}},
	"ag.type.span":         {{fKind, 8, DialectOther}},
	"ag.type.node":         {{fKind, 9, DialectOther}},
	"logfire.span_type":    {{fKind, 10, DialectPydantic}},
	"gen_ai.provider.name": {{fProvider, 0, DialectOTel}},
	"gen_ai.system":        {{fProvider, 1, DialectOTel}},
	"llm.provider":         {{fProvider, 2, DialectOpenInference}},
	"llm.system":           {{fProvider, 3, DialectOpenInference}},
	"ai.model.provider":    {{fProvider, 4, DialectVercel}},
	"langsmith.metadata.ls_provider": {
		{fProvider, 5, DialectLangSmith},
	},
	"mlflow.llm.provider":     {{fProvider, 7, DialectOther}},
	"gen_ai.request.model":    {{fRequestModel, 0, DialectOTel}},
	"llm.request.model_name":  {{fRequestModel, 1, DialectOpenInference}},
	"ai.model.id":             {{fRequestModel, 2, DialectVercel}},
	"ag.meta.request.model":   {{fRequestModel, 3, DialectOther}},
	"gen_ai.request_model":    {{fRequestModel, 5, DialectOther}},
	"mlflow.llm.model":        {{fRequestModel, 6, DialectOther}},
	"gen_ai.response.model":   {{fResponseModel, 0, DialectOTel}},
	"llm.response.model_name": {{fResponseModel, 1, DialectOpenInference}},
	"llm.model_name":          {{fResponseModel, 2, DialectOpenInference}},
	"ai.response.model":       {{fResponseModel, 3, DialectVercel}},
	"langfuse.observation.model.name": {
		{fResponseModel, 4, DialectLangfuse}, {fRequestModel, 8, DialectLangfuse},
	},
	"langsmith.metadata.ls_model_name": {
		{fRequestModel, 4, DialectLangSmith},
	},
	"ag.meta.response.model":                    {{fResponseModel, 5, DialectOther}},
	"gen_ai.response.id":                        {{fResponseID, 0, DialectOTel}},
	"ai.response.id":                            {{fResponseID, 1, DialectVercel}},
	"openai.response.system_fingerprint":        {{fFingerprint, 0, DialectOTel}},
	"gen_ai.openai.response.system_fingerprint": {{fFingerprint, 1, DialectOTel}},
	"gen_ai.openai.system_fingerprint":          {{fFingerprint, 2, DialectOpenLLMetry}},
	"gen_ai.response.system_fingerprint":        {{fFingerprint, 3, DialectLangSmith}},

	"gen_ai.usage.input_tokens":                  {{fInputTokens, 0, DialectOTel}},
	"gen_ai.usage.prompt_tokens":                 {{fInputTokens, 1, DialectOpenLLMetry}},
	"llm.token_count.prompt":                     {{fInputTokens, 2, DialectOpenInference}},
	"ai.usage.inputTokens":                       {{fInputTokens, 3, DialectVercel}},
	"ai.usage.promptTokens":                      {{fInputTokens, 4, DialectVercel}},
	"ag.metrics.unit.tokens.prompt":              {{fInputTokens, 6, DialectOther}},
	"gen_ai.usage.output_tokens":                 {{fOutputTokens, 0, DialectOTel}},
	"gen_ai.usage.completion_tokens":             {{fOutputTokens, 1, DialectOpenLLMetry}},
	"llm.token_count.completion":                 {{fOutputTokens, 2, DialectOpenInference}},
	"ai.usage.outputTokens":                      {{fOutputTokens, 3, DialectVercel}},
	"ai.usage.completionTokens":                  {{fOutputTokens, 4, DialectVercel}},
	"ag.metrics.unit.tokens.completion":          {{fOutputTokens, 6, DialectOther}},
	"gen_ai.usage.cache_read.input_tokens":       {{fCacheRead, 0, DialectOTel}},
	"gen_ai.usage.cache_read_input_tokens":       {{fCacheRead, 1, DialectOpenLLMetry}},
	"gen_ai.usage.cached_input_tokens":           {{fCacheRead, 2, DialectOther}},
	"llm.token_count.prompt_details.cache_read":  {{fCacheRead, 3, DialectOpenInference}},
	"llm.token_count.prompt_details.cache_input": {{fCacheRead, 4, DialectOpenInference}},
	"ai.usage.cachedInputTokens":                 {{fCacheRead, 5, DialectVercel}},
	"ai.usage.inputTokenDetails.cacheReadTokens": {{fCacheRead, 6, DialectVercel}},

	"gen_ai.usage.cache_write.input_tokens":        {{fCacheWrite, 0, DialectOTel}},
	"gen_ai.usage.cache_creation.input_tokens":     {{fCacheWrite, 1, DialectOTel}},
	"gen_ai.usage.cache_creation_input_tokens":     {{fCacheWrite, 2, DialectOpenLLMetry}},
	"gen_ai.usage.cache_write_input_tokens":        {{fCacheWrite, 3, DialectOther}},
	"llm.token_count.prompt_details.cache_write":   {{fCacheWrite, 4, DialectOpenInference}},
	"ai.usage.inputTokenDetails.cacheWriteTokens":  {{fCacheWrite, 5, DialectVercel}},
	"gen_ai.usage.reasoning.output_tokens":         {{fReasoning, 0, DialectOTel}},
	"gen_ai.usage.reasoning_tokens":                {{fReasoning, 1, DialectOpenLLMetry}},
	"gen_ai.usage.details.reasoning_tokens":        {{fReasoning, 2, DialectPydantic}},
	"llm.token_count.completion_details.reasoning": {{fReasoning, 3, DialectOpenInference}},
	"ai.usage.reasoningTokens":                     {{fReasoning, 4, DialectVercel}},
	"ai.usage.outputTokenDetails.reasoningTokens":  {{fReasoning, 5, DialectVercel}},
	"langfuse.observation.usage_details":           {{fUsageDetails, 0, DialectLangfuse}},
	"langsmith.usage_metadata":                     {{fUsageDetails, 1, DialectLangSmith}},
	"gen_ai.usage.input_token_details":             {{fUsageDetails, 2, DialectLangSmith}},
	"gen_ai.usage.output_token_details":            {{fUsageDetails, 3, DialectLangSmith}},
	"mlflow.chat.tokenUsage":                       {{fUsageDetails, 4, DialectOther}},
	"gen_ai.usage.cost":                            {{fCost, 0, DialectOTel}},
	"operation.cost":                               {{fCost, 1, DialectPydantic}},
	"llm.cost.total":                               {{fCost, 2, DialectOpenInference}},
	"langfuse.observation.cost_details":            {{fCost, 3, DialectLangfuse}},
	"gen_ai.cost.total_cost":                       {{fCost, 4, DialectOther}},
	"gen_ai.response.time_to_first_chunk":          {{fTTFTSeconds, 0, DialectOTel}},
	"gen_ai.server.time_to_first_token":            {{fTTFTSeconds, 1, DialectOTel}},
	"ai.response.msToFirstChunk":                   {{fTTFTMillis, 0, DialectVercel}},
	"gen_ai.response.finish_reasons":               {{fFinish, 0, DialectOTel}},
	"gen_ai.response.finish_reason":                {{fFinish, 1, DialectOTel}},
	"llm.finish_reason":                            {{fFinish, 2, DialectOpenInference}},
	"llm.response.finish_reason":                   {{fFinish, 3, DialectOpenLLMetry}},
	"ai.response.finishReason":                     {{fFinish, 4, DialectVercel}},
	"gen_ai.output.type":                           {{fOutputType, 0, DialectOTel}},
	"error.type":                                   {{fErrorType, 0, ""}},
	"langfuse.observation.level":                   {{fErrorLevel, 0, DialectLangfuse}},
	"langfuse.observation.status_message":          {{fErrorMessage, 0, DialectLangfuse}},
	"gen_ai.system_instructions":                   {{fSystem, 0, DialectOTel}},
	"gen_ai.input.messages":                        {{fInput, 0, DialectOTel}},
	"ai.prompt.messages":                           {{fInput, 3, DialectVercel}},
	"pydantic_ai.all_messages":                     {{fInput, 10, DialectPydantic}},
	"all_messages_events":                          {{fInput, 11, DialectPydantic}},
	"gen_ai.output.messages":                       {{fOutput, 0, DialectOTel}},
	"langfuse.observation.input":                   {{fInputDocument, 0, DialectLangfuse}},
	"langfuse.observation.output":                  {{fOutputDocument, 0, DialectLangfuse}},
	"gen_ai.prompt":                                {{fInputDocument, 1, DialectLangSmith}},
	"gen_ai.completion":                            {{fOutputDocument, 1, DialectLangSmith}},
	"ai.prompt":                                    {{fInputDocument, 2, DialectVercel}},
	"mlflow.spanInputs":                            {{fInputDocument, 3, DialectOther}},
	"mlflow.spanOutputs":                           {{fOutputDocument, 3, DialectOther}},
	"input.value":                                  {{fInputDocument, 4, DialectOpenInference}},
	"output.value":                                 {{fOutputDocument, 4, DialectOpenInference}},
	"traceloop.entity.input":                       {{fInputDocument, 5, DialectOpenLLMetry}},
	"traceloop.entity.output":                      {{fOutputDocument, 5, DialectOpenLLMetry}},
	"braintrust.input_json":                        {{fInputDocument, 6, DialectOther}},
	"braintrust.output_json":                       {{fOutputDocument, 6, DialectOther}},
	"ai.response.text":                             {{fOutputText, 0, DialectVercel}},
	"ai.response.object":                           {{fOutputText, 1, DialectVercel}},
	"ai.response.toolCalls":                        {{fOutputCalls, 0, DialectVercel}},
	"ai.response.reasoning":                        {{fOutputReasoning, 0, DialectVercel}},
	"gen_ai.tool.definitions":                      {{fTools, 0, DialectOTel}},
	"gen_ai.request.tools":                         {{fTools, 1, DialectOther}},
	"ai.prompt.tools":                              {{fTools, 4, DialectVercel}},
	"model_request_parameters":                     {{fTools, 5, DialectPydantic}},
	"mlflow.chat.tools":                            {{fTools, 6, DialectOther}},
	"llm.invocation_parameters":                    {{fParams, 0, DialectOpenInference}},
	"langfuse.observation.model.parameters":        {{fParams, 1, DialectLangfuse}},
	"langfuse.observation.model_parameters":        {{fParams, 2, DialectLangfuse}},
	"langsmith.metadata.ls_invocation_params":      {{fParams, 3, DialectLangSmith}},
	"gen_ai.prompt.name":                           {{fPromptName, 0, DialectOTel}},
	"gen_ai.prompt.version":                        {{fPromptVersion, 0, DialectOTel}},
	"langfuse.observation.prompt.name":             {{fPromptName, 1, DialectLangfuse}},
	"langfuse.observation.prompt.version":          {{fPromptVersion, 1, DialectLangfuse}},
	"langfuse.prompt.name":                         {{fPromptName, 2, DialectLangfuse}},
	"langfuse.prompt.version":                      {{fPromptVersion, 2, DialectLangfuse}},
	"ai.telemetry.metadata.langfusePrompt":         {{fPromptObject, 0, DialectVercel}},
	"traceloop.prompt.key":                         {{fPromptName, 4, DialectOpenLLMetry}},
	"traceloop.prompt.version":                     {{fPromptVersion, 4, DialectOpenLLMetry}},
	"traceloop.prompt.version_name":                {{fPromptLabel, 4, DialectOpenLLMetry}},
	"traceloop.prompt.version_hash":                {{fPromptHash, 0, DialectOpenLLMetry}},
	"traceloop.prompt.template":                    {{fPromptTemplate, 1, DialectOpenLLMetry}},
	"langwatch.prompt.handle":                      {{fPromptName, 5, DialectOther}},
	"langwatch.prompt.version.number":              {{fPromptVersion, 5, DialectOther}},
	"promptlayer.prompt.name":                      {{fPromptName, 6, DialectOther}},
	"promptlayer.prompt.version":                   {{fPromptVersion, 6, DialectOther}},
	"promptlayer.prompt.label":                     {{fPromptLabel, 0, DialectOther}},
	"promptlayer.prompt.id":                        {{fPromptID, 0, DialectOther}},
	"humanloop.file.path":                          {{fPromptName, 7, DialectOther}},
	"humanloop.file.template":                      {{fPromptTemplate, 2, DialectOther}},
	"ag.refs.application.slug":                     {{fPromptName, 8, DialectOther}},
	"ag.refs.application_revision.version":         {{fPromptVersion, 8, DialectOther}},
	"ag.refs.application_revision.id":              {{fPromptID, 1, DialectOther}},
	"ag.refs.environment.slug":                     {{fPromptLabel, 1, DialectOther}},
	"langsmith.metadata.lc_hub_repo":               {{fPromptName, 9, DialectLangSmith}},
	"langsmith.metadata.lc_hub_commit_hash":        {{fPromptVersion, 9, DialectLangSmith}},
	"langsmith.metadata.ls_prompt_tag":             {{fPromptLabel, 5, DialectLangSmith}},
	"prompt.id":                                    {{fPromptID, 2, DialectOpenInference}},
	"llm.prompt_template.template":                 {{fPromptTemplate, 0, DialectOpenInference}},
	"llm.prompt_template.version":                  {{fPromptVersion, 11, DialectOpenInference}},
	"llm.prompt_template.variables":                {{fPromptVariables, 0, DialectOpenInference}},
	"ai.telemetry.metadata.promptName":             {{fPromptName, 12, DialectVercel}},
	"ai.telemetry.metadata.prompt_name":            {{fPromptName, 13, DialectVercel}},
	"ai.telemetry.metadata.prompt.name":            {{fPromptName, 14, DialectVercel}},
	"ai.telemetry.metadata.prompt.version":         {{fPromptVersion, 14, DialectVercel}},
	"ai.telemetry.metadata.promptVersion":          {{fPromptVersion, 12, DialectVercel}},
	"ai.telemetry.metadata.prompt_version":         {{fPromptVersion, 13, DialectVercel}},
	"gen_ai.conversation.id":                       {{fSession, 0, DialectOTel}},
	"session.id":                                   {{fSession, 1, ""}},
	"langfuse.session.id":                          {{fSession, 2, DialectLangfuse}},
	"traceloop.association.properties.session_id":  {{fSession, 3, DialectOpenLLMetry}},
	"traceloop.association.properties.chat_id":     {{fSession, 4, DialectOpenLLMetry}},
	"traceloop.association.properties.thread_id":   {{fSession, 5, DialectOpenLLMetry}},
	"langsmith.metadata.session_id":                {{fSession, 6, DialectLangSmith}},
	"langsmith.metadata.thread_id":                 {{fSession, 7, DialectLangSmith}},
	"langsmith.metadata.conversation_id":           {{fSession, 8, DialectLangSmith}},
	"ag.session.id":                                {{fSession, 9, DialectOther}},
	"ai.telemetry.metadata.sessionId":              {{fSession, 10, DialectVercel}},
	"langwatch.thread.id":                          {{fSession, 11, DialectOther}},
	"user.id":                                      {{fUser, 0, ""}},
	"enduser.id":                                   {{fUser, 1, ""}},
	"langfuse.user.id":                             {{fUser, 2, DialectLangfuse}},
	"traceloop.association.properties.user_id":     {{fUser, 3, DialectOpenLLMetry}},
	"llm.user":                     {{fUser, 4, DialectOpenLLMetry}},
	"gen_ai.user":                  {{fUser, 5, DialectOpenLLMetry}},
	"langsmith.metadata.user_id":   {{fUser, 6, DialectLangSmith}},
	"ag.user.id":                   {{fUser, 7, DialectOther}},
	"langwatch.user.id":            {{fUser, 8, DialectOther}},
	"ai.telemetry.metadata.userId": {{fUser, 9, DialectVercel}},
	"gen_ai.agent.name":            {{fAgent, 0, DialectOTel}},
	"gen_ai.tool.name":             {{fToolName, 0, DialectOTel}},
	"gen_ai.tool.call.id":          {{fToolCallID, 0, DialectOTel}},
	"gen_ai.tool.type":             {{fToolType, 0, DialectOTel}},
	"gen_ai.tool.description":      {{fToolDescription, 0, DialectOTel}},
	"gen_ai.tool.call.arguments":   {{fToolArguments, 0, DialectOTel}},
	"gen_ai.tool.call.result":      {{fToolResult, 0, DialectOTel}},
	"tool_arguments":               {{fToolArguments, 1, DialectPydantic}},
	"tool_response":                {{fToolResult, 1, DialectPydantic}},
	"ai.toolCall.name":             {{fToolName, 2, DialectVercel}},
	"ai.toolCall.id":               {{fToolCallID, 2, DialectVercel}},
	"ai.toolCall.args":             {{fToolArguments, 2, DialectVercel}},
	"ai.toolCall.result":           {{fToolResult, 2, DialectVercel}},
	"tool.name":                    {{fToolName, 3, DialectOpenInference}},
	"tool.id":                      {{fToolCallID, 3, DialectOpenInference}},
	"tool.description":             {{fToolDescription, 3, DialectOpenInference}},
	"gen_ai.retrieval.documents":   {{fDocuments, 0, DialectOTel}},
	"traceloop.entity.name":        {{fEntityName, 0, DialectOpenLLMetry}},
	"braintrust.scores":            {{fScores, 0, DialectOther}},
}

// family is a group of attributes that share a prefix and carry an index or a
// key in their name.
type family uint8

const (
	familyNone family = iota
	familyRequestParam
	familyVariable
	familyInput
	familyOutput
	familyTools
	familyAnnotation
	familySetting
	familyLogfireVariable
)

type familyRow struct {
	prefix  string
	family  family
	dialect string
}

// families are tried in order; the first prefix that fits wins.
var families = []familyRow{
	{"gen_ai.request.", familyRequestParam, DialectOTel},
	{"gen_ai.prompt.variable.", familyVariable, DialectOTel},
	{"gen_ai.prompt.", familyInput, DialectOpenLLMetry},
	{"gen_ai.completion.", familyOutput, DialectOpenLLMetry},
	{"llm.input_messages.", familyInput, DialectOpenInference},
	{"llm.output_messages.", familyOutput, DialectOpenInference},
	{"llm.tools.", familyTools, DialectOpenInference},
	{"llm.request.functions.", familyTools, DialectOpenLLMetry},
	{"traceloop.prompt.template_variables.", familyVariable, DialectOpenLLMetry},
	{"humanloop.log.inputs.", familyVariable, DialectOther},
	{"annotations.", familyAnnotation, DialectOpenInference},
	{"evaluations.", familyAnnotation, DialectOpenInference},
	{"trace.annotations.", familyAnnotation, DialectOpenInference},
	{"session.annotations.", familyAnnotation, DialectOpenInference},
	{"ai.settings.", familySetting, DialectVercel},
	{"logfire.variables.", familyLogfireVariable, DialectPydantic},
}

// DialectInfo describes one row group of the table.
type DialectInfo struct {
	Name string
	// Attributes are the attributes that are read whole, Families the prefixes
	// of indexed ones.
	Attributes, Families int
}

// Dialects counts what is read for each dialect, in table order.
func Dialects() []DialectInfo {
	names := []string{DialectOTel, DialectOpenInference, DialectOpenLLMetry, DialectLangfuse, DialectLangSmith, DialectVercel, DialectPydantic, DialectOther}
	list := make([]DialectInfo, len(names))
	for i, name := range names {
		list[i].Name = name
		for _, rows := range table {
			if rows[0].dialect == name {
				list[i].Attributes++
			}
		}
		for _, f := range families {
			if f.dialect == name {
				list[i].Families++
			}
		}
	}
	return list
}
