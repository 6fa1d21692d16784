// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// operationKinds maps gen_ai.operation.name.
var operationKinds = map[string]Kind{
	"chat": KindInference, "generate_content": KindInference, "text_completion": KindInference,
	"embeddings": KindEmbeddings, "rerank": KindRerank, "retrieval": KindRetrieval,
	"execute_tool": KindTool, "invoke_agent": KindAgent, "create_agent": KindAgent, "plan": KindAgent,
	"invoke_workflow": KindWorkflow, "agent_step": KindAgent,
	"fetch_response": KindOther, "search_memory": KindOther, "create_memory": KindOther, "update_memory": KindOther,
	"upsert_memory": KindOther, "delete_memory": KindOther, "create_memory_store": KindOther, "delete_memory_store": KindOther,
}

// operationAliases are words that senders write to gen_ai.operation.name on
// their own account. A word in neither map says nothing: what the span carries
// decides.
var operationAliases = map[string]Kind{
	"completion": KindInference, "responses": KindInference, "response": KindInference, "text_generation": KindInference,
	"embedding": KindEmbeddings, "agent": KindAgent, "chain": KindWorkflow, "tool": KindTool,
}

// spanKinds maps the words of the dialects' own kind attributes, lower-cased.
var spanKinds = map[string]Kind{
	"llm": KindInference, "generation": KindInference, "chat": KindInference, "chat_model": KindInference, "completion": KindInference,
	"embedding": KindEmbeddings, "embeddings": KindEmbeddings, "rerank": KindRerank, "reranker": KindRerank,
	"retriever": KindRetrieval, "rag": KindRetrieval, "tool": KindTool, "agent": KindAgent,
	"chain": KindWorkflow, "workflow": KindWorkflow, "task": KindWorkflow, "parser": KindWorkflow,
	"evaluator": KindEvaluation, "evaluation": KindEvaluation, "annotation": KindEvaluation, "score": KindEvaluation,
	"prompt": KindPrompt,
}

// kind decides what a span describes: by the dialect's own kind, then by the
// operation, then by what the span carries.
func (r *reading) kind(operation string, span ptrace.Span, scope pcommon.InstrumentationScope) Kind {
	kind := KindOther
	if r.each(fKind, func(m *match) bool {
		word, _ := scalar(m.value)
		kind = spanKind(m.key, word)
		return kind != KindOther
	}) {
		return kind
	}
	if kind, known := operationKinds[operation]; known {
		return kind
	}
	if kind, known := operationAliases[operation]; known {
		return kind
	}
	if r.has(fMCPMethod) {
		return r.mcpKind()
	}
	return r.kindByContent(span, scope)
}

func spanKind(key, word string) Kind {
	if key == "ai.operationId" {
		return vercelKind(word)
	}
	word = unquotedScalar(word)
	if strings.HasPrefix(word, "{") && ValidJSON(word) {
		word = gjson.Get(word, "type").String()
	}
	// Some senders print the enumeration: TraceloopSpanKindValues.TASK.
	if dot := strings.LastIndexByte(word, '.'); dot >= 0 {
		word = word[dot+1:]
	}
	return spanKinds[strings.ToLower(word)]
}

// mcpKind reads spans of the Model Context Protocol. Fetching a prompt is no
// model call.
func (r *reading) mcpKind() Kind {
	switch method := r.text(fMCPMethod); {
	case method == "tools/call", r.has(fToolName):
		return KindTool
	case strings.HasPrefix(method, "prompts/"):
		return KindPrompt
	}
	return KindOther
}

func (r *reading) kindByContent(span ptrace.Span, scope pcommon.InstrumentationScope) Kind {
	model := r.has(fRequestModel) || r.has(fResponseModel)
	content := r.has(fInput) || r.has(fMessageEvents) || len(r.eventIn) > 0 || r.hasFamily(familyInput)
	switch {
	case r.has(fToolName) && !content:
		return KindTool
	case strings.HasPrefix(span.Name(), "agent run"), r.hasKey("pydantic_ai.all_messages"), r.hasKey("all_messages_events"):
		return KindAgent
	case model && (r.has(fInputTokens) || content):
		return KindInference
	case span.Name() == "call_llm" && r.hasKey("gcp.vertex.agent.llm_request"):
		return KindInference
	case scope.Name() == "braintrust" && r.hasKey("braintrust.input_json"):
		return KindInference
	case r.hasKey("langwatch.prompt.id"):
		return KindPrompt
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

func (r *reading) hasFamily(f family) bool {
	for i := range r.entries {
		if r.entries[i].family.family != f {
			continue
		}
		if _, _, indexed := cutIndex(r.entries[i].rest); indexed {
			return true
		}
	}
	return false
}

// operationOf names the operation of spans whose dialect has no such attribute,
// or whose operation is an alias or says otherwise than their kind. An unknown word
// stays.
func operationOf(operation string, kind Kind) string {
	known, standard := operationKinds[operation]
	_, alias := operationAliases[operation]
	if operation != "" && !alias && (!standard || known == kind) {
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
