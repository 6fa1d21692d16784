// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// want is what the ladder should say about a call.
type want struct {
	resolution, name, version, label, reason string
	hasHash                                  bool
	variables                                []genai.Variable
	candidates, partials                     []string
}

func check(t *testing.T, w want, got Identity) {
	t.Helper()
	assert.Equal(t, w.resolution, got.Resolution, "rung")
	assert.Equal(t, w.name, got.PromptName, "name")
	assert.Equal(t, w.version, got.PromptVersion, "version")
	assert.Equal(t, w.label, got.PromptLabel, "label")
	assert.Equal(t, w.reason, got.UnresolvedReason, "reason")
	assert.Equal(t, w.hasHash, got.PromptHash != "", "hash %q", got.PromptHash)
	assert.Equal(t, w.variables, got.Variables, "variables")
	assert.Equal(t, w.candidates, got.Candidates, "candidates")
	assert.Equal(t, w.partials, got.Partials, "partials")
}

var (
	anna   = []genai.Variable{{Name: "customer", Value: "Anna"}}
	policy = []string{"policy@p1"}
)

const quick = "You help Anna quickly. Refunds take 30 days."

func TestLadder(t *testing.T) {
	snapshot := load(t, registryFiles)
	v1 := snapshot.Prompt("support").Version("v1").Hash
	v3 := snapshot.Prompt("support").Version("v3").Hash
	tests := map[string]struct {
		call        *genai.Call
		start       time.Time
		environment string
		want        want
	}{
		"explicit, known": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "v1"}),
			want: want{resolution: RungExplicit, name: "support", version: "v1", hasHash: true},
		},
		"explicit, by a client that knows only whole numbers": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "1"}),
			want: want{resolution: RungExplicit, name: "support", version: "v1", hasHash: true},
		},
		"explicit, variables taken back from the text": {
			call: withPrompt(chat(quick), genai.PromptReference{Name: "support", Version: "v2"}),
			want: want{resolution: RungExplicit, name: "support", version: "v2", hasHash: true, variables: anna, partials: policy},
		},
		"explicit, the span's own variables come first": {
			call: withPrompt(chat(quick), genai.PromptReference{Name: "support", Version: "v2", Variables: []genai.Variable{{Name: "customer", Value: "Bert"}}}),
			want: want{resolution: RungExplicit, name: "support", version: "v2", hasHash: true, variables: []genai.Variable{{Name: "customer", Value: "Bert"}}, partials: policy},
		},
		"explicit, version not in the registry": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "v9"}),
			want: want{resolution: RungExplicit, name: "support", version: "v9", reason: ReasonVersionUnknown},
		},
		"explicit, prompt not in the registry": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "../../x", Version: "1"}),
			want: want{resolution: RungExplicit, name: "../../x", version: "1", reason: ReasonPromptUnknown},
		},
		"label as of the start: first release": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Label: "production"}), start: at(1, 15),
			want: want{resolution: RungLabel, name: "support", version: "v1", label: "production", hasHash: true},
		},
		"label as of the start: the day after the next": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Label: "production"}), start: at(2, 11),
			want: want{resolution: RungLabel, name: "support", version: "v2", label: "production", hasHash: true, partials: policy},
		},
		"label, spelled otherwise": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Label: "prod"}), start: at(1, 15),
			want: want{resolution: RungLabel, name: "support", version: "v1", label: "prod", hasHash: true},
		},
		"label before its first release": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Label: "production"}), start: at(1, 2),
			want: want{resolution: RungNone, name: "support", label: "production", reason: ReasonLabelUnknown},
		},
		"label that the registry does not know, text that it does": {
			call: withPrompt(chat(quick), genai.PromptReference{Name: "support", Label: "staging"}), start: at(1, 15),
			want: want{resolution: RungTemplate, name: "support", version: "v2", label: "staging", hasHash: true, variables: anna, partials: policy},
		},
		"label of a canary, the text tells which": {
			call: withPrompt(chat("You answer in one word."), genai.PromptReference{Name: "support", Label: "production"}), start: at(4, 1),
			want: want{resolution: RungTemplate, name: "support", version: "v3", label: "production", hasHash: true},
		},
		"label of a canary, no text": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Label: "production"}), start: at(4, 1),
			want: want{resolution: RungAmbiguous, name: "support", label: "production", reason: ReasonAmbiguous, candidates: []string{"support@v2", "support@v3"}},
		},
		"label where a version belongs": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "production"}), start: at(1, 15),
			want: want{resolution: RungLabel, name: "support", version: "v1", label: "production", hasHash: true},
		},
		"an environment of the prompt where a version belongs": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "odd-label"}), start: at(2, 15),
			want: want{resolution: RungLabel, name: "support", version: "v1", label: "odd-label", hasHash: true},
		},
		"label where a version belongs, of an unknown prompt": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "unknown", Version: "latest"}),
			want: want{resolution: RungNone, name: "unknown", label: "latest", reason: ReasonLabelUnknown},
		},
		"hash of ours": {
			call: withPrompt(chat(""), genai.PromptReference{Hash: v1}),
			want: want{resolution: RungHash, name: "support", version: "v1", hasHash: true},
		},
		"hash under a name": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "twin", Hash: v3}),
			want: want{resolution: RungHash, name: "twin", version: "1", hasHash: true},
		},
		"hash that two prompts have": {
			call: withPrompt(chat(""), genai.PromptReference{Hash: v3}),
			want: want{resolution: RungAmbiguous, reason: ReasonAmbiguous, hasHash: true, candidates: []string{"support@v3", "twin@1"}},
		},
		"hash of another scheme": {
			call: withPrompt(chat(""), genai.PromptReference{Hash: "3f1a9c0d"}),
			want: want{resolution: RungNone, reason: ReasonNoMatch},
		},
		"template with a variable": {
			call: chat("You help Anna, politely."),
			want: want{resolution: RungTemplate, name: "support", version: "v1", hasHash: true, variables: anna},
		},
		"template of several messages": {
			call: &genai.Call{Kind: genai.KindInference, Input: genai.NewMessages([]genai.Message{said("system", "Be brief."), said("user", "Translate bread to French")})},
			want: want{resolution: RungTemplate, name: "nested/name", version: "7", hasHash: true, variables: []genai.Variable{{Name: "text", Value: "bread"}, {Name: "language", Value: "French"}}},
		},
		"template that two prompts share": {
			call: chat("You answer in one word."),
			want: want{resolution: RungAmbiguous, reason: ReasonAmbiguous, candidates: []string{"support@v3", "twin@1"}},
		},
		"template that two prompts share, under a name": {
			call: withPrompt(chat("You answer in one word."), genai.PromptReference{Name: "twin"}),
			want: want{resolution: RungTemplate, name: "twin", version: "1", hasHash: true},
		},
		"fingerprint": {
			call: chat("You are nobody that the registry knows."),
			want: want{resolution: RungFingerprint, name: "fp-ef321d3320cd", version: "fp-ef321d3320cd", hasHash: true},
		},
		"fingerprint under a name": {
			call: withPrompt(chat("You are nobody that the registry knows."), genai.PromptReference{Name: "mine"}),
			want: want{resolution: RungFingerprint, name: "mine", version: "fp-ef321d3320cd", hasHash: true},
		},
		"fingerprint of a template that the span states, with its version": {
			call: withPrompt(chat(""), genai.PromptReference{Version: "v3", Template: "You are nobody that the registry knows."}),
			want: want{resolution: RungFingerprint, name: "fp-ef321d3320cd", version: "v3", hasHash: true},
		},
		"a version without a name or text is kept": {
			call: withPrompt(chat(""), genai.PromptReference{Version: "v3"}),
			want: want{resolution: RungNone, version: "v3", reason: ReasonNoMatch},
		},
		"a name alone: what its environment served, without text": {
			call: withPrompt(&genai.Call{Kind: genai.KindInference}, genai.PromptReference{Name: "support"}), start: at(1, 15), environment: "production",
			want: want{resolution: RungLabel, name: "support", version: "v1", label: "production", hasHash: true},
		},
		"a name alone, and text that fits no version": {
			call: withPrompt(chat(""), genai.PromptReference{Name: "support"}), start: at(1, 15), environment: "production",
			want: want{resolution: RungNone, name: "support", reason: ReasonVersionUnknown},
		},
		"no content": {
			call: &genai.Call{Kind: genai.KindInference},
			want: want{resolution: RungNone, reason: ReasonNoContent},
		},
		"content that could not be read": {
			call: &genai.Call{Kind: genai.KindInference, Problems: []genai.Problem{{Attribute: "gen_ai.input.messages", Reason: genai.ReasonTruncated}}},
			want: want{resolution: RungNone, reason: ReasonMalformed},
		},
		"content that is no JSON": {
			call: &genai.Call{Kind: genai.KindInference, Input: genai.MessagesFromJSON(`[{"parts":[`)},
			want: want{resolution: RungNone, reason: ReasonMalformed},
		},
		"no instructions": {
			call: chat(""),
			want: want{resolution: RungNone, reason: ReasonNoMatch},
		},
		"a tool": {call: toolRun("x"), want: want{resolution: RungNone, reason: ReasonNotACall}},
		"an agent without instructions": {
			call: &genai.Call{Kind: genai.KindAgent},
			want: want{resolution: RungNone, reason: ReasonNotACall},
		},
		"an agent with instructions": {
			call: &genai.Call{Kind: genai.KindAgent, System: genai.PartsFromJSON(`[{"type":"text","content":"You help Anna, politely."}]`)},
			want: want{resolution: RungTemplate, name: "support", version: "v1", hasHash: true, variables: anna},
		},
	}
	r := resolver(snapshot)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, test.want, r.ResolveIn(test.environment, traceID(1), test.start, test.call))
		})
	}
}

// Without a registry nothing is claimed that nobody can check.
func TestLadderWithoutRegistry(t *testing.T) {
	for name, r := range map[string]*Resolver{
		"no function": NewResolver(Options{}), "nil": resolver(nil), "empty": resolver(load(t, nil)),
	} {
		t.Run(name, func(t *testing.T) {
			check(t, want{resolution: RungExplicit, name: "support", version: "v1"},
				r.Resolve(traceID(1), at(1, 1), withPrompt(chat(""), genai.PromptReference{Name: "support", Version: "v1"})))
			check(t, want{resolution: RungNone, name: "support", label: "production", reason: ReasonLabelUnknown},
				r.Resolve(traceID(1), at(1, 1), withPrompt(chat("You help."), genai.PromptReference{Name: "support", Label: "production"})))
			check(t, want{resolution: RungNone, reason: ReasonNoMatch},
				r.Resolve(traceID(1), at(1, 1), withPrompt(chat(""), genai.PromptReference{Hash: "sha256:00"})))
			assert.Equal(t, RungFingerprint, r.Resolve(traceID(1), at(1, 1), chat("You help.")).Resolution)
		})
	}
}

// A changed registry is seen by the next call; what was cached of the old one is
// not.
func TestLadderAfterReload(t *testing.T) {
	live := load(t, registryFiles)
	r := NewResolver(Options{Registry: func() *registry.Snapshot { return live }})
	before := r.Resolve(traceID(1), at(1, 1), withTools(chat("You help Anna, politely."), "["+weatherTool+"]"))
	assert.Equal(t, RungTemplate, before.Resolution)
	assert.Equal(t, []string{"get_weather@2"}, before.ToolVersions)
	live = load(t, nil)
	after := r.Resolve(traceID(1), at(1, 1), withTools(chat("You help Anna, politely."), "["+weatherTool+"]"))
	assert.Equal(t, RungFingerprint, after.Resolution)
	require.Len(t, after.ToolVersions, 1)
	assert.Regexp(t, `^get_weather@[0-9a-f]{12}$`, after.ToolVersions[0])
	assert.Equal(t, before.ToolsetHash, after.ToolsetHash, "the hash does not depend on a registry")
}

// Messages beyond those that a version begins with are looked at only where they
// can say more: behind a preamble, and behind a placeholder.
func TestFurtherMessages(t *testing.T) {
	r := resolver(load(t, map[string]string{
		"prompts/chat/versions/1.yaml":  "time: 2026-01-01\nmessages: [{role: system, content: 'You chat about {{topic}} with everybody, politely.'}, {placeholder: history}, {role: user, content: 'Question: {{q}}'}]\n",
		"prompts/alone/versions/1.yaml": "time: 2026-01-01\ntemplate: 'You sum up what our customers wrote about {{topic}}.'\n",
	}))
	call := func(apart string, messages ...genai.Message) *genai.Call {
		c := &genai.Call{Kind: genai.KindInference, Counted: true, Provider: "openai", RequestModel: "m", Input: genai.NewMessages(messages)}
		if apart != "" {
			c.System = genai.NewParts(said("system", apart).Parts)
		}
		return c
	}
	instructions, sum := "You chat about tea with everybody, politely.", "You sum up what our customers wrote about tea."
	history := []genai.Message{said("user", "Hi"), said("assistant", "Ho"), said("user", "Question: Why?"), said("assistant", "So.")}
	for name, test := range map[string]struct {
		call *genai.Call
		want string
	}{
		"a history":                          {call("", append([]genai.Message{said("system", instructions)}, history...)...), "chat"},
		"a history, instructions apart":      {call(instructions, history...), "chat"},
		"no history":                         {call(instructions, history[2]), "chat"},
		"a preamble of messages":             {call("", said("system", "Be kind."), said("system", sum), said("user", "Hi")), "alone"},
		"a preamble, instructions apart":     {call("Be kind.", said("system", sum), said("user", "Hi")), "alone"},
		"a preamble of text":                 {call("Today is Friday.\n"+sum, said("user", "Hi")), "alone"},
		"a preamble and a history":           {call("Be kind.", append([]genai.Message{said("system", instructions)}, history...)...), "chat"},
		"the message after it is missing":    {call(instructions, history[:2]...), ""},
		"a text that stands behind a user's": {call("", said("user", "Hi"), said("system", sum)), ""},
	} {
		id := r.Resolve(traceID(1), at(1, 1), test.call)
		if test.want == "" {
			assert.NotEqual(t, RungTemplate, id.Resolution, name)
			continue
		}
		assert.Equal(t, RungTemplate, id.Resolution, name)
		assert.Equal(t, test.want, id.PromptName, name)
		assert.Contains(t, id.Variables, genai.Variable{Name: "topic", Value: "tea"}, name)
	}
}
