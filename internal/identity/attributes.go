// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity says which prompt, tools and model produced a call.
package identity

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

// Attributes that the identity processor sets on spans. Their meaning is part
// of the public contract (docs/attributes.md).
const (
	AttrPromptName             = "gen_ai.prompt.name"
	AttrPromptVersion          = "gen_ai.prompt.version"
	AttrPromptVariablePrefix   = "gen_ai.prompt.variable."
	AttrPromptHash             = "spanloop.prompt.hash"
	AttrPromptResolution       = "spanloop.prompt.resolution"
	AttrPromptConfidence       = "spanloop.prompt.confidence"
	AttrPromptUnresolvedReason = "spanloop.prompt.unresolved_reason"
	AttrPromptCandidates       = "spanloop.prompt.candidates"
	AttrPromptLabel            = "spanloop.prompt.label"
	AttrPromptPartials         = "spanloop.prompt.partials"
	AttrToolVersions           = "spanloop.tool.versions"
	AttrToolVersion            = "spanloop.tool.version"
	AttrToolUnresolvedReason   = "spanloop.tool.unresolved_reason"
	AttrToolsetHash            = "spanloop.toolset.hash"
	AttrToolsetCompleteness    = "spanloop.toolset.completeness"
	AttrModelHash              = "spanloop.model.hash"
	AttrParamsHash             = "spanloop.params.hash"
	AttrVariantID              = "spanloop.variant.id"
	AttrRequestDialect         = "spanloop.request.dialect"
	AttrRequestSHA256          = "spanloop.request.sha256"
	AttrRequestResidual        = "spanloop.request.residual"
	// AttrSource says where a span was read again, and AttrSourceDataset which
	// dataset it was: production traffic stays what it is on its second way.
	AttrSource        = "spanloop.source"
	AttrSourceDataset = "spanloop.source.dataset"
	AttrReplay        = "spanloop.replay"

	// AttrResolvedName and AttrResolvedVersion hold the resolved prompt on
	// spans whose own gen_ai.prompt.name or .version says something else (a
	// label, a name made anew for each request). An empty version means that
	// what stands there is no version.
	AttrResolvedName    = "spanloop.prompt.name"
	AttrResolvedVersion = "spanloop.prompt.version"
	// AttrUncertainVariables lists template variables of which several values
	// render the same text.
	AttrUncertainVariables = "spanloop.prompt.uncertain_variables"
	// AttrDuplicateOf is the span id, in lower-case hex, of the span that counts
	// for the same model call: set on wrappers and second reports of a call.
	AttrDuplicateOf = genai.AttrDuplicateOf
	// AttrContentMode is set where content was replaced before it was stored:
	// redacted or hashes. AttrRedactions counts the values that rules matched.
	AttrContentMode = "spanloop.content.mode"
	AttrRedactions  = "spanloop.content.redactions"
	// AttrProblems lists what on the span could not be read, as
	// "attribute: reason".
	AttrProblems = "spanloop.problems"
)

// Rungs of the resolution ladder, best first: the values of
// spanloop.prompt.resolution.
const (
	RungExplicit    = "explicit"
	RungLabel       = "label"
	RungHash        = "hash"
	RungTemplate    = "template"
	RungFingerprint = "fingerprint"
	RungAmbiguous   = "ambiguous"
	RungNone        = "none"
)

// Reasons why a prompt is unresolved: the values of
// spanloop.prompt.unresolved_reason.
const (
	ReasonNoContent      = "no_content"
	ReasonNoMatch        = "no_match"
	ReasonAmbiguous      = "ambiguous"
	ReasonLabelUnknown   = "label_unknown"
	ReasonVersionUnknown = "version_unknown"
	ReasonPromptUnknown  = "prompt_unknown"
	ReasonMalformed      = "malformed"
	// ReasonNotACall is for tool, agent and other spans that send no prompt of
	// their own.
	ReasonNotACall = "not_a_call"
)

// Reasons why a tool span has no tool version: the values of
// spanloop.tool.unresolved_reason.
const (
	// ToolReasonNoToolset: no call of the trace that offers tools was seen yet.
	ToolReasonNoToolset = "no_toolset"
	// ToolReasonNotOffered: the trace's calls offered tools, this one not.
	ToolReasonNotOffered = "not_offered"
	// ToolReasonNamesOnly: the calls state the tool's name without definition.
	ToolReasonNamesOnly = "names_only"
	// ToolReasonUnreadable: the definition is malformed or cut off.
	ToolReasonUnreadable = "unreadable"
	// ToolReasonAmbiguous: two definitions of one name, and nothing tells which.
	ToolReasonAmbiguous = "ambiguous"
)

// IsReplay tells whether a span's attributes mark it as a replay, which is no
// production traffic.
func IsReplay(attrs pcommon.Map) bool {
	value, ok := attrs.Get(AttrReplay)
	return ok && (value.Type() == pcommon.ValueTypeBool && value.Bool() || value.Type() == pcommon.ValueTypeStr && value.Str() == "true")
}
