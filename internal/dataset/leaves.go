// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"reflect"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// bind fills the fields of a struct of columns, each found once by its path.
func bind(w *parquetfile.Writer, leaves any) error {
	v := reflect.ValueOf(leaves).Elem()
	for i := range v.NumField() {
		c, err := w.Column(v.Type().Field(i).Tag.Get("path"))
		if err != nil {
			return err
		}
		v.Field(i).Set(reflect.ValueOf(c))
	}
	return nil
}

// spanLeaves are the columns of the table spans.
type spanLeaves struct {
	PromptName             *parquetfile.Column `path:"prompt_name"`
	PromptVersion          *parquetfile.Column `path:"prompt_version"`
	Date                   *parquetfile.Column `path:"date"`
	TraceID                *parquetfile.Column `path:"trace_id"`
	SpanID                 *parquetfile.Column `path:"span_id"`
	ParentSpanID           *parquetfile.Column `path:"parent_span_id"`
	StartTime              *parquetfile.Column `path:"start_time"`
	StartUnixNano          *parquetfile.Column `path:"start_unix_nano"`
	DurationNS             *parquetfile.Column `path:"duration_ns"`
	Name                   *parquetfile.Column `path:"name"`
	Kind                   *parquetfile.Column `path:"kind"`
	Status                 *parquetfile.Column `path:"status"`
	StatusMessage          *parquetfile.Column `path:"status_message"`
	ErrorType              *parquetfile.Column `path:"error_type"`
	ServiceName            *parquetfile.Column `path:"service_name"`
	Environment            *parquetfile.Column `path:"environment"`
	SessionID              *parquetfile.Column `path:"session_id"`
	UserID                 *parquetfile.Column `path:"user_id"`
	CallKind               *parquetfile.Column `path:"call_kind"`
	Counted                *parquetfile.Column `path:"counted"`
	Operation              *parquetfile.Column `path:"operation"`
	Provider               *parquetfile.Column `path:"provider"`
	RequestModel           *parquetfile.Column `path:"request_model"`
	ResponseModel          *parquetfile.Column `path:"response_model"`
	ResponseID             *parquetfile.Column `path:"response_id"`
	SystemFingerprint      *parquetfile.Column `path:"system_fingerprint"`
	Params                 *parquetfile.Column `path:"params"`
	InputTokens            *parquetfile.Column `path:"input_tokens"`
	OutputTokens           *parquetfile.Column `path:"output_tokens"`
	CacheReadTokens        *parquetfile.Column `path:"cache_read_tokens"`
	CacheWriteTokens       *parquetfile.Column `path:"cache_write_tokens"`
	ReasoningTokens        *parquetfile.Column `path:"reasoning_tokens"`
	TimeToFirstTokenNS     *parquetfile.Column `path:"time_to_first_token_ns"`
	CostUSD                *parquetfile.Column `path:"cost_usd"`
	FinishReasons          *parquetfile.Column `path:"finish_reasons.list.element"`
	PromptHash             *parquetfile.Column `path:"prompt_hash"`
	PromptLabel            *parquetfile.Column `path:"prompt_label"`
	PromptResolution       *parquetfile.Column `path:"prompt_resolution"`
	PromptUnresolvedReason *parquetfile.Column `path:"prompt_unresolved_reason"`
	PromptVariablesKeys    *parquetfile.Column `path:"prompt_variables.key_value.key"`
	PromptVariablesValues  *parquetfile.Column `path:"prompt_variables.key_value.value"`
	ToolVersions           *parquetfile.Column `path:"tool_versions.list.element"`
	ToolsetHash            *parquetfile.Column `path:"toolset_hash"`
	ToolsetCompleteness    *parquetfile.Column `path:"toolset_completeness"`
	ModelHash              *parquetfile.Column `path:"model_hash"`
	ParamsHash             *parquetfile.Column `path:"params_hash"`
	VariantID              *parquetfile.Column `path:"variant_id"`
	SystemInstructions     *parquetfile.Column `path:"system_instructions"`
	InputMessages          *parquetfile.Column `path:"input_messages"`
	InputRefs              *parquetfile.Column `path:"input_refs.list.element"`
	OutputMessages         *parquetfile.Column `path:"output_messages"`
	ToolDefinitions        *parquetfile.Column `path:"tool_definitions"`
	CallIDs                *parquetfile.Column `path:"tool_calls.list.element.id"`
	CallNames              *parquetfile.Column `path:"tool_calls.list.element.name"`
	CallArguments          *parquetfile.Column `path:"tool_calls.list.element.arguments"`
	ToolName               *parquetfile.Column `path:"tool_name"`
	ToolVersion            *parquetfile.Column `path:"tool_version"`
	InputChars             *parquetfile.Column `path:"input_chars"`
	OutputChars            *parquetfile.Column `path:"output_chars"`
	ToolCallCount          *parquetfile.Column `path:"tool_call_count"`
	IsReplay               *parquetfile.Column `path:"is_replay"`
	ContentMode            *parquetfile.Column `path:"content_mode"`
	Redactions             *parquetfile.Column `path:"redactions"`
	LateIdentity           *parquetfile.Column `path:"late_identity"`
	AttributesKeys         *parquetfile.Column `path:"attributes.key_value.key"`
	AttributesValues       *parquetfile.Column `path:"attributes.key_value.value"`
	AttributeTypes         *parquetfile.Column `path:"attribute_types"`
	Lifted                 *parquetfile.Column `path:"lifted"`
	Events                 *parquetfile.Column `path:"events"`
	ScoreEvents            *parquetfile.Column `path:"score_events"`
	ScoredUnixNano         *parquetfile.Column `path:"scored_unix_nano"`
	FlatScores             *parquetfile.Column `path:"flat_scores"`
	Links                  *parquetfile.Column `path:"links"`
	TraceState             *parquetfile.Column `path:"trace_state"`
	Flags                  *parquetfile.Column `path:"flags"`
	DroppedAttributes      *parquetfile.Column `path:"dropped_attributes"`
	DroppedEvents          *parquetfile.Column `path:"dropped_events"`
	DroppedLinks           *parquetfile.Column `path:"dropped_links"`
	Resource               *parquetfile.Column `path:"resource"`
	Scope                  *parquetfile.Column `path:"scope"`
	Otlp                   *parquetfile.Column `path:"otlp"`
}

// scoreLeaves are the columns of the table scores.
type scoreLeaves struct {
	PromptName          *parquetfile.Column `path:"prompt_name"`
	PromptVersion       *parquetfile.Column `path:"prompt_version"`
	Date                *parquetfile.Column `path:"date"`
	TraceID             *parquetfile.Column `path:"trace_id"`
	SpanID              *parquetfile.Column `path:"span_id"`
	EvaluationID        *parquetfile.Column `path:"evaluation_id"`
	Name                *parquetfile.Column `path:"name"`
	Value               *parquetfile.Column `path:"value"`
	Label               *parquetfile.Column `path:"label"`
	Explanation         *parquetfile.Column `path:"explanation"`
	EvaluatorVersion    *parquetfile.Column `path:"evaluator_version"`
	Kind                *parquetfile.Column `path:"kind"`
	Range               *parquetfile.Column `path:"range"`
	Direction           *parquetfile.Column `path:"direction"`
	SamplingRule        *parquetfile.Column `path:"sampling_rule"`
	SamplingProbability *parquetfile.Column `path:"sampling_probability"`
	Time                *parquetfile.Column `path:"time"`
	TimeUnixNano        *parquetfile.Column `path:"time_unix_nano"`
	Event               *parquetfile.Column `path:"event"`
	ErrorType           *parquetfile.Column `path:"error_type"`
	ResponseID          *parquetfile.Column `path:"response_id"`
}

// contentLeaves are the columns of the table content.
type contentLeaves struct {
	Date               *parquetfile.Column `path:"date"`
	TraceID            *parquetfile.Column `path:"trace_id"`
	SpanID             *parquetfile.Column `path:"span_id"`
	TimeUnixNano       *parquetfile.Column `path:"time_unix_nano"`
	Position           *parquetfile.Column `path:"position"`
	EventID            *parquetfile.Column `path:"event_id"`
	SystemInstructions *parquetfile.Column `path:"system_instructions"`
	InputMessages      *parquetfile.Column `path:"input_messages"`
	OutputMessages     *parquetfile.Column `path:"output_messages"`
	ToolDefinitions    *parquetfile.Column `path:"tool_definitions"`
	CallIDs            *parquetfile.Column `path:"tool_calls.list.element.id"`
	CallNames          *parquetfile.Column `path:"tool_calls.list.element.name"`
	CallArguments      *parquetfile.Column `path:"tool_calls.list.element.arguments"`
	OutputChars        *parquetfile.Column `path:"output_chars"`

	IdentityID             *parquetfile.Column `path:"identity_id"`
	PromptName             *parquetfile.Column `path:"prompt_name"`
	PromptVersion          *parquetfile.Column `path:"prompt_version"`
	PromptHash             *parquetfile.Column `path:"prompt_hash"`
	PromptLabel            *parquetfile.Column `path:"prompt_label"`
	PromptResolution       *parquetfile.Column `path:"prompt_resolution"`
	PromptUnresolvedReason *parquetfile.Column `path:"prompt_unresolved_reason"`
	PromptVariablesKeys    *parquetfile.Column `path:"prompt_variables.key_value.key"`
	PromptVariablesValues  *parquetfile.Column `path:"prompt_variables.key_value.value"`
	ToolVersions           *parquetfile.Column `path:"tool_versions.list.element"`
	ToolsetHash            *parquetfile.Column `path:"toolset_hash"`
	ToolsetCompleteness    *parquetfile.Column `path:"toolset_completeness"`
}

// referenceLeaves are the columns that the tables prompts and tools share.
type referenceLeaves struct {
	Name    *parquetfile.Column `path:"name"`
	Version *parquetfile.Column `path:"version"`
	Hash    *parquetfile.Column `path:"hash"`
}
