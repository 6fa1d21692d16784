// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// lifted is an attribute that a column holds: one of text, count and list says what
// of a row.
type lifted struct {
	key, column string
	text        func(*spanReading) string
	count       func(*spanReading) *genai.Opt[int64]
	list        func(*spanReading) []string
}

// liftedKeys are attributes that a column holds under another name. Where the
// column holds just what the attribute says, with its type, the attribute is
// left out of attributes and its bit is set in lifted. The order is part of the
// format: new keys go to the end.
var liftedKeys = []lifted{
	{key: "gen_ai.operation.name", column: "operation", text: func(r *spanReading) string { return r.call.Operation }},
	{key: "gen_ai.provider.name", column: "provider", text: func(r *spanReading) string { return r.call.Provider }},
	{key: "gen_ai.request.model", column: "request_model", text: func(r *spanReading) string { return r.call.RequestModel }},
	{key: "gen_ai.response.model", column: "response_model", text: func(r *spanReading) string { return r.call.ResponseModel }},
	{key: "gen_ai.response.id", column: "response_id", text: func(r *spanReading) string { return r.call.ResponseID }},
	{key: "gen_ai.conversation.id", column: "session_id", text: func(r *spanReading) string { return r.call.SessionID }},
	{key: "openai.response.system_fingerprint", column: "system_fingerprint", text: func(r *spanReading) string { return r.call.SystemFingerprint }},
	{key: "gen_ai.system_instructions", column: "system_instructions", text: func(r *spanReading) string { return r.system }},
	{key: "gen_ai.input.messages", column: "input_messages", text: func(r *spanReading) string { return r.input }},
	{key: "gen_ai.output.messages", column: "output_messages", text: func(r *spanReading) string { return r.output }},
	{key: "gen_ai.tool.definitions", column: "tool_definitions", text: func(r *spanReading) string { return r.tools }},
	{key: "gen_ai.usage.input_tokens", column: "input_tokens", count: func(r *spanReading) *genai.Opt[int64] { return &r.call.Usage.InputTokens }},
	{key: "gen_ai.usage.output_tokens", column: "output_tokens", count: func(r *spanReading) *genai.Opt[int64] { return &r.call.Usage.OutputTokens }},
	{key: "gen_ai.usage.cache_read.input_tokens", column: "cache_read_tokens", count: func(r *spanReading) *genai.Opt[int64] { return &r.call.Usage.CacheReadTokens }},
	{key: "gen_ai.usage.reasoning.output_tokens", column: "reasoning_tokens", count: func(r *spanReading) *genai.Opt[int64] { return &r.call.Usage.ReasoningTokens }},
	{key: "gen_ai.response.finish_reasons", column: "finish_reasons", list: func(r *spanReading) []string { return r.call.FinishReasons }},
	{key: "error.type", column: "error_type", text: func(r *spanReading) string { return r.call.ErrorType }},
	{key: "user.id", column: "user_id", text: func(r *spanReading) string { return r.call.UserID }},
	{key: identity.AttrPromptName, column: "prompt_name", text: func(r *spanReading) string { return r.promptName }},
	{key: identity.AttrPromptVersion, column: "prompt_version", text: func(r *spanReading) string { return r.promptValue }},
	{key: identity.AttrPromptHash, column: "prompt_hash", text: func(r *spanReading) string { return r.identity.PromptHash }},
	{key: identity.AttrPromptResolution, column: "prompt_resolution", text: func(r *spanReading) string { return r.identity.Resolution }},
	{key: identity.AttrPromptUnresolvedReason, column: "prompt_unresolved_reason", text: func(r *spanReading) string { return r.identity.UnresolvedReason }},
	{key: identity.AttrPromptLabel, column: "prompt_label", text: func(r *spanReading) string { return r.identity.PromptLabel }},
	{key: identity.AttrToolVersions, column: "tool_versions", list: func(r *spanReading) []string { return r.identity.ToolVersions }},
	{key: identity.AttrToolsetHash, column: "toolset_hash", text: func(r *spanReading) string { return r.identity.ToolsetHash }},
	{key: identity.AttrToolsetCompleteness, column: "toolset_completeness", text: func(r *spanReading) string { return r.identity.ToolsetCompleteness }},
	{key: identity.AttrModelHash, column: "model_hash", text: func(r *spanReading) string { return r.identity.ModelHash }},
	{key: identity.AttrParamsHash, column: "params_hash", text: func(r *spanReading) string { return r.identity.ParamsHash }},
	{key: identity.AttrVariantID, column: "variant_id", text: func(r *spanReading) string { return r.identity.VariantID }},
	{key: identity.AttrToolVersion, column: "tool_version", text: func(r *spanReading) string { return r.identity.ToolVersion }},
	{key: "gen_ai.tool.name", column: "tool_name", text: func(r *spanReading) string { return r.toolName() }},
	{key: "gen_ai.usage.cache_write.input_tokens", column: "cache_write_tokens", count: func(r *spanReading) *genai.Opt[int64] { return &r.call.Usage.CacheWriteTokens }},
}

var liftIndex = func() map[string]int {
	index := make(map[string]int, len(liftedKeys))
	for i, k := range liftedKeys {
		index[k.key] = i
	}
	return index
}()

// Positions in liftedKeys of what repeats span after span.
const bitSystem, bitTools = 7, 10

// liftsText tells whether an attribute's text is that of its column.
func (r *spanReading) liftsText(bit int, s string) bool {
	text := liftedKeys[bit].text
	return text != nil && s != "" && s == text(r)
}

// liftsNoText tells whether an attribute that is no text equals its column's
// value.
func (r *spanReading) liftsNoText(bit int, value pcommon.Value) bool {
	k := &liftedKeys[bit]
	switch value.Type() {
	case pcommon.ValueTypeInt:
		if k.count == nil {
			return false
		}
		held := k.count(r)
		return held.Set && held.Value == value.Int()
	case pcommon.ValueTypeSlice:
		return k.list != nil && equalList(value.Slice(), k.list(r))
	}
	return false
}

// equalList tells whether an attribute is just this list of strings.
func equalList(slice pcommon.Slice, list []string) bool {
	if slice.Len() != len(list) || len(list) == 0 {
		return false
	}
	for i, item := range slice.All() {
		if item.Type() != pcommon.ValueTypeStr || item.Str() != list[i] {
			return false
		}
	}
	return true
}
