// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// field is a place of the canonical call that attributes can fill.
type field uint8

const (
	fOperation field = iota
	fKind
	fMCPMethod
	fProvider
	fRequestModel
	fResponseModel
	fResponseID
	fFingerprint
	fInputTokens
	fOutputTokens
	fCacheRead
	fCacheWrite
	fReasoning
	fUsageDetails
	fCost
	fTTFTSeconds
	fTTFTMillis
	fFinish
	fErrorType
	fErrorMessage
	fErrorLevel
	fHTTPStatus
	fSystem
	fInput
	fOutput
	fMessageEvents
	fInputDocument
	fOutputDocument
	fMetadataDocument
	fOutputText
	fOutputCalls
	fOutputReasoning
	fTools
	fParam
	fParams
	fPromptName
	fPromptOwner
	fPromptVersion
	fPromptLabel
	fPromptID
	fPromptHash
	fPromptTemplate
	fPromptVariables
	fPromptObject
	fPromptReference
	fPromptFileType
	fSession
	fUser
	fAgent
	fToolName
	fToolCallID
	fToolType
	fToolDescription
	fToolArguments
	fToolResult
	fDocuments
	fEntityName
	fScores
	fFeedback
	fDuplicateOf
	fieldCount
)

// row is one line of the dialect table: an attribute fills a field. Among the
// attributes of a span that fill the same field the lowest rank that yields a
// value wins, whatever dialects they are of.
type row struct {
	key   string
	field field
	rank  uint8
	// as is the OpenTelemetry name of a request parameter (fParam).
	as string
}

// familyRow is one line for attributes that share a prefix and carry an index
// or a key in the rest of their name.
type familyRow struct {
	prefix string
	family family
}

// dialectRows is what one dialect contributes to the table.
type dialectRows struct {
	name     string
	rows     []row
	families []familyRow
}

// dialects is the whole table, in the order in which dialects are listed. To
// read another attribute add a row; to read another dialect add a block of
// rows. docs/dialects.md describes the fields and their precedence.
var dialects = []dialectRows{
	otelRows, openInferenceRows, openLLMetryRows, langfuseRows, langSmithRows, vercelRows, pydanticRows,
	adkRows, agentaRows, braintrustRows, heliconeRows, humanloopRows, langWatchRows, mlflowRows, opikRows,
	promptLayerRows, respanRows, strandsRows, commonRows,
}

// noDialect is the number of a row that says nothing about the dialect.
const noDialect = 255

// target is a row as the reader looks it up.
type target struct {
	field   field
	rank    uint8
	dialect uint8
	as      string
}

// family is a group of attributes that carry an index or a key in their name.
type family uint8

const (
	familyNone family = iota
	familyRequestParam
	familyVariable
	familyInput
	familyOutput
	familyTools
	familyAnnotation
	familySetting
	familyLogfireVariable
)

// familyTarget is a family row as the reader looks it up.
type familyTarget struct {
	prefix  string
	family  family
	dialect uint8
}

var (
	table    = buildTable()
	families = buildFamilies()
)

func dialectNumber(i int) uint8 {
	if dialects[i].name == "" {
		return noDialect
	}
	return uint8(i)
}

func buildTable() map[string][]target {
	built := map[string][]target{}
	for i := range dialects {
		for _, r := range dialects[i].rows {
			built[r.key] = append(built[r.key], target{field: r.field, rank: r.rank, dialect: dialectNumber(i), as: r.as})
		}
	}
	return built
}

// buildFamilies lists the families by the first byte of their prefix; in each
// list the longest prefix comes first, so that the first that fits is the most
// particular.
func buildFamilies() [256][]familyTarget {
	var built [256][]familyTarget
	for i := range dialects {
		for _, f := range dialects[i].families {
			first := f.prefix[0]
			list := built[first]
			list = append(list, familyTarget{prefix: f.prefix, family: f.family, dialect: dialectNumber(i)})
			for at := len(list) - 1; at > 0 && len(list[at-1].prefix) < len(list[at].prefix); at-- {
				list[at-1], list[at] = list[at], list[at-1]
			}
			built[first] = list
		}
	}
	return built
}
