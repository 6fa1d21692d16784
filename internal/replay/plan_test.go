// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

func TestUnchangedPlanIsProved(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	for dialect, call := range bothDialects(t, snapshot) {
		plan := planned(t, snapshot, call, Changes{})
		assert.Equal(t, wire.Exact, plan.Request.Grade, dialect)
		assert.Equal(t, call.body, plan.Control.Text(), dialect)
		assert.Nil(t, plan.Treatment)
		assert.False(t, plan.Refused())
		assert.Equal(t, 5, plan.Calls(5))
		assert.Empty(t, plan.Digest())
	}
}

// bothDialects are calls of support@v1 through either API.
func bothDialects(t *testing.T, snapshot *registry.Snapshot) map[string]recording {
	system := render(t, snapshot, "v1")
	return map[string]recording{
		wire.OpenAIChat: supportCall(t, snapshot),
		wire.AnthropicMessages: {
			dialect: wire.AnthropicMessages, body: messagesBody(system), prompt: "v1",
			answer: `{"id":"msg_1","type":"message","role":"assistant","model":"m-1","stop_reason":"tool_use","content":[{"type":"tool_use","id":"t","name":"find","input":{"id":"17"}}],"usage":{"input_tokens":3,"output_tokens":4}}`,
		},
	}
}

func TestPromptVersion(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	for dialect, call := range bothDialects(t, snapshot) {
		plan := planned(t, snapshot, call, Changes{PromptVersion: "v2"})
		system := "/messages/0/content"
		if dialect == wire.AnthropicMessages {
			system = "/system"
		}
		assert.Equal(t, render(t, snapshot, "v2"), plan.Treatment.At(system).Str(), dialect)
		assert.Equal(t, render(t, snapshot, "v1"), plan.Control.At(system).Str(), dialect)
		assert.Equal(t, "0.7", plan.Treatment.Member("temperature").Text(), "a version's parameters are part of it")
		assert.Nil(t, plan.Treatment.Member("top_p"), "the new version has none")
		assert.Equal(t, "v1", plan.Version(ArmControl))
		assert.Equal(t, "v2", plan.Version(ArmTreatment))
		var pointers []string
		for _, c := range plan.Changes {
			pointers = append(pointers, c.Pointer)
		}
		assert.ElementsMatch(t, []string{system, "/temperature", "/top_p"}, pointers, "and nothing else")
		full := planned(t, snapshot, call, Changes{PromptVersion: "support@v2"})
		assert.Equal(t, plan.Digest(), full.Digest(), "NAME@VERSION is the same")
	}
}

func TestPromptVersionWithOtherMessages(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	calls := bothDialects(t, snapshot)
	chat := planned(t, snapshot, calls[wire.OpenAIChat], Changes{PromptVersion: "v3"})
	assert.Equal(t, "You help Ada.", chat.Treatment.At("/messages/0/content").Str())
	assert.Equal(t, "Remember: Ada is a customer.", chat.Treatment.At("/messages/1/content").Str())
	assert.Equal(t, "Where is 17? I ordered it long ago.", chat.Treatment.At("/messages/2/content").Str())
	assert.Equal(t, 3, chat.Treatment.Member("messages").Len())

	messages := planned(t, snapshot, calls[wire.AnthropicMessages], Changes{PromptVersion: "v3"})
	assert.Equal(t, "You help Ada.", messages.Treatment.Member("system").Str())
	assert.Equal(t, 2, messages.Treatment.Member("messages").Len())
	assert.Equal(t, "Remember: Ada is a customer.", messages.Treatment.At("/messages/0/content").Str())
}

func TestSpliceNeedsMessagesThatStandAlone(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.body = strings.Replace(call.body, `"content":`+quoted(render(t, snapshot, "v1")),
		`"content":[{"type":"text","text":`+quoted(render(t, snapshot, "v1"))+`},{"type":"text","text":"more"}]`, 1)
	_, err := NewPlan(call.source(t, snapshot), PlanOptions{Changes: Changes{PromptVersion: "v3"}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange)
	assert.Contains(t, err.Error(), "do not stand alone")
	plan := planned(t, snapshot, call, Changes{PromptVersion: "v2"})
	assert.Equal(t, "more", plan.Treatment.At("/messages/0/content/1/text").Str(), "what stands beside the prompt stays")
}

func TestVariables(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Variables: map[string]string{"name": "Bo <b>"}})
	assert.True(t, strings.HasPrefix(plan.Treatment.At("/messages/0/content").Str(), "You help Bo <b>."))
	assert.Equal(t, "v1", plan.Version(ArmTreatment))
	assert.Contains(t, plan.Describe(), `name = "Bo <b>"`)
	_, err := NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Changes: Changes{Variables: map[string]string{"tier": "x"}}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange)
	assert.Contains(t, err.Error(), `it has "name"`)
	_, err = NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Changes: Changes{Variables: map[string]string{"name": "Ada"}}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange, "the same value changes nothing")
}

func TestPromptsThatCannotBeSwapped(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	changed := supportCall(t, snapshot)
	changed.body = chatBody(render(t, snapshot, "v1") + " And the application added this.")
	unknown := supportCall(t, snapshot)
	unknown.body, unknown.prompt = chatBody("Something of its own."), ""
	missing := supportCall(t, snapshot)
	missing.edit = func(a pcommon.Map) { a.PutStr("gen_ai.prompt.variable.name", "Eve") }
	foreign := supportCall(t, snapshot)
	foreign.edit = func(a pcommon.Map) { a.PutStr("gen_ai.prompt.name", "elsewhere") }
	gone := supportCall(t, snapshot)
	gone.prompt = "v99"
	for _, c := range []struct {
		name     string
		call     recording
		snapshot *registry.Snapshot
		want     error
		text     string
	}{
		{"the application changed it", changed, snapshot, ErrUnfaithful, "is not in the recorded request"},
		{"not known", unknown, snapshot, ErrUnfaithful, "prompt"},
		{"other variables were recorded", missing, snapshot, ErrUnfaithful, "is not in the recorded request"},
		{"not in the registry", foreign, snapshot, ErrChange, `no prompt "elsewhere"`},
		{"version not in the registry", gone, snapshot, ErrUnfaithful, `no version "v99"`},
		{"no registry", supportCall(t, snapshot), nil, ErrChange, "--registry"},
	} {
		_, err := NewPlan(c.call.source(t, c.snapshot), PlanOptions{Changes: Changes{PromptVersion: "v2"}, Registry: c.snapshot})
		require.ErrorIs(t, err, c.want, c.name)
		assert.Contains(t, err.Error(), c.text, c.name)
	}
	_, err := NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Changes: Changes{PromptVersion: "v9"}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange)
	_, err = NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Changes: Changes{PromptVersion: "v1"}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange, "the same version changes nothing")

	plan := planned(t, snapshot, changed, Changes{})
	assert.Contains(t, noteIDs(plan.Notes), "prompt-not-found", "and --check says so")
	assert.False(t, plan.Refused(), "but the call itself can be repeated")
	assert.NotContains(t, noteIDs(planned(t, snapshot, supportCall(t, snapshot), Changes{}).Notes), "prompt-not-found")
}

func TestWhiteSpaceAtTheEndsOfAPromptIsSaid(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.body = chatBody(render(t, snapshot, "v1") + "\n")
	assert.Contains(t, noteIDs(planned(t, snapshot, call, Changes{PromptVersion: "v2"}).Notes), "prompt-white-space")
}

func TestEditOfThePromptOnly(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Edits: []Edit{{"Be brief.", "Be long."}}})
	assert.Contains(t, plan.Treatment.At("/messages/0/content").Str(), "Be long.")
	assert.Equal(t, "v1+edit."+plan.Digest(), plan.Version(ArmTreatment), "an edited text is no registered version")
	_, err := NewPlan(supportCall(t, snapshot).source(t, snapshot), PlanOptions{Changes: Changes{Edits: []Edit{{"long ago", "today"}}}, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange, "what the customer wrote is not the prompt")

	unknown := recording{body: `{"model":"m","messages":[{"role":"user","content":"Sort: b a"},{"role":"user","content":"b again"}]}`, answer: textAnswer("a b")}
	plan = planned(t, nil, unknown, Changes{Edits: []Edit{{"b a", "c a"}}})
	assert.Equal(t, "Sort: c a", plan.Treatment.At("/messages/0/content").Str(), "without system text the first user message is the prompt")
}

func TestChangesCombine(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{
		PromptVersion: "v2", Variables: map[string]string{"name": "Bo"}, Edits: []Edit{{"exactly", "with its prefix"}},
		Tools: map[string][]byte{"find": snapshot.Tool("find").Version("v2").Definition}, Model: "other", Params: map[string]string{"seed": "1"},
	})
	system := plan.Treatment.At("/messages/0/content").Str()
	assert.Contains(t, system, "You help Bo.")
	assert.Contains(t, system, "with its prefix")
	assert.Equal(t, "other", plan.Treatment.Member("model").Str())
	assert.Equal(t, "1", plan.Treatment.Member("seed").Text())
	var kinds []string
	for _, m := range plan.Modifications {
		kinds = append(kinds, m.Kind)
	}
	assert.Equal(t, []string{"prompt", "parameter", "parameter", "edit", "tool", "model", "parameter"}, kinds)
	again := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	assert.NotEqual(t, plan.Digest(), again.Digest())
}

func TestNothingElseMayDiffer(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Model: "other"})
	require.NoError(t, plan.Treatment.Set("/temperature", jsondoc.NewInt(1)))
	err := plan.assert()
	require.ErrorIs(t, err, ErrUnfaithful)
	assert.Contains(t, err.Error(), "/temperature differs between the arms")
}

func TestPinModel(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	source := supportCall(t, snapshot).source(t, snapshot)
	plan, err := NewPlan(source, PlanOptions{PinModel: true, Registry: snapshot, Changes: Changes{PromptVersion: "v2"}})
	require.NoError(t, err)
	for _, arm := range plan.arms() {
		assert.Equal(t, "m-1", plan.Body(arm).Member("model").Str(), arm)
	}
	assert.Equal(t, "alias", plan.Request.Body.Member("model").Str(), "the recorded request is left alone")
	assert.Contains(t, noteIDs(plan.Notes), "model-pinned")
	assert.NotContains(t, noteIDs(plan.Notes), "model-alias")

	unanswered := supportCall(t, snapshot)
	unanswered.answer = ""
	_, err = NewPlan(unanswered.source(t, snapshot), PlanOptions{PinModel: true, Registry: snapshot})
	require.ErrorIs(t, err, ErrChange)
	same := supportCall(t, snapshot)
	same.answer = chatAnswer("alias", "{}")
	plan, err = NewPlan(same.source(t, snapshot), PlanOptions{PinModel: true, Registry: snapshot})
	require.NoError(t, err)
	assert.Empty(t, plan.Pinned)
}

func TestDamagedSpansAreRefused(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	cut := supportCall(t, snapshot)
	cut.edit = func(a pcommon.Map) {
		v, _ := a.Get("gen_ai.input.messages")
		v.SetStr(strings.Replace(v.Str(), "Where is 17", "Where is", 1))
	}
	plan := planned(t, snapshot, cut, Changes{})
	assert.Equal(t, wire.Mismatch, plan.Request.Grade)
	assert.True(t, plan.Refused())
	assert.Equal(t, 3, plan.Result(1, false).ExitCode())

	residual := supportCall(t, snapshot)
	residual.edit = func(a pcommon.Map) {
		a.Remove("spanloop.request.sha256")
		a.PutStr("spanloop.request.residual", `{"/nowhere/x":1}`)
	}
	plan = planned(t, snapshot, residual, Changes{})
	assert.True(t, plan.Refused(), "a residual that does not fit, and no hash to decide")
}

func TestDialect(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plain := supportCall(t, snapshot)
	plain.plain = true
	plan := planned(t, snapshot, plain, Changes{})
	assert.Equal(t, wire.OpenAIChat, plan.Request.Dialect)
	assert.Equal(t, wire.Modelled, plan.Request.Grade)
	assert.Contains(t, noteIDs(plan.Notes), "dialect-guessed")
	named, err := NewPlan(plain.source(t, snapshot), PlanOptions{Dialect: wire.AnthropicMessages, Registry: snapshot})
	require.NoError(t, err)
	assert.Equal(t, wire.AnthropicMessages, named.Request.Dialect)
	assert.NotContains(t, noteIDs(named.Notes), "dialect-guessed")

	plain.answer = ""
	plain.edit = func(a pcommon.Map) { a.PutStr("gen_ai.provider.name", "gcp.gemini") }
	_, err = NewPlan(plain.source(t, snapshot), PlanOptions{Registry: snapshot})
	require.ErrorIs(t, err, wire.ErrDialect)
	assert.Contains(t, err.Error(), "--dialect")
	_, err = NewPlan(plain.source(t, snapshot), PlanOptions{Dialect: "nobody.knows", Registry: snapshot})
	require.ErrorIs(t, err, wire.ErrDialect)
}

func TestToolsFromTheRegistry(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.plain = true
	call.edit = func(a pcommon.Map) {
		a.PutStr("gen_ai.tool.definitions", `[{"type":"function","name":"find"}]`)
		a.PutEmptySlice("spanloop.tool.versions").AppendEmpty().SetStr("find@v2")
	}
	plan := planned(t, snapshot, call, Changes{})
	assert.Equal(t, "Finds everything.", plan.Control.At("/tools/0/function/description").Str())
	assert.Contains(t, noteIDs(plan.Notes), "tool-from-registry")
	without := planned(t, nil, call, Changes{})
	assert.Nil(t, without.Control.At("/tools/0/function/description"))
	assert.Contains(t, noteIDs(without.Notes), "tool-incomplete")
}

func TestSignedThinkingAndAnotherModel(t *testing.T) {
	call := recording{
		dialect: wire.AnthropicMessages, answer: `{"id":"msg_1","type":"message","role":"assistant","model":"alias","stop_reason":"end_turn","content":[{"type":"text","text":"x"}]}`,
		body: `{"model":"alias","max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"c2ln"},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]}`,
	}
	assert.Len(t, withID(planned(t, nil, call, Changes{Params: map[string]string{"temperature": "1"}}).Notes, "thinking-bound"), 1)
	assert.Len(t, withID(planned(t, nil, call, Changes{Model: "other"}).Notes, "thinking-bound"), 2, "another model may refuse it")
}

func withID(notes []wire.Note, id string) []wire.Note {
	var list []wire.Note
	for _, n := range notes {
		if n.ID == id {
			list = append(list, n)
		}
	}
	return list
}
