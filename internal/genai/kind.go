// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var operationKinds = map[string]Kind{
	"chat": KindInference, "generate_content": KindInference, "text_completion": KindInference,
	"embeddings": KindEmbeddings, "rerank": KindRerank, "retrieval": KindRetrieval,
	"execute_tool": KindTool, "invoke_agent": KindAgent, "create_agent": KindAgent, "plan": KindAgent,
	"agent_step": KindAgent, "invoke_workflow": KindWorkflow,
}

// spanKinds maps the words of the dialects' own kind attributes, lower-cased.
var spanKinds = map[string]Kind{
	"llm": KindInference, "generation": KindInference, "chat": KindInference, "chat_model": KindInference, "completion": KindInference,
	"embedding": KindEmbeddings, "embeddings": KindEmbeddings, "rerank": KindRerank, "reranker": KindRerank,
	"retriever": KindRetrieval, "tool": KindTool, "agent": KindAgent,
	"chain": KindWorkflow, "workflow": KindWorkflow, "task": KindWorkflow,
	"evaluator": KindEvaluation, "evaluation": KindEvaluation, "annotation": KindEvaluation, "prompt": KindPrompt,
}

// kind decides what a span describes: by the dialect's own kind, then by the
// operation, then by what the span carries.
func (r *reading) kind(operation string, span ptrace.Span, scope pcommon.InstrumentationScope) Kind {
	kind := KindOther
	if r.each(fKind, func(m *match) bool {
		word, _ := scalar(m.value)
		if m.key == "ai.operationId" {
			kind = vercelKind(word)
		} else {
			kind = spanKinds[strings.ToLower(strings.Trim(word, `"`))]
		}
		return kind != KindOther
	}) {
		return kind
	}
	if operation != "" {
		return operationKinds[operation]
	}
	switch {
	case r.mcp, r.has(fToolName):
		if r.has(fToolName) {
			return KindTool
		}
		return KindOther
	case strings.HasPrefix(span.Name(), "agent run"), r.hasKey("pydantic_ai.all_messages"), r.hasKey("all_messages_events"):
		return KindAgent
	case r.has(fRequestModel) && (r.has(fInputTokens) || len(r.entries) > 0 || r.has(fInput) || len(r.eventIn) > 0):
		return KindInference
	case scope.Name() == "braintrust" && r.hasKey("braintrust.input_json"):
		return KindInference
	}
	return KindOther
}

// vercelKind reads ai.operationId: the outer spans repeat what their inner
// .doGenerate, .doStream and .doEmbed spans report.
func vercelKind(operation string) Kind {
	switch {
	case strings.HasSuffix(operation, ".doGenerate"), strings.HasSuffix(operation, ".doStream"):
		return KindInference
	case strings.HasSuffix(operation, ".doEmbed"):
		return KindEmbeddings
	case operation == "ai.toolCall":
		return KindTool
	}
	return KindWorkflow
}

func (r *reading) hasKey(key string) bool {
	for i := range r.matches {
		if r.matches[i].key == key {
			return true
		}
	}
	return false
}

// operationOf names the operation of spans whose dialect has no such attribute.
func operationOf(operation string, kind Kind) string {
	if operation != "" && operationKinds[operation] == kind {
		return operation
	}
	switch kind {
	case KindInference:
		return "chat"
	case KindEmbeddings:
		return "embeddings"
	case KindRerank:
		return "rerank"
	case KindRetrieval:
		return "retrieval"
	case KindTool:
		return "execute_tool"
	case KindAgent:
		return "invoke_agent"
	case KindWorkflow:
		return "invoke_workflow"
	}
	return operation
}
