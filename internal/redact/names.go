// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/identity"
)

// keyKind says what an attribute's value is.
type keyKind uint8

const (
	// contentKey: anything.
	contentKey keyKind = iota
	// identityKey: which prompt, tools and model made a call, so that calls are
	// counted under the versions that they belong to.
	identityKey
	// labelKey: a name that hashes keep.
	labelKey
	// versionKey: a label that no telephone or machine is taken for.
	versionKey
	// keptKey: what the configuration keeps as it is, and the marks.
	keptKey
)

var kinds = func() map[string]keyKind {
	table := map[string]keyKind{identity.AttrContentMode: keptKey, identity.AttrRedactions: keptKey}
	for _, key := range []string{
		identity.AttrResolvedName, identity.AttrResolvedVersion, identity.AttrPromptPartials,
		identity.AttrPromptName, identity.AttrPromptVersion, identity.AttrPromptHash,
		identity.AttrPromptResolution, identity.AttrPromptUnresolvedReason, identity.AttrPromptLabel,
		identity.AttrToolVersions, identity.AttrToolVersion, identity.AttrToolUnresolvedReason, identity.AttrToolsetHash,
		identity.AttrToolsetCompleteness, identity.AttrModelHash, identity.AttrParamsHash, identity.AttrVariantID,
		identity.AttrRequestSHA256, identity.AttrDuplicateOf, evaluator.AttrEvaluationID,
	} {
		table[key] = identityKey
	}
	for _, key := range strings.Fields(labels) {
		table[key] = labelKey
	}
	for _, key := range []string{"service.version", "telemetry.sdk.version", "telemetry.distro.version", evaluator.AttrEvaluatorVersion} {
		table[key] = versionKey
	}
	return table
}()

// labels are attributes that name models, tools, services, evaluators and kinds.
const labels = `
gen_ai.operation.name gen_ai.provider.name gen_ai.system gen_ai.request.model gen_ai.response.model gen_ai.response.id
openai.response.system_fingerprint gen_ai.openai.response.system_fingerprint gen_ai.response.system_fingerprint
gen_ai.response.finish_reasons gen_ai.response.finish_reason gen_ai.output.type gen_ai.token.type
gen_ai.openai.request.service_tier openai.request.service_tier openai.response.service_tier
gen_ai.tool.name gen_ai.tool.type gen_ai.agent.name mcp.method.name event.name error.type exception.type
service.name service.namespace deployment.environment deployment.environment.name
telemetry.sdk.name telemetry.sdk.language telemetry.distro.name
gen_ai.evaluation.name gen_ai.evaluation.score.label
spanloop.evaluator.kind spanloop.evaluator.range spanloop.evaluator.direction spanloop.sampling.rule
spanloop.request.dialect spanloop.source spanloop.replay
openinference.span.kind llm.provider llm.system llm.model_name llm.request.model_name llm.response.model_name tool.name
traceloop.span.kind llm.request.type traceloop.prompt.key traceloop.prompt.version
langfuse.observation.type langfuse.observation.model.name langfuse.observation.prompt.name langfuse.observation.prompt.version
langsmith.span.kind langsmith.metadata.ls_provider langsmith.metadata.ls_model_name
ai.operationId ai.model.provider ai.model.id ai.response.model ai.response.finishReason ai.toolCall.name
langwatch.span.type langwatch.prompt.handle ag.type.span ag.type.node mlflow.spanType logfire.span_type
promptlayer.prompt.name promptlayer.prompt.version promptlayer.prompt.label`

func (r *Redactor) kindOf(key string) keyKind {
	if r.keep[key] {
		return keptKey
	}
	kind := kinds[key]
	if kind == contentKey && strings.HasPrefix(key, evaluator.AttrFlatPrefix) {
		return labelKey
	}
	return kind
}

// nameRules are the rules that no version or number of a name is taken for.
const nameRules = emails | cards | ibans | secrets

// name redacts the name of a prompt or tool, or a hash.
func (r *Redactor) name(s string) (string, int) {
	return r.replace(s, scanBuiltIn(s, r.on&nameRules, nil))
}

// isName tells whether a text can name something: letters, digits and what
// identifiers are made of, without white space.
func isName(s string) bool {
	const longest = 128
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("._:/@+-,[]#", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= longest
}

// Label redacts a name; in hashes what cannot be one is replaced whole. It tells
// how many values were replaced.
func (r *Redactor) Label(s string) (string, int) {
	if !r.hashes {
		return r.text(s, 0)
	}
	if !isName(s) {
		return r.hashed(s)
	}
	return r.name(s)
}

// version redacts a version like a label, of names' rules only.
func (r *Redactor) version(s string) (string, int) {
	if r.hashes {
		return r.Label(s)
	}
	return r.name(s)
}

// hashed is the token of a whole text; that of a token is itself.
func (r *Redactor) hashed(s string) (string, int) {
	if s == "" || r.isWholeToken(s) {
		return s, 0
	}
	return r.Hash(s), 1
}

// isWholeToken tells whether a text is a token and nothing else.
func (r *Redactor) isWholeToken(s string) bool {
	inner, opened := strings.CutPrefix(s, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	name, letters, named := strings.Cut(inner, ":")
	if !opened || !closed || !named {
		return false
	}
	if name == hashName {
		var size string
		if letters, size, named = strings.Cut(letters, ":"); !named || size == "" || strings.Trim(size, "0123456789") != "" {
			return false
		}
		return isToken("["+name+":"+letters+"]", name)
	}
	own := slices.ContainsFunc(r.patterns, func(p pattern) bool { return p.name == name })
	return (own || slices.Contains(Rules, name)) && isToken(s, name)
}
