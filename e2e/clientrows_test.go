// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && clients

package e2e

import "maps"

// clientRows are the libraries that are tested; the Makefile names their versions.
func clientRows() []clientRow {
	const (
		capture = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="
		latest  = "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"
	)
	smith := []string{"LANGSMITH_TRACING=true", "LANGSMITH_TRACING_MODE=otel"}
	mlflow := []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "MLFLOW_DISABLE_TELEMETRY=true"}
	return []clientRow{
		{library: "OpenTelemetry genai-openai", api: "chat", env: "otel", script: "otel_openai.py", set: []string{capture + "span_only"}, dialects: "otel"},
		{library: "OpenTelemetry genai-openai", api: "responses", env: "otel", script: "otel_openai.py", set: []string{capture + "span_only"}, dialects: "otel"},
		{library: "OpenTelemetry genai-openai", note: "(events)", api: "chat", env: "otel", script: "otel_openai.py", set: []string{capture + "event_only"}, dialects: "otel"},
		{library: "OpenTelemetry genai-anthropic", api: "messages", env: "otel", script: "otel_anthropic.py", set: []string{capture + "span_and_event"}, dialects: "otel"},
		{library: "OpenTelemetry openai-v2", api: "chat", env: "otel-v2", script: "otel_openai_v2.py", set: []string{latest, capture + "span_only"}, dialects: "otel", but: map[string]otherwise{
			"tool_versions":        {[]any{}, "no tools"},
			"toolset_completeness": {"absent", ""},
			"cache_read_tokens":    {nil, "no cached tokens"},
		}},
		{library: "OpenTelemetry openai-v2", note: "(events)", api: "chat", env: "otel-v2", script: "otel_openai_v2.py", set: []string{capture + "true"}, dialects: "otel", but: map[string]otherwise{
			"tool_versions":        {[]any{}, "no tools"},
			"toolset_completeness": {"absent", ""},
			"cache_read_tokens":    {nil, "no cached tokens"},
		}},
		{library: "OpenInference openai", api: "chat", env: "openinference", script: "openinference_openai.py", dialects: "openinference"},
		{library: "OpenInference openai", api: "responses", env: "openinference", script: "openinference_openai.py", dialects: "openinference"},
		{library: "OpenInference anthropic", api: "messages", env: "openinference", script: "openinference_anthropic.py", dialects: "openinference"},
		{library: "OpenLLMetry openai", api: "chat", env: "traceloop", script: "openllmetry_openai.py", dialects: "openllmetry, otel"},
		{library: "OpenLLMetry openai", api: "responses", env: "traceloop", script: "openllmetry_openai.py", dialects: "openllmetry, otel"},
		{library: "OpenLLMetry anthropic", api: "messages", env: "traceloop", script: "openllmetry_anthropic.py", dialects: "otel", but: map[string]otherwise{
			"output_tokens": {[4]any{tokenCount(20), tokenCount(30), tokenCount(21), tokenCount(31)}, "streamed: the counts of a stream summed"},
		}},
		{library: "Langfuse Python", api: "chat", env: "langfuse", script: "langfuse_openai.py", dialects: "langfuse", but: langfuse(nil)},
		{library: "Langfuse Python", note: "(linked prompt)", api: "chat", env: "langfuse", script: "langfuse_openai.py", args: []string{"linked"}, dialects: "langfuse", but: langfuse(map[string]otherwise{
			"prompt_resolution": {"explicit", ""},
		})},
		{library: "Langfuse Python", api: "responses", env: "langfuse", script: "langfuse_openai.py", dialects: "langfuse", but: langfuse(nil)},
		{library: "Langfuse JS", api: "chat", env: "js", script: "langfuse_openai.mjs", dialects: "langfuse", but: langfuse(map[string]otherwise{
			"request_model":  {[4]any{clientAnswered, clientAnswered, clientAsked, clientAsked}, "one model: the answering one, streamed the requested one"},
			"response_model": {[4]any{clientAnswered, clientAnswered, clientAsked, clientAsked}, ""},
		})},
		{library: "Langfuse JS", api: "responses", env: "js", script: "langfuse_openai.mjs", dialects: "langfuse", but: langfuse(map[string]otherwise{
			"prompt_name":              {nil, "no instructions"},
			"prompt_version":           {nil, ""},
			"prompt_resolution":        {"none", ""},
			"prompt_unresolved_reason": {"no_match", ""},
			"prompt_variables":         {map[string]any{}, ""},
			"tool_versions":            {[]any{}, "no tools"},
			"toolset_completeness":     {"absent", ""},
		})},
		{library: "AI SDK 6", api: "chat", env: "js", script: "ai_sdk6.mjs", dialects: "otel, vercel-ai"},
		{library: "AI SDK 6", api: "responses", env: "js", script: "ai_sdk6.mjs", dialects: "otel, vercel-ai"},
		{library: "AI SDK 6", api: "messages", env: "js", script: "ai_sdk6.mjs", dialects: "otel, vercel-ai"},
		{library: "AI SDK 7", api: "chat", env: "ai7", script: "ai_sdk7.mjs", dialects: "otel"},
		{library: "AI SDK 7", api: "responses", env: "ai7", script: "ai_sdk7.mjs", dialects: "otel"},
		{library: "AI SDK 7", api: "messages", env: "ai7", script: "ai_sdk7.mjs", dialects: "otel"},
		{library: "LangSmith wrap_openai", api: "chat", env: "langsmith", script: "langsmith_openai.py", set: smith, dialects: "langsmith, otel"},
		{library: "LangSmith wrap_openai", api: "responses", env: "langsmith", script: "langsmith_openai.py", set: smith, dialects: "langsmith, otel"},
		{library: "LangSmith with LangChain", api: "chat", env: "langsmith", script: "langsmith_langchain.py", set: smith, dialects: "langsmith, otel"},
		{library: "Pydantic AI", api: "chat", env: "pydantic", script: "pydantic_ai_agent.py", dialects: "otel, pydantic-ai"},
		{library: "Pydantic AI", api: "responses", env: "pydantic", script: "pydantic_ai_agent.py", dialects: "otel, pydantic-ai"},
		{library: "Pydantic AI", api: "messages", env: "pydantic", script: "pydantic_ai_agent.py", dialects: "otel"},
		{library: "MLflow", api: "chat", env: "mlflow", script: "mlflow_openai.py", set: mlflow, dialects: "mlflow", but: map[string]otherwise{
			"provider": {nil, "no provider"}, "asked": unstreamed,
		}},
		{library: "MLflow", api: "responses", env: "mlflow", script: "mlflow_openai.py", set: mlflow, dialects: "mlflow", but: map[string]otherwise{
			"provider": {nil, "no provider"},
		}},
		{library: "MLflow", note: "(conventions)", api: "chat", env: "mlflow", script: "mlflow_openai.py", set: append(mlflow[:2:2], "MLFLOW_ENABLE_OTEL_GENAI_SEMCONV=true"), dialects: "otel", but: map[string]otherwise{
			"provider":          {nil, "no provider"},
			"request_model":     {clientAnswered, "one model, the answering one"},
			"cache_read_tokens": {nil, "no cached tokens"},
			"asked":             unstreamed,
		}},
	}
}

// unstreamed is for libraries that lose the tool calls of streamed answers.
var unstreamed = otherwise{[4]any{[]any{`lookup_order{"order_id":"A-12345"}`}, []any{}, []any{}, []any{}}, "streamed: no tool calls"}

// langfuse is what Langfuse's wrappers of OpenAI's clients leave out.
func langfuse(more map[string]otherwise) map[string]otherwise {
	return with(map[string]otherwise{
		"provider":      {nil, "no provider"},
		"request_model": {clientAnswered, "one model, the answering one"},
	}, more)
}

func with(some, more map[string]otherwise) map[string]otherwise {
	maps.Copy(some, more)
	return some
}
