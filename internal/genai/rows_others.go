// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// adkRows are Google's Agent Development Kit.
var adkRows = dialectRows{
	name: "google-adk",
	rows: []row{
		{key: "gcp.vertex.agent.llm_request", field: fInputDocument, rank: 5},
		{key: "gcp.vertex.agent.llm_response", field: fOutputDocument, rank: 5},
		{key: "gcp.vertex.agent.tool_call_args", field: fToolArguments, rank: 40},
		{key: "gcp.vertex.agent.tool_response", field: fToolResult, rank: 40},
		{key: "gcp.vertex.agent.session_id", field: fSession, rank: 95},
	},
}

// agentaRows are Agenta.
var agentaRows = dialectRows{
	name: "agenta",
	rows: []row{
		{key: "ag.type.span", field: fKind, rank: 80},
		{key: "ag.type.node", field: fKind, rank: 90},
		{key: "ag.meta.request.model", field: fRequestModel, rank: 30},
		{key: "ag.meta.response.model", field: fResponseModel, rank: 50},
		{key: "ag.metrics.unit.tokens.prompt", field: fInputTokens, rank: 60},
		{key: "ag.metrics.unit.tokens.completion", field: fOutputTokens, rank: 60},
		{key: "ag.data.inputs.prompt", field: fInputDocument, rank: 65},
		{key: "ag.data.outputs.completion", field: fOutputDocument, rank: 65},
		{key: "ag.refs.application.slug", field: fPromptName, rank: 80},
		{key: "ag.refs.application_variant.slug", field: fPromptName, rank: 81},
		{key: "ag.refs.application_revision.version", field: fPromptVersion, rank: 80},
		{key: "ag.refs.application_revision.id", field: fPromptID, rank: 10},
		{key: "ag.refs.environment.slug", field: fPromptLabel, rank: 10},
		{key: "ag.session.id", field: fSession, rank: 90},
		{key: "ag.user.id", field: fUser, rank: 80},
	},
}

// braintrustRows are Braintrust.
var braintrustRows = dialectRows{
	name: "braintrust",
	rows: []row{
		{key: "braintrust.span_attributes", field: fKind, rank: 100},
		{key: "braintrust.input_json", field: fInputDocument, rank: 60},
		{key: "braintrust.output_json", field: fOutputDocument, rank: 60},
		{key: "braintrust.metadata", field: fMetadataDocument, rank: 0},
		{key: "braintrust.metrics", field: fUsageDetails, rank: 50},
		{key: "braintrust.scores", field: fScores, rank: 0},
	},
}

// heliconeRows are Helicone's asynchronous logger, which rides on OpenLLMetry.
var heliconeRows = dialectRows{
	name: "helicone",
	rows: []row{
		{key: "traceloop.association.properties.Helicone-Prompt-Id", field: fPromptName, rank: 110},
		{key: "traceloop.association.properties.Helicone-Session-Id", field: fSession, rank: 55},
		{key: "traceloop.association.properties.Helicone-User-Id", field: fUser, rank: 35},
	},
}

// humanloopRows are Humanloop.
var humanloopRows = dialectRows{
	name: "humanloop",
	rows: []row{
		{key: "humanloop.file.path", field: fPromptName, rank: 70},
		{key: "humanloop.file.type", field: fPromptFileType, rank: 0},
		{key: "humanloop.file.template", field: fPromptTemplate, rank: 20},
	},
	families: []familyRow{{"humanloop.log.inputs.", familyVariable}},
}

// langWatchRows are LangWatch. Its messages have the OpenAI shape under the
// OpenTelemetry names.
var langWatchRows = dialectRows{
	name: "langwatch",
	rows: []row{
		{key: "langwatch.span.type", field: fKind, rank: 70},
		{key: "langwatch.input", field: fInputDocument, rank: 80},
		{key: "langwatch.output", field: fOutputDocument, rank: 80},
		{key: "gen_ai.request.tools", field: fTools, rank: 10},
		{key: "langwatch.prompt.handle", field: fPromptName, rank: 50},
		{key: "langwatch.prompt.version.number", field: fPromptVersion, rank: 50},
		{key: "langwatch.prompt.version.id", field: fPromptID, rank: 5},
		{key: "langwatch.prompt.id", field: fPromptReference, rank: 0},
		{key: "langwatch.prompt.variables", field: fPromptVariables, rank: 10},
		{key: "langwatch.thread.id", field: fSession, rank: 110},
		{key: "langwatch.user.id", field: fUser, rank: 100},
	},
}

// mlflowRows are MLflow, whose values are all JSON.
var mlflowRows = dialectRows{
	name: "mlflow",
	rows: []row{
		{key: "mlflow.spanType", field: fKind, rank: 60},
		{key: "mlflow.llm.provider", field: fProvider, rank: 70},
		{key: "mlflow.llm.model", field: fRequestModel, rank: 60},
		{key: "mlflow.chat.tokenUsage", field: fUsageDetails, rank: 40},
		{key: "mlflow.llm.cost", field: fCost, rank: 40},
		{key: "mlflow.spanInputs", field: fInputDocument, rank: 30},
		{key: "mlflow.spanOutputs", field: fOutputDocument, rank: 30},
		{key: "mlflow.chat.tools", field: fTools, rank: 60},
		{key: "mlflow.linkedPrompts", field: fPromptObject, rank: 10},
	},
}

// opikRows are Opik.
var opikRows = dialectRows{
	name: "opik",
	rows: []row{
		{key: "gen_ai.request_model", field: fRequestModel, rank: 50},
		{key: "gen_ai.response_model", field: fResponseModel, rank: 60},
		{key: "opik.metadata.prompt_name", field: fPromptName, rank: 140},
		{key: "opik.metadata.prompt_commit", field: fPromptVersion, rank: 140},
		{key: "opik.metadata.prompt_version", field: fPromptVersion, rank: 141},
	},
}

// promptLayerRows are PromptLayer, which writes them on the resource as well.
var promptLayerRows = dialectRows{
	name: "promptlayer",
	rows: []row{
		{key: "promptlayer.prompt.name", field: fPromptName, rank: 60},
		{key: "promptlayer.prompt.version", field: fPromptVersion, rank: 60},
		{key: "promptlayer.prompt.label", field: fPromptLabel, rank: 0},
		{key: "promptlayer.prompt.id", field: fPromptID, rank: 0},
	},
}

// respanRows are Respan and Keywords AI, which ride on OpenLLMetry.
var respanRows = dialectRows{
	name: "respan",
	rows: []row{
		{key: "respan.metadata.prompt_name", field: fPromptName, rank: 150},
		{key: "respan.metadata.prompt_version", field: fPromptVersion, rank: 150},
		{key: "keywordsai.metadata.prompt_name", field: fPromptName, rank: 151},
		{key: "keywordsai.metadata.prompt_version", field: fPromptVersion, rank: 151},
		{key: "respan.threads.thread_identifier", field: fSession, rank: 96},
		{key: "keywordsai.threads.thread_identifier", field: fSession, rank: 97},
		{key: "respan.customer_params.customer_identifier", field: fUser, rank: 90},
		{key: "keywordsai.customer_params.customer_identifier", field: fUser, rank: 91},
	},
}

// strandsRows are Strands Agents, which speaks the old conventions with
// Bedrock's content blocks.
var strandsRows = dialectRows{
	name: "strands",
	rows: []row{
		{key: "system_prompt", field: fSystem, rank: 20},
	},
}
