// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

// FuzzToolHash: no definitions make it fail, and their canonical hash is that of
// the same definitions written anew.
func FuzzToolHash(f *testing.F) {
	for _, seed := range []string{
		"[" + weatherTool + "]", `[]`, `[{"name":"f","parameters":{"a":1e999,"b":123456789012345678901234567890}}]`, `["f"]`, `[{"type":"web_search"}]`,
		`[{"name":"f","parameters":"{\"type\":\"OBJECT\"}"}]`, `{"function_declarations":[{"name":"f"}]}`, `[{"name":"\ud800","description":"\u0000"}]`, `[{"name":`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		definitions := genai.ToolDefinitionsFromJSON(text)
		list, err := definitions.List()
		set := newToolset(list, err, nil)
		if err == nil && len(list) != len(set.versions) {
			t.Fatalf("%d tools, %d versions", len(list), len(set.versions))
		}
		for _, d := range list {
			hash, err := ToolHash(d)
			if err != nil || len(d.Parameters) == 0 {
				continue
			}
			var schema any
			if json.Unmarshal(d.Parameters, &schema) != nil {
				continue
			}
			d.Parameters = append([]byte(" \n"), append(d.Parameters, '\t')...)
			if again, err := ToolHash(d); err != nil || again != hash {
				t.Fatalf("%q: %s and %s (%v)", text, hash, again, err)
			}
		}
	})
}

// FuzzAttributes: whatever stands in the attributes, an identity is read, and
// writing it and reading it again changes nothing.
func FuzzAttributes(f *testing.F) {
	f.Add("support", "v1", "template", "f@1", "variable")
	f.Add("", "production", "", "", "")
	f.Add("../../x", "\x00", "explicit", "@", "a.b")
	f.Fuzz(func(t *testing.T, name, version, resolution, tool, variable string) {
		attrs := pcommon.NewMap()
		attrs.PutStr(AttrPromptName, name)
		attrs.PutStr(AttrPromptVersion, version)
		attrs.PutStr(AttrPromptResolution, resolution)
		attrs.PutEmptySlice(AttrToolVersions).AppendEmpty().SetStr(tool)
		attrs.PutStr(AttrPromptVariablePrefix+variable, tool)
		first := FromAttributes(attrs)
		again := pcommon.NewMap()
		attrs.CopyTo(again)
		first.Put(again)
		if second := FromAttributes(again); second.PromptName != first.PromptName || second.PromptVersion != first.PromptVersion ||
			second.Resolution != first.Resolution || len(second.Variables) != len(first.Variables) {
			t.Fatalf("%+v became %+v", first, second)
		}
	})
}

// FuzzResolve: no call, with or without a registry, is left without a rung, and
// every call that is not resolved has a reason.
func FuzzResolve(f *testing.F) {
	f.Add("support", "v1", "", "", `[{"role":"system","parts":[{"type":"text","content":"You help Anna, politely."}]}]`, uint8(genai.KindInference))
	f.Add("support", "production", "", "sha256:00", `[{"role":`, uint8(genai.KindAgent))
	f.Add("", "", "prod", "", "", uint8(genai.KindTool))
	registered := resolver(load(f, registryFiles))
	bare := resolver(nil)
	f.Fuzz(func(t *testing.T, name, version, label, hash, messages string, kind uint8) {
		for _, r := range []*Resolver{registered, bare} {
			call := &genai.Call{Kind: genai.Kind(kind), Input: genai.MessagesFromJSON(messages)}
			call.Prompt = genai.PromptReference{Name: name, Version: version, Label: label, Hash: hash}
			got := r.ResolveIn("production", traceID(1), at(4, 1), call)
			if !knownRungs[got.Resolution] {
				t.Fatalf("rung %q", got.Resolution)
			}
			if (got.Resolution == RungNone || got.Resolution == RungAmbiguous) != (got.UnresolvedReason != "") && got.Resolution != RungExplicit {
				t.Fatalf("rung %q, reason %q", got.Resolution, got.UnresolvedReason)
			}
			if got.Resolution == RungAmbiguous && got.PromptVersion != "" {
				t.Fatalf("ambiguous, and yet version %q", got.PromptVersion)
			}
		}
	})
}

var knownRungs = map[string]bool{
	RungExplicit: true, RungLabel: true, RungHash: true, RungTemplate: true, RungFingerprint: true, RungAmbiguous: true, RungNone: true,
}
