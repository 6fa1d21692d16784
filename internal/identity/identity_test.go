// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

// complete has every field set.
func complete() Identity {
	return Identity{
		PromptName: "support", PromptVersion: "v2", PromptHash: "sha256:aa", PromptLabel: "production",
		Resolution: RungLabel, Confidence: ConfidenceCertain, UnresolvedReason: ReasonAmbiguous, Candidates: []string{"support@v2", "support@v3"},
		Partials: []string{"policy@p1"}, Variables: []genai.Variable{{Name: "a", Value: "1"}, {Name: "b", Value: ""}},
		UncertainVariables: []string{"b"}, ToolVersions: []string{"f@1", "g"}, ToolVersion: "1", ToolUnresolvedReason: ToolReasonNamesOnly,
		ToolsetHash: "sha256:bb", ToolsetCompleteness: genai.ToolsNamesOnly, ModelHash: "sha256:cc", ParamsHash: "sha256:dd", VariantID: "sha256:ee",
	}
}

func TestAttributesRoundTrip(t *testing.T) {
	for _, i := range []Identity{complete(), {}, {Resolution: RungNone, UnresolvedReason: ReasonNotACall}} {
		attrs := pcommon.NewMap()
		i.Put(attrs)
		assert.Equal(t, i, FromAttributes(attrs))
		replaced := pcommon.NewMap()
		i.Replace(replaced)
		assert.Equal(t, i, FromAttributes(replaced))
	}
}

// What the span says of itself stays; the resolved prompt stands beside it.
func TestPutKeepsOriginals(t *testing.T) {
	for name, test := range map[string]struct {
		name, version any
		id            Identity
		want          map[string]any
	}{
		"nothing there": {id: Identity{PromptName: "p", PromptVersion: "1", Resolution: RungTemplate},
			want: map[string]any{AttrPromptName: "p", AttrPromptVersion: "1"}},
		"equal": {name: "p", version: "1", id: Identity{PromptName: "p", PromptVersion: "1", Resolution: RungExplicit},
			want: map[string]any{AttrPromptName: "p", AttrPromptVersion: "1"}},
		"equal as a number": {name: "p", version: 1, id: Identity{PromptName: "p", PromptVersion: "1", Resolution: RungExplicit},
			want: map[string]any{AttrPromptName: "p", AttrPromptVersion: int64(1)}},
		"a label as version": {name: "p", version: "prod", id: Identity{PromptName: "p", PromptVersion: "7", Resolution: RungLabel},
			want: map[string]any{AttrPromptName: "p", AttrPromptVersion: "prod", AttrResolvedVersion: "7"}},
		"a label that nobody knows": {name: "p", version: "prod", id: Identity{PromptName: "p", Resolution: RungNone},
			want: map[string]any{AttrPromptName: "p", AttrPromptVersion: "prod", AttrResolvedVersion: ""}},
		"another name": {name: "per-request", id: Identity{PromptName: "p", PromptVersion: "1", Resolution: RungTemplate},
			want: map[string]any{AttrPromptName: "per-request", AttrResolvedName: "p", AttrPromptVersion: "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			attrs := pcommon.NewMap()
			for key, value := range map[string]any{AttrPromptName: test.name, AttrPromptVersion: test.version} {
				if value != nil {
					assert.NoError(t, attrs.PutEmpty(key).FromRaw(value))
				}
			}
			test.id.Put(attrs)
			test.want[AttrPromptResolution] = test.id.Resolution
			assert.Equal(t, test.want, attrs.AsRaw())
			back := FromAttributes(attrs)
			assert.Equal(t, test.id.PromptName, back.PromptName)
			assert.Equal(t, test.id.PromptVersion, back.PromptVersion)
		})
	}
}

func TestReplaceOverwritesOriginals(t *testing.T) {
	attrs := pcommon.NewMap()
	attrs.PutStr(AttrPromptName, "p")
	attrs.PutStr(AttrPromptVersion, "prod")
	Identity{PromptName: "q", Resolution: RungNone}.Replace(attrs)
	assert.Equal(t, map[string]any{AttrPromptName: "q", AttrPromptResolution: RungNone}, attrs.AsRaw())
}

// Variables repeat what the messages hold: they are bounded, and never overwrite
// what the sender set.
func TestVariablesAreBounded(t *testing.T) {
	var id Identity
	id.Variables = append(id.Variables, genai.Variable{Name: "", Value: "no name"}, genai.Variable{Name: "given", Value: "ours"},
		genai.Variable{Name: "long", Value: strings.Repeat("x", maxVariableBytes+1)}, genai.Variable{Name: strings.Repeat("n", maxVariableNameLength+1), Value: "v"})
	for i := range 100 {
		id.Variables = append(id.Variables, genai.Variable{Name: fmt.Sprint(i), Value: strings.Repeat("y", maxVariableBytes/2)})
	}
	attrs := pcommon.NewMap()
	attrs.PutStr(AttrPromptVariablePrefix+"given", "theirs")
	id.Put(attrs)
	bytes := 0
	for _, v := range FromAttributes(attrs).Variables {
		bytes += len(v.Value)
		assert.NotContains(t, []string{"", "long"}, v.Name)
	}
	assert.LessOrEqual(t, bytes, maxVariablesBytes+len("theirs"))
	given, _ := attrs.Get(AttrPromptVariablePrefix + "given")
	assert.Equal(t, "theirs", given.Str())
	many := Identity{}
	for i := range 100 {
		many.Variables = append(many.Variables, genai.Variable{Name: fmt.Sprint(i), Value: "v"})
	}
	attrs = pcommon.NewMap()
	many.Put(attrs)
	assert.Equal(t, maxVariables, attrs.Len())
}

// Attributes of the wrong type are read as absent; a span that was never stamped
// says what its own attributes say.
func TestFromForeignAttributes(t *testing.T) {
	attrs := pcommon.NewMap()
	attrs.PutInt(AttrPromptHash, 7)
	attrs.PutStr(AttrToolVersions, "f@1")
	attrs.PutEmptySlice(AttrPromptPartials).AppendEmpty().SetInt(3)
	attrs.PutEmptyMap(AttrPromptLabel)
	attrs.PutInt(AttrPromptVersion, 7)
	attrs.PutStr(AttrPromptName, "p")
	attrs.PutStr(AttrPromptVariablePrefix, "no name")
	assert.Equal(t, Identity{PromptName: "p", PromptVersion: "7", Partials: []string{}}, FromAttributes(attrs))

	label := pcommon.NewMap()
	label.PutStr(AttrPromptVersion, "production")
	assert.Equal(t, Identity{PromptLabel: "production"}, FromAttributes(label), "a label is no version")
}

// PromptOf reads the name and the version that FromAttributes reads.
func TestPromptOf(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{AttrPromptName, AttrPromptVersion, AttrResolvedName, AttrResolvedVersion, AttrPromptResolution, AttrPromptHash, "other"}
	texts := []string{"", "support", "production", "3.1", "Latest", RungExplicit}
	for range 5000 {
		attrs := pcommon.NewMap()
		for range random.IntN(7) {
			value := attrs.PutEmpty(keys[random.IntN(len(keys))])
			switch random.IntN(6) {
			case 0:
				value.SetInt(7)
			case 1:
				value.SetEmptySlice().AppendEmpty().SetStr("x")
			case 2:
			default:
				value.SetStr(texts[random.IntN(len(texts))])
			}
		}
		want := FromAttributes(attrs)
		name, version := PromptOf(attrs)
		require.Equal(t, want.PromptName, name, "%v", attrs.AsRaw())
		require.Equal(t, want.PromptVersion, version, "%v", attrs.AsRaw())
	}
}
