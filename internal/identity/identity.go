// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

// Identity is what produced a call: prompt, tools, model and parameters.
type Identity struct {
	PromptName    string
	PromptVersion string
	// PromptHash is the content hash of the resolved version, or of the fixed
	// text on the fingerprint rung.
	PromptHash  string
	PromptLabel string
	// Resolution is one of the Rung constants.
	Resolution string
	// Confidence is one of the Confidence constants; empty where no rung found
	// anything.
	Confidence string
	// UnresolvedReason is one of the Reason constants; on an explicit rung it
	// says what the registry does not know.
	UnresolvedReason string
	// Candidates are the versions (name@version) that an ambiguous text fits.
	Candidates []string
	// Partials are name@version of the fragments that the prompt includes.
	Partials           []string
	Variables          []genai.Variable
	UncertainVariables []string

	// ToolVersions are name@version in offered order; a tool of which only the
	// name is known stands without a version.
	ToolVersions []string
	// ToolVersion is the version of the one tool that a tool span executed;
	// without one ToolUnresolvedReason, one of the ToolReason constants, is set.
	ToolVersion          string
	ToolUnresolvedReason string
	ToolsetHash          string
	ToolsetCompleteness  string
	ModelHash            string
	ParamsHash           string
	// VariantID stands for the combination of prompt, toolset, model and
	// parameters; empty on spans that are no model call.
	VariantID string
}

// FromAttributes reads an identity back. Of a span that was never stamped it
// returns what gen_ai.prompt.name and .version say. Texts alias the attributes.
func FromAttributes(attrs pcommon.Map) Identity {
	var r Reader
	return r.FromAttributes(attrs)
}

// Reader reads identities, and keeps what the last ones said: spans that offer the
// same tools share one list of their versions, which nobody may change. The zero
// value is ready.
type Reader struct {
	versions [4][]string
	next     int
}

// FromAttributes is the function of that name.
func (r *Reader) FromAttributes(attrs pcommon.Map) Identity {
	var i Identity
	var name, version pcommon.Value
	hasName, hasVersion := false, false
	for key, value := range attrs.All() {
		if !strings.HasPrefix(key, "spanloop.") && !strings.HasPrefix(key, "gen_ai.prompt.") {
			continue
		}
		switch key {
		case AttrResolvedName:
			name, hasName = value, true
		case AttrResolvedVersion:
			version, hasVersion = value, true
		case AttrToolVersions:
			i.ToolVersions = r.sharedVersions(value)
		default:
			i.read(key, value)
		}
	}
	if hasName {
		i.PromptName = text(name)
	}
	if hasVersion {
		i.PromptVersion = text(version)
	}
	if i.Resolution == "" && genai.IsLabel(i.PromptVersion) {
		i.PromptLabel, i.PromptVersion = i.PromptVersion, ""
	}
	slices.SortFunc(i.Variables, func(a, b genai.Variable) int { return strings.Compare(a.Name, b.Name) })
	return i
}

// PromptOf is the prompt's name and version as FromAttributes reads them,
// without the rest.
func PromptOf(attrs pcommon.Map) (name, version string) {
	var resolvedName, resolvedVersion, resolution pcommon.Value
	hasName, hasVersion, hasResolution := false, false, false
	for key, value := range attrs.All() {
		switch key {
		case AttrPromptName:
			name = value.AsString()
		case AttrPromptVersion:
			version = value.AsString()
		case AttrResolvedName:
			resolvedName, hasName = value, true
		case AttrResolvedVersion:
			resolvedVersion, hasVersion = value, true
		case AttrPromptResolution:
			resolution, hasResolution = value, true
		}
	}
	if hasName {
		name = text(resolvedName)
	}
	if hasVersion {
		version = text(resolvedVersion)
	}
	if (!hasResolution || text(resolution) == "") && genai.IsLabel(version) {
		version = ""
	}
	return name, version
}

func (i *Identity) read(key string, value pcommon.Value) {
	switch key {
	case AttrPromptName:
		i.PromptName = value.AsString()
	case AttrPromptVersion:
		i.PromptVersion = value.AsString()
	case AttrPromptHash:
		i.PromptHash = text(value)
	case AttrPromptResolution:
		i.Resolution = text(value)
	case AttrPromptConfidence:
		i.Confidence = text(value)
	case AttrPromptUnresolvedReason:
		i.UnresolvedReason = text(value)
	case AttrPromptCandidates:
		i.Candidates = texts(value)
	case AttrPromptLabel:
		i.PromptLabel = text(value)
	case AttrPromptPartials:
		i.Partials = texts(value)
	case AttrUncertainVariables:
		i.UncertainVariables = texts(value)
	case AttrToolVersion:
		i.ToolVersion = text(value)
	case AttrToolUnresolvedReason:
		i.ToolUnresolvedReason = text(value)
	case AttrToolsetHash:
		i.ToolsetHash = text(value)
	case AttrToolsetCompleteness:
		i.ToolsetCompleteness = text(value)
	case AttrModelHash:
		i.ModelHash = text(value)
	case AttrParamsHash:
		i.ParamsHash = text(value)
	case AttrVariantID:
		i.VariantID = text(value)
	default:
		if name, ok := strings.CutPrefix(key, AttrPromptVariablePrefix); ok && name != "" {
			i.Variables = append(i.Variables, genai.Variable{Name: name, Value: value.AsString()})
		}
	}
}

// sharedVersions is texts, or one of the lists before if it says the same.
func (r *Reader) sharedVersions(value pcommon.Value) []string {
	if value.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	for _, known := range r.versions {
		if isList(value.Slice(), known) {
			return known
		}
	}
	list := slices.Clip(texts(value))
	r.versions[r.next] = list
	r.next = (r.next + 1) % len(r.versions)
	return list
}

// isList tells whether a slice holds just these texts.
func isList(slice pcommon.Slice, list []string) bool {
	if len(list) == 0 || slice.Len() != len(list) {
		return false
	}
	for k := range list {
		if item := slice.At(k); item.Type() != pcommon.ValueTypeStr || item.Str() != list[k] {
			return false
		}
	}
	return true
}

// text is empty for a value that is no text.
func text(value pcommon.Value) string {
	if value.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return value.Str()
}

func texts(value pcommon.Value) []string {
	if value.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	list := value.Slice()
	out := make([]string, 0, list.Len())
	for k := range list.Len() {
		if item := list.At(k); item.Type() == pcommon.ValueTypeStr {
			out = append(out, item.Str())
		}
	}
	return out
}
