// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genai reads a GenAI span, in whatever dialect its instrumentation
// speaks, into one canonical form: the Call.
//
// The canonical form follows the current OpenTelemetry GenAI semantic
// conventions (open-telemetry/semantic-conventions-genai): names of operations,
// roles, parts and usage are theirs.
package genai

import "encoding/json"

// AttrDuplicateOf marks a span that describes a model call for which another
// span counts: its value is that span's id. The identity processor sets it.
const AttrDuplicateOf = "spanloop.call.duplicate_of"

// Kind says what a GenAI span describes.
type Kind uint8

// Kinds of GenAI spans. Only KindInference, KindEmbeddings and KindRerank are
// model calls; the others are wrappers, tools and steps around them.
const (
	KindOther Kind = iota
	KindInference
	KindEmbeddings
	KindRerank
	KindRetrieval
	KindTool
	KindAgent
	KindWorkflow
	KindEvaluation
	KindPrompt
)

// Call is one GenAI span in canonical form. A zero or unset field means that
// the span does not say. Strings may alias the span they were read from: a Call
// must not outlive its span unless it is cloned.
type Call struct {
	Kind Kind
	// Dialects are the dialects of which at least one attribute was read, in
	// table order. A span often mixes several.
	Dialects []string
	// Operation is gen_ai.operation.name: chat, text_completion, embeddings,
	// execute_tool, invoke_agent, ...
	Operation string
	// Counted is true on the span that is the model call itself and false on
	// wrapper, framework and client spans that repeat its usage.
	Counted bool

	Provider          string
	RequestModel      string
	ResponseModel     string
	ResponseID        string
	SystemFingerprint string
	// Params are the request parameters under their OpenTelemetry names
	// without prefix (temperature, max_tokens, seed, ...), sorted by name.
	Params []Param
	Usage  Usage
	// CostUSD is the cost that the span itself states, in US dollars.
	CostUSD Opt[float64]
	// TimeToFirstTokenNS is in nanoseconds.
	TimeToFirstTokenNS Opt[int64]
	// FinishReasons are the provider's own words, one a choice.
	FinishReasons []string
	// ErrorType is error.type, or the exception's type; empty without error.
	ErrorType    string
	ErrorMessage string

	// System holds instructions that were sent apart from the history.
	System Parts
	// Input is the chat history that was sent; Output the model's answer, one
	// message a choice.
	Input  Messages
	Output Messages

	Tools ToolDefinitions
	// ToolExecution is set on spans of KindTool.
	ToolExecution *ToolExecution

	Prompt    PromptReference
	SessionID string
	UserID    string
	AgentName string
	// Documents is the JSON of what a retrieval returned.
	Documents string
	// Scores are evaluation results that the span already carries.
	Scores []GivenScore

	// Problems lists what was on the span but could not be read.
	Problems []Problem
}

// Opt is a value that may be absent. Absent is not zero.
type Opt[T any] struct {
	Value T
	Set   bool
}

// Some returns a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Param is one request parameter with its JSON value as it arrived.
type Param struct {
	Name  string
	Value json.RawMessage
}

// Usage counts tokens. InputTokens includes cached tokens and OutputTokens
// includes reasoning tokens, as the semantic conventions ask.
type Usage struct {
	InputTokens      Opt[int64]
	OutputTokens     Opt[int64]
	CacheReadTokens  Opt[int64]
	CacheWriteTokens Opt[int64]
	ReasoningTokens  Opt[int64]
}

// Message is one chat message.
type Message struct {
	Role         string
	Parts        []Part
	Name         string
	FinishReason string
}

// Part types of the semantic conventions.
const (
	PartText             = "text"
	PartToolCall         = "tool_call"
	PartToolCallResponse = "tool_call_response"
	PartReasoning        = "reasoning"
	PartBlob             = "blob"
	PartFile             = "file"
	PartURI              = "uri"
)

// Part is one part of a message. Which fields are set depends on Type; Raw
// holds the part's whole JSON object when it arrived in the OpenTelemetry shape.
type Part struct {
	Type string
	// Content is the text of text and reasoning parts.
	Content string
	// ID, Name and Arguments describe a tool_call. Arguments is the JSON value
	// as it arrived: an object, or a string that holds JSON.
	ID        string
	Name      string
	Arguments json.RawMessage
	// Response is the JSON value of a tool_call_response (ID names its call).
	Response json.RawMessage
	Raw      json.RawMessage
}

// ToolDefinition is one tool offered to the model.
type ToolDefinition struct {
	// Type is function, or the provider's word for a built-in tool.
	Type        string
	Name        string
	Description string
	// Parameters is the JSON schema of the arguments; nil when the span holds
	// none.
	Parameters json.RawMessage
	Strict     Opt[bool]
	// Raw is the definition's JSON object as the span held it.
	Raw json.RawMessage
	// flat is true when Raw was an element of the list in the OpenTelemetry
	// shape.
	flat bool
}

// Completeness of the tool definitions on a span.
const (
	ToolsFull      = "full"
	ToolsNamesOnly = "names_only"
	ToolsAbsent    = "absent"
	ToolsTruncated = "truncated"
)

// ToolExecution is what a tool span says about the one call it executed.
type ToolExecution struct {
	Name        string
	CallID      string
	Type        string
	Description string
	// Arguments and Result are JSON, or plain text when the span held text.
	Arguments string
	Result    string
}

// PromptReference is what a span says about the prompt it was made from.
type PromptReference struct {
	Name    string
	Version string
	// Label is a movable name (production, latest) that stood where a version
	// or a label belongs; it is never a version.
	Label string
	ID    string
	// Hash is a content hash in the sender's own scheme.
	Hash string
	// Template is the unrendered text.
	Template  string
	Variables []Variable
	// Source is the attribute that named the prompt.
	Source string
}

// Variable is one value that was rendered into a prompt.
type Variable struct{ Name, Value string }

// GivenScore is an evaluation result that arrived on a span or an event.
type GivenScore struct {
	Name        string
	Value       Opt[float64]
	Label       string
	Explanation string
	// Kind is code, judge, human or external.
	Kind string
	// Evaluator is the sender's identifier of the evaluator and its version.
	Evaluator string
	// ErrorType is set when the evaluation failed and there is no score.
	ErrorType string
	// Scope is span, trace or session.
	Scope string
}

// Reasons of a Problem.
const (
	ReasonMalformedJSON = "malformed_json"
	ReasonWrongType     = "wrong_type"
	ReasonTruncated     = "truncated"
	ReasonTooLarge      = "too_large"
	// ReasonMergedCalls: the sender merged parallel tool calls into one; they
	// were taken apart again.
	ReasonMergedCalls = "merged_calls"
)

// Problem names an attribute that could not be read, and why.
type Problem struct{ Attribute, Reason string }
