// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/identity"
)

// liftedKeys are attributes that a column holds under another name. Where the
// column holds just what the attribute says, with its type, the attribute is
// left out of attributes and its bit is set in lifted. The order is part of the
// format: new keys go to the end.
var liftedKeys = []struct{ key, column string }{
	{"gen_ai.operation.name", "operation"},
	{"gen_ai.provider.name", "provider"},
	{"gen_ai.request.model", "request_model"},
	{"gen_ai.response.model", "response_model"},
	{"gen_ai.response.id", "response_id"},
	{"gen_ai.conversation.id", "session_id"},
	{"openai.response.system_fingerprint", "system_fingerprint"},
	{"gen_ai.system_instructions", "system_instructions"},
	{"gen_ai.input.messages", "input_messages"},
	{"gen_ai.output.messages", "output_messages"},
	{"gen_ai.tool.definitions", "tool_definitions"},
	{"gen_ai.usage.input_tokens", "input_tokens"},
	{"gen_ai.usage.output_tokens", "output_tokens"},
	{"gen_ai.usage.cache_read.input_tokens", "cache_read_tokens"},
	{"gen_ai.usage.reasoning.output_tokens", "reasoning_tokens"},
	{"gen_ai.response.finish_reasons", "finish_reasons"},
	{"error.type", "error_type"},
	{"user.id", "user_id"},
	{identity.AttrPromptName, "prompt_name"},
	{identity.AttrPromptVersion, "prompt_version"},
	{identity.AttrPromptHash, "prompt_hash"},
	{identity.AttrPromptResolution, "prompt_resolution"},
	{identity.AttrPromptUnresolvedReason, "prompt_unresolved_reason"},
	{identity.AttrPromptLabel, "prompt_label"},
	{identity.AttrToolVersions, "tool_versions"},
	{identity.AttrToolsetHash, "toolset_hash"},
	{identity.AttrToolsetCompleteness, "toolset_completeness"},
	{identity.AttrModelHash, "model_hash"},
	{identity.AttrParamsHash, "params_hash"},
	{identity.AttrVariantID, "variant_id"},
	{identity.AttrToolVersion, "tool_version"},
	{"gen_ai.tool.name", "tool_name"},
	{"gen_ai.usage.cache_write.input_tokens", "cache_write_tokens"},
}

var liftIndex = func() map[string]int {
	index := make(map[string]int, len(liftedKeys))
	for i, k := range liftedKeys {
		index[k.key] = i
	}
	return index
}()

// lifts tells whether an attribute equals its column's value.
func (r *spanRow) lifts(key string, value pcommon.Value) (bit int, ok bool) {
	bit, ok = liftIndex[key]
	if !ok {
		return 0, false
	}
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return bit, value.Str() != "" && value.Str() == r.textOf(liftedKeys[bit].column)
	case pcommon.ValueTypeInt:
		held := r.countOf(liftedKeys[bit].column)
		return bit, held != nil && held.Set && held.Value == value.Int()
	case pcommon.ValueTypeSlice:
		return bit, equalList(value.Slice(), r.listOf(liftedKeys[bit].column))
	}
	return 0, false
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
