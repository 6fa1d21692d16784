// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated part of docs/dialects.md")

// fieldNames are the fields in the words of docs/dialects.md.
var fieldNames = map[field]string{
	fOperation: "operation", fKind: "kind of span", fMCPMethod: "method of the Model Context Protocol", fProvider: "provider", fRequestModel: "requested model",
	fResponseModel: "answering model", fResponseID: "answer's id", fFingerprint: "system fingerprint", fInputTokens: "input tokens", fOutputTokens: "output tokens",
	fCacheRead: "tokens read from a cache", fCacheWrite: "tokens written to a cache", fReasoning: "reasoning tokens", fUsageDetails: "token counts, as one JSON object",
	fCost: "cost, US dollars", fTTFTSeconds: "time to first token, seconds", fTTFTMillis: "time to first token, milliseconds", fFinish: "finish reasons",
	fErrorType: "type of error", fErrorMessage: "error message", fErrorLevel: "level of the observation (`ERROR`)", fHTTPStatus: "HTTP status", fSystem: "system instructions", fInput: "input messages",
	fOutput: "output messages", fMessageEvents: "messages, as a list of events", fInputDocument: "request or input, as one document", fOutputDocument: "answer or output, as one document",
	fMetadataDocument: "metadata, as one document", fOutputText: "output text", fOutputCalls: "output tool calls", fOutputReasoning: "output reasoning", fTools: "tool definitions",
	fParam: "request parameters", fParams: "request parameters, as one JSON object", fPromptName: "prompt name", fPromptOwner: "prompt owner, before the name", fPromptVersion: "prompt version",
	fPromptLabel: "prompt label", fPromptID: "prompt id", fPromptHash: "prompt hash", fPromptTemplate: "prompt template", fPromptVariables: "prompt variables, as one JSON object",
	fPromptObject: "prompt reference, as JSON", fPromptReference: "prompt reference, `name:version` or `name:label`", fPromptFileType: "type of the file that is named", fSession: "session",
	fUser: "user", fAgent: "agent", fToolName: "executed tool", fToolCallID: "executed call's id", fToolType: "executed tool's type", fToolDescription: "executed tool's description",
	fToolArguments: "executed call's arguments", fToolResult: "executed call's result", fDocuments: "retrieved documents", fEntityName: "executed tool, when nothing else names it",
	fScores: "scores, as one JSON object", fFeedback: "feedback, by the attribute of that name", fDuplicateOf: "span that counts for this call",
}

var familyNames = map[family]string{
	familyRequestParam: "request parameters", familyVariable: "prompt variables", familyInput: "input messages, one attribute a field", familyOutput: "output messages, one attribute a field",
	familyTools: "tool definitions, one attribute a field", familyAnnotation: "scores", familySetting: "request parameters", familyLogfireVariable: "prompt name, label and version",
}

const (
	generatedBegin = "<!-- generated from the dialect table: begin -->\n"
	generatedEnd   = "<!-- generated from the dialect table: end -->\n"
)

// attributeRow is an attribute with its dialect and rank.
type attributeRow struct {
	key, dialect, as string
	rank             uint8
}

// generated renders what is read, by field and by dialect.
func generated(t *testing.T) string {
	t.Helper()
	byField := map[field][]attributeRow{}
	for i := range dialects {
		for _, r := range dialects[i].rows {
			byField[r.field] = append(byField[r.field], attributeRow{r.key, dialects[i].name, r.as, r.rank})
		}
	}
	var b strings.Builder
	b.WriteString("### By field\n\n| field | attributes, first wins |\n|---|---|\n")
	for f := range fieldCount {
		rows := byField[f]
		require.NotEmpty(t, fieldNames[f], "field %d has no name for the docs", f)
		require.NotEmpty(t, rows, "no attribute fills %s", fieldNames[f])
		slices.SortStableFunc(rows, func(a, b attributeRow) int { return int(a.rank) - int(b.rank) })
		var cells []string
		for _, r := range rows {
			cell := "`" + r.key + "`"
			if r.as != "" {
				cell += " (" + r.as + ")"
			}
			cells = append(cells, cell)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", fieldNames[f], strings.Join(slices.Compact(cells), ", "))
	}
	b.WriteString("\n### By dialect\n")
	for i := range dialects {
		name := dialects[i].name
		if name == "" {
			name = "in any dialect"
		}
		fmt.Fprintf(&b, "\n**%s**\n\n", name)
		for _, family := range dialects[i].families {
			require.NotEmpty(t, familyNames[family.family], family.prefix)
			fmt.Fprintf(&b, "- `%s*`: %s\n", family.prefix, familyNames[family.family])
		}
		for _, r := range dialects[i].rows {
			fmt.Fprintf(&b, "- `%s`: %s\n", r.key, fieldNames[r.field])
		}
	}
	return b.String()
}

// docs/dialects.md says what the table says. `go test ./internal/genai -run
// Document -update` writes it.
func TestDialectDocument(t *testing.T) {
	const path = "../../docs/dialects.md"
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(content), generatedBegin)
	require.True(t, found)
	old, after, found := strings.Cut(rest, generatedEnd)
	require.True(t, found)
	want := generated(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+generatedBegin+want+generatedEnd+after), 0o600))
		return
	}
	assert.Equal(t, want, old, "run `go test ./internal/genai -run DialectDocument -update`")
	for i := range dialects {
		if dialects[i].name != "" {
			assert.Contains(t, before, "`"+dialects[i].name+"`", "the dialect is in the list of dialects")
		}
	}
}

// One attribute fills one field at one rank, and ranks of a field differ where
// their order matters.
func TestDialectTable(t *testing.T) {
	type place struct {
		key   string
		field field
		as    string
	}
	seen := map[place]string{}
	ranks := map[field]map[uint8]string{}
	for i := range dialects {
		for _, r := range dialects[i].rows {
			p := place{r.key, r.field, r.as}
			assert.Empty(t, seen[p], "%s fills %s twice", r.key, fieldNames[r.field])
			seen[p] = dialects[i].name + "!"
			if r.field == fParam || r.field == fKind && r.rank == 0 {
				continue
			}
			if ranks[r.field] == nil {
				ranks[r.field] = map[uint8]string{}
			}
			assert.Empty(t, ranks[r.field][r.rank], "%s: %s has a rank of another", fieldNames[r.field], r.key)
			ranks[r.field][r.rank] = r.key
		}
	}
	assert.Less(t, len(dialects), 32, "the set of dialects is a 32-bit number")
}
