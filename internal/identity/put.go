// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import "go.opentelemetry.io/collector/pdata/pcommon"

// Limits of the variables that Put writes: they repeat what the messages hold,
// and can be recovered from those.
const (
	maxVariables          = 64
	maxVariableBytes      = 32 << 10
	maxVariablesBytes     = 128 << 10
	maxVariableNameLength = 200
)

// Put writes the identity as attributes. What the span itself says stays as it
// is: where gen_ai.prompt.name or .version differ from the resolved ones, these
// go to spanloop.prompt.name and .version.
func (i Identity) Put(attrs pcommon.Map) {
	i.putOriginal(attrs, AttrPromptName, AttrResolvedName, i.PromptName)
	i.putOriginal(attrs, AttrPromptVersion, AttrResolvedVersion, i.PromptVersion)
	i.put(attrs)
}

// Replace is Put that overwrites gen_ai.prompt.name and .version.
func (i Identity) Replace(attrs pcommon.Map) {
	replaceText(attrs, AttrPromptName, i.PromptName)
	replaceText(attrs, AttrPromptVersion, i.PromptVersion)
	i.put(attrs)
}

func replaceText(attrs pcommon.Map, key, value string) {
	if value == "" {
		attrs.Remove(key)
		return
	}
	attrs.PutStr(key, value)
}

func (i *Identity) putOriginal(attrs pcommon.Map, key, resolvedKey, value string) {
	given, exists := attrs.Get(key)
	switch {
	case !exists && value != "":
		attrs.PutStr(key, value)
	case exists && given.AsString() != value && i.Resolution != "":
		attrs.PutStr(resolvedKey, value)
	}
}

func (i *Identity) put(attrs pcommon.Map) {
	putText(attrs, AttrPromptHash, i.PromptHash)
	putText(attrs, AttrPromptResolution, i.Resolution)
	putText(attrs, AttrPromptConfidence, i.Confidence)
	putText(attrs, AttrPromptUnresolvedReason, i.UnresolvedReason)
	putText(attrs, AttrPromptLabel, i.PromptLabel)
	putList(attrs, AttrPromptCandidates, i.Candidates)
	putList(attrs, AttrPromptPartials, i.Partials)
	putList(attrs, AttrUncertainVariables, i.UncertainVariables)
	putList(attrs, AttrToolVersions, i.ToolVersions)
	putText(attrs, AttrToolVersion, i.ToolVersion)
	putText(attrs, AttrToolUnresolvedReason, i.ToolUnresolvedReason)
	putText(attrs, AttrToolsetHash, i.ToolsetHash)
	putText(attrs, AttrToolsetCompleteness, i.ToolsetCompleteness)
	putText(attrs, AttrModelHash, i.ModelHash)
	putText(attrs, AttrParamsHash, i.ParamsHash)
	putText(attrs, AttrVariantID, i.VariantID)
	i.putVariables(attrs)
}

func (i *Identity) putVariables(attrs pcommon.Map) {
	left := maxVariablesBytes
	for k, v := range i.Variables {
		if k == maxVariables {
			return
		}
		if v.Name == "" || len(v.Name) > maxVariableNameLength || len(v.Value) > min(maxVariableBytes, left) {
			continue
		}
		left -= len(v.Value)
		if key := AttrPromptVariablePrefix + v.Name; !has(attrs, key) {
			attrs.PutStr(key, v.Value)
		}
	}
}

func has(attrs pcommon.Map, key string) bool {
	_, ok := attrs.Get(key)
	return ok
}

func putText(attrs pcommon.Map, key, value string) {
	if value != "" {
		attrs.PutStr(key, value)
	}
}

func putList(attrs pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	list := attrs.PutEmptySlice(key)
	list.EnsureCapacity(len(values))
	for _, value := range values {
		list.AppendEmpty().SetStr(value)
	}
}

// Size is how many attributes Put writes, give or take one or two.
func (i *Identity) Size() int {
	n := min(len(i.Variables), maxVariables)
	for _, text := range [...]string{
		i.PromptName, i.PromptVersion, i.PromptHash, i.Resolution, i.Confidence, i.UnresolvedReason, i.PromptLabel, i.ToolVersion,
		i.ToolUnresolvedReason, i.ToolsetHash, i.ToolsetCompleteness, i.ModelHash, i.ParamsHash, i.VariantID,
	} {
		if text != "" {
			n++
		}
	}
	for _, list := range [...][]string{i.Candidates, i.Partials, i.UncertainVariables, i.ToolVersions} {
		if len(list) > 0 {
			n++
		}
	}
	return n
}
